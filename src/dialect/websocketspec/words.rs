//! What is said to clients: one JSON object in each frame.

use std::time::SystemTime;

use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::fault::Fault;
use super::wanted::Name;
use crate::event::Json;
use crate::message::{Frame, Halves, Publication};
use crate::time::utc;

/// Of what went wrong, so many characters are told. The backend may say it at length, and once more in the details.
const MAX_MESSAGE: usize = 1000;

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// JSON.
    pub(super) data: String,
    pub(super) metadata: Option<Numbers>,
}

/// How many records there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    /// In all, as far as that is known.
    pub(super) total: Option<u64>,
    /// In the answer, if it is a list.
    pub(super) count: Option<u64>,
}

impl Numbers {
    /// One more member of a JSON object.
    fn member(self) -> String {
        match (self.total, self.count) {
            (Some(total), Some(count)) => format!(r#","metadata":{{"total":{total},"count":{count}}}"#),
            (Some(total), None) => format!(r#","metadata":{{"total":{total}}}"#),
            (None, Some(count)) => format!(r#","metadata":{{"count":{count}}}"#),
            (None, None) => r#","metadata":{}"#.to_owned(),
        }
    }
}

impl Done {
    pub(super) fn new(data: String) -> Self {
        Self { data, metadata: None }
    }

    /// Puts further members, each with a comma before it, into what is an object with some.
    pub(super) fn add(&mut self, members: &str) {
        if self.data.len() > 2 && self.data.starts_with('{') && self.data.ends_with('}') {
            self.data.insert_str(self.data.len() - 1, members);
        }
    }

    /// Says something else. How many records there were is not told of a list that has become another one.
    pub(super) fn replace(&mut self, result: &Json) {
        result.as_str().clone_into(&mut self.data);
        if let Some(numbers) = &mut self.metadata
            && numbers.count.is_some()
        {
            let list: Option<Vec<&RawValue>> = serde_json::from_str(result.as_str()).ok();
            let count = list.map(|list| list.len() as u64);
            numbers.total = numbers.total.filter(|_| count == numbers.count);
            numbers.count = count;
        }
    }
}

pub(super) fn response(id: &Json, outcome: &Result<Done, Fault>, time: SystemTime) -> Frame {
    let (error, numbers);
    let (is_success, outcome, metadata) = match outcome {
        Ok(Done { data, metadata }) => {
            numbers = metadata.map_or_else(String::new, Numbers::member);
            (r#"true,"data":"#, data, numbers.as_str())
        }
        Err(fault) => {
            error = self::error(fault);
            (r#"false,"error":"#, &error, "")
        }
    };
    Frame::text(
        &[
            r#"{"id":"#,
            id.as_str(),
            r#","type":"response","success":"#,
            is_success,
            outcome,
            metadata,
            r#","timestamp":""#,
            &utc(time),
            r#""}"#,
        ]
        .concat(),
    )
}

fn error(fault: &Fault) -> String {
    let text: String = fault.to_string().chars().take(MAX_MESSAGE).collect();
    let (code, message) = (fault.code(), Value::from(text));
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
pub(super) fn meta(of: &Name, schema: &str, columns: &[&str], key: &str) -> Done {
    let schema = Value::from(of.schema.as_deref().unwrap_or(schema));
    let (entity, columns, key) =
        (Value::from(of.entity.as_str()), Value::from(columns.to_vec()), Value::from(key));
    Done::new(format!(
        r#"{{"schema":{schema},"entity":{entity},"table_name":{entity},"columns":{columns},"primary_key":{key}}}"#
    ))
}

/// Around the [`tag`] of each subscription.
pub(super) fn notification(publication: &Publication, place: usize, data: &str) -> Halves {
    let (event, position) = (&publication.event, publication.position_of(place).member());
    let (operation, time) = (event.operation.name(), utc(event.time));
    Halves {
        before: format!(r#"{{"type":"notification","operation":"{operation}","#).into(),
        behind: format!(r#""data":{data},"timestamp":"{time}"{position}}}"#).into(),
    }
}
