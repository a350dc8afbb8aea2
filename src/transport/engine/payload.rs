//! Packets of Engine.IO 4 as bodies of HTTP (`protocols.md`, section 4.1.1): joined by 0x1e, binary ones as base64
//! behind a `b`. Pure. Frames for clients are laid out for WebSockets, and taken apart again here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::message::{CloseReason, Message};

const SEPARATOR: u8 = 0x1E;
const CLOSE: &str = "1";
const NOOP: &str = "6";
/// Opcodes of WebSocket frames (RFC 6455, section 5.2).
const TEXT_FRAME: u8 = 0x1;
const BINARY_FRAME: u8 = 0x2;
const CLOSE_FRAME: u8 = 0x8;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// It leaves.
    Close,
    /// It is alive.
    Pong,
    /// A message for the dialect.
    Message(Message),
    /// It goes over to the WebSocket that this comes by.
    Upgrade,
    /// Nothing.
    Noop,
}

/// It is no packet that a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a packet of Engine.IO 4")]
pub struct Unreadable;

impl Packet {
    /// Reads the text of one.
    ///
    /// # Errors
    /// [`Unreadable`], also for those that only servers send.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let rest = || text.get(1..).unwrap_or_default().to_owned();
        match text.as_bytes().first() {
            Some(b'1') => Ok(Self::Close),
            Some(b'3') => Ok(Self::Pong),
            Some(b'4') => Ok(Self::Message(Message::Text(rest()))),
            Some(b'5') => Ok(Self::Upgrade),
            Some(b'6') => Ok(Self::Noop),
            _ => Err(Unreadable),
        }
    }
}

/// The packets of a body, taken from it one by one: all at once, small ones would need many times its room.
#[derive(Debug)]
pub struct Payload(Option<Bytes>);

impl Payload {
    /// # Errors
    /// [`Unreadable`]: one of the packets is none, and the others are worth nothing.
    pub fn read(body: Bytes) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(&body).or(Err(Unreadable))?;
        text.split(char::from(SEPARATOR)).try_for_each(|text| packet(text).map(drop))?;
        Ok(Self(Some(body)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Iterator for Payload {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        let mut first = self.0.take()?;
        if let Some(at) = memchr::memchr(SEPARATOR, &first) {
            self.0 = Some(first.split_off(at + 1));
            first.truncate(at);
        }
        packet(std::str::from_utf8(&first).ok()?).ok()
    }
}

fn packet(text: &str) -> Result<Packet, Unreadable> {
    let Some(encoded) = text.strip_prefix('b') else { return Packet::parse(text) };
    let bytes = STANDARD.decode(encoded).or(Err(Unreadable))?;
    Ok(Packet::Message(Message::Binary(Bytes::from(bytes))))
}

/// The body that says what these frames would; without any, one that says nothing. `None`: that the connection has
/// ended, and the client is to come back. It does where its request fails, and `python-engineio` does not where a
/// packet tells it to close, as it does behind the end of a WebSocket.
pub fn encode(frames: &[Bytes]) -> Option<Bytes> {
    let (mut body, mut is_over) = (Vec::new(), false);
    for wire in frames {
        let mut rest = wire.as_ref();
        while let Some((opcode, payload, behind)) = split(rest) {
            is_over |= opcode == CLOSE_FRAME && comes_back(payload);
            put(&mut body, opcode, payload);
            rest = behind;
        }
    }
    if body.is_empty() && !is_over {
        body.extend_from_slice(NOOP.as_bytes());
    }
    (!body.is_empty()).then(|| Bytes::from(body))
}

/// Whether the client did nothing that ended it.
fn comes_back(payload: &[u8]) -> bool {
    let code = payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
    [CloseReason::GoingAway, CloseReason::Overflow].iter().any(|reason| code == Some(reason.code()))
}

fn put(body: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    match opcode {
        TEXT_FRAME | BINARY_FRAME => {}
        CLOSE_FRAME if !comes_back(payload) => {}
        _ => return,
    }
    if !body.is_empty() {
        body.push(SEPARATOR);
    }
    match opcode {
        TEXT_FRAME => body.extend_from_slice(payload),
        BINARY_FRAME => {
            body.push(b'b');
            body.extend_from_slice(STANDARD.encode(payload).as_bytes());
        }
        _ => body.extend_from_slice(CLOSE.as_bytes()),
    }
}

/// The opcode and payload of the first frame, and what is behind it; `None`: there is no whole one. Ours have one
/// fragment and no mask.
fn split(wire: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = wire.split_first_chunk::<2>()?;
    let (length, rest) = match head[1] {
        126 => rest
            .split_first_chunk::<2>()
            .map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))?,
        127 => rest.split_first_chunk::<8>().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
        short => (u64::from(short), rest),
    };
    let (payload, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((head[0] & 0x0F, payload, behind))
}
