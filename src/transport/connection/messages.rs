//! What the client says: it is read, and goes to the conversation at once, or behind what that waits for.

use std::io;
use std::task::{Context, Poll};

use tokio_tungstenite::tungstenite::{Error, Message as Received};

use super::{Connection, Stage};
use crate::hub::Lane as _;
use crate::message::{CloseReason, Message};
use crate::transport::backstage::Exceeded;
use crate::transport::bucket::Verdict;
use crate::transport::codec::{Socket, fault};
use crate::transport::link::Stream;

/// Messages read before other tasks get their turn.
const READS_PER_POLL: usize = 32;

impl<S: Stream> Connection<S> {
    /// Reads until the socket is empty. A client that leaves its replies unread is not read either, nor one
    /// for which as many messages wait as may.
    pub(super) fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            if self.link.is_busy() || self.asking.is_full(&self.limits) {
                return Poll::Pending;
            }
            let mut socket = Socket { link: &*self.link, context, heard: &mut self.heard };
            match self.codec.read(&mut socket) {
                Ok(message) => self.receive(message),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(Error::ConnectionClosed) => {
                    self.enter(Stage::Ending);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Err(error) => match fault(&error) {
                    Some(reason) if self.stage == Stage::Open => {
                        self.link.close(reason);
                        self.enter(Stage::Ending);
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    _ => return Poll::Ready(()),
                },
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Goes on with what the client has said meanwhile.
    pub(super) fn catch_up(&mut self) {
        while self.stage == Stage::Open
            && !self.link.is_busy()
            && let Some(message) = self.asking.pop()
        {
            self.converse(|conversation, now, turn| conversation.receive(message, now, turn));
        }
    }

    /// The answer to a call: the conversation goes on, and then with what the client has said meanwhile.
    pub(super) fn poll_pending(&mut self, context: &mut Context<'_>) {
        let Poll::Ready((returned, token)) = self.asking.poll(context) else { return };
        self.token = token;
        let was_let_in = std::mem::replace(&mut self.is_let_in, true);
        if self.stage == Stage::Open {
            self.converse(|conversation, now, turn| conversation.returned(returned, now, turn));
        }
        // One that says nothing is worth nothing later either.
        self.token = None;
        if !was_let_in {
            // Of one that was refused the link is closing, and nothing leaves.
            self.link.release();
        }
        if self.asking.end() {
            self.link.end_call();
        }
        self.asking.wake_behind(context);
    }

    fn receive(&mut self, message: Received) {
        let message = match message {
            Received::Text(text) => Message::Text(text.as_str().to_owned()),
            Received::Binary(bytes) => Message::Binary(bytes),
            Received::Ping(_) | Received::Pong(_) | Received::Close(_) | Received::Frame(_) => return,
        };
        if self.stage != Stage::Open {
            return;
        }
        let age = self.opened.elapsed();
        match self.bucket.as_mut().map_or(Verdict::Taken, |bucket| bucket.take(age)) {
            Verdict::Taken if self.asking.is_behind() => self.asking.push(message),
            Verdict::Taken => {
                self.converse(|conversation, now, turn| conversation.receive(message, now, turn));
            }
            Verdict::Dropped => {
                self.backstage.exceeded(Exceeded::Messages);
                self.converse(|conversation, now, turn| conversation.dropped(&message, now, turn));
            }
            Verdict::Flood => {
                self.backstage.exceeded(Exceeded::Flood);
                self.close(CloseReason::RateLimit);
            }
        }
    }
}
