//! Filters beside those whose words they use: Python's `==` and SQL's LIKE, each pair of a table.

use std::io::Write as _;
use std::process::Stdio;

use restcast::event::Json;
use restcast::filter::{Deletes, Filter, Record};
use serde_json::{Value, json};

use crate::tools;

const VALUES: [&str; 54] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "1.0",
    "1e0",
    "10E-1",
    "-1",
    "-1.0",
    "0.1",
    "1e-1",
    "0.10000000000000001",
    "0.2",
    "5e-324",
    "1e-400",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "9007199254740993.0",
    "9007199254740993e0",
    "9223372036854775807",
    "9223372036854775808",
    "9.223372036854775807e18",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709551616.0",
    "-9223372036854775809",
    "1e23",
    "100000000000000000000000",
    "99999999999999991611392",
    "1e308",
    "1e309",
    "-1e309",
    "2e999",
    r#""""#,
    r#""1""#,
    r#""1.0""#,
    r#""true""#,
    r#""a""#,
    r#""A""#,
    r#""\u0061""#,
    r#""é""#,
    r#""e\u0301""#,
    "[]",
    "[1]",
    "[true, 1.0]",
    "[1,1]",
    r#"{"a": 1, "b": [false]}"#,
    r#"{"b":[0.0],"a":2,"a":true}"#,
];
const PATTERNS: [&str; 24] = [
    "", "%", "_", "a", "A", "a%", "%a", "%a%", "a_", "_a", "%_", "_%", "__", "%ab%", "a%b", "%a%b%a%",
    "a\\%", "a\\_b", "\\\\%", "%\\%%", "%aab%", "%a_b%", "%%%", "ab%ab",
];
const TEXTS: [&str; 20] = [
    "",
    "a",
    "A",
    "b",
    "ab",
    "AB",
    "ba",
    "aab",
    "aaab",
    "abab",
    "aXb",
    "a%",
    "a_b",
    "a%b",
    "\\",
    "\\x",
    "100%",
    "abcab",
    "a\nb",
    "aaaaaaaab",
];

/// Asks Python, or says that it is missing.
fn ask() -> Option<Value> {
    let mut command = tools::python()?.command();
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/filter_oracle.py"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let question = json!({ "values": VALUES.as_slice(), "patterns": PATTERNS, "texts": TEXTS }).to_string();
    child.stdin.take().unwrap().write_all(question.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn matches(filter: &Filter, value: &str) -> bool {
    let record = Json::parse(&format!(r#"{{"a": {value}}}"#)).unwrap();
    let record = Record::read(&record);
    let is_match = filter.matches(&record);
    let is_found = filter.keys().iter().all(|keys| keys.iter().any(|key| record.keys().contains(key)));
    assert!(is_found || !is_match, "{filter:?} is not found by {value}");
    is_match
}

#[test]
fn python_and_sql_agree() {
    let Some(answer) = ask() else { return };
    for (value, row) in VALUES.iter().zip(answer["equal"].as_array().unwrap()) {
        let map = Json::parse(&format!(r#"{{"a": {value}}}"#)).unwrap();
        let filter = Filter::from_map(&map, Deletes::Judge).unwrap().unwrap();
        for (other, expected) in VALUES.iter().zip(row.as_array().unwrap()) {
            assert_eq!(Some(matches(&filter, other)), expected.as_bool(), "{value} == {other}");
        }
    }
    for operator in ["like", "ilike"] {
        for (pattern, row) in PATTERNS.iter().zip(answer[operator].as_array().unwrap()) {
            let list = json!([{ "column": "a", "operator": operator, "value": pattern }]).to_string();
            let filter = Filter::from_list(&Json::parse(&list).unwrap(), Deletes::Judge).unwrap().unwrap();
            for (text, expected) in TEXTS.iter().zip(row.as_array().unwrap()) {
                let found = matches(&filter, &json!(text).to_string());
                assert_eq!(Some(found), expected.as_bool(), "{text:?} {operator} {pattern:?}");
            }
        }
    }
}
