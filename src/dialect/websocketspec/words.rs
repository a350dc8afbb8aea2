//! What is said to clients: one JSON object in each frame.

use std::time::SystemTime;

use serde_json::Value;
use uuid::Uuid;

use super::fault::Fault;
use super::wanted::Name;
use crate::event::{Event, Json};
use crate::message::{Frame, Halves};
use crate::time::utc;

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// JSON.
    pub(super) data: String,
    /// The inside of a JSON object.
    pub(super) metadata: Option<String>,
}

impl Done {
    pub(super) fn new(data: String) -> Self {
        Self { data, metadata: None }
    }
}

pub(super) fn response(id: &Json, outcome: &Result<Done, Fault>, time: SystemTime) -> Frame {
    let (id, time) = (id.as_str(), utc(time));
    let (success, outcome) = match outcome {
        Ok(Done { data, metadata: None }) => (true, format!(r#""data":{data}"#)),
        Ok(Done { data, metadata: Some(metadata) }) => {
            (true, format!(r#""data":{data},"metadata":{{{metadata}}}"#))
        }
        Err(fault) => (false, format!(r#""error":{}"#, error(fault))),
    };
    Frame::text(&format!(
        r#"{{"id":{id},"type":"response","success":{success},{outcome},"timestamp":"{time}"}}"#
    ))
}

fn error(fault: &Fault) -> String {
    let (code, message) = (fault.code(), Value::from(fault.to_string()));
    let details =
        fault.details().map_or_else(String::new, |details| format!(r#","details":{}"#, details.as_str()));
    format!(r#"{{"code":"{code}","message":{message}{details}}}"#)
}

pub(super) fn pong(id: &Json, time: SystemTime) -> Frame {
    Frame::text(&format!(r#"{{"id":{},"type":"pong","timestamp":"{}"}}"#, id.as_str(), utc(time)))
}

/// Which subscription it is: the inside of its answer's data.
pub(super) fn subscription(id: Uuid, schema: &str, entity: &str) -> String {
    let (schema, entity) = (Value::from(schema), Value::from(entity));
    format!(r#""subscription_id":"{id}","schema":{schema},"entity":{entity}"#)
}

/// The same in its notifications. A notification is JSON without it too, for whoever has no subscription.
pub(super) fn tag(subscription: &str) -> String {
    format!("{subscription},")
}

pub(super) fn unsubscribed(id: &str) -> Done {
    Done::new(format!(r#"{{"unsubscribed":true,"subscription_id":{}}}"#, Value::from(id)))
}

/// What an entity's records look like.
pub(super) fn meta(of: &Name, schema: &str, columns: &[String], key: &str) -> Done {
    let schema = Value::from(of.schema.as_deref().unwrap_or(schema));
    let (entity, columns, key) = (Value::from(of.entity.as_str()), Value::from(columns), Value::from(key));
    Done::new(format!(
        r#"{{"schema":{schema},"entity":{entity},"table_name":{entity},"columns":{columns},"primary_key":{key}}}"#
    ))
}

/// Around the [`tag`] of each subscription.
pub(super) fn notification(event: &Event, data: &str) -> Halves {
    let (operation, time) = (event.operation.name(), utc(event.time));
    Halves {
        before: format!(r#"{{"type":"notification","operation":"{operation}","#).into(),
        behind: format!(r#""data":{data},"timestamp":"{time}"}}"#).into(),
    }
}
