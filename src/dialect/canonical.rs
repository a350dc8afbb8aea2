//! Dialect `canonical`: restcast's own. An event whole, as `event.rs` has it, so that a program can tell how
//! much is proven and what is in doubt; the other dialects have no words for that.

use std::time::UNIX_EPOCH;

use http::request;
use serde_json::Value;

use super::listener::Listener;
use super::{Conversation, Dialect};
use crate::event::{Item, Json};
use crate::message::{Encode, Frame, Publication, Turn};

#[derive(Debug)]
pub(super) struct Canonical;

impl Dialect for Canonical {
    fn open(&self, request: &request::Parts, turn: &mut Turn) -> Box<dyn Conversation> {
        Listener::open(request, turn)
    }
}

impl Encode for Canonical {
    fn encode(&self, publication: &Publication) -> Option<Frame> {
        let event = &publication.event;
        let millis = event.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let items: Vec<String> = event.items.iter().map(item).collect();
        let status = event.http.status.map_or_else(|| "null".to_owned(), |status| status.to_string());
        Some(Frame::text(&format!(
            r#"{{"event":"{}","time":{millis},"model":{},"operation":"{}","action":{},"outcome":"{}","overlapping":{},"many":{},"items":[{}],"http":{{"method":"{}","path":{},"status":{status}}}}}"#,
            event.id,
            Value::from(&*event.model),
            event.operation.name(),
            event.action.as_deref().map_or(Value::Null, Value::from),
            event.outcome.name(),
            event.overlapping,
            event.many,
            items.join(","),
            event.http.method,
            Value::from(event.http.path.as_str()),
        )))
    }
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
