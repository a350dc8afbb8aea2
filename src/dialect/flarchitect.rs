//! Dialect `flarchitect` (`protocols.md`, section 1): one topic for each connection, chosen by the query;
//! one kind of message; clients have nothing to say.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use http::{HeaderName, request};
use serde_json::Value;

use super::listener::Listener;
use super::snapshot::Snapshots;
use super::{Conversation, Dialect, Opening};
use crate::event::{Event, Item, Json, Operation, Outcome};
use crate::message::{Encode, Frame, Publication, Rendering, Turn};

#[derive(Debug, Default)]
pub(super) struct Flarchitect(pub(super) Arc<Snapshots>);

impl Dialect for Flarchitect {
    fn open(&self, opening: &Opening<'_>, turn: &mut Turn) -> Box<dyn Conversation> {
        Listener::open(opening.request, &self.0, turn)
    }

    fn fault(&self, request: &request::Parts) -> Option<&'static str> {
        Listener::fault(request, &self.0)
    }

    fn calls(&self) -> Option<&[HeaderName]> {
        self.0.calls()
    }
}

impl Encode for Flarchitect {
    /// The dialect has no word for doubt, and none for what is not written, so that is not told.
    fn encode(&self, publication: &Publication) -> Rendering {
        let event = &publication.event;
        let (Outcome::Certain, Some(method)) = (event.outcome, method(event)) else {
            return Rendering::Nothing;
        };
        let millis = event.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Rendering::Whole(Frame::text(&format!(
            r#"{{"ts":{millis},"model":{},"method":"{}","id":{},"many":{},"payload":{}{}}}"#,
            Value::from(event.model.to_lowercase()),
            method,
            id(event),
            event.many,
            payload(event),
            publication.position.member(),
        )))
    }
}

/// The request's method, or the one that the operation would have had.
fn method(event: &Event) -> Option<&str> {
    Some(match (&event.http, event.operation) {
        (Some(exchange), _) => exchange.method.as_str(),
        (None, Operation::Create) => "POST",
        (None, Operation::Update) => "PATCH",
        (None, Operation::Delete) => "DELETE",
        (None, Operation::Read) => "GET",
        (None, Operation::Custom) => return None,
    })
}

fn id(event: &Event) -> &str {
    match event.items.as_slice() {
        [item] if !event.many => item.id.as_ref().map_or("null", Json::as_str),
        _ => "null",
    }
}

/// The record, or a list of them. A list of deleted records is one of their ids: `null` for each, as for a
/// single deletion, would say nothing, since `id` is null for lists.
fn payload(event: &Event) -> String {
    if event.many && event.operation == Operation::Delete {
        let ids = event.items.iter().filter_map(|item| item.id.as_ref());
        let gone: Vec<String> = ids.map(|id| format!(r#"{{"id":{}}}"#, id.as_str())).collect();
        return format!("[{}]", gone.join(","));
    }
    let record = |item: &Item| item.record.as_ref().map_or("null", Json::as_str).to_owned();
    if event.many {
        let records: Vec<String> = event.items.iter().map(record).collect();
        return format!("[{}]", records.join(","));
    }
    event.items.first().map_or_else(|| "null".to_owned(), record)
}
