//! What is said to clients: one JSON object in each frame.

use std::time::SystemTime;

use serde_json::Value;
use uuid::Uuid;

use super::fault::Fault;
use crate::event::Json;
use crate::identity::User;
use crate::message::{Caught, Frame};
use crate::time::iso;

fn frame(kind: &str, data: &str) -> Frame {
    Frame::text(&format!(r#"{{"type":"{kind}","data":{data}}}"#))
}

pub(super) fn connected(connection: Uuid, time: SystemTime) -> Frame {
    frame("connected", &format!(r#"{{"connection_id":"{connection}","server_time":"{}"}}"#, iso(time)))
}

pub(super) fn authenticated(user: &User) -> Frame {
    let (id, email) = (Value::from(user.id.as_str()), Value::from(user.email.as_deref()));
    frame("authenticated", &format!(r#"{{"user_id":{id},"email":{email}}}"#))
}

/// The filter as the client wrote it.
pub(super) fn subscribed(collection: &str, filter: Option<&Json>, caught: &Caught) -> Frame {
    let (collection, filter) = (Value::from(collection), filter.map_or("null", Json::as_str));
    let caught = caught.members();
    frame("subscribed", &format!(r#"{{"collection":{collection},"filter":{filter}{caught}}}"#))
}

/// What there is of a collection, as the object `said`.
pub(super) fn snapshot(said: &str) -> Frame {
    frame("snapshot", said)
}

pub(super) fn unsubscribed(collection: &str) -> Frame {
    frame("unsubscribed", &format!(r#"{{"collection":{}}}"#, Value::from(collection)))
}

/// The time stands in both places: one has it by the manual, the other by the program.
pub(super) fn ping(time: SystemTime) -> Frame {
    let time = iso(time);
    Frame::text(&format!(r#"{{"type":"ping","data":{{"timestamp":"{time}"}},"timestamp":"{time}"}}"#))
}

pub(super) fn pong() -> Frame {
    Frame::text(r#"{"type":"pong"}"#)
}

pub(super) fn error(fault: &Fault) -> Frame {
    frame("error", &format!(r#"{{"message":{}}}"#, Value::from(fault.to_string())))
}
