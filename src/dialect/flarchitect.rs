//! Dialect `flarchitect` (`protocols.md`, section 1): one topic for each connection, chosen by the query;
//! one kind of message; clients have nothing to say.

use std::time::UNIX_EPOCH;

use http::request;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Conversation, Dialect};
use crate::event::{Event, Item, Json, Outcome, Topic};
use crate::message::{Command, Encode, Frame, Message, Publication, Turn};

/// A longer topic is no model and no record: its reader gets nothing, and it costs nothing.
const MAX_TOPIC_BYTES: usize = 512;

#[derive(Debug)]
pub(super) struct Flarchitect;

impl Dialect for Flarchitect {
    fn open(&self, request: &request::Parts, turn: &mut Turn) -> Box<dyn Conversation> {
        let name = topic(request.uri.query().unwrap_or_default());
        if name.len() <= MAX_TOPIC_BYTES {
            turn.commands.push(Command::Subscribe(Topic::parse(&name)));
        }
        Box::new(Listener)
    }
}

/// The first `topic` of a query string; empty without one.
fn topic(query: &str) -> String {
    let value = query.split('&').find_map(|pair| match pair.split_once('=') {
        Some(("topic", value)) => Some(value),
        _ => (pair == "topic").then_some(""),
    });
    percent_decode_str(&value.unwrap_or_default().replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[derive(Debug)]
struct Listener;

impl Conversation for Listener {
    /// Nothing is defined for clients to send: read and forgotten.
    fn receive(&mut self, _: Message, _: &mut Turn) {}
}

impl Encode for Flarchitect {
    /// The dialect has no word for doubt, so an uncertain event is not told.
    fn encode(&self, publication: &Publication) -> Option<Frame> {
        let event = &publication.event;
        if event.outcome == Outcome::Uncertain {
            return None;
        }
        let millis = event.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Some(Frame::text(&format!(
            r#"{{"ts":{millis},"model":{},"method":"{}","id":{},"many":{},"payload":{}}}"#,
            Value::from(event.model.to_lowercase()),
            event.http.method,
            id(event),
            event.many,
            payload(event),
        )))
    }
}

fn id(event: &Event) -> &str {
    match event.items.as_slice() {
        [item] if !event.many => item.id.as_ref().map_or("null", Json::as_str),
        _ => "null",
    }
}

fn payload(event: &Event) -> String {
    let record = |item: &Item| item.record.as_ref().map_or("null", Json::as_str).to_owned();
    if event.many {
        let records: Vec<String> = event.items.iter().map(record).collect();
        return format!("[{}]", records.join(","));
    }
    event.items.first().map_or_else(|| "null".to_owned(), record)
}
