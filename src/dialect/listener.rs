//! A connection that only listens: one topic, chosen by the query of its handshake. Who says there what it
//! [got last](Turn::since) gets an answer, and what it missed; others hear nothing but events.

use std::sync::Arc;

use http::request;
use percent_encoding::percent_decode_str;

use serde_json::Value;

use super::Conversation;
use super::snapshot::{self, Showing, Snapshots};
use crate::event::{Position, Topic};
use crate::message::{Ack, Caught, Command, Frame, Message, Now, Turn};

/// A longer topic is no model and no record: its reader gets nothing, and it costs nothing.
pub(super) const MAX_TOPIC_BYTES: usize = 512;

#[derive(Debug)]
pub(super) struct Listener;

impl Listener {
    /// Subscribes to what the first `topic` of the query names (`protocols.md`, section 1.1).
    pub(super) fn open(
        request: &request::Parts,
        snapshots: &Arc<Snapshots>,
        turn: &mut Turn,
    ) -> Box<dyn Conversation> {
        let query = request.uri.query().unwrap_or_default();
        let name = value(query, "topic").unwrap_or_default();
        if name.len() > MAX_TOPIC_BYTES || name.contains(char::is_control) {
            return Box::new(Self);
        }
        turn.commands.push(Command::subscribe(Topic::parse(&name)));
        let since = value(query, "since");
        let last = since.as_deref().filter(|since| !since.is_empty()).map(Position::read);
        if last.is_none() && snapshot::is_wanted(request) {
            let topics = vec![Topic::parse(&name)];
            let ack = Box::new(|_| Ack::new(move |caught| answer(&name, caught)));
            return Showing::open(snapshots, topics, (Frame::text, ack), turn);
        }
        if since.is_some() {
            turn.since = last;
            turn.ack = Some(Ack::new(move |caught| answer(&name, caught)));
        }
        Box::new(Self)
    }

    /// What is wrong with a handshake; for clients.
    pub(super) fn fault(request: &request::Parts, snapshots: &Snapshots) -> Option<&'static str> {
        let name = value(request.uri.query().unwrap_or_default(), "topic").unwrap_or_default();
        snapshots.fault(request, &[Topic::parse(&name)])
    }
}

fn answer(topic: &str, caught: &Caught) -> Frame {
    Frame::text(&format!(r#"{{"subscribed":{}{}}}"#, Value::from(topic), caught.members()))
}

/// The first parameter of that name in a query string; empty where it has no value.
pub(super) fn value(query: &str, name: &str) -> Option<String> {
    values(query, name).next()
}

/// All of them.
pub(super) fn values<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = String> + Clone + 'a {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let values = pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value);
    values.map(|value| percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}

impl Conversation for Listener {
    /// Nothing is defined for clients to send: read and forgotten.
    fn receive(&mut self, _: Message, _: Now, _: &mut Turn) {}
}
