//! What the task of a connection shares with requests and with the hub.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::carrier::Carrier;
use super::mailbox::{Mailbox, Post, Upgrading};
use super::payload::Payload;
use super::polled::{Polled, Sender};
use super::probe::Probe;
use crate::hub::OutboxLimits;
use crate::transport::codec::Codec;
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

    fn visit<R>(&self, visit: impl FnOnce(&mut Mailbox<T>) -> Result<R, Closed>) -> Result<R, Closed> {
        if !self.is_polled() {
            return Err(Closed);
        }
        self.leave(|mailbox| {
            // Under the lock: nobody looks into it any more once the connection has ended.
            if self.link.state() == State::Gone { Err(Closed) } else { visit(mailbox) }
        })
    }

    /// Changes the mailbox, and has the task look at it.
    pub(super) fn leave<R>(&self, leave: impl FnOnce(&mut Mailbox<T>) -> R) -> R {
        let left = leave(self.lock().get_or_insert_default());
        self.link.wake();
        left
    }

    /// A WebSocket for the client to go over to; none is needed behind the end.
    pub(super) fn go_over(&self, upgrade: (T, Codec)) {
        self.leave(|mailbox| mailbox.upgrade = Some(upgrade).filter(|_| self.link.state() != State::Gone));
    }
}

impl<T> Shared<T> {
    /// Does something with the mailbox, if there is one.
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut Mailbox<T>) -> R) -> Option<R> {
        self.lock().as_deref_mut().map(look)
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

impl<T: Stream> Sender for Shared<T> {
    fn returned(&self, frames: Vec<Bytes>) {
        let mut mailbox = self.lock();
        self.link.give_back(frames);
        mailbox.iter_mut().for_each(|mailbox| mailbox.is_answering = false);
        drop(mailbox);
        self.link.wake();
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
    /// Waits for what there is to say. Nothing of it is lost where the request hangs up, before that or behind it.
    ///
    /// # Errors
    /// [`Closed`]: the client has a WebSocket, or another such request is waiting; that ends the connection.
    pub fn poll(&self) -> Result<oneshot::Receiver<Polled>, Closed> {
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

    /// A request is about to say something, once it has been read.
    ///
    /// # Errors
    /// [`Closed`]: the client has a WebSocket, or another such request is there; that ends the connection.
    pub fn post(&self) -> Result<Posting<T>, Closed> {
        self.visit(|mailbox| {
            if mailbox.post.is_some() {
                mailbox.is_overlapping = true;
                return Err(Closed);
            }
            mailbox.post = Some(Post { packets: None, taken: None });
            Ok(Posting(Arc::clone(&self.shared)))
        })
    }

    fn visit<R>(&self, visit: impl FnOnce(&mut Mailbox<T>) -> Result<R, Closed>) -> Result<R, Closed> {
        self.shared.visit(visit)
    }

    /// The client said what nobody understands.
    pub fn fault(&self) {
        self.shared.leave(|mailbox| mailbox.is_overlapping = true);
    }

    /// Whether a WebSocket may take the place of polls: none has, and none is about to. If so, one is.
    pub fn begin_upgrade(&self) -> bool {
        let begin = |mailbox: &mut Mailbox<T>| {
            let is_free = mailbox.upgrading == Upgrading::No;
            if is_free {
                mailbox.upgrading = Upgrading::Tries;
            }
            Ok(is_free)
        };
        self.visit(begin) == Ok(true)
    }

    /// The WebSocket that was about to take the place of polls is gone.
    pub fn end_upgrade(&self) {
        self.shared.look(|mailbox| mailbox.upgrading = Upgrading::No);
    }

    /// The WebSocket that may take the place of polls, behind its handshake; see
    /// [`Newcomer::on_websocket`](super::super::Newcomer::on_websocket).
    pub fn upgrade(self, stream: T, early: Vec<u8>, greeting: Bytes) -> Probe<T> {
        Probe::new(self, stream, early, greeting)
    }
}

/// A request whose body is being read, the only one of its connection: of others nothing is kept meanwhile.
#[derive(Debug)]
pub struct Posting<T>(Arc<Shared<T>>);

impl<T: Stream> Posting<T> {
    /// Says this to the connection; the answer comes when all of it has been heard.
    ///
    /// # Errors
    /// [`Closed`]: the client has a WebSocket now, or the connection has ended.
    pub fn say(self, packets: Payload) -> Result<oneshot::Receiver<()>, Closed> {
        self.0.visit(|mailbox| {
            let (taken, receiver) = oneshot::channel();
            mailbox.post = Some(Post { packets: Some(packets), taken: Some(taken) });
            Ok(receiver)
        })
    }
}

impl<T> Drop for Posting<T> {
    fn drop(&mut self) {
        self.0.look(|mailbox| mailbox.post.take_if(|post| post.packets.is_none()));
    }
}
