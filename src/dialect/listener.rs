//! A connection that only listens: one topic, chosen by the query of its handshake.

use http::request;
use percent_encoding::percent_decode_str;

use super::Conversation;
use crate::event::Topic;
use crate::message::{Command, Message, Now, Turn};

/// A longer topic is no model and no record: its reader gets nothing, and it costs nothing.
const MAX_TOPIC_BYTES: usize = 512;

#[derive(Debug)]
pub(super) struct Listener;

impl Listener {
    /// Subscribes to what the first `topic` of the query names (`protocols.md`, section 1.1).
    pub(super) fn open(request: &request::Parts, turn: &mut Turn) -> Box<dyn Conversation> {
        let name = topic(request.uri.query().unwrap_or_default());
        if name.len() <= MAX_TOPIC_BYTES {
            turn.commands.push(Command::subscribe(Topic::parse(&name)));
        }
        Box::new(Self)
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

impl Conversation for Listener {
    /// Nothing is defined for clients to send: read and forgotten.
    fn receive(&mut self, _: Message, _: Now, _: &mut Turn) {}
}
