//! What leaves for clients.

use bytes::{BufMut, Bytes, BytesMut};

use super::CloseReason;

/// One outgoing message, encoded once and shared by all its readers.
///
/// The buffer is laid out as its readers' transport has it on the wire. For nearly all of them that is a WebSocket's
/// frame (RFC 6455, section 5.2: unmasked, one fragment), and others that have no frames of their own take the payload
/// out of it; [`verbatim`](Self::verbatim) is for a transport of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    wire: Bytes,
    header: usize,
    stamp: Stamp,
}

/// By what a client can say that it got a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stamp {
    /// By nothing.
    #[default]
    None,
    /// It names the position of its event, and the place of its record there.
    Position(u64, usize),
    /// It asks for a receipt of this number.
    Receipt(u64),
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

    /// A text message with binary ones behind it, which nothing comes between.
    pub fn with_attachments(payload: &str, attachments: &[Bytes]) -> Self {
        let text = Self::text(payload);
        let mut wire = BytesMut::from(text.wire);
        for attachment in attachments {
            wire.extend_from_slice(&Self::binary(attachment).wire);
        }
        Self { wire: wire.freeze(), header: text.header, stamp: Stamp::None }
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
        Self { wire: wire.freeze(), header, stamp: Stamp::None }
    }

    /// The same, and what its reader can say of it.
    #[must_use]
    pub fn stamped(self, stamp: Stamp) -> Self {
        Self { stamp, ..self }
    }

    /// What its reader can say of it.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// A message that leaves as it stands here.
    pub fn verbatim(text: String) -> Self {
        Self { wire: Bytes::from(text), header: 0, stamp: Stamp::None }
    }

    /// The bytes that leave.
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// The message alone, with the attachments' frames if it has any.
    pub fn payload(&self) -> Bytes {
        self.wire.slice(self.header..)
    }
}
