//! What is no filter, and the bounds.

use super::*;

fn map(text: &str) -> Result<Option<Filter>, FilterError> {
    Filter::from_map(&json(text), Deletes::Judge)
}

fn list(text: &str) -> Result<Option<Filter>, FilterError> {
    Filter::from_list(&json(text), Deletes::Judge)
}

#[test]
fn maps() {
    for text in ["[]", "1", r#""x""#, "true", r#"[{"a": 1}]"#] {
        assert_eq!(map(text).unwrap_err(), FilterError::NotAnObject, "{text}");
    }
    assert!(map("null").unwrap().is_none() && map("{}").unwrap().is_none());
    assert_eq!(map(r#"{"a": "\ud800"}"#).unwrap_err(), FilterError::Unreadable);
}

#[test]
fn lists() {
    use FilterError::*;
    // (list, error)
    let rows = [
        ("{}", NotAList),
        ("1", NotAList),
        ("[1]", NotAFilter(1)),
        ("[null]", NotAFilter(1)),
        (r#"[{"column":"a","operator":"eq"},{}]"#, NotAFilter(2)),
        (r#"[{"column":1,"operator":"eq"}]"#, NotAFilter(1)),
        (r#"[{"column":"a"}]"#, NotAFilter(1)),
        (r#"[{"column":"a","operator":null}]"#, NotAFilter(1)),
        (r#"[{"column":"a","operator":""}]"#, UnknownOperator(String::new())),
        (r#"[{"column":"a","operator":"regex","value":"x"}]"#, UnknownOperator("regex".to_owned())),
        (r#"[{"column":"a","operator":"EQ","value":1}]"#, UnknownOperator("EQ".to_owned())),
        (r#"[{"column":"a","operator":"Contains","value":1}]"#, UnknownOperator("Contains".to_owned())),
        (r#"[{"column":"a","operator":"between","value":1}]"#, NotARange("between")),
        (r#"[{"column":"a","operator":"between","value":[1]}]"#, NotARange("between")),
        (
            r#"[{"column":"a","operator":"between_inclusive","value":[1,2,3]}]"#,
            NotARange("between_inclusive"),
        ),
        (r#"[{"column":"a","operator":"like","value":null}]"#, NotAText("like")),
        (r#"[{"column":"a","operator":"Ilike"}]"#, NotAText("ilike")),
        (r#"[{"column":"a","operator":"contains","value":["x"]}]"#, NotAText("contains")),
        (r#"[{"column":"a","operator":"startswith","value":{}}]"#, NotAText("startswith")),
        (r#"[{"column":"a","operator":"endswith","value":[]}]"#, NotAText("endswith")),
        (r#"[{"column":"a","operator":"like","value":"a\\"}]"#, OpenEscape),
        (r#"[{"column":"a","operator":"eq","value":"\udc00"}]"#, Unreadable),
    ];
    for (text, expected) in rows {
        assert_eq!(list(text).unwrap_err(), expected, "{text}");
    }
    let name = "é".repeat(1000);
    let error = list(&format!(r#"[{{"column":"a","operator":"{name}"}}]"#)).unwrap_err();
    assert_eq!(error.to_string(), format!("unknown operator: {}", "é".repeat(40)));
}

/// Whether it is a filter, and else the error.
fn outcome(result: Result<Option<Filter>, FilterError>) -> Option<FilterError> {
    result.map(|filter| assert!(filter.is_some())).err()
}

#[test]
fn bounds() {
    let fields = |count: usize| {
        let fields: Vec<String> = (0..count).map(|number| format!(r#""{number}":1"#)).collect();
        outcome(map(&format!("{{{}}}", fields.join(","))))
    };
    assert_eq!((fields(MAX_CONDITIONS), fields(MAX_CONDITIONS + 1)), (None, Some(FilterError::TooMany)));
    let conditions = |count: usize| {
        let conditions = vec![r#"{"column":"a","operator":"eq","logic_operator":"or"}"#; count];
        outcome(list(&format!("[{}]", conditions.join(","))))
    };
    assert_eq!(
        (conditions(MAX_CONDITIONS), conditions(MAX_CONDITIONS + 1)),
        (None, Some(FilterError::TooMany))
    );

    let values = |count: usize| {
        let values = vec!["1"; count].join(",");
        outcome(list(&format!(r#"[{{"column":"a","operator":"IN","value":[{values}]}}]"#)))
    };
    assert_eq!((values(MAX_VALUES), values(MAX_VALUES + 1)), (None, Some(FilterError::TooManyValues)));

    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let in_map = |depth: usize| outcome(map(&format!(r#"{{"a":{}}}"#, deep(depth))));
    assert_eq!((in_map(MAX_DEPTH), in_map(MAX_DEPTH + 1)), (None, Some(FilterError::Unreadable)));
    let in_list = |depth: usize| {
        outcome(list(&format!(r#"[{{"column":"a","operator":"eq","value":{}}}]"#, deep(depth))))
    };
    assert_eq!((in_list(MAX_DEPTH), in_list(MAX_DEPTH + 1)), (None, Some(FilterError::Unreadable)));

    let long = |length: usize| outcome(map(&format!(r#"{{"a":"{}"}}"#, "x".repeat(length))));
    let room = MAX_BYTES - r#"{"a":""}"#.len();
    assert_eq!((long(room), long(room + 1)), (None, Some(FilterError::TooLong)));

    for operator in ["like", "ilike", "contains", "startswith", "endswith"] {
        let pattern = |length: usize| {
            let value = "é".repeat(length);
            outcome(list(&format!(r#"[{{"column":"a","operator":"{operator}","value":"{value}"}}]"#)))
        };
        assert_eq!((pattern(MAX_PATTERN), pattern(MAX_PATTERN + 1)), (None, Some(FilterError::LongPattern)));
    }
}

#[test]
fn the_longest_pattern_still_matches() {
    for (pattern, is_match) in [("a".repeat(MAX_PATTERN), true), ("_".repeat(MAX_PATTERN), true)] {
        let text = format!(r#"[{{"column":"a","operator":"like","value":"%{pattern}%%"}}]"#);
        let filter = list(&text).unwrap().unwrap();
        let record = |length: usize| format!(r#"{{"a":"{}"}}"#, "a".repeat(length));
        assert_eq!(matches(&filter, &record(MAX_PATTERN)), is_match);
        assert!(matches(&filter, &record(MAX_PATTERN + 9)) && !matches(&filter, &record(MAX_PATTERN - 1)));
    }
}
