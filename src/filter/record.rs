//! The record of an event, read once for all filters.

use std::borrow::Cow;
use std::hash::DefaultHasher;

use super::MAX_DEPTH;
use super::key::{self, Key};
use super::value::Value;
use crate::event::{Item, Json, Operation};

/// The name under which a record that is not known has its id.
pub(super) const ID: &str = "id";

/// A record as filters see it: its fields, or, where it is not known, only its id.
#[derive(Debug)]
pub struct Record<'a> {
    fields: Value<'a>,
    is_known: bool,
}

impl<'a> Record<'a> {
    /// Reads what `item` shows. A deleted record, and one that the event does not hold, is `{"id": …}`.
    ///
    /// One pass, and memory of up to some ten times the record's: to be kept no longer than the event is
    /// on its way.
    pub fn of(item: &'a Item, operation: Operation) -> Self {
        match &item.record {
            Some(record) if operation != Operation::Delete => Self::known(record),
            _ => Self::unknown(item.id.as_ref()),
        }
    }

    /// A record that is an object; any other value has no fields.
    pub fn known(record: &'a Json) -> Self {
        // A record's fields may be as deep as a filter's values.
        Self { fields: Value::read(record.as_str(), MAX_DEPTH + 1), is_known: true }
    }

    /// A record of which only the id is known, if that.
    pub fn unknown(id: Option<&'a Json>) -> Self {
        let id = id.map(|id| (Cow::Borrowed(ID), Value::read(id.as_str(), MAX_DEPTH)));
        Self { fields: Value::Object(id.into_iter().collect()), is_known: false }
    }

    /// It holds more than the id.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// The keys of all its fields, those of objects inside it too: a filter that has [keys](super::Filter::keys)
    /// and matches has one of these.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        key::collect(&self.fields, &DefaultHasher::new(), &mut keys);
        keys
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
