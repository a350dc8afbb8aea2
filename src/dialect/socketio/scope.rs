//! What templates may name.

use std::borrow::Cow;
use std::time::SystemTime;

use serde_json::Value;

use super::template::{at, in_claims};
use crate::event::{Event, Item};
use crate::identity::{Claims, Identity};
use crate::time::iso;

/// The first name of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// What the client sent along with its event.
    Data,
    /// What its token says.
    Claims,
    /// What the backend or the webhook answered.
    Answer,
    /// Whether a list in the answer has as many elements as `data.limit` says.
    Full,
    /// The number of the page that `data.offset` and `data.limit` mean, from 1.
    Page,
    /// The room that was joined or left.
    Room,
    /// The record's id.
    Id,
    /// The record, or a field of it.
    Record,
    /// The route's own verb.
    Action,
    /// create, update or delete.
    Operation,
    /// Now, as ISO 8601.
    Time,
}

/// By name.
pub(super) const ROOTS: [(&str, Root); 11] = [
    ("data", Root::Data),
    ("claims", Root::Claims),
    ("answer", Root::Answer),
    ("full", Root::Full),
    ("page", Root::Page),
    ("room", Root::Room),
    ("id", Root::Id),
    ("record", Root::Record),
    ("action", Root::Action),
    ("operation", Root::Operation),
    ("time", Root::Time),
];

/// Of what a client asks for.
pub(super) const ASKED: [Root; 4] = [Root::Data, Root::Claims, Root::Page, Root::Time];
/// Of what it is answered.
pub(super) const ANSWERED: [Root; 7] =
    [Root::Data, Root::Claims, Root::Answer, Root::Full, Root::Page, Root::Room, Root::Time];
/// Of what a program posts.
pub(super) const POSTED: [Root; 2] = [Root::Data, Root::Time];
/// Of what is written.
pub(super) const WRITTEN: [Root; 5] = [Root::Id, Root::Record, Root::Action, Root::Operation, Root::Time];
/// Of who it is.
pub(super) const KNOWN: [Root; 1] = [Root::Claims];

/// What is known when something happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) time: SystemTime,
    pub(super) data: Option<&'a Value>,
    pub(super) identity: Option<&'a Identity>,
    pub(super) answer: Option<&'a Value>,
    pub(super) room: Option<&'a str>,
    pub(super) written: Option<(&'a Event, &'a Item)>,
}

impl<'a> Scope<'a> {
    pub(super) fn at(time: SystemTime) -> Self {
        Self { time, data: None, identity: None, answer: None, room: None, written: None }
    }

    /// The value as JSON text; `None`: it is not known.
    pub(super) fn find(&self, root: Root, path: &[String]) -> Option<Cow<'a, str>> {
        let owned = |value: &Value| Some(Cow::Owned(value.to_string()));
        match root {
            Root::Data => owned(at(self.data?, path)?),
            Root::Answer => owned(at(self.answer?, path)?),
            Root::Claims => owned(self.claim(path)?),
            Root::Full => Some(Cow::Borrowed(if self.is_full(path)? { "true" } else { "false" })),
            Root::Page => Some(Cow::Owned(self.page()?.to_string())),
            Root::Room => owned(&Value::from(self.room?)),
            Root::Time => owned(&Value::from(iso(self.time))),
            Root::Id => Some(Cow::Borrowed(self.written?.1.id.as_ref()?.as_str())),
            Root::Record => self.field(path),
            Root::Action => owned(&Value::from(self.written?.0.action.as_deref()?)),
            Root::Operation => Some(Cow::Owned(format!("\"{}\"", self.written?.0.operation.name()))),
        }
    }

    fn claims(&self) -> Option<&'a Claims> {
        Some(&self.identity?.user()?.claims)
    }

    fn claim(&self, path: &[String]) -> Option<&'a Value> {
        let claims = self.claims()?;
        // A claim's own name may have dots.
        in_claims(claims, path).or_else(|| claims.get(&path.join("."))).filter(|claim| !claim.is_null())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.data?.get(name)?.as_u64()
    }

    fn page(&self) -> Option<u64> {
        let limit = self.number("limit").filter(|limit| *limit > 0)?;
        Some(self.number("offset").unwrap_or(0) / limit + 1)
    }

    fn is_full(&self, path: &[String]) -> Option<bool> {
        let (list, limit) = (at(self.answer?, path)?.as_array()?, self.number("limit")?);
        Some(list.len() as u64 >= limit)
    }

    fn field(&self, path: &[String]) -> Option<Cow<'a, str>> {
        let record = self.written?.1.record.as_ref()?.as_str();
        if path.is_empty() {
            return Some(Cow::Borrowed(record));
        }
        let record: Value = serde_json::from_str(record).ok()?;
        Some(Cow::Owned(at(&record, path)?.to_string()))
    }
}
