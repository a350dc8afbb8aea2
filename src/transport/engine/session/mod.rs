//! The task of one connection: what its client says goes to its sockets, polls get what waits, and signs of life are
//! looked for.

mod reading;
mod recovery;
mod requests;
mod sockets;
mod timers;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use uuid::Uuid;

use super::carrier::Carrier;
use super::lane::SocketLane;
use super::parked::Stay;
use super::sessions::{Sessions, Visitor};
use super::shared::Shared;
use crate::dialect::{Engine, Multiplex, Routing};
use crate::hub::Lane as _;
use crate::message::CloseReason;
use crate::transport::bucket::Bucket;
use crate::transport::codec::Codec;
use crate::transport::farewell::Rest;
use crate::transport::link::{State, Stream};
use crate::transport::party::Party;
use recovery::Awaited;

/// How long a client may take to hear that the connection has ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// What says the end is on its way.
    Closing,
    /// Nothing can be read any more: flush, then end.
    Ending,
}

/// See the module's documentation. Runs as one task, and owns the connection.
pub struct Session<T: Stream> {
    sessions: Arc<Sessions<T>>,
    sid: Uuid,
    shared: Arc<Shared<T>>,
    /// `None`: it is polled.
    codec: Option<Codec>,
    routing: Option<Box<dyn Routing>>,
    /// One for all of its namespaces, however often they are left and entered.
    bucket: Option<Bucket>,
    opened: Instant,
    visitor: Visitor,
    /// Few, in no order.
    sockets: Vec<Socket<T>>,
    /// Few, too.
    awaited: Vec<Awaited>,
    /// Those whose clients may come back, behind the end.
    away: Vec<Stay>,
    /// Namespaces that sockets have left: what was on its way to them is no fault.
    left: Vec<usize>,
    farewells: Vec<Rest>,
    timer: Pin<Box<Sleep>>,
    /// When the next ping is due.
    ping: Instant,
    /// Until when the last one is to be answered.
    limit: Option<Instant>,
    /// Until when the client has to come into a namespace.
    lonely: Option<Instant>,
    stage: Stage,
    heard: bool,
}

/// A client in one namespace.
pub(super) struct Socket<T> {
    /// Of its namespace.
    number: usize,
    /// By which its client may come back.
    resume: Option<Uuid>,
    /// Who may come back to it.
    came_as: Option<Box<Visitor>>,
    lane: Arc<SocketLane<T>>,
    party: Party<SocketLane<T>>,
}

impl<T: Stream> Session<T> {
    pub(super) fn new(
        sessions: Arc<Sessions<T>>,
        (sid, shared): (Uuid, Arc<Shared<T>>),
        codec: Option<Codec>,
        visitor: Visitor,
    ) -> Self {
        let routing = sessions.multiplex().map(Multiplex::routing);
        let (now, bucket) = (Instant::now(), sessions.limits.rate.map(Bucket::new));
        let mut session = Self {
            sessions,
            sid,
            shared,
            codec,
            routing,
            bucket,
            opened: now,
            visitor,
            sockets: Vec::new(),
            awaited: Vec::new(),
            away: Vec::new(),
            left: Vec::new(),
            farewells: Vec::new(),
            timer: Box::pin(sleep_until(now)),
            ping: now,
            limit: None,
            lonely: None,
            stage: Stage::Open,
            heard: false,
        };
        if let Some(Engine { ping_interval, connect_timeout, .. }) = session.engine() {
            session.ping = now + ping_interval;
            session.lonely = Some(now + connect_timeout);
        }
        session
    }

    /// Runs until the connection has ended.
    pub async fn run(&mut self) {
        poll_fn(|context| self.poll(context)).await;
        self.end();
        // The task of each connection would have room for that all the time, and few have anything to say.
        if !self.farewells.is_empty() {
            Box::pin(self.say_farewells()).await;
        }
    }

