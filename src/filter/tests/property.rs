//! Filters against a model that has no index, no borrowed text and no bits: values are numbers from a table,
//! fields a map, and patterns are tried every way.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence::SourceParallel;

use super::*;

/// A number as it is written, and a million times what it is.
const NUMBERS: [(&str, i128); 16] = [
    ("0", 0),
    ("-0", 0),
    ("0.0", 0),
    ("1", 1_000_000),
    ("1.0", 1_000_000),
    ("10e-1", 1_000_000),
    ("-1", -1_000_000),
    ("18", 18_000_000),
    ("18.5", 18_500_000),
    ("-18.5", -18_500_000),
    ("1e3", 1_000_000_000),
    ("9007199254740992", 9_007_199_254_740_992_000_000),
    ("9007199254740992.0", 9_007_199_254_740_992_000_000),
    ("9007199254740993", 9_007_199_254_740_993_000_000),
    ("100000000000000000001", 100_000_000_000_000_000_001_000_000),
    ("1e20", 100_000_000_000_000_000_000_000_000),
];
const TEXTS: [&str; 14] =
    ["", "1", "1.0", "18", "018", "true", "false", "null", "a", "A", "ab", "äB", "a%b", "aab_b\\"];
const PATTERNS: [&str; 12] = ["%", "", "a", "a%", "%b", "%a%b%", "_", "__%", "a\\%b", "%\\_%", "1%", "%\\\\"];
const OPERATORS: [&str; 20] = [
    "eq",
    "=",
    "neq",
    "<>",
    "gt",
    ">",
    "gte",
    "lt",
    "<",
    "lte",
    "like",
    "ilike",
    "in",
    "contains",
    "startswith",
    "endswith",
    "between",
    "between_inclusive",
    "is_null",
    "is_not_null",
];

