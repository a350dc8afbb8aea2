//! One socket of a connection: what the hub and its conversation write to, on the way to the link that all sockets of
//! the connection have.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::shared::Shared;
use crate::hub::{Full, Lane, OutboxLimits, Sent};
use crate::message::{CloseReason, Frame};
use crate::transport::ahead::Hold;
use crate::transport::held::Held;
use crate::transport::link::Stream;
use crate::transport::wire::Wire;

/// See the module's documentation. Its lock is taken before that of the link.
pub(super) struct SocketLane<T> {
    shared: Arc<Shared<T>>,
    /// What is said to a client that has to leave the namespace.
    dismissal: Frame,
    limits: OutboxLimits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    held: Held,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The client has not been answered: nothing that others say is for it, and what it is to get once it is in
    /// is held back.
    Coming,
    In,
    Gone,
}

/// What becomes of a connection for which one of its sockets is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It ends, so that its client comes back.
    Connection,
    /// It goes on, and the client hears that the socket has left.
    Dismissed,
    /// It goes on, and the client has heard it.
    Silent,
}

fn end(reason: CloseReason) -> End {
    match reason {
        CloseReason::GoingAway
        | CloseReason::Protocol
        | CloseReason::NotUtf8
        | CloseReason::TooBig
        | CloseReason::Overflow
        | CloseReason::Lagging
        | CloseReason::Silent => End::Connection,
        CloseReason::Expired
        | CloseReason::Unauthenticated
        | CloseReason::InvalidToken
        | CloseReason::Unchecked
        | CloseReason::Heartbeat
        | CloseReason::RateLimit
        | CloseReason::TooMany
        | CloseReason::Ended => End::Dismissed,
        CloseReason::Refused | CloseReason::Application(_) => End::Silent,
    }
}

impl<T: Stream> SocketLane<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, dismissal: Frame, limits: OutboxLimits) -> Self {
        let state = State { held: Held::default(), stage: Stage::Coming };
        Self { shared, dismissal, limits, state: Mutex::new(state) }
    }

    /// The socket has left, or has to.
    pub(super) fn is_gone(&self) -> bool {
        self.lock().stage == Stage::Gone
    }

    /// The client has left, and hears nothing more.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.stage = Stage::Gone;
        state.held.clear();
    }

    fn dismiss(&self, is_told: bool) {
        let mut state = self.lock();
        if state.stage != Stage::Gone {
            if is_told {
                self.shared.link.answer(self.dismissal.websocket());
            }
            state.stage = Stage::Gone;
            state.held.clear();
        }
        self.shared.link.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under it but the stream itself; what it left is only closed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for SocketLane<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketLane").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<T: Stream> Lane for SocketLane<T> {
    fn send(&self, frame: &Frame) -> Sent {
        let mut state = self.lock();
        match state.stage {
            Stage::Coming | Stage::In if state.held.is_on() => {}
            Stage::Coming | Stage::Gone => return Sent::Gone,
            Stage::In => return self.shared.link.send(frame),
        }
        if state.held.keep(frame.websocket()) == Err(Full) {
            drop(state);
            self.shared.link.close(CloseReason::Overflow);
            return Sent::Overflow;
        }
        Sent::Queued
    }

    fn hold(&self) {
        self.lock().held.hold(self.limits);
    }

    fn close(&self, reason: CloseReason) {
        match end(reason) {
            End::Connection => self.shared.link.close(reason),
            End::Dismissed => self.dismiss(true),
            End::Silent => self.dismiss(false),
        }
    }
}

impl<T: Stream> Hold for SocketLane<T> {
    fn hold(&self, call: u64) {
        self.lock().held.hold_for(call, self.limits);
    }
}

impl<T: Stream> Wire for SocketLane<T> {
    fn answer(&self, frame: &Bytes) {
        let mut state = self.lock();
        if state.stage != Stage::Gone {
            state.stage = Stage::In;
            self.shared.link.answer(frame);
        }
    }

    fn close_after(&self, reason: CloseReason) {
        match end(reason) {
            End::Connection => self.shared.link.close_after(reason),
            End::Dismissed => self.dismiss(true),
            End::Silent => self.dismiss(false),
        }
    }

    fn begin_call(&self, call: u64) {
        self.lock().held.set_call(call);
    }

    fn end_call(&self) {
        self.lock().held.set_call(0);
        self.release();
    }

    fn release(&self) {
        let mut state = self.lock();
        match state.stage {
            // It waits for the answer by which the client is in.
            Stage::Coming => {}
            Stage::In => state.held.take().for_each(|frame| self.shared.link.pass(&frame)),
            Stage::Gone => state.held.clear(),
        }
    }

    fn forget(&self) {
        let mut state = self.lock();
        state.held.clear();
        state.held.hold(self.limits);
    }

    fn is_busy(&self) -> bool {
        self.shared.link.is_busy()
    }
}
