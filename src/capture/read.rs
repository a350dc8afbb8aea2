//! From a finished exchange to its event. Runs on a worker, never on the request's task.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::value::RawValue;

use super::body::Unreadable;
use super::identify::{self, Target};
use super::{Answer, Capture, Finished, Outcome, Stage, Verdict, json};
use crate::event::{self, Audience, Event, Exchange, Item, Json, Operation};
use crate::route::{Route, Routes, Visibility};

/// What some servers put in front of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The records of an answer.
struct Reading {
    outcome: Outcome,
    many: bool,
    items: Vec<Item>,
    id_conflict: bool,
}

impl Finished {
    /// Reads the answer. `routes` resolve references such as `Location`.
    pub fn read(self, routes: &Routes) -> Verdict {
        if let Some(verdict) = self.verdict_without_event() {
            return verdict;
        }
        let Self { mut capture, whole, time, id } = self;
        let stage = std::mem::replace(&mut capture.stage, Stage::Unsent);
        let (status, reading) = match stage {
            Stage::Unsent | Stage::Sent => (None, capture.uncertain()),
            Stage::Answered(answer) => (Some(answer.status), capture.read_answer(*answer, whole, routes)),
        };
        let audience = capture.audience();
        let withheld = audience == Audience::Authenticated;
        let uncertain = reading.outcome == Outcome::Uncertain;
        let route = &capture.matched.route;
        let accepted = status.is_some_and(|status| status.as_u16() == 202);
        let event = Event {
            id,
            time,
            model: Arc::clone(&route.model.name),
            operation: capture.operation(),
            action: if accepted { Some(Arc::from("accepted")) } else { route.action.clone() },
            many: reading.many,
            items: reading.items,
            audience,
            outcome: if uncertain { event::Outcome::Uncertain } else { event::Outcome::Certain },
            overlapping: false,
            http: Exchange {
                method: capture.method.clone(),
                path: capture.path.clone(),
                status: status.map(|status| status.as_u16()),
            },
        };
        Verdict {
            outcome: if withheld && !uncertain { Outcome::Withheld } else { reading.outcome },
            event: Some(event),
            id_conflict: reading.id_conflict,
        }
    }

    /// What [`read`](Self::read) says if it gives no event. Costs nothing.
    pub fn verdict_without_event(&self) -> Option<Verdict> {
        let outcome = match &self.capture.stage {
            Stage::Unsent => Outcome::Unsent,
            Stage::Sent if self.capture.operation() == Operation::Read => Outcome::Refused,
            Stage::Answered(answer) if !self.capture.is_success(answer, self.whole) => Outcome::Refused,
            Stage::Sent | Stage::Answered(_) => return None,
        };
        Some(Verdict { outcome, event: None, id_conflict: false })
    }
}

impl Capture {
    fn operation(&self) -> Operation {
        self.matched.route.operation(&self.method)
    }

    /// 2xx is a success; 303 says that the write was done and where its result is (RFC 9110, section 15.4.4).
    /// A read is one only with the full answer: nothing changed, and half of it is nothing to show.
    fn is_success(&self, answer: &Answer, whole: bool) -> bool {
        let status = answer.status;
        match self.operation() {
            Operation::Read => status.as_u16() == 200 && whole,
            Operation::Create | Operation::Update | Operation::Delete => {
                status.is_success() || status.as_u16() == 303
            }
        }
    }

    fn audience(&self) -> Audience {
        match self.matched.route.visibility {
            Visibility::Authenticated => Audience::Authenticated,
            Visibility::Auto if self.credentials => Audience::Authenticated,
            Visibility::Public | Visibility::Auto => Audience::Everyone,
        }
    }

    fn uncertain(&self) -> Reading {
        let id = self.matched.id.as_deref().map(|id| self.matched.route.typed_id(id));
        reference(id, Outcome::Uncertain)
    }

