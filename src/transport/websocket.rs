//! One WebSocket (RFC 6455): tungstenite reads and checks the client's frames. permessage-deflate is never
//! negotiated: its windows cost more memory for each connection than everything else together.

use std::io;
use std::task::Context;

use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message as Received};

use super::codec::{Socket, fault};
use super::connection::{Ears, Heard};
use super::link::{Link, Stream};
use crate::message::{Frame, Message};

/// Grows with the first larger message; idle connections keep this much.
const READ_BUFFER_BYTES: usize = 256;
/// What a control frame may hold, however small messages must be (RFC 6455, section 5.5).
const CONTROL_BYTES: usize = 125;

/// Hears what comes in frames.
pub(super) struct Frames {
    codec: WebSocketContext,
    heard: bool,
}

impl Frames {
    pub(super) fn new(early: Vec<u8>, max_message: usize) -> Self {
        Self { codec: codec(early, max_message), heard: true }
    }
}

impl Ears for Frames {
    const ANSWERS: bool = true;

    fn hear<S: Stream>(&mut self, link: &Link<S>, context: &mut Context<'_>) -> Heard {
        let mut socket = Socket { link, context, heard: &mut self.heard };
        match self.codec.read(&mut socket) {
            Ok(Received::Text(text)) => Heard::Message(Message::Text(text.as_str().to_owned())),
            Ok(Received::Binary(bytes)) => Heard::Message(Message::Binary(bytes)),
            Ok(Received::Ping(_) | Received::Pong(_) | Received::Close(_) | Received::Frame(_)) => {
                Heard::Noise
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Heard::Nothing,
            Err(Error::ConnectionClosed) => Heard::End,
            Err(error) => fault(&error).map_or(Heard::Gone, Heard::Fault),
        }
    }

    fn is_alive<S: Stream>(&mut self, _: &Link<S>) -> bool {
        std::mem::take(&mut self.heard)
    }

    fn ping(&self) -> Frame {
        Frame::ping()
    }
}

/// What reads frames, `early` first, with messages of so many bytes.
pub(super) fn codec(early: Vec<u8>, max_message: usize) -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message.max(CONTROL_BYTES)));
    WebSocketContext::from_partially_read(early, Role::Server, Some(config))
}
