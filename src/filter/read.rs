//! The two forms in which clients write filters.

use std::ops::Bound;

use super::condition::{Column, Condition, Test};
use super::error::FilterError;
use super::pattern::{Case, Gaps, Pattern};
use super::value::Value;
use super::{MAX_BYTES, MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES};
use crate::event::Json;

/// Conditions of which one must hold.
pub(super) type Group = Box<[Condition]>;

/// Longer names of operators are not repeated to the client.
const MAX_NAME: usize = 40;

/// `{"field": value, …}` (`protocols.md`, section 3.4).
pub(super) fn map(json: &Json) -> Result<Vec<Group>, FilterError> {
    let map = read(json, MAX_DEPTH + 1)?;
    if let Value::Null = map {
        return Ok(Vec::new());
    }
    let Value::Object(members) = map else { return Err(FilterError::NotAnObject) };
    check_count(members.len())?;
    let members = members.into_iter();
    members
        .map(|(name, value)| {
            let condition = Condition { column: Column::Field(name.into()), test: Test::Same(whole(value)?) };
            Ok(Box::from([condition]))
        })
        .collect()
}

/// `[{"column", "operator", "value", "logic_operator"}, …]` (`protocols.md`, section 5.4).
pub(super) fn list(json: &Json) -> Result<Vec<Group>, FilterError> {
    let list = read(json, MAX_DEPTH + 2)?;
    if let Value::Null = list {
        return Ok(Vec::new());
    }
    let Value::List(list) = list else { return Err(FilterError::NotAList) };
    check_count(list.len())?;
    let mut groups: Vec<Vec<Condition>> = Vec::new();
    for (place, element) in list.iter().enumerate() {
        let condition = condition(element).ok_or(FilterError::NotAFilter(place + 1))??;
        match groups.last_mut() {
            Some(group) if is_or(element) => group.push(condition),
            _ => groups.push(vec![condition]),
        }
    }
    Ok(groups.into_iter().map(Vec::into_boxed_slice).collect())
}

fn read(json: &Json, depth: usize) -> Result<Value<'_>, FilterError> {
    let text = json.as_str();
    if text.len() > MAX_BYTES { Err(FilterError::TooLong) } else { Ok(Value::read(text, depth)) }
}

fn check_count(conditions: usize) -> Result<(), FilterError> {
    if conditions > MAX_CONDITIONS { Err(FilterError::TooMany) } else { Ok(()) }
}

fn whole(value: Value<'_>) -> Result<Value<'static>, FilterError> {
    if value.is_whole() { Ok(value.into_owned()) } else { Err(FilterError::Unreadable) }
}

fn is_or(element: &Value<'_>) -> bool {
    matches!(element.member("logic_operator"), Some(Value::Text(word)) if word.eq_ignore_ascii_case("or"))
}

/// `None` where it is none at all.
fn condition(element: &Value<'_>) -> Option<Result<Condition, FilterError>> {
    let (Value::Text(column), Value::Text(operator)) =
        (element.member("column")?, element.member("operator")?)
    else {
        return None;
    };
    let value = element.member("value").cloned().unwrap_or(Value::Null);
    let column = if column.contains('.') {
        Column::Path(column.as_ref().into())
    } else {
        Column::Field(column.as_ref().into())
    };
    let test = whole(value).and_then(|value| test(operator, value));
    Some(test.map(|test| Condition { column, test }))
}

/// Names are lower-case, but for three of them (`protocols.md`, section 5.4).
fn test(operator: &str, value: Value<'static>) -> Result<Test, FilterError> {
    use Bound::{Excluded, Included, Unbounded};
    let lower = operator.to_ascii_lowercase();
    let operator = if matches!(&*lower, "in" | "like" | "ilike") { &*lower } else { operator };
    let is_null = matches!(value, Value::Null);
    let test = match operator {
        "eq" | "=" if is_null => Test::Null,
        "neq" | "!=" | "<>" if is_null => Test::Present,
        "eq" | "=" => Test::Equal(value),
        "neq" | "!=" | "<>" => Test::Unequal(value),
        "gt" | ">" => Test::Within(Excluded(value), Unbounded),
        "gte" | ">=" => Test::Within(Included(value), Unbounded),
        "lt" | "<" => Test::Within(Unbounded, Excluded(value)),
        "lte" | "<=" => Test::Within(Unbounded, Included(value)),
        "between" => {
            range("between", value).map(|(low, high)| Test::Within(Excluded(low), Excluded(high)))?
        }
        "between_inclusive" => range("between_inclusive", value)
            .map(|(low, high)| Test::Within(Included(low), Included(high)))?,
        "in" if matches!(&value, Value::List(list) if list.len() > MAX_VALUES) => {
            return Err(FilterError::TooManyValues);
        }
        "in" => Test::OneOf(if let Value::List(list) = value { list } else { Box::from([value]) }),
        "is_null" => Test::Empty,
        "is_not_null" => Test::Filled,
        other => return pattern(other, &value).map(Test::Like),
    };
    Ok(test)
}

fn range(
    operator: &'static str,
    value: Value<'static>,
) -> Result<(Value<'static>, Value<'static>), FilterError> {
    let Value::List(list) = value else { return Err(FilterError::NotARange(operator)) };
    match <Box<[_; 2]>>::try_from(list) {
        Ok(two) => Ok((*two).into()),
        Err(_) => Err(FilterError::NotARange(operator)),
    }
}

fn pattern(operator: &str, value: &Value<'_>) -> Result<Pattern, FilterError> {
    let text = |operator| value.text().ok_or(FilterError::NotAText(operator));
    match operator {
        "like" => Pattern::like(text("like")?, Case::Exact),
        "ilike" => Pattern::like(text("ilike")?, Case::Alike),
        "contains" => Pattern::with(text("contains")?, Gaps::Both),
        "startswith" => Pattern::with(text("startswith")?, Gaps::After),
        "endswith" => Pattern::with(text("endswith")?, Gaps::Before),
        unknown => Err(FilterError::UnknownOperator(unknown.chars().take(MAX_NAME).collect())),
    }
}
