//! A connection between its handshake and the hub, and from there to its end: the dialect says what its client means,
//! and [`Link`] writes.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Either;
use tokio::time::timeout;

use super::backstage::Backstage;
use super::connection::{Connection, Ears};
use super::event_stream::Presence;
use super::limits::Limits;
use super::link::{Link, Stream};
use super::party::Party;
use super::websocket::Frames;
use super::wire::Wire as _;
use crate::dialect::{Conversation, Medium};
use crate::hub::{Lane, Subscriber};
use crate::message::{Block, Turn};

/// How long a refused client may take to hang up.
const LINGER: Duration = Duration::from_secs(1);

/// A connection that has been accepted and is not in the hub yet.
#[derive(Debug)]
pub struct Newcomer<S> {
    link: Arc<Link<S>>,
    early: Vec<u8>,
    limits: Limits,
    medium: Medium,
}

impl<S: Stream> Newcomer<S> {
    /// Takes the raw stream behind the handshake of a WebSocket. `early`: bytes that the client sent right after
    /// its request. `greeting`: the 101, which leaves before everything else, but not before
    /// [`run`](Self::run).
    pub fn on_websocket(stream: S, early: Vec<u8>, greeting: Bytes, limits: Limits) -> Self {
        let link = Arc::new(Link::new(stream, greeting, limits.outbox));
        Self { link, early, limits, medium: Medium::WebSocket }
    }

    /// The same for a `text/event-stream`. `greeting`: the head of the answer, which ends with the connection.
    pub fn on_event_stream(stream: S, early: Vec<u8>, greeting: Bytes, limits: Limits) -> Self {
        let link = Arc::new(Link::new(stream, greeting, limits.outbox).parting(Block::close));
        Self { link, early, limits, medium: Medium::EventStream }
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
            self.link.answer(frame.wire());
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

    /// Begins at once, and runs until the connection is closed. `turn`: what its dialect wants done and said first of
    /// all. `kept`: what is dropped when nothing more is done for it.
    pub fn run<K: Send + 'static>(
        self,
        (conversation, turn): (Box<dyn Conversation>, Turn),
        subscriber: Subscriber,
        backstage: Arc<dyn Backstage>,
        kept: K,
    ) -> impl Future<Output = ()> + Send + use<S, K> {
        let wire = (Arc::clone(&self.link), self.limits);
        let mut party = Party::new(wire, conversation, subscriber, backstage);
        party.begin(turn);
        match self.medium {
            Medium::WebSocket => {
                let ears = Frames::new(self.early, self.limits.max_message);
                Either::Left(listen(Connection::new(self.link, ears, party), kept))
            }
            Medium::EventStream => {
                let ears = Presence::new(self.early.len());
                Either::Right(listen(Connection::new(self.link, ears, party), kept))
            }
        }
    }
}

#[expect(
    clippy::manual_async_fn,
    reason = "there is one for each connection, and an async fn has room for its argument beside the variable that this becomes"
)]
fn listen<S: Stream, E: Ears, K: Send + 'static>(
    mut connection: Connection<S, E>,
    kept: K,
) -> impl Future<Output = ()> + Send {
    async move {
        poll_fn(|context| connection.poll(context)).await;
        if let Some(rest) = connection.end().rest() {
            rest.await;
        }
        drop(kept);
    }
}
