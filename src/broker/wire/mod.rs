//! Parcels as bytes, for brokers between processes: JSON, so that an operator can read them there. Pure.
//!
//! A reader takes a form that is newer than its own for what it is, an event that it cannot understand, and says so;
//! fields that it does not know are left alone. Records are carried byte by byte.

mod event;
mod push;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Parcel;
use crate::event::Json;
use event::EventForm;
pub(super) use event::nanos;
use push::PushForm;
pub(super) use push::TargetForm;

/// Of this form and all that only add fields to it.
const VERSION: u32 = 1;

/// What one process sends to all, itself included.
#[derive(Debug)]
pub(super) struct Letter {
    /// The process; one that starts anew is another.
    pub(super) node: Uuid,
    /// Counted by it from 1. What comes twice, since its sender never heard that it had arrived, is known by that.
    pub(super) number: u64,
    /// What it says.
    pub(super) content: Content,
    /// By this number the process wants to know how many readers it reaches.
    pub(super) asks: Option<u64>,
}

/// What a letter says.
#[derive(Debug)]
pub(super) enum Content {
    /// Something for readers.
    Parcel(Box<Parcel>),
    /// Events were lost before they were sent: nobody knows what came up to now.
    Lost,
}

/// Why a letter cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is none.
    #[error("not what restcast writes")]
    Syntax(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("in form {0}, which is newer than this process")]
    Newer(u32),
}

impl Letter {
    /// As bytes.
    pub(super) fn write(&self) -> Bytes {
        let Self { node, number, content, asks } = self;
        let (event, push) = match content {
            Content::Parcel(parcel) => match &**parcel {
                Parcel::Event(event) => (Some(EventForm::of(event)), None),
                Parcel::Push(push) => (None, Some(PushForm::of(push))),
            },
            Content::Lost => (None, None),
        };
        let form = Form { v: VERSION, node: *node, number: *number, event, push, asks: *asks };
        // Nothing in it can fail to be written: keys are texts, and numbers are whole.
        Bytes::from(serde_json::to_vec(&form).unwrap_or_default())
    }

    /// From bytes.
    ///
    /// # Errors
    /// They are none, or of a form that is not known here.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        // Letters are large, and read once: only of what is no letter it is asked by whom it may be one.
        let form = serde_json::from_slice(bytes).map_err(|error| unreadable(bytes, error))?;
        let Form { v, node, number, event, push, asks } = form;
        if v > VERSION {
            return Err(Unreadable::Newer(v));
        }
        let content = match (event, push) {
            (Some(event), _) => Content::Parcel(Box::new(Parcel::Event(event.event()))),
            (None, Some(push)) => Content::Parcel(Box::new(Parcel::Push(push.push()))),
            (None, None) => Content::Lost,
        };
        Ok(Self { node, number, content, asks })
    }
}

fn unreadable(bytes: &[u8], error: serde_json::Error) -> Unreadable {
    match serde_json::from_slice(bytes) {
        Ok(Version { v }) if v > VERSION => Unreadable::Newer(v),
        _ => error.into(),
    }
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Form {
    v: u32,
    node: Uuid,
    number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<EventForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    push: Option<PushForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asks: Option<u64>,
}

pub(super) type Raw = Box<RawValue>;

pub(super) fn raw(json: &Json) -> Option<Raw> {
    RawValue::from_string(json.as_str().to_owned()).ok()
}

pub(super) fn json(raw: &RawValue) -> Json {
    Json::from_valid(raw.get().to_owned())
}

#[cfg(test)]
mod tests;