#[derive(Debug, Clone, PartialEq)]
enum Model {
    Null,
    Bool(bool),
    Number(usize),
    Text(&'static str),
    List(Vec<Self>),
    Object(BTreeMap<&'static str, Self>),
}

use Model::{Bool, List, Null, Number, Object, Text};

impl Model {
    fn json(&self) -> String {
        match self {
            Null => "null".to_owned(),
            Bool(value) => value.to_string(),
            Number(number) => NUMBERS[*number].0.to_owned(),
            Text(text) => serde_json::json!(text).to_string(),
            List(list) => format!("[{}]", list.iter().map(Self::json).collect::<Vec<_>>().join(" ,")),
            Object(fields) => {
                let field =
                    |(name, value): (&&str, &Self)| format!("{} : {}", serde_json::json!(name), value.json());
                format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
            }
        }
    }

    fn python(&self) -> Option<i128> {
        match self {
            Bool(value) => Some(i128::from(*value) * 1_000_000),
            Number(number) => Some(NUMBERS[*number].1),
            Null | Text(_) | List(_) | Object(_) => None,
        }
    }

    fn python_eq(&self, other: &Self) -> bool {
        match (self, other) {
            (List(a), List(b)) => a.len() == b.len() && (0..a.len()).all(|at| a[at].python_eq(&b[at])),
            (Object(a), Object(b)) => {
                a.keys().eq(b.keys()) && a.iter().all(|(name, value)| value.python_eq(&b[name]))
            }
            _ => self == other || self.python().is_some_and(|number| Some(number) == other.python()),
        }
    }

    fn as_number(&self) -> Option<i128> {
        match self {
            Number(number) => Some(NUMBERS[*number].1),
            Text(text) => NUMBERS.iter().find(|(written, _)| written == text).map(|(_, value)| *value),
            Null | Bool(_) | List(_) | Object(_) => None,
        }
    }

    fn as_bool(&self) -> Option<bool> {
        match self {
            Bool(value) => Some(*value),
            Text("true") => Some(true),
            Text("false") => Some(false),
            Null | Number(_) | Text(_) | List(_) | Object(_) => None,
        }
    }

    /// -1, 0, 1, or nothing where the kinds do not fit.
    fn compare(&self, other: &Self) -> Option<i32> {
        let sign = |less: bool, equal: bool| if less { -1 } else { i32::from(!equal) };
        match (self, other) {
            (Text(a), Text(b)) => Some(sign(a < b, a == b)),
            (Bool(_), _) | (_, Bool(_)) => {
                let (a, b) = (self.as_bool()?, other.as_bool()?);
                Some(sign(!a && b, a == b))
            }
            (List(_), List(_)) | (Object(_), Object(_)) => None,
            _ => {
                let (a, b) = (self.as_number()?, other.as_number()?);
                Some(sign(a < b, a == b))
            }
        }
    }

    fn eq(&self, other: &Self) -> bool {
        let inside = matches!((self, other), (List(_), List(_)) | (Object(_), Object(_)));
        self.compare(other) == Some(0) || (inside && self.python_eq(other))
    }

    fn shown(&self) -> Option<String> {
        match self {
            Text(text) => Some((*text).to_owned()),
            Number(number) => Some(NUMBERS[*number].0.to_owned()),
            Bool(value) => Some(value.to_string()),
            Null | List(_) | Object(_) => None,
        }
    }
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like(rest, &text[skipped..])),
        ['_', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        ['\\', plain, rest @ ..] | [plain, rest @ ..] => {
            text.first() == Some(plain) && like(rest, &text[1..])
        }
    }
}

fn is_like(pattern: &str, text: &str) -> bool {
    let characters = |text: &str| text.chars().collect::<Vec<_>>();
    like(&characters(pattern), &characters(text))
}

/// What an operator says of a text; `None` where the pattern ends with an open escape.
fn text_holds(operator: &str, pattern: &str, text: &str) -> Option<bool> {
    if operator.ends_with("like") && pattern.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1 {
        return None;
    }
    let (lower, low) = (pattern.to_lowercase(), text.to_lowercase());
    Some(match operator {
        "like" => is_like(pattern, text),
        "ilike" => is_like(&lower, &low),
        "contains" => low.contains(&lower),
        "startswith" => low.starts_with(&lower),
        _ => low.ends_with(&lower),
    })
}

/// The table of `protocols.md`, section 5.4, read top-down. `None`: not a filter.
fn holds(operator: &str, value: &Model, field: &Model) -> Option<bool> {
    let is_null = *field == Null;
    let list = if let List(list) = value { list.iter().collect() } else { vec![value] };
    let two = || (matches!(value, List(_)) && list.len() == 2).then(|| (list[0], list[1]));
    let compared = |expected: &[i32]| field.compare(value).is_some_and(|order| expected.contains(&order));
    let held = match operator {
        "is_null" => return Some(is_null || *field == Text("")),
        "is_not_null" => return Some(!is_null && *field != Text("")),
        "eq" | "=" if *value == Null => return Some(is_null),
        "neq" | "<>" if *value == Null => return Some(!is_null),
        "eq" | "=" => field.eq(value),
        "neq" | "<>" => !field.eq(value),
        "gt" | ">" => compared(&[1]),
        "gte" => compared(&[0, 1]),
        "lt" | "<" => compared(&[-1]),
        "lte" => compared(&[-1, 0]),
        "between" => field.compare(two()?.0) == Some(1) && field.compare(two()?.1) == Some(-1),
        "between_inclusive" => {
            let (low, high) = two()?;
            matches!(field.compare(low), Some(0 | 1)) && matches!(field.compare(high), Some(-1 | 0))
        }
        "in" => list.iter().any(|value| field.eq(value)),
        "like" | "ilike" | "contains" | "startswith" | "endswith" => {
            let shown = field.shown();
            text_holds(operator, &value.shown()?, shown.as_deref().unwrap_or_default())? && shown.is_some()
        }
        _ => return None,
    };
    Some(held && !is_null)
}

type Fields = BTreeMap<&'static str, Model>;
type Written = (&'static str, &'static str, Model, bool);

/// What a condition sees: the field of that name, else through objects.
fn field(record: &Fields, column: &str) -> Model {
    if let Some(value) = record.get(column) {
        return value.clone();
    }
    let Some((first, rest)) = column.split_once('.') else { return Null };
    match record.get(first) {
        Some(Object(inner)) => inner.get(rest).cloned().unwrap_or(Null),
        _ => Null,
    }
}

/// Every AND closes a parenthesis. `None`: not a filter.
fn list_holds(conditions: &[Written], record: &Fields) -> Option<bool> {
    let mut all = true;
    let mut group = false;
    for (place, (column, operator, value, or)) in conditions.iter().enumerate() {
        let held = holds(operator, value, &field(record, column))?;
        if place > 0 && !or {
            all &= group;
            group = false;
        }
        group |= held;
    }
    Some(all && group)
}

fn values() -> impl Strategy<Value = Model> {
    let scalar = prop_oneof![
        1 => Just(Null),
        2 => any::<bool>().prop_map(Bool),
        4 => (0..NUMBERS.len()).prop_map(Number),
        4 => select(&TEXTS[..]).prop_map(Text),
        1 => select(&PATTERNS[..]).prop_map(Text),
    ];
    scalar.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(List),
            prop::collection::btree_map(select(&["b", "c", "d"][..]), inner, 0..3).prop_map(Object),
        ]
    })
}

