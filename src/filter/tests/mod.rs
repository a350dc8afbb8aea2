//! Both forms of filters as tables; then what holds for all of them.

mod errors;
mod list;
mod map;
mod property;

use super::*;
use crate::event::{Item, Operation};

pub(super) fn json(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|| panic!("no JSON: {text}"))
}

/// Whether each record is let through; and if so, that it is found by what the filter is looked up by.
fn matches(filter: &Filter, record: &str) -> bool {
    let record = json(record);
    let record = Record::read(&record);
    let is_match = filter.matches(&record);
    if is_match {
        check_keys(filter, &record);
    }
    is_match
}

fn check_keys(filter: &Filter, record: &Record<'_>) {
    let has = record.keys();
    for group in filter.keys() {
        assert!(group.iter().any(|key| has.contains(key)), "{filter:?} is not found by {record:?}");
    }
}

fn item(id: Option<&str>, record: Option<&str>) -> Item {
    Item { id: id.map(json), record: record.map(json), ..Item::default() }
}

#[test]
fn a_record_of_which_only_the_id_is_known() {
    // (map, id; deleted: judge, deliver, drop; changed)
    let rows = [
        (r#"{"id": 7}"#, Some("7"), [true, true, true], true),
        (r#"{"id": 7}"#, Some("8"), [false, false, false], false),
        (r#"{"id": 7}"#, None, [false, false, false], false),
        (r#"{"id": null}"#, None, [true, true, true], true),
        (r#"{"id": 7, "a": 1}"#, Some("7"), [false, true, false], true),
        (r#"{"id": 7, "a": null}"#, Some("7"), [true, true, false], true),
        (r#"{"a": null}"#, Some("7"), [true, true, false], true),
        (r#"{"a": 1}"#, Some("7"), [false, true, false], true),
        (r#"{"a": 1}"#, None, [false, true, false], true),
    ];
    for (map, id, deleted, changed) in rows {
        let item = item(id, None);
        for (deletes, deleted) in [Deletes::Judge, Deletes::Deliver, Deletes::Drop].into_iter().zip(deleted) {
            let filter = Filter::from_map(&json(map), deletes).unwrap().unwrap();
            for (operation, expected) in [(Operation::Delete, deleted), (Operation::Update, changed)] {
                let record = Record::of(&item, operation);
                assert_eq!(filter.matches(&record), expected, "{map} {id:?} {deletes:?} {operation:?}");
                if filter.takes_each(record.known()) {
                    assert!(expected);
                } else if expected {
                    check_keys(&filter, &record);
                }
            }
        }
    }
}

#[test]
fn a_deletion_shows_no_record_even_if_it_holds_one() {
    let filter = Filter::from_map(&json(r#"{"a": 1}"#), Deletes::Judge).unwrap().unwrap();
    let held = item(Some("7"), Some(r#"{"a": 1}"#));
    let rows = [
        (Operation::Create, Known::Fields),
        (Operation::Update, Known::Fields),
        (Operation::Read, Known::Fields),
        (Operation::Custom, Known::Fields),
        (Operation::Delete, Known::Deleted),
    ];
    for (operation, known) in rows {
        let record = Record::of(&held, operation);
        assert_eq!(
            (filter.matches(&record), record.known()),
            (known == Known::Fields, known),
            "{operation:?}"
        );
    }
}

#[test]
fn a_filter_equals_what_was_written_alike() {
    let filter = |map: &str| Filter::from_map(&json(map), Deletes::Judge).unwrap().unwrap();
    assert_eq!(filter(r#"{"a": 1, "b": "x"}"#), filter(r#"{ "b":"\u0078","a":1 }"#));
    assert_ne!(filter(r#"{"a": 1}"#), filter(r#"{"a": 2}"#));
    assert_ne!(
        filter(r#"{"a": 1}"#),
        Filter::from_map(&json(r#"{"a": 1}"#), Deletes::Drop).unwrap().unwrap()
    );
}

#[test]
fn keys_are_alike_for_what_may_be_equal_and_for_nothing_else_in_a_table_of_values() {
    let alike = [
        &["1", "1.0", "1e0", "10e-1", "true", r#""1""#, r#""1.0""#, r#""true""#][..],
        &["0", "-0", "0.0", "-0.0", "false", r#""false""#, r#""0""#],
        &["1e20", "100000000000000000000", r#""1e20""#],
        &["0.5", "5e-1", r#""0.50""#],
        &["9007199254740992", "9007199254740992.0"],
        &["9007199254740993"],
        &["1e999"],
        &["-1e999"],
        &["-1"],
        &[r#""a""#, r#""\u0061""#],
        &[r#""A""#],
        &[r#""""#],
        &[r#""007""#],
        &[r#"" 1""#],
        &[r#""null""#],
    ];
    let keys_of = |value: &str| {
        let record = json(&format!(r#"{{"f": {value}}}"#));
        Record::read(&record).keys()
    };
    for (number, row) in alike.iter().enumerate() {
        let keys = keys_of(row[0]);
        assert_eq!(keys.len(), 1, "{row:?}");
        assert!(row.iter().all(|value| keys_of(value) == keys), "{row:?}");
        for other in &alike[..number] {
            assert_ne!(keys_of(other[0]), keys, "{other:?} {row:?}");
        }
    }
    for value in ["null", "[1]", "[]", "{}", r#""\ud800""#] {
        assert!(keys_of(value).is_empty(), "{value}");
    }
}

#[test]
fn filters_can_be_looked_up_by_each_group_of_equalities() {
    // (list, keys of each group)
    let rows: [(&str, &[usize]); 12] = [
        (r#"[{"column":"a","operator":"eq","value":1}]"#, &[1]),
        (r#"[{"column":"a","operator":"eq","value":1},{"column":"b","operator":"eq","value":1}]"#, &[1, 1]),
        (r#"[{"column":"a","operator":"eq","value":1},{"column":"b","operator":"gt","value":1}]"#, &[1]),
        (
            r#"[{"column":"a","operator":"eq","value":1},{"column":"b","operator":"eq","value":1,"logic_operator":"or"}]"#,
            &[2],
        ),
        (
            r#"[{"column":"a","operator":"eq","value":1},{"column":"b","operator":"gt","value":1,"logic_operator":"or"}]"#,
            &[],
        ),
        (r#"[{"column":"a","operator":"in","value":[1,"x",true,null,1.0]}]"#, &[2]),
        (r#"[{"column":"a","operator":"in","value":[]}]"#, &[0]),
        (r#"[{"column":"a","operator":"in","value":[[1]]}]"#, &[]),
        (r#"[{"column":"a","operator":"eq","value":null}]"#, &[]),
        (r#"[{"column":"a","operator":"eq","value":[1]}]"#, &[]),
        (r#"[{"column":"a","operator":"neq","value":1}]"#, &[]),
        (r#"[{"column":"a.b","operator":"eq","value":1}]"#, &[1]),
    ];
    for (list, expected) in rows {
        let filter = Filter::from_list(&json(list), Deletes::Deliver).unwrap().unwrap();
        let groups: Vec<usize> = filter.keys().iter().map(Vec::len).collect();
        assert_eq!(groups, expected, "{list}");
    }
    let many = |count: usize| {
        let values: Vec<String> = (0..count).map(|value| value.to_string()).collect();
        let list = format!(r#"[{{"column":"a","operator":"in","value":[{}]}}]"#, values.join(","));
        Filter::from_list(&json(&list), Deletes::Deliver).unwrap().unwrap().keys().len()
    };
    assert_eq!((many(MAX_KEYS), many(MAX_KEYS + 1)), (1, 0));
}

#[test]
fn matching_allocates_nothing() {
    let map =
        r#"{"a": 1, "b": "text", "c": null, "d": [1, {"e": 2.5}], "f": 100000000000000000001, "g": true}"#;
    let list = r#"[
        {"column":"a","operator":"gte","value":"0.5"},
        {"column":"f","operator":"lt","value":1e300},
        {"column":"f","operator":"neq","value":1e20},
        {"column":"b","operator":"ilike","value":"%T_x%"},
        {"column":"h.i","operator":"in","value":["x", 7.5, "7"]},
        {"column":"b","operator":"between","value":["a","z"]},
        {"column":"b","operator":"contains","value":"EX"},
        {"column":"nothing","operator":"is_null"},
        {"column":"a","operator":"eq","value":2},
        {"column":"h.i","operator":"eq","value":7,"logic_operator":"OR"}
    ]"#;
    let record = r#"{"a": 1.0, "b": "te\u0078t", "d": [1.0, {"e": 25e-1}], "f": 100000000000000000001, "g": 1, "h": {"i": 7}}"#;
    let filters = [
        Filter::from_map(&json(map), Deletes::Judge).unwrap().unwrap(),
        Filter::from_list(&json(list), Deletes::Drop).unwrap().unwrap(),
    ];
    let record = json(record);
    let record = Record::read(&record);
    let mut matched = 0;
    let allocations = allocation_counter::measure(|| {
        for filter in &filters {
            matched += usize::from(filter.matches(&record));
        }
    });
    assert_eq!(matched, 2);
    assert_eq!(allocations.count_total, 0);
    assert!(allocation_counter::measure(|| drop(record.keys())).count_total > 0, "nothing is counted");
}

#[test]
fn a_pattern_takes_one_pass_over_the_longest_text() {
    let text = format!(r#"{{"a": "{}"}}"#, "a".repeat(1 << 20));
    let record = json(&text);
    let record = Record::read(&record);
    let patterns =
        ["%a".repeat(MAX_PATTERN), format!("%a{}b%", "_".repeat(100)), format!("{}b", "%a%".repeat(60))];
    for pattern in patterns {
        let list = format!(r#"[{{"column":"a","operator":"like","value":"{pattern}"}}]"#);
        let filter = Filter::from_list(&json(&list), Deletes::Judge).unwrap().unwrap();
        assert_eq!(filter.matches(&record), !pattern.contains('b'));
    }
}
