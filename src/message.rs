//! What clients and hub say to each other, independent of dialect and transport.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::event::{Event, Position, Topic};

/// One message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Anything else.
    Binary(Bytes),
}

/// One outgoing message, encoded once and shared by all its readers.
///
/// Nearly every reader sits on a WebSocket, so the buffer is laid out as its frame (RFC 6455, section
/// 5.2: unmasked, one fragment) and other transports take the payload out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    wire: Bytes,
    header: usize,
}

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const FIN: u8 = 0x80;

impl Frame {
    /// A text message.
    pub fn text(payload: &str) -> Self {
        Self::build(TEXT, payload.as_bytes())
    }

    /// A binary message.
    pub fn binary(payload: &[u8]) -> Self {
        Self::build(BINARY, payload)
    }

    /// An empty WebSocket PING.
    pub fn ping() -> Self {
        Self::build(PING, &[])
    }

    /// The WebSocket close frame for `reason`.
    pub fn close(reason: CloseReason) -> Self {
        let mut payload = reason.code().to_be_bytes().to_vec();
        payload.extend_from_slice(reason.text().as_bytes());
        Self::build(CLOSE, &payload)
    }

    fn build(opcode: u8, payload: &[u8]) -> Self {
        let mut wire = BytesMut::with_capacity(payload.len() + 10);
        wire.put_u8(FIN | opcode);
        match payload.len() {
            length @ 0..=125 => wire.put_u8(u8::try_from(length).unwrap_or(125)),
            length @ 126..=0xFFFF => {
                wire.put_u8(126);
                wire.put_u16(u16::try_from(length).unwrap_or(u16::MAX));
            }
            length => {
                wire.put_u8(127);
                wire.put_u64(length as u64);
            }
        }
        let header = wire.len();
        wire.put_slice(payload);
        Self { wire: wire.freeze(), header }
    }

    /// The bytes for a WebSocket.
    pub fn websocket(&self) -> &Bytes {
        &self.wire
    }

    /// The message alone.
    pub fn payload(&self) -> Bytes {
        self.wire.slice(self.header..)
    }
}

/// Why restcast closes a connection (`protocols.md`, section 6.4; RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The process stops; reconnect.
    GoingAway,
    /// The client broke the WebSocket protocol.
    Protocol,
    /// A text message or a close reason was not UTF-8.
    NotUtf8,
    /// A message was larger than the endpoint's `max_message`.
    TooBig,
    /// The reader's queue is full; reconnect and reload.
    Overflow,
    /// Events were lost before they reached the hub; reconnect and reload.
    Lagging,
    /// Two PINGs stayed unanswered.
    Silent,
    /// The token that said who the reader is has expired.
    Expired,
}

impl CloseReason {
    /// The status code of the close frame.
    pub fn code(self) -> u16 {
        match self {
            Self::GoingAway | Self::Silent => 1001,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::Expired => 1008,
            Self::TooBig => 1009,
            Self::Overflow | Self::Lagging => 1013,
        }
    }

    /// The text of the close frame.
    pub fn text(self) -> &'static str {
        match self {
            Self::GoingAway => "going away",
            Self::Protocol => "protocol error",
            Self::NotUtf8 => "not utf-8",
            Self::TooBig => "message too big",
            Self::Overflow => "reader too slow",
            Self::Lagging => "events lost",
            Self::Silent => "no pong",
            Self::Expired => "token expired",
        }
    }
}

/// What a client asks of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Events of this topic from now on. Repeating it changes nothing.
    Subscribe(Topic),
}

/// What a dialect wants done after it read a message: commands first, then frames to the client.
#[derive(Debug, Default)]
pub struct Turn {
    /// For the hub.
    pub commands: Vec<Command>,
    /// For this client.
    pub frames: Vec<Frame>,
}

/// An event at its position.
#[derive(Debug)]
pub struct Publication {
    /// Where it stands.
    pub position: Position,
    /// What was written.
    pub event: Event,
}

/// Renders publications in one dialect. The frame is shared by all readers of that dialect.
pub trait Encode: Send + Sync + fmt::Debug {
    /// The frame, or `None` where the dialect has no words for such an event.
    fn encode(&self, publication: &Publication) -> Option<Frame>;
}
