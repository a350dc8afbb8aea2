//! Returns each message as it came. The smallest dialect there can be, and the door for RFC 6455
//! conformance suites.

use super::{Conversation, Dialect, Opening};
use crate::message::{Encode, Frame, Message, Now, Publication, Rendering, Turn};

#[derive(Debug)]
pub(super) struct Echo;

impl Encode for Echo {
    fn encode(&self, _: &Publication) -> Rendering {
        Rendering::Nothing
    }
}

impl Dialect for Echo {
    fn open(&self, _: &Opening<'_>, _: &mut Turn) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

impl Conversation for Echo {
    fn receive(&mut self, message: Message, _: Now, turn: &mut Turn) {
        turn.frames.push(match message {
            Message::Text(text) => Frame::text(&text),
            Message::Binary(bytes) => Frame::binary(&bytes),
        });
    }
}
