//! What clients say: a JSON object with an `action`, in any case of letters.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::fault::Fault;
use crate::event::{Json, Position};
use crate::message::Message;

/// Bytes of a collection's name. No model has a longer one.
const MAX_NAME_BYTES: usize = 128;
/// Bytes of a filter's JSON text.
pub(super) const MAX_FILTER_BYTES: usize = 4096;
/// Of an action that is not known, so many characters are repeated to the client.
const SHOWN_CHARS: usize = 100;

/// What a client wants.
#[derive(Debug)]
pub(super) enum Action {
    /// Events of a collection that match the filter, `None`: all of them; also those behind what it got last, or behind
    /// a snapshot that it is shown first.
    Subscribe { collection: String, filter: Option<Json>, since: Option<Position>, snapshot: bool },
    /// No more of them.
    Unsubscribe(String),
    /// To be the bearer of this token.
    Auth(String),
    /// An answer.
    Ping,
    /// Nothing: it is alive.
    Pong,
}

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

impl Action {
    /// Reads a message.
    ///
    /// # Errors
    /// What the client is told.
    pub(super) fn read(message: &Message) -> Result<Self, Fault> {
        let Message::Text(text) = message else { return Err(Fault::NotJson) };
        let value: &RawValue = serde_json::from_str(text).ok().ok_or(Fault::NotJson)?;
        let fields: Fields<'_> = serde_json::from_str(value.get()).ok().ok_or(Fault::NotAnObject)?;
        let action = fields.get("action").map_or_else(String::new, |value| action(value));
        match action.as_str() {
            "subscribe" => subscribe(&fields),
            "unsubscribe" => {
                name(&fields, "collection").map(Self::Unsubscribe).ok_or(Fault::NothingToUnsubscribe)
            }
            "auth" => name(&fields, "token").map(Self::Auth).ok_or(Fault::NoToken),
            "ping" => Ok(Self::Ping),
            "pong" => Ok(Self::Pong),
            _ => Err(Fault::UnknownAction(action.chars().take(SHOWN_CHARS).collect())),
        }
    }
}

/// In lower case; what is no text, as it stands there.
fn action(value: &RawValue) -> String {
    let text: Option<String> = serde_json::from_str(value.get()).ok();
    text.map_or_else(|| value.get().to_owned(), |text| text.to_lowercase())
}

fn subscribe(fields: &Fields<'_>) -> Result<Action, Fault> {
    let collection = name(fields, "collection").ok_or(Fault::NothingToSubscribe)?;
    if collection.len() > MAX_NAME_BYTES {
        return Err(Fault::LongName);
    }
    let filter = fields.get("filter").map(|value| value.get()).filter(|text| *text != "null");
    if filter.is_some_and(|text| !text.starts_with('{')) {
        return Err(Fault::FilterIsNoObject);
    }
    if filter.is_some_and(|text| text.len() > MAX_FILTER_BYTES) {
        return Err(Fault::LargeFilter);
    }
    let is_said = |text: &&str| !matches!(*text, "null" | r#""""#);
    let since = fields.get("since").map(|value| value.get()).filter(is_said);
    // What is no text is no position, and that is said where a position is of no epoch.
    let since = since.map(|text| Position::read(&serde_json::from_str::<String>(text).unwrap_or_default()));
    let snapshot = since.is_none() && fields.get("snapshot").is_some_and(|value| value.get() == "true");
    Ok(Action::Subscribe { collection, filter: filter.and_then(Json::parse), since, snapshot })
}

/// A text that is not empty.
fn name(fields: &Fields<'_>, key: &str) -> Option<String> {
    let text: String = serde_json::from_str(fields.get(key)?.get()).ok()?;
    Some(text).filter(|text| !text.is_empty())
}
