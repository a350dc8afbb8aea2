//! What clients see of the backend before they follow it: a GET of each topic with their own credentials, and then what
//! came to it since, of each record the last write alone ([`Pick::Latest`]).
//!
//! The position is taken before the backend is asked. So an event may tell what the snapshot holds already, and never
//! the other way: whoever takes each event for the newer state ends with what the backend has.

use std::fmt;
use std::sync::Arc;
use std::vec::IntoIter;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request};
use serde_json::Value;

use super::Conversation;
use super::listener::{Listener, value};
use super::options::{Options, forward_headers};
use crate::event::{Json, Position, Topic};
use crate::message::{
    Ack, Answer, Call, Command, Frame, Message, Now, Pick, Returned, Turn, Upstream, UpstreamError,
};
use crate::query::Resources;

/// Why there is none.
const OFF: &str = "this endpoint has no snapshots";
pub(super) const UNKNOWN: &str = "no route says where the backend has what this topic is about";

/// What the clients of an endpoint may see.
#[derive(Debug, Default)]
pub(super) struct Snapshots(Option<Shown>);

#[derive(Debug)]
struct Shown {
    resources: Arc<Resources>,
    headers: Vec<HeaderName>,
}

impl Snapshots {
    /// Option `snapshots`, and `forward_headers` of whoever sets it.
    pub(super) fn read(options: &dyn Options) -> Self {
        let headers = forward_headers(options);
        let is_on = options.flag("snapshots", false);
        if !is_on && !headers.is_empty() {
            options.report(
                "forward_headers",
                "needs snapshots = true: else the backend is not asked".to_owned(),
            );
        }
        Self(is_on.then(|| Shown { resources: options.resources(), headers }))
    }

    /// As [`Dialect::calls`](super::Dialect::calls) has it.
    pub(super) fn calls(&self) -> Option<&[HeaderName]> {
        self.0.as_ref().map(|shown| &*shown.headers)
    }

    /// What is wrong with a handshake that asks for these; for clients.
    pub(super) fn fault(&self, request: &request::Parts, topics: &[Topic]) -> Option<&'static str> {
        if !is_wanted(request) {
            return None;
        }
        topics.iter().find_map(|topic| self.call(topic).err())
    }

    /// Asks the backend what there is of a topic.
    ///
    /// # Errors
    /// Why there is no snapshot; for clients.
    pub(super) fn call(&self, topic: &Topic) -> Result<Call, &'static str> {
        let Shown { resources, .. } = self.0.as_ref().ok_or(OFF)?;
        let target = path(resources, topic).ok_or(UNKNOWN)?;
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::ACCEPT, json)]);
        Ok(Call::Upstream(Upstream { method: Method::GET, target, headers, body: Bytes::new() }))
    }
}

fn path(resources: &Resources, topic: &Topic) -> Option<String> {
    match topic.name().split_once('/') {
        Some((model, id)) => resources.path(model, Some(id)),
        None => resources.path(topic.name(), None),
    }
}

/// Whether a client wants to see what there is before it follows it. One that says what it got last has seen it.
pub(super) fn is_wanted(request: &request::Parts) -> bool {
    let wanted = value(request.uri.query().unwrap_or_default(), "snapshot");
    wanted.is_some_and(|word| matches!(word.as_str(), "" | "1" | "true"))
}

/// How a dialect says it.
pub(super) type Words = fn(&str) -> Frame;
/// The answer to the subscription, by the position from which the client is to hear what follows.
pub(super) type MakeAck = Box<dyn FnOnce(Option<Position>) -> Ack + Send>;

/// A client that is shown its topics, one after the other, before it is subscribed to them.
pub(super) struct Showing {
    snapshots: Arc<Snapshots>,
    current: Topic,
    left: IntoIter<Topic>,
    /// As of the first: whatever came to any topic behind it follows.
    since: Option<Position>,
    commands: Vec<Command>,
    words: Words,
    ack: Option<MakeAck>,
}

impl Showing {
    /// Asks for the first topic. Without one nothing is to be shown.
    pub(super) fn open(
        snapshots: &Arc<Snapshots>,
        topics: Vec<Topic>,
        (words, ack): (Words, MakeAck),
        turn: &mut Turn,
    ) -> Box<dyn Conversation> {
        let commands = std::mem::take(&mut turn.commands);
        let mut left = topics.into_iter();
        let Some(current) = left.next() else { return Box::new(Listener) };
        // A handshake at fault does not come so far.
        turn.call = snapshots.call(&current).ok();
        let (snapshots, ack) = (Arc::clone(snapshots), Some(ack));
        Box::new(Self { snapshots, current, left, since: None, commands, words, ack })
    }

    /// Everything is shown, as far as it could be: what came meanwhile follows, and then what comes.
    fn follow(&mut self, turn: &mut Turn) {
        turn.commands = std::mem::take(&mut self.commands);
        (turn.since, turn.pick) = (self.since, Pick::Latest);
        turn.ack = self.ack.take().map(|ack| ack(self.since));
    }
}

impl Conversation for Showing {
    /// As with any [`Listener`].
    fn receive(&mut self, _: Message, _: Now, _: &mut Turn) {}

    fn returned(&mut self, returned: Returned, _: Now, turn: &mut Turn) {
        let Returned::Upstream(answer) = returned else { return };
        let said = said(&self.current, &answer);
        self.since = self.since.or_else(|| position(&answer));
        turn.frames.push((self.words)(&said));
        match self.left.next() {
            Some(next) => {
                turn.call = self.snapshots.call(&next).ok();
                self.current = next;
            }
            None => self.follow(turn),
        }
    }
}

impl fmt::Debug for Showing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Showing")
            .field("current", &self.current)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// From where on what was shown is to be followed.
pub(super) fn position(answer: &Result<Answer, UpstreamError>) -> Option<Position> {
    answer.as_ref().ok()?.position()
}

/// What there is of a topic, or why that is not known: a JSON object.
pub(super) fn said(topic: &Topic, answer: &Result<Answer, UpstreamError>) -> String {
    let topic = Value::from(topic.name());
    let (status, shown) = match answer {
        Ok(answer) => (format!(r#","status":{}"#, answer.status.as_u16()), shown(answer)),
        Err(error) => (String::new(), Err(error.to_string())),
    };
    match shown {
        Ok((data, position)) => {
            format!(r#"{{"snapshot":{topic}{status},"data":{data}{}}}"#, position.member())
        }
        Err(error) => format!(r#"{{"snapshot":{topic}{status},"error":{}}}"#, Value::from(error)),
    }
}

/// What is not there is nothing. What is kept from this client is an error, and so is whatever else the backend says.
fn shown(answer: &Answer) -> Result<(String, Position), String> {
    let is_gone = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE);
    if !answer.status.is_success() && !is_gone {
        return Err(format!("the backend answered with status {}", answer.status.as_u16()));
    }
    let position = answer.position().ok_or("from where on it may be followed is not known")?;
    if is_gone {
        return Ok(("null".to_owned(), position));
    }
    let body = std::str::from_utf8(&answer.body).ok().and_then(Json::parse);
    let body = body.ok_or("the backend's answer is no JSON")?;
    Ok((body.as_str().to_owned(), position))
}
