//! Packets of Socket.IO 5 (`protocols.md`, section 4.1.3), as they stand in a message of Engine.IO:
//! `<type>[<attachments>-][<namespace>,][<ack id>][JSON]`.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::message::Frame;

/// Begins each Engine.IO packet that carries one of ours.
const MESSAGE: char = '4';
/// The namespace that packets do not name.
pub(super) const MAIN: &str = "/";
/// Longer names of namespaces are none that anybody has.
const MAX_NAMESPACE_BYTES: usize = 256;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
    /// An event with attachments; when all of them have come it is an [`Event`](Self::Event).
    BinaryEvent,
    /// The same of an ack.
    BinaryAck,
}

const KINDS: [Kind; 7] = [
    Kind::Connect,
    Kind::Disconnect,
    Kind::Event,
    Kind::Ack,
    Kind::ConnectError,
    Kind::BinaryEvent,
    Kind::BinaryAck,
];

impl Kind {
    fn digit(self) -> char {
        let at = KINDS.iter().position(|kind| *kind == self).unwrap_or_default();
        char::from(b'0' + u8::try_from(at).unwrap_or_default())
    }
}

/// A packet as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) kind: Kind,
    /// Binary messages that belong to it and come behind it.
    pub(super) attachments: usize,
    pub(super) namespace: &'a str,
    /// By which its answer is known.
    pub(super) ack: Option<u64>,
    /// What stands behind all of this: JSON, or nothing. Not looked at yet.
    pub(super) data: &'a str,
}

impl<'a> Packet<'a> {
    /// `None`: it is none, and whoever sent it speaks something else.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let first = text.bytes().next()?.checked_sub(b'0')?;
        let kind = *KINDS.get(usize::from(first))?;
        let mut rest = text.get(1..)?;
        let mut attachments = 0;
        if matches!(kind, Kind::BinaryEvent | Kind::BinaryAck) {
            let (count, behind) = rest.split_once('-')?;
            (attachments, rest) = (number(count).and_then(|count| usize::try_from(count).ok())?, behind);
        }
        let mut namespace = MAIN;
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
            // Some clients put what belongs to the handshake behind the name.
            namespace = namespace.split_once('?').map_or(namespace, |(name, _)| name);
        }
        if namespace.len() > MAX_NAMESPACE_BYTES {
            return None;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, data) = rest.split_at_checked(digits)?;
        let ack = if id.is_empty() { None } else { Some(number(id)?) };
        Some(Self { kind, attachments, namespace, ack, data })
    }

    /// The name of an event, and its arguments; `None`: it has none.
    pub(super) fn event(&self) -> Option<(String, Vec<&'a RawValue>)> {
        let mut arguments: Vec<&RawValue> = serde_json::from_str(self.data).ok()?;
        if arguments.is_empty() {
            return None;
        }
        let name = serde_json::from_str::<String>(arguments.remove(0).get()).ok()?;
        Some((name, arguments))
    }
}

fn number(digits: &str) -> Option<u64> {
    // Not "+1", which parses too.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Writes packets for one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writer {
    /// `/admin,`; empty for the main one.
    prefix: Box<str>,
}

impl Writer {
    pub(super) fn new(namespace: &str) -> Self {
        let prefix = if namespace == MAIN { String::new() } else { format!("{namespace},") };
        Self { prefix: prefix.into() }
    }

    fn packet(&self, kind: Kind, ack: Option<u64>, data: &str) -> String {
        let mut text = String::with_capacity(self.prefix.len() + data.len() + 8);
        text.extend([MESSAGE, kind.digit()]);
        text.push_str(&self.prefix);
        text.extend(ack.map(|ack| ack.to_string()));
        text.push_str(data);
        text
    }

    /// The client is in.
    pub(super) fn connected(&self, sid: &str, pid: Option<&str>) -> Frame {
        let pid = pid.map_or_else(String::new, |pid| format!(r#","pid":"{pid}""#));
        Frame::text(&self.packet(Kind::Connect, None, &format!(r#"{{"sid":"{sid}"{pid}}}"#)))
    }

    /// The client may not come in; `data`: an object, or `null`.
    pub(super) fn refused(&self, message: &str, code: &str) -> Frame {
        let (message, code) = (quoted(message), quoted(code));
        let data = format!(r#"{{"message":{message},"data":{{"code":{code}}}}}"#);
        Frame::text(&self.packet(Kind::ConnectError, None, &data))
    }

    /// The client is out, and does not come back by itself.
    pub(super) fn disconnected(&self) -> Frame {
        Frame::text(&self.packet(Kind::Disconnect, None, ""))
    }

    /// An event; `arguments`: JSON values with commas between, or nothing.
    pub(super) fn event(&self, name: &str, arguments: &str, ack: Option<u64>) -> Frame {
        Frame::text(&self.packet(Kind::Event, ack, &array(&quoted(name), arguments)))
    }

    /// The answer to an event; `arguments` as for that.
    pub(super) fn ack(&self, id: u64, arguments: &str) -> Frame {
        Frame::text(&self.packet(Kind::Ack, Some(id), &format!("[{arguments}]")))
    }

    /// An event with attachments, which stand in its arguments as placeholders.
    pub(super) fn binary_event(
        &self,
        name: &str,
        arguments: &str,
        ack: Option<u64>,
        attachments: &[Bytes],
    ) -> Frame {
        let mut text = format!("{MESSAGE}{}{}-", Kind::BinaryEvent.digit(), attachments.len());
        text.push_str(&self.prefix);
        text.extend(ack.map(|ack| ack.to_string()));
        text.push_str(&array(&quoted(name), arguments));
        Frame::with_attachments(&text, attachments)
    }
}

fn array(name: &str, arguments: &str) -> String {
    if arguments.is_empty() { format!("[{name}]") } else { format!("[{name},{arguments}]") }
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