    /// Waits for those that may come back, once the connection [has ended](Self::run), and until all of them have.
    /// Nobody else has to wait for that.
    pub async fn wait(&mut self) {
        if let Some(recovery) = self.engine().and_then(|engine| engine.recovery) {
            Box::pin(self.wait_until(Instant::now() + recovery)).await;
        }
    }

    async fn wait_until(&mut self, over: Instant) {
        for mut stay in std::mem::take(&mut self.away) {
            if timeout_at(over, &mut stay.taken).await.is_err() {
                self.give_up(stay);
            }
        }
        self.say_farewells().await;
    }

    async fn say_farewells(&mut self) {
        for farewell in std::mem::take(&mut self.farewells) {
            farewell.await;
        }
    }

    fn engine(&self) -> Option<Engine> {
        self.sessions.multiplex().map(Multiplex::engine)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.shared.link.register(context.waker());
        self.take_upgrade();
        let drained = match self.shared.link.poll_drain(context) {
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        self.follow();
        if self.stage == Stage::Ending {
            if self.codec.is_none() || self.shared.link.state() == State::Gone {
                return Poll::Ready(());
            }
            // Whether or not it worked: the timer ends what does not end by itself.
            let link = &self.shared.link;
            if drained && link.poll_shutdown(context).is_ready() && link.poll_discard(context).is_ready() {
                return Poll::Ready(());
            }
        } else {
            self.read_post(context);
            if self.poll_frames(context).is_ready() {
                return Poll::Ready(());
            }
            self.look_for_awaited();
            self.poll_sockets(context);
            self.follow();
            self.answer_poll();
            if self.is_over() {
                return Poll::Ready(());
            }
            if self.stage == Stage::Ending {
                // What there is to do then is done by the next turn, and nothing else brings that.
                context.waker().wake_by_ref();
            }
        }
        self.set_timer();
        self.poll_timer(context)
    }

    /// Nobody polls for what is left to say.
    fn is_over(&self) -> bool {
        let is_said = || match self.stage {
            Stage::Open => false,
            Stage::Closing => self.shared.link.is_quiet(),
            Stage::Ending => true,
        };
        self.codec.is_none() && is_said()
    }

    /// Whoever talks, or the hub, may have closed the link, or found it broken.
    fn follow(&mut self) {
        match self.shared.link.state() {
            State::Closing if self.stage == Stage::Open => self.enter(Stage::Closing),
            State::Gone => self.enter(Stage::Ending),
            State::Open | State::Closing => {}
        }
    }

    fn enter(&mut self, stage: Stage) {
        if self.stage != stage {
            self.stage = stage;
            self.sockets.iter_mut().for_each(|socket| socket.party.shut());
            self.timer.as_mut().reset(Instant::now() + CLOSE_TIMEOUT);
        }
    }

    /// Ends the connection; its client comes back if it likes.
    fn close(&mut self, reason: CloseReason) {
        self.shared.link.close(reason);
        self.follow();
    }

    /// Nothing of it is known any more, but the sockets whose clients may come back.
    fn end(&mut self) {
        self.sessions.leave(self.sid);
        self.shared.link.end();
        self.shared.clear();
        // Whoever waits for those that may come back does not keep the connection itself.
        self.codec = None;
        self.shared.link.with_stream(|carrier| *carrier = Carrier::Polling);
        let sockets = std::mem::take(&mut self.sockets);
        self.away = sockets.into_iter().filter_map(|socket| self.park(socket)).collect();
    }
}

impl<T: Stream> Drop for Session<T> {
    /// However it ends, a panic of a dialect included.
    fn drop(&mut self) {
        self.sessions.leave(self.sid);
        self.shared.link.end();
        self.shared.clear();
        for name in self.sockets.iter().filter_map(|socket| socket.resume) {
            self.sessions.parked.leave(name);
        }
    }
}

impl<T: Stream> std::fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("sid", &self.sid).finish_non_exhaustive()
    }
}
