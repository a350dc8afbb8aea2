//! The records of an answer that could be read: one, or a list of them.
//!
//! A record is a JSON object. What is none, or what nothing says the id of, is not shown as one: then the
//! event says only that something changed.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::identify::Identifier;
use super::{Outcome, Reason};
use crate::event::{Item, Json, Operation};
use crate::json;
use crate::route::{Pointer, Route, Visibility};

/// A longer text is nobody's name.
const MAX_OWNER_BYTES: usize = 256;

/// What an answer says.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) outcome: Outcome,
    pub(super) many: bool,
    pub(super) items: Vec<Item>,
    pub(super) id_conflict: bool,
    pub(super) reason: Option<Reason>,
}

impl Reading {
    /// Says only which record changed.
    pub(super) fn reference(id: Option<Json>, outcome: Outcome, reason: Reason) -> Self {
        let item = Item { id, ..Item::default() };
        Self { outcome, many: false, items: vec![item], id_conflict: false, reason: Some(reason) }
    }

    /// The same without anything that could be taken for a record of one model.
    pub(super) fn of_no_model(self) -> Self {
        let shown = self.items.iter().any(|item| item.record.is_some());
        let outcome = if shown { Outcome::NoRecord } else { self.outcome };
        let reason = if outcome == Outcome::Uncertain { self.reason } else { Some(Reason::NoModel) };
        let item = |_| Item::default();
        let items = self.items.into_iter().take(1).map(item).collect();
        Self { outcome, many: self.many, items, id_conflict: false, reason }
    }

    /// With its records in memory of their own, where they are the lesser part of the document: of what else that holds
    /// nothing is kept then as long as they are.
    pub(super) fn apart_from(mut self, document: &Bytes) -> Self {
        let records = self.items.iter().filter_map(|item| item.record.as_ref());
        if records.map(Json::size).sum::<usize>() < document.len() / 2 {
            for record in self.items.iter_mut().filter_map(|item| item.record.as_mut()) {
                *record = record.apart();
            }
        }
        self
    }

    /// Nothing was written.
    pub(super) fn refused(reason: Reason) -> Self {
        let reason = Some(reason);
        Self { outcome: Outcome::Refused, many: false, items: Vec::new(), id_conflict: false, reason }
    }
}

/// A readable answer.
pub(super) struct Records<'a> {
    pub(super) identifier: Identifier<'a>,
    pub(super) operation: Operation,
    pub(super) document: &'a Bytes,
    /// What is there may be a part of each record.
    pub(super) partial: bool,
}

impl Records<'_> {
    fn route(&self) -> &Route {
        &self.identifier.matched.route
    }

    /// The records of an answer that is a list: at `list` where a list is expected, or in the record's place.
    pub(super) fn list(&self, root: &RawValue, is_expected: bool) -> Option<Reading> {
        let route = self.route();
        let at = |pointer| json::find(root, pointer).filter(|value| json::is_array(value));
        let listed = is_expected.then(|| at(&route.list)).flatten();
        let list = listed.or_else(|| at(&route.record))?;
        let Some(elements) = json::elements(list) else {
            let reading = Reading::reference(None, Outcome::TooLarge, Reason::TooLarge);
            return Some(Reading { many: true, ..reading });
        };
        let items: Vec<Item> = elements.into_iter().filter_map(|element| self.item(element)).collect();
        if items.is_empty() && route.item_status.is_some() {
            return Some(Reading::refused(Reason::NoItem));
        }
        let told = self.operation == Operation::Delete || items.is_empty();
        let outcome = if told || items.iter().any(|item| item.record.is_some()) {
            Outcome::Event
        } else {
            Outcome::NoRecord
        };
        let reason = (outcome == Outcome::NoRecord).then_some(Reason::NoRecords);
        Some(Reading { outcome, many: true, items, id_conflict: false, reason })
    }

    /// What an element says, unless its own status says that it failed. One whose status cannot be read shows
    /// no record; and of a deletion it does not say which, since readers would drop it.
    pub(super) fn item(&self, element: &RawValue) -> Option<Item> {
        let route = self.route();
        let status = route.item_status.as_ref().map(|pointer| status(element, pointer));
        let is_known = match status {
            Some(Some(status)) if !(200..300).contains(&status) => return None,
            Some(None) => false,
            Some(Some(_)) | None => true,
        };
        let object = json::find(element, &route.item).filter(|value| json::is_object(value));
        let identity = self.identifier.identify(None, object, Some(element));
        let record = object.filter(|_| is_known).and_then(|object| self.record(object));
        Some(Item {
            partial: record.is_some() && (self.partial || !identity.in_record),
            id: identity.id.filter(|_| is_known || self.operation != Operation::Delete),
            record,
            owner: object.and_then(|object| self.owner(object)),
            was: None,
        })
    }

    /// The record of an answer that is none.
    pub(super) fn single(&self, root: &RawValue, url_id: Option<&str>) -> Reading {
        let value = json::find(root, &self.route().record).filter(|value| value.get() != "null");
        let object = value.filter(|value| json::is_object(value));
        let identity = self.identifier.identify(url_id, object, value);
        let reason = match (value, object, &identity.id) {
            (None, _, _) => Some(Reason::NoRecord),
            (_, None, _) => Some(Reason::NoObject),
            (_, _, None) => Some(Reason::NoId),
            _ => None,
        };
        let record = object.filter(|_| reason.is_none()).and_then(|object| self.record(object));
        let owner = object.and_then(|object| self.owner(object));
        let told = record.is_some() || self.operation == Operation::Delete;
        let partial = record.is_some() && (self.partial || !identity.in_record);
        Reading {
            outcome: if told { Outcome::Event } else { Outcome::NoRecord },
            many: false,
            items: vec![Item { id: identity.id, record, partial, owner, was: None }],
            id_conflict: identity.conflict,
            reason: reason.filter(|_| !told),
        }
    }

    /// Whom a record says that it belongs to, also where `fields` keeps that from readers.
    fn owner(&self, object: &RawValue) -> Option<Arc<str>> {
        let Visibility::Owner { field, .. } = &self.route().visibility else { return None };
        let text = Json::copy_of(json::find(object, field)?).scalar_text()?;
        (1..=MAX_OWNER_BYTES).contains(&text.len()).then(|| Arc::from(text))
    }

    /// What readers get of a record: nothing once it is deleted, and only the allowed fields.
    fn record(&self, object: &RawValue) -> Option<Json> {
        if self.operation == Operation::Delete {
            return None;
        }
        let fields = &self.route().fields;
        if fields.is_empty() {
            return Some(Json::slice_of(self.document, object));
        }
        json::only_fields(object, fields).map(Json::from_valid)
    }
}

/// The HTTP status of one element: a number, or digits in quotes.
fn status(element: &RawValue, pointer: &Pointer) -> Option<u16> {
    let text = Json::copy_of(json::find(element, pointer)?).scalar_text()?;
    text.parse().ok().filter(|status| (100..600).contains(status))
}
