//! Maps of fields that must be equal (`protocols.md`, section 3.4).

use super::*;

/// Checks one filter against records, each with a mark in front: `+` for those it lets through, `-` for others.
fn check(map: &str, records: &[&str]) {
    let filter = Filter::from_map(&json(map), Deletes::Judge).unwrap().unwrap();
    for record in records {
        let expected = record.starts_with('+');
        let record = record.strip_prefix(['+', '-']).unwrap();
        assert_eq!(matches(&filter, record), expected, "{map} and {record}");
    }
}

#[test]
fn all_fields_must_be_equal() {
    check(
        r#"{"published": true, "post_id": 7}"#,
        &[
            r#"+{"post_id": 7, "published": true, "title": "x"}"#,
            r#"-{"post_id": 8, "published": true}"#,
            r#"-{"post_id": 7, "published": false}"#,
            r#"-{"post_id": 7}"#,
            "-{}",
        ],
    );
}

#[test]
fn values_are_equal_as_in_python() {
    check(
        r#"{"a": 1}"#,
        &[r#"+{"a":1}"#, r#"+{"a":1.0}"#, r#"+{"a":1e0}"#, r#"+{"a":true}"#, r#"-{"a":"1"}"#],
    );
    check(r#"{"a": 1}"#, &[r#"-{"a":null}"#, "-{}", r#"-{"a":[1]}"#, r#"-{"a":{"a":1}}"#, r#"-{"A":1}"#]);
    check(r#"{"a": true}"#, &[r#"+{"a":1}"#, r#"+{"a":true}"#, r#"-{"a":"true"}"#, r#"-{"a":2}"#, "-{}"]);
    check(r#"{"a": false}"#, &[r#"+{"a":0}"#, r#"+{"a":-0.0}"#, r#"-{"a":""}"#, r#"-{"a":null}"#, "-{}"]);
    check(r#"{"a": "x"}"#, &[r#"+{"a":"x"}"#, r#"+{"a":"\u0078"}"#, r#"-{"a":"X"}"#, r#"-{"a":" x"}"#]);
    check(r#"{"a": "1"}"#, &[r#"+{"a":"1"}"#, r#"-{"a":1}"#, r#"-{"a":"1.0"}"#, r#"-{"a":true}"#]);
    check(r#"{"a": null}"#, &[r#"+{"a":null}"#, "+{}", r#"-{"a":0}"#, r#"-{"a":""}"#, r#"-{"a":[]}"#]);
}

#[test]
fn numbers_are_not_rounded() {
    check(
        r#"{"a": 9007199254740993}"#,
        &[r#"+{"a":9007199254740993}"#, r#"-{"a":9007199254740992}"#, r#"-{"a":9007199254740992.0}"#],
    );
    check(r#"{"a": 9007199254740992}"#, &[r#"+{"a":9007199254740992.0}"#, r#"-{"a":9007199254740993}"#]);
    check(
        r#"{"a": 123456789012345678901234567890123456789012345678901}"#,
        &[
            r#"+{"a":123456789012345678901234567890123456789012345678901}"#,
            r#"-{"a":123456789012345678901234567890123456789012345678902}"#,
            r#"-{"a":123456789012345678901234567890123456789012345678901e0}"#,
        ],
    );
    check(r#"{"a": 1e20}"#, &[r#"+{"a":100000000000000000000}"#, r#"-{"a":100000000000000000001}"#]);
    // As Python: a fraction is a double.
    check(r#"{"a": 0.1}"#, &[r#"+{"a":0.10000000000000001}"#, r#"+{"a":1E-1}"#, r#"-{"a":0.2}"#]);
    check(r#"{"a": 1e999}"#, &[r#"+{"a":2e999}"#, r#"-{"a":-1e999}"#, r#"-{"a":1}"#]);
}

#[test]
fn lists_and_objects_are_equal_in_depth() {
    check(
        r#"{"a": [1, {"b": null, "c": "x"}]}"#,
        &[
            r#"+{"a": [true, {"c": "x", "b": null}]}"#,
            r#"-{"a": [1, {"c": "x"}]}"#,
            r#"-{"a": [1, {"b": null, "c": "x", "d": 1}]}"#,
            r#"-{"a": [{"b": null, "c": "x"}, 1]}"#,
            r#"-{"a": [1, {"b": null, "c": "x"}, 1]}"#,
            r#"-{"a": "[1]"}"#,
        ],
    );
    check(r#"{"a": []}"#, &[r#"+{"a":[ ]}"#, r#"-{"a":{}}"#, r#"-{"a":null}"#, "-{}"]);
    check(r#"{"a": {}}"#, &[r#"+{"a":{}}"#, r#"-{"a":[]}"#]);
    check(r#"{"a": {"b": 1}}"#, &[r#"+{"a":{"b":2,"b":1}}"#, r#"-{"a":{"b":1,"b":2}}"#]);
}

#[test]
fn names_are_no_paths_and_the_last_of_two_counts() {
    check(r#"{"a.b": 1}"#, &[r#"+{"a.b": 1}"#, r#"-{"a": {"b": 1}}"#]);
    check(r#"{"": 1}"#, &[r#"+{"": 1}"#, "-{}"]);
    check(r#"{"\u0061": 1}"#, &[r#"+{"a": 1}"#]);
    check(r#"{"a": 1, "a": 2}"#, &[r#"+{"a": 2}"#, r#"-{"a": 1}"#, r#"+{"a": 1, "a": 2}"#]);
}

#[test]
fn what_no_reader_of_json_can_hold_equals_nothing_and_hides_nothing() {
    let deep = format!(r#"{{"b": {}1{}, "\ud800": 1, "a": "x"}}"#, "[".repeat(1000), "]".repeat(1000));
    check(r#"{"a": "x"}"#, &[&format!("+{deep}")]);
    check(r#"{"b": null}"#, &[&format!("-{deep}")]);
    check(r#"{"a": "x"}"#, &[r#"-{"a": "\ud800"}"#, "-[]", "-1", "-null", r#"-"a""#]);
    let deepest = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let filter = format!(r#"{{"a": {deepest}}}"#);
    check(&filter, &[&format!(r#"+{{"a": {deepest}}}"#), &format!(r#"-{{"a": [{deepest}]}}"#)]);
}