    fn read_answer(&self, answer: Answer, whole: bool, routes: &Routes) -> Reading {
        let route = &self.matched.route;
        let target = Target { path: &self.path, hosts: &self.hosts };
        let url_id = self.matched.id.clone().or_else(|| answer.references.id(&self.matched, routes, target));
        let full = answer.references.is_target(target)
            || answer.preference.as_deref().is_some_and(|p| p.contains("return=representation"));
        let partial = answer.status.as_u16() == 206 || (self.method == Method::PATCH && !full);

        let document = match self.document(answer, whole) {
            Ok(document) => document,
            Err(outcome) => return self.without_record(url_id.as_deref(), outcome),
        };
        let Some(root) = std::str::from_utf8(&document).ok().and_then(json::parse) else {
            return self.without_record(url_id.as_deref(), Outcome::Undecodable);
        };
        let source = Source { route, document: &document, partial };
        let is_collection = self.matched.id.is_none();
        // Whatever the answer to the deletion of one record lists, it was not all deleted.
        let may_be_list = is_collection || self.operation() != Operation::Delete;
        let list = may_be_list.then(|| source.list(root, is_collection, self.operation())).flatten();
        if let Some(reading) = list {
            return reading;
        }
        source.single(root, url_id.as_deref(), self.operation())
    }

    /// An event that says only what changed. To tell of a deletion, nothing else is needed.
    fn without_record(&self, url_id: Option<&str>, outcome: Outcome) -> Reading {
        let (id, _) = identify::of_record(&self.matched.route, url_id, None);
        let told = self.operation() == Operation::Delete && outcome == Outcome::NoRecord;
        reference(id, if told { Outcome::Event } else { outcome })
    }

    /// The answer's text, or the outcome that its absence means.
    fn document(&self, answer: Answer, whole: bool) -> Result<Bytes, Outcome> {
        if !answer.readable || answer.body.is_empty() || !whole {
            return Err(Outcome::NoRecord);
        }
        let text = answer.body.decode(&answer.coding, self.limits.decoded).map_err(|why| match why {
            Unreadable::TooLarge => Outcome::TooLarge,
            Unreadable::Undecodable => Outcome::Undecodable,
        })?;
        // Readers ignore the mark, as RFC 8259 (section 8.1) lets them.
        Ok(text.strip_prefix(BYTE_ORDER_MARK).map_or(text.clone(), |rest| text.slice_ref(rest)))
    }
}

/// An event that says only which record changed.
fn reference(id: Option<Json>, outcome: Outcome) -> Reading {
    let item = Item { id, record: None, partial: false };
    Reading { outcome, many: false, items: vec![item], id_conflict: false }
}

/// A readable answer.
struct Source<'a> {
    route: &'a Route,
    document: &'a Bytes,
    partial: bool,
}

impl Source<'_> {
    /// The records of an answer that is a list: at `list` for a collection, or as the record itself.
    fn list(&self, root: &RawValue, is_collection: bool, operation: Operation) -> Option<Reading> {
        let listed = is_collection.then(|| json::find(root, &self.route.list)).flatten();
        let listed = listed.filter(|value| json::is_array(value));
        let list =
            listed.or_else(|| json::find(root, &self.route.record).filter(|value| json::is_array(value)))?;
        let Some(elements) = json::elements(list) else {
            return Some(reference(None, Outcome::TooLarge));
        };
        let item = |element: &RawValue| {
            let (id, _) = identify::of_record(self.route, None, Some(element));
            let record = self.record(element, operation);
            Item { partial: record.is_some() && (self.partial || id.is_none()), record, id }
        };
        let items = elements.into_iter().map(item).collect();
        Some(Reading { outcome: Outcome::Event, many: true, items, id_conflict: false })
    }

    fn single(&self, root: &RawValue, url_id: Option<&str>, operation: Operation) -> Reading {
        let value = json::find(root, &self.route.record).filter(|value| value.get() != "null");
        let (id, id_conflict) = identify::of_record(self.route, url_id, value);
        let has_id = value.is_some_and(|value| identify::in_record(self.route, value).is_some());
        let record = value.and_then(|value| self.record(value, operation));
        let told = record.is_some() || operation == Operation::Delete;
        let partial = record.is_some() && (self.partial || !has_id);
        Reading {
            outcome: if told { Outcome::Event } else { Outcome::NoRecord },
            many: false,
            items: vec![Item { id, record, partial }],
            id_conflict,
        }
    }

    /// What readers get of a record: nothing once it is deleted, and only the allowed fields.
    fn record(&self, value: &RawValue, operation: Operation) -> Option<Json> {
        if operation == Operation::Delete {
            return None;
        }
        if self.route.fields.is_empty() {
            return Some(Json::slice_of(self.document, value));
        }
        json::only_fields(value, &self.route.fields).map(Json::from_valid)
    }
}
