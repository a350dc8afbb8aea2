//! What requests leave for the task of a connection. One of each kind at most: whoever comes while another is there
//! is turned away.

use tokio::sync::oneshot;

use super::payload::Payload;
use super::polled::Polled;
use crate::transport::codec::Codec;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    /// The request that waits for what there is to say. One that has hung up waits no more.
    pub(super) poll: Option<oneshot::Sender<Polled>>,
    /// What another one took is on its way.
    pub(super) is_answering: bool,
    pub(super) post: Option<Post>,
    pub(super) upgrading: Upgrading,
    /// The WebSocket to which the client has gone over.
    pub(super) upgrade: Option<(T, Codec)>,
    /// The client did what it must not: two requests of a kind at once.
    pub(super) is_overlapping: bool,
}

impl Post {
    /// Whoever posted need not wait.
    pub(super) fn confirm(&mut self) {
        if let Some(taken) = self.taken.take() {
            // It may have hung up.
            taken.send(()).ok();
        }
    }
}

/// How far a client is from polls to a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrading {
    No,
    /// It tries one.
    Tries,
    /// That works, and the client is about to go over: polls are not kept waiting.
    Works,
}

/// What a request says.
#[derive(Debug)]
pub(super) struct Post {
    /// `None`: it is still being read.
    pub(super) packets: Option<Payload>,
    /// Told when all of them are taken, or will be without anything else that the client does.
    pub(super) taken: Option<oneshot::Sender<()>>,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self {
            poll: None,
            is_answering: false,
            post: None,
            upgrading: Upgrading::No,
            upgrade: None,
            is_overlapping: false,
        }
    }
}
