//! The loop of one WebSocket (RFC 6455): tungstenite reads and checks the client's frames, the dialect says
//! what they mean, and [`Link`] writes. permessage-deflate is never negotiated: its windows cost more
//! memory for each connection than everything else together.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use super::backstage::Backstage;
use super::bucket::Rate;
use super::connection::Connection;
use super::link::{Link, Stream};
use super::party::Party;
use super::wire::Wire as _;
use crate::dialect::Conversation;
use crate::hub::{Lane, OutboxLimits, Subscriber};
use crate::message::Turn;

/// Grows with the first larger message; idle connections keep this much.
const READ_BUFFER_BYTES: usize = 256;
/// What a control frame may hold, however small messages must be (RFC 6455, section 5.5).
const CONTROL_BYTES: usize = 125;

/// How long a refused client may take to hang up.
const LINGER: Duration = Duration::from_secs(1);

/// What one endpoint allows its connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one client message.
    pub max_message: usize,
    /// Time between two PINGs.
    pub ping_interval: Duration,
    /// What may wait for a slow reader.
    pub outbox: OutboxLimits,
    /// What becomes of a connection whose token expires.
    pub expiry: Expiry,
    /// How fast its messages may come; `None`: as fast as they are read.
    pub rate: Option<Rate>,
    /// Messages that may wait while one before them is being answered; no more are read then.
    pub waiting: usize,
}

/// What becomes of a connection whose token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It is closed.
    Close,
    /// It goes on, and its reader is nobody in particular.
    Demote,
}

/// A connection that has been upgraded and is not in the hub yet.
#[derive(Debug)]
pub struct WebSocket<S> {
    link: Arc<Link<S>>,
    early: Vec<u8>,
    limits: Limits,
}

impl<S: Stream> WebSocket<S> {
    /// Takes the raw stream behind a handshake. `early`: bytes that the client sent right after its
    /// request. `greeting`: the 101, which leaves before everything else, but not before
    /// [`run`](Self::run).
    pub fn new(stream: S, early: Vec<u8>, greeting: Bytes, limits: Limits) -> Self {
        Self { link: Arc::new(Link::new(stream, greeting, limits.outbox)), early, limits }
    }

    /// The way to this reader, for the hub.
    pub fn lane(&self) -> Arc<dyn Lane> {
        Arc::clone(&self.link) as Arc<dyn Lane>
    }

    /// Says first of all what `turn` says, and ends the connection if it does: before the hub knows of it, so
    /// that no push comes between, and none to whom nobody let in. Where an answer is awaited first, pushes wait
    /// for it too.
    pub fn greet(&self, turn: &mut Turn) {
        for frame in std::mem::take(&mut turn.frames) {
            self.link.answer(frame.websocket());
        }
        if let Some(reason) = turn.close {
            self.link.close_after(reason);
        }
        if turn.call.is_some() {
            self.link.hold();
        }
    }

    /// Says `instead` in place of the greeting, and ends the connection.
    pub async fn refuse(self, instead: Bytes) {
        self.link.replace(instead);
        // A client that has gone needs no refusal.
        drop(poll_fn(|context| self.link.poll_drain(context)).await);
        drop(poll_fn(|context| self.link.poll_shutdown(context)).await);
        // What it sent meanwhile would have the refusal overtaken by a reset.
        drop(timeout(LINGER, poll_fn(|context| self.link.poll_discard(context))).await);
    }

    /// Runs until the connection is closed. `turn`: what its dialect wants done and said first of all.
    pub async fn run(
        self,
        conversation: Box<dyn Conversation>,
        subscriber: Subscriber,
        backstage: Arc<dyn Backstage>,
        turn: Turn,
    ) {
        let codec = codec(self.early, self.limits.max_message);
        let wire = (Arc::clone(&self.link), self.limits);
        let mut party = Party::new(wire, conversation, subscriber, backstage);
        party.begin(turn);
        let mut connection = Connection::new(self.link, codec, party);
        poll_fn(|context| connection.poll(context)).await;
        connection.end().say().await;
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
