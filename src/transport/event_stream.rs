//! One connection of `text/event-stream`: its client has said all that it has to say.

use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::connection::{Ears, Heard};
use super::link::{Link, Stream};
use crate::message::{Block, Caught, CloseReason, Frame};

/// What may come all the same, and is read over: nobody answers a request that is sent behind one that never ends.
const MAX_BYTES: usize = 16 * 1024;

/// Hears whether the client is there.
pub(super) struct Presence {
    room: usize,
}

impl Presence {
    /// So many bytes have come already.
    pub(super) fn new(early: usize) -> Self {
        Self { room: MAX_BYTES.saturating_sub(early) }
    }
}

impl Ears for Presence {
    const ANSWERS: bool = false;
    const SAYS_POSITION: bool = true;

    fn hear<S: Stream>(&mut self, link: &Link<S>, context: &mut Context<'_>) -> Heard {
        let mut waste = [0; 1024];
        let mut buffer = ReadBuf::new(&mut waste);
        match link.poll_read(context, &mut buffer) {
            Poll::Pending => return Heard::Nothing,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
            Poll::Ready(_) => return Heard::Gone,
        }
        match self.room.checked_sub(buffer.filled().len()) {
            None => Heard::Fault(CloseReason::TooBig),
            Some(room) => {
                self.room = room;
                Heard::Noise
            }
        }
    }

    /// It takes what is sent. That of one that is not there any more the system takes too, for a while, and then says
    /// so.
    fn is_alive<S: Stream>(&mut self, link: &Link<S>) -> bool {
        link.is_idle()
    }

    fn ping(&self, here: Caught) -> Frame {
        Block::ping(here.position)
    }
}
