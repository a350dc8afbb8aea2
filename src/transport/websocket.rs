//! One WebSocket (RFC 6455): tungstenite reads and checks the client's frames. permessage-deflate is never
//! negotiated: its windows cost more memory for each connection than everything else together.

use std::io;
use std::task::Context;

use tokio_tungstenite::tungstenite::{Error, Message as Received};

use super::codec::{Codec, fault};
use super::connection::{Ears, Heard};
use super::link::{Link, Stream};
use crate::message::{Caught, Frame, Message};

/// Hears what comes in frames.
pub(super) struct Frames {
    codec: Codec,
    heard: bool,
}

impl Frames {
    pub(super) fn new(early: Vec<u8>, max_message: usize) -> Self {
        Self { codec: Codec::new(early, max_message), heard: true }
    }
}

impl Ears for Frames {
    const ANSWERS: bool = true;
    const SAYS_POSITION: bool = false;

    fn hear<S: Stream>(&mut self, link: &Link<S>, context: &mut Context<'_>) -> Heard {
        match self.codec.read(link, context, &mut self.heard) {
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

    fn ping(&self, _: Caught) -> Frame {
        Frame::ping()
    }
}