fn records() -> impl Strategy<Value = Fields> {
    prop::collection::btree_map(select(&["a", "b", "a.b", "id", "é"][..]), values(), 0..5)
}

fn conditions() -> impl Strategy<Value = Vec<Written>> {
    let columns = select(&["a", "a", "b", "a.b", "b.c", "id", "é"][..]);
    prop::collection::vec((columns, select(&OPERATORS[..]), values(), any::<bool>()), 1..5)
}

fn written(conditions: &[Written]) -> String {
    let element = |(column, operator, value, or): &Written| {
        let word = if *or { "OR" } else { "AND" };
        format!(
            r#"{{"operator":"{operator}","logic_operator":"{word}","value":{},"column":"{column}"}}"#,
            value.json()
        )
    };
    format!("[{}]", conditions.iter().map(element).collect::<Vec<_>>().join(","))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: Some(Box::new(SourceParallel("tests/regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_map_lets_through_what_python_calls_equal(map in records(), records in prop::collection::vec(records(), 1..5)) {
        let filter = Filter::from_map(&json(&Object(map.clone()).json()), Deletes::Judge).unwrap();
        prop_assert_eq!(filter.is_none(), map.is_empty());
        // Likely to match: the map itself, and with one more field.
        let more = [map.clone(), map.iter().chain([(&"z", &Null)]).map(|(name, value)| (*name, value.clone())).collect()];
        for record in records.into_iter().chain(more) {
            let expected =
                map.iter().all(|(name, value)| record.get(name).unwrap_or(&Null).python_eq(value));
            let found = filter.as_ref().is_none_or(|filter| matches(filter, &Object(record.clone()).json()));
            prop_assert_eq!(found, expected, "{:?} {:?}", map, record);
        }
    }

    #[test]
    fn a_list_lets_through_what_the_table_says(conditions in conditions(), records in prop::collection::vec(records(), 1..8)) {
        let filter = Filter::from_list(&json(&written(&conditions)), Deletes::Judge).ok().flatten();
        for record in records {
            let expected = list_holds(&conditions, &record);
            let found = filter.as_ref().map(|filter| matches(filter, &Object(record.clone()).json()));
            if found.is_none() {
                // A group that holds already may hide from the model that a later value is none.
                prop_assert!(conditions.iter().any(|(_, operator, value, _)| holds(operator, value, &Null).is_none()));
            } else {
                prop_assert_eq!(found, expected, "{} {:?}", written(&conditions), record);
            }
        }
    }

    #[test]
    fn patterns_match_as_if_every_way_was_tried(pattern in r"[ab%_é\\]{0,8}", text in r"[abé%\\]{0,8}") {
        let list = format!(
            r#"[{{"column":"a","operator":"like","value":{}}}]"#, serde_json::json!(pattern)
        );
        let record = format!(r#"{{"a":{}}}"#, serde_json::json!(text));
        match Filter::from_list(&json(&list), Deletes::Judge) {
            Ok(filter) => prop_assert_eq!(matches(&filter.unwrap(), &record), is_like(&pattern, &text)),
            Err(error) => {
                prop_assert_eq!(error, FilterError::OpenEscape);
                prop_assert!(pattern.ends_with('\\'));
            }
        }
    }
}
