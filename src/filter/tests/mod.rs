//! Both forms of filters as tables; then what holds for all of them.

mod errors;
mod list;
mod map;
mod property;

use super::*;
use crate::event::{Event, Item, Operation};

pub(super) fn json(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|| panic!("no JSON: {text}"))
}

/// Whether each record is let through; and if so, that it is found by what the filter is looked up by.
fn matches(filter: &Filter, record: &str) -> bool {
    let record = json(record);
    let record = Record::known(&record);
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

fn deleted(id: Option<&str>) -> Item {
    let mut item = Event::sample("post", "0").items.remove(0);
    item.id = id.map(json);
    item
}

#[test]
fn what_is_not_known_is_judged_by_its_id_or_as_the_endpoint_says() {
    // (map, id, judge, deliver, drop)
    let rows = [
        (r#"{"id": 7}"#, Some("7"), [true, true, true]),
        (r#"{"id": 7}"#, Some("8"), [false, false, false]),
        (r#"{"id": 7}"#, None, [false, false, false]),
        (r#"{"id": null}"#, None, [true, true, true]),
        (r#"{"id": 7, "a": 1}"#, Some("7"), [false, true, false]),
        (r#"{"id": 7, "a": null}"#, Some("7"), [true, true, false]),
        (r#"{"a": null}"#, Some("7"), [true, true, false]),
        (r#"{"a": 1}"#, Some("7"), [false, true, false]),
        (r#"{"a": 1}"#, None, [false, true, false]),
    ];
    for (map, id, expected) in rows {
        let item = deleted(id);
        for (unknown, expected) in [Unknown::Judge, Unknown::Deliver, Unknown::Drop].into_iter().zip(expected)
        {
            let filter = Filter::from_map(&json(map), unknown).unwrap().unwrap();
            let record = Record::of(&item, Operation::Delete);
            assert!(!record.is_known());
            assert_eq!(filter.matches(&record), expected, "{map} {id:?} {unknown:?}");
            if expected && !filter.takes_unknown() {
                check_keys(&filter, &record);
            }
        }
    }
}

#[test]
fn only_an_event_that_holds_the_record_and_is_no_deletion_shows_it() {
    let mut item = deleted(Some("7"));
    item.record = Some(json(r#"{"a": 1}"#));
    let filter = Filter::from_map(&json(r#"{"a": 1}"#), Unknown::Judge).unwrap().unwrap();
    for (operation, expected) in [
        (Operation::Create, true),
        (Operation::Update, true),
        (Operation::Read, true),
        (Operation::Delete, false),
    ] {
        let record = Record::of(&item, operation);
        assert_eq!((filter.matches(&record), record.is_known()), (expected, expected), "{operation:?}");
    }
    item.record = None;
    assert!(!filter.matches(&Record::of(&item, Operation::Update)));
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
        Record::known(&record).keys()
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
        let filter = Filter::from_list(&json(list), Unknown::Deliver).unwrap().unwrap();
        let groups: Vec<usize> = filter.keys().iter().map(Vec::len).collect();
        assert_eq!(groups, expected, "{list}");
    }
    let many = |count: usize| {
        let values: Vec<String> = (0..count).map(|value| value.to_string()).collect();
        let list = format!(r#"[{{"column":"a","operator":"in","value":[{}]}}]"#, values.join(","));
        Filter::from_list(&json(&list), Unknown::Deliver).unwrap().unwrap().keys().len()
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
        Filter::from_map(&json(map), Unknown::Judge).unwrap().unwrap(),
        Filter::from_list(&json(list), Unknown::Drop).unwrap().unwrap(),
    ];
    let record = json(record);
    let record = Record::known(&record);
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
    let record = Record::known(&record);
    let patterns =
        ["%a".repeat(MAX_PATTERN), format!("%a{}b%", "_".repeat(100)), format!("{}b", "%a%".repeat(60))];
    for pattern in patterns {
        let list = format!(r#"[{{"column":"a","operator":"like","value":"{pattern}"}}]"#);
        let filter = Filter::from_list(&json(&list), Unknown::Judge).unwrap().unwrap();
        assert_eq!(filter.matches(&record), !pattern.contains('b'));
    }
}
