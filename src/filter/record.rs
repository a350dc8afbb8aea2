//! The record of an event, read once for all filters.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::DefaultHasher;

use super::MAX_DEPTH;
use super::key::{self, Key};
use super::value::Value;
use crate::event::{Item, Json, Operation};

/// The name under which a record that is not known has its id.
pub(super) const ID: &str = "id";

/// How much is known of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// What the event holds of it.
    Fields,
    /// Its id: it was written, and the event does not hold it.
    Changed,
    /// Its id: it is gone.
    Deleted,
}

/// A record as filters see it.
#[derive(Debug)]
pub struct Record<'a> {
    fields: Value<'a>,
    known: Known,
}

impl<'a> Record<'a> {
    /// Reads what `item` shows. Where only the id is known, the record is `{"id": …}`.
    ///
    /// One pass, and memory of up to some ten times the record's: to be kept no longer than the event is
    /// on its way.
    pub fn of(item: &'a Item, operation: Operation) -> Self {
        match &item.record {
            Some(record) if operation != Operation::Delete => Self::read(record),
            _ => Self::unseen(item, operation),
        }
    }

    /// The same without a look at the record.
    pub fn unseen(item: &'a Item, operation: Operation) -> Self {
        let known = if operation == Operation::Delete { Known::Deleted } else { Known::Changed };
        let id = item.id.as_ref().map(|id| (Cow::Borrowed(ID), Value::read(id.as_str(), MAX_DEPTH)));
        Self { fields: Value::Object(id.into_iter().collect()), known }
    }

    /// Reads a record that is an object; any other value has no fields.
    pub fn read(record: &'a Json) -> Self {
        // A record's fields may be as deep as a filter's values.
        Self { fields: Value::read(record.as_str(), MAX_DEPTH + 1), known: Known::Fields }
    }

    /// How much is known.
    pub fn known(&self) -> Known {
        self.known
    }

    /// The keys of all its fields, those of objects inside it too: a filter that has [keys](super::Filter::keys)
    /// and matches has one of these.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        key::collect(&self.fields, &DefaultHasher::new(), &mut keys);
        keys
    }

    /// Which comes first in a list that is sorted by `column`: truth values, numbers, text, anything else, and
    /// last what is null or missing.
    pub fn order(&self, other: &Self, column: &str) -> Ordering {
        let (value, its) = (self.value(column), other.value(column));
        rank(value).cmp(&rank(its)).then_with(|| value.order(its).unwrap_or(Ordering::Equal))
    }

    fn value(&self, column: &str) -> &Value<'a> {
        self.field(column).or_else(|| self.at(column)).unwrap_or(&Value::Null)
    }

    /// The field of that very name.
    pub(super) fn field(&self, name: &str) -> Option<&Value<'a>> {
        self.fields.member(name)
    }

    /// The value inside objects inside the record.
    pub(super) fn at(&self, path: &str) -> Option<&Value<'a>> {
        path.split('.').try_fold(&self.fields, |value, name| value.member(name))
    }
}

fn rank(value: &Value<'_>) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        Value::Text(_) => 2,
        Value::List(_) | Value::Object(_) | Value::Opaque => 3,
        Value::Null => 4,
    }
}
