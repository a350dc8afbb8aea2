//! One condition of a filter.

use std::cmp::Ordering;
use std::ops::Bound;

use super::key::Key;
use super::pattern::Pattern;
use super::record::{ID, Record};
use super::value::Value;

/// Which value is looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The field of that very name.
    Field(Box<str>),
    /// The field of that name or, where there is none, what its dots lead to.
    Path(Box<str>),
}

/// What a value must be. Each kind but the first four finds nothing where the value is null or missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// Python's `==`.
    Same(Value<'static>),
    /// Null or missing.
    Null,
    /// Null, missing or an empty text.
    Empty,
    /// Neither null nor missing nor an empty text.
    Filled,
    /// Neither null nor missing.
    Present,
    Equal(Value<'static>),
    Unequal(Value<'static>),
    OneOf(Box<[Value<'static>]>),
    Within(Bound<Value<'static>>, Bound<Value<'static>>),
    Like(Pattern),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) column: Column,
    pub(super) test: Test,
}

impl Column {
    fn name(&self) -> &str {
        match self {
            Self::Field(name) | Self::Path(name) => name,
        }
    }

    fn of<'r, 'a>(&self, record: &'r Record<'a>) -> Option<&'r Value<'a>> {
        match self {
            Self::Field(name) => record.field(name),
            Self::Path(name) => record.field(name).or_else(|| record.at(name)),
        }
    }
}

impl Condition {
    pub(super) fn holds(&self, record: &Record<'_>) -> bool {
        let value = self.column.of(record).unwrap_or(&Value::Null);
        self.test.holds(value)
    }

    /// The record has what is looked at.
    pub(super) fn is_told_by(&self, record: &Record<'_>) -> bool {
        self.column.of(record).is_some()
    }

    pub(super) fn is_about_id(&self) -> bool {
        self.column.name() == ID
    }

    /// If it holds, the record has one of these keys; `None` where that cannot be said.
    pub(super) fn keys(&self) -> Option<Vec<Key>> {
        let key = |value: &Value<'_>| Key::of(self.column.name(), value);
        match &self.test {
            Test::Same(value) | Test::Equal(value) => Some(vec![key(value)?]),
            // Null equals nothing here.
            Test::OneOf(values) => {
                values.iter().filter(|value| !matches!(value, Value::Null)).map(key).collect()
            }
            Test::Null
            | Test::Empty
            | Test::Filled
            | Test::Present
            | Test::Unequal(_)
            | Test::Within(..)
            | Test::Like(_) => None,
        }
    }
}

impl Test {
    fn holds(&self, value: &Value<'_>) -> bool {
        let is_null = matches!(value, Value::Null);
        let is_empty = is_null || matches!(value, Value::Text(text) if text.is_empty());
        match self {
            Self::Same(expected) => value.same(expected),
            Self::Null => is_null,
            Self::Empty => is_empty,
            Self::Filled => !is_empty,
            Self::Present => !is_null,
            _ if is_null => false,
            Self::Equal(expected) => value.equals(expected),
            Self::Unequal(expected) => !value.equals(expected),
            Self::OneOf(expected) => expected.iter().any(|expected| value.equals(expected)),
            Self::Within(low, high) => is_above(value, low) && is_below(value, high),
            Self::Like(pattern) => value.text().is_some_and(|text| pattern.matches(text)),
        }
    }
}

fn is_above(value: &Value<'_>, low: &Bound<Value<'_>>) -> bool {
    match low {
        Bound::Unbounded => true,
        Bound::Included(low) => value.order(low).is_some_and(Ordering::is_ge),
        Bound::Excluded(low) => value.order(low).is_some_and(Ordering::is_gt),
    }
}

fn is_below(value: &Value<'_>, high: &Bound<Value<'_>>) -> bool {
    match high {
        Bound::Unbounded => true,
        Bound::Included(high) => value.order(high).is_some_and(Ordering::is_le),
        Bound::Excluded(high) => value.order(high).is_some_and(Ordering::is_lt),
    }
}
