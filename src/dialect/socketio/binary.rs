//! Attachments: bytes in an event, which JSON cannot hold. Inside restcast, and for webhooks and programs, each
//! stands in the JSON as `{"$binary":"<base64>"}`; on the wire as a placeholder and a message of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::packet::{Kind, Packet, Writer};
use crate::message::{Frame, Message};

/// What stands for bytes in JSON.
const KEY: &str = "$binary";
/// What stands for them on the wire.
const PLACEHOLDER: &str = "_placeholder";
/// Of one event.
pub(super) const MAX_ATTACHMENTS: usize = 16;

/// A packet of which attachments are missing.
#[derive(Debug, Default)]
pub(super) struct Attachments(Option<Box<(String, usize, Vec<Bytes>)>>);

impl Attachments {
    /// A packet with all that belongs to it, if this message was the last of it.
    pub(super) fn take(&mut self, message: Message) -> Option<(String, Vec<Bytes>)> {
        match message {
            Message::Text(text) => {
                let missing = missing(&text);
                if missing == 0 {
                    return Some((text, Vec::new()));
                }
                self.0 = Some(Box::new((text, missing, Vec::new())));
            }
            Message::Binary(bytes) => {
                let (_, missing, come) = &mut **self.0.as_mut()?;
                come.push(bytes);
                if come.len() == *missing {
                    let (text, _, come) = *self.0.take()?;
                    return Some((text, come));
                }
            }
        }
        None
    }
}

fn missing(text: &str) -> usize {
    let packet =
        Packet::parse(text).filter(|packet| matches!(packet.kind, Kind::BinaryEvent | Kind::BinaryAck));
    packet.map_or(0, |packet| packet.attachments)
}

/// The value with bytes in the place of placeholders.
pub(super) fn inlined(value: Value, attachments: &[Bytes]) -> Value {
    if attachments.is_empty() {
        return value;
    }
    match value {
        Value::Array(values) => values.into_iter().map(|value| inlined(value, attachments)).collect(),
        Value::Object(members) => placeholder(&members, attachments).unwrap_or_else(|| {
            members.into_iter().map(|(name, value)| (name, inlined(value, attachments))).collect()
        }),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
    }
}

fn placeholder(members: &Map<String, Value>, attachments: &[Bytes]) -> Option<Value> {
    members.get(PLACEHOLDER).filter(|is| **is == Value::Bool(true))?;
    let number = usize::try_from(members.get("num")?.as_u64()?).ok()?;
    Some(json!({ KEY: STANDARD.encode(attachments.get(number)?) }))
}

/// An event with one argument, in which bytes may stand; `offset`: what is said behind it.
pub(super) fn event(writer: &Writer, name: &str, (data, offset): (&str, &str), ack: Option<u64>) -> Frame {
    if data.contains(KEY)
        && let Ok(value) = serde_json::from_str::<Value>(data)
    {
        let mut attachments = Vec::new();
        let value = outlined(value, &mut attachments);
        if !attachments.is_empty() {
            return writer.binary_event(name, &format!("{value}{offset}"), ack, &attachments);
        }
    }
    writer.event(name, &format!("{data}{offset}"), ack)
}

/// What any client takes for a placeholder and is none is left out: one that finds no bytes for it breaks off.
fn outlined(value: Value, attachments: &mut Vec<Bytes>) -> Value {
    match value {
        Value::Object(members) if members.contains_key(PLACEHOLDER) => Value::Null,
        Value::Array(values) => values.into_iter().map(|value| outlined(value, attachments)).collect(),
        Value::Object(members) => match bytes(&members).filter(|_| attachments.len() < MAX_ATTACHMENTS) {
            Some(bytes) => {
                attachments.push(bytes);
                json!({PLACEHOLDER: true, "num": attachments.len() - 1})
            }
            None => members.into_iter().map(|(name, value)| (name, outlined(value, attachments))).collect(),
        },
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
    }
}

fn bytes(members: &Map<String, Value>) -> Option<Bytes> {
    STANDARD.decode(base64(members)?.as_str()?).ok().map(Bytes::from)
}

fn base64(members: &Map<String, Value>) -> Option<&Value> {
    members.get(KEY).filter(|_| members.len() == 1)
}

/// Why some of the bytes in this JSON could not be sent as bytes; `None`: all can.
pub(super) fn refusal(data: &str) -> Option<String> {
    if !data.contains(KEY) {
        return None;
    }
    let (mut count, mut is_wrong) = (0, false);
    look(&serde_json::from_str(data).ok()?, &mut |members| {
        count += 1;
        is_wrong |= bytes(members).is_none();
    });
    (is_wrong || count > MAX_ATTACHMENTS).then(|| {
        format!("data: bytes stand as {{\"{KEY}\":\"<base64>\"}}, up to {MAX_ATTACHMENTS} times; something else does")
    })
}

fn look(value: &Value, found: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| look(value, found)),
        Value::Object(members) if base64(members).is_some() => found(members),
        Value::Object(members) => members.values().for_each(|value| look(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
