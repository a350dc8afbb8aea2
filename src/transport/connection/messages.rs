//! What the client says is read, and handed to whoever talks with it.

use std::task::{Context, Poll};

use super::{Connection, Ears, Heard, Stage};
use crate::hub::Lane as _;
use crate::transport::link::Stream;
use crate::transport::wire::Wire as _;

/// Messages read before other tasks get their turn.
const READS_PER_POLL: usize = 32;

impl<S: Stream, E: Ears> Connection<S, E> {
    /// Reads until the socket is empty. A client that leaves its replies unread is not read either, nor one
    /// for which as many messages wait as may.
    pub(super) fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            // One that is closing is read on, so that its own end is heard.
            let is_full = self.stage == Stage::Open && self.party.is_full();
            if self.link.is_busy() || is_full {
                return Poll::Pending;
            }
            match self.ears.hear(&*self.link, context) {
                Heard::Message(message) => {
                    self.party.receive(message);
                    self.follow();
                }
                Heard::Noise => {}
                Heard::Nothing => return Poll::Pending,
                Heard::End => {
                    self.enter(Stage::Ending);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Heard::Fault(reason) if self.stage == Stage::Open => {
                    self.link.close(reason);
                    self.enter(Stage::Ending);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Heard::Fault(_) | Heard::Gone => return Poll::Ready(()),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
