//! What the task of a connection shares with requests and with the hub.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::carrier::Carrier;
use super::mailbox::{Mailbox, Post, Upgrading};
use super::payload::Packet;
use super::probe::Probe;
use crate::hub::OutboxLimits;
use crate::transport::link::{Link, State, Stream};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Shared<T> {
    pub(super) link: Link<Carrier<T>>,
    /// There is none before the first request; held for moments only, and taken before the link's lock.
    mailbox: Mutex<Option<Box<Mailbox<T>>>>,
}

/// The request is not one of this connection's now, or the connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a request that the connection takes now")]
pub struct Closed;

impl<T: Stream> Shared<T> {
    pub(super) fn new(link: Link<Carrier<T>>) -> Self {
        Self { link, mailbox: Mutex::default() }
    }

    /// No WebSocket has taken the place of polls.
    pub(super) fn is_polled(&self) -> bool {
        self.link.with_stream(|stream| matches!(stream, Carrier::Polling))
    }

    /// Does something with the mailbox, if there is one.
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut Mailbox<T>) -> R) -> Option<R> {
        self.lock().as_deref_mut().map(look)
    }

    /// Changes the mailbox, and has the task look at it.
    pub(super) fn leave<R>(&self, leave: impl FnOnce(&mut Mailbox<T>) -> R) -> R {
        let left = leave(self.lock().get_or_insert_default());
        self.link.wake();
        left
    }

    /// The mailbox is needed no more, and whoever waits on it hears so.
    pub(super) fn clear(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Mailbox<T>>>> {
        // Values are moved in and out under it, and nothing else.
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, as its requests see it.
#[derive(Debug)]
pub struct Handle<T> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) max_payload: usize,
    pub(super) outbox: OutboxLimits,
}

impl<T: Stream> Handle<T> {
    /// Waits for what there is to say. Nothing of it is lost where the request hangs up: what was not taken stays,
    /// and what was [is given back](Self::give_back).
    ///
    /// # Errors
    /// [`Closed`]: the client has a WebSocket, or another such request is waiting; that ends the connection.
    pub fn poll(&self) -> Result<oneshot::Receiver<Vec<Bytes>>, Closed> {
        self.visit(|mailbox| {
            if mailbox.poll.as_ref().is_some_and(|other| !other.is_closed()) {
                mailbox.is_overlapping = true;
                return Err(Closed);
            }
            let (sender, receiver) = oneshot::channel();
            mailbox.poll = Some(sender);
            Ok(receiver)
        })
    }

    /// What a poll took could not be written. It stays for the next.
    pub fn give_back(&self, frames: Vec<Bytes>) {
        self.shared.link.give_back(frames);
    }

    /// Says this to the connection; the answer comes when all of it has been heard.
    ///
    /// # Errors
    /// [`Closed`]: the client has a WebSocket, or another such request is being heard; that ends the connection.
    pub fn post(&self, packets: Vec<Packet>) -> Result<oneshot::Receiver<()>, Closed> {
        self.visit(|mailbox| {
            if mailbox.post.is_some() {
                mailbox.is_overlapping = true;
                return Err(Closed);
            }
            let (taken, receiver) = oneshot::channel();
            mailbox.post = Some(Post { packets: packets.into(), taken: Some(taken) });
            Ok(receiver)
        })
    }

    fn visit<R>(&self, visit: impl FnOnce(&mut Mailbox<T>) -> Result<R, Closed>) -> Result<R, Closed> {
        if !self.shared.is_polled() {
            return Err(Closed);
        }
        self.shared.leave(|mailbox| {
            // Under the lock: nobody looks into it any more once the connection has ended.
            if self.shared.link.state() == State::Gone { Err(Closed) } else { visit(mailbox) }
        })
    }

    /// The client said what nobody understands.
    pub fn fault(&self) {
        self.shared.leave(|mailbox| mailbox.is_overlapping = true);
    }

    /// Whether a WebSocket may take the place of polls: none has, and none is about to. If so, one is.
    pub fn begin_upgrade(&self) -> bool {
        self.shared.is_polled()
            && self.shared.leave(|mailbox| {
                let is_free = mailbox.upgrading == Upgrading::No;
                if is_free {
                    mailbox.upgrading = Upgrading::Tries;
                }
                is_free
            })
    }

    /// The WebSocket that was about to take the place of polls is gone.
    pub fn end_upgrade(&self) {
        self.shared.look(|mailbox| mailbox.upgrading = Upgrading::No);
    }

    /// The WebSocket that may take the place of polls, behind its handshake; see
    /// [`WebSocket::new`](super::super::WebSocket::new).
    pub fn upgrade(self, stream: T, early: Vec<u8>, greeting: Bytes) -> Probe<T> {
        Probe::new(self, stream, early, greeting)
    }
}
