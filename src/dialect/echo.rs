//! Returns each message as it came. The smallest dialect there can be, and the door for RFC 6455
//! conformance suites.

use http::request;

use super::{Conversation, Dialect};
use crate::message::{Encode, Frame, Message, Publication, Turn};

#[derive(Debug)]
pub(super) struct Echo;

impl Encode for Echo {
    fn encode(&self, _: &Publication) -> Option<Frame> {
        None
    }
}

impl Dialect for Echo {
    fn open(&self, _: &request::Parts, _: &mut Turn) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

impl Conversation for Echo {
    fn receive(&mut self, message: Message, turn: &mut Turn) {
        turn.frames.push(match message {
            Message::Text(text) => Frame::text(&text),
            Message::Binary(bytes) => Frame::binary(&bytes),
        });
    }
}
