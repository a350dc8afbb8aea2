//! Dialect `canonical`: restcast's own. An event whole, as `event.rs` has it, so that a program can tell how
//! much is proven and what is in doubt; the other dialects have no words for that.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use http::{HeaderName, request};
use serde_json::Value;

use super::listener::Listener;
use super::snapshot::Snapshots;
use super::{Conversation, Dialect, Opening};
use crate::event::{Exchange, Item, Json};
use crate::message::{Encode, Frame, Publication, Rendering, Turn};

#[derive(Debug, Default)]
pub(super) struct Canonical(pub(super) Arc<Snapshots>);

impl Dialect for Canonical {
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

impl Encode for Canonical {
    fn encode(&self, publication: &Publication) -> Rendering {
        Rendering::Whole(Frame::text(&json(publication)))
    }
}

/// The event whole.
pub(super) fn json(publication: &Publication) -> String {
    let event = &publication.event;
    let millis = event.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let items: Vec<String> = event.items.iter().map(item).collect();
    format!(
        r#"{{"event":"{}","time":{millis},"origin":"{}","model":{},"operation":"{}","action":{},"outcome":"{}","overlapping":{},"many":{},"items":[{}],"http":{}{}}}"#,
        event.id,
        event.origin.name(),
        Value::from(&*event.model),
        event.operation.name(),
        event.action.as_deref().map_or(Value::Null, Value::from),
        event.outcome.name(),
        event.overlapping,
        event.many,
        items.join(","),
        event.http.as_ref().map_or_else(|| "null".to_owned(), http),
        publication.position.member(),
    )
}

fn http(exchange: &Exchange) -> String {
    let status = exchange.status.map_or_else(|| "null".to_owned(), |status| status.to_string());
    let path = Value::from(exchange.path.as_str());
    format!(r#"{{"method":"{}","path":{path},"status":{status}}}"#, exchange.method)
}

fn item(item: &Item) -> String {
    let text = |json: &Option<Json>| json.as_ref().map_or("null", Json::as_str).to_owned();
    format!(
        r#"{{"id":{},"strength":"{}","record":{}}}"#,
        text(&item.id),
        item.strength().name(),
        text(&item.record)
    )
}
