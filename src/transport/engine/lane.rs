//! One socket of a connection: what the hub and its conversation write to, on the way to the link that all sockets of
//! the connection have.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::carrier::Carrier;
use super::recent::Recent;
use super::shared::Shared;
use crate::hub::{Full, Lane, OutboxLimits, Sent};
use crate::message::{CloseReason, Frame, Stamp};
use crate::transport::ahead::Hold;
use crate::transport::held::Held;
use crate::transport::link::{Link, Stream};
use crate::transport::wire::Wire;

/// See the module's documentation. Its lock is taken before that of the link.
pub(super) struct SocketLane<T> {
    /// What is said to a client that has to leave the namespace.
    dismissal: Frame,
    limits: OutboxLimits,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// Another one where the client has come back.
    shared: Arc<Shared<T>>,
    held: Held,
    stage: Stage,
    /// `None`: nobody comes back.
    recent: Option<Box<Recent>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The client has not been answered: nothing that others say is for it, and what it is to get once it is in
    /// is held back.
    Coming,
    In,
    /// Its connection broke off, and it may come back: what comes for it is kept.
    Away,
    Gone,
}

/// Whether a client may come back to its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    Nothing,
    /// What was sent last.
    Recent,
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
    /// `keeps`: what was sent last is kept for a client that comes back.
    pub(super) fn new(shared: Arc<Shared<T>>, dismissal: Frame, limits: OutboxLimits, keeps: Keeps) -> Self {
        let recent = (keeps == Keeps::Recent).then(|| Box::new(Recent::new(limits)));
        let state = State { shared, held: Held::default(), stage: Stage::Coming, recent };
        Self { dismissal, limits, state: Mutex::new(state) }
    }

    /// The connection broke off; `false`: the socket is not in, or does not come back.
    pub(super) fn park(&self) -> bool {
        let mut state = self.lock();
        let may_park = state.stage == Stage::In && state.recent.is_some();
        if may_park {
            // What waits for an answer is kept already, and the answer does not come any more.
            state.held.clear();
            state.held.set_call(0);
            state.stage = Stage::Away;
        }
        may_park
    }

    /// The client is back on another connection, and got the frame of this stamp last. What comes for it waits until
    /// it [is answered](Wire::release). With what it missed; `None`: that is not known any more.
    pub(super) fn come_back(&self, shared: &Arc<Shared<T>>, last: Option<Stamp>) -> Option<Vec<Bytes>> {
        let mut state = self.lock();
        let missed = state.recent.as_ref().filter(|_| state.stage == Stage::Away)?.missed(last)?;
        state.shared = Arc::clone(shared);
        state.stage = Stage::Coming;
        state.held.hold(self.limits);
        Some(missed)
    }

    /// Sends what the client missed, in one piece: it is bounded already, and where as much waits as may, each of
    /// its frames would count once more, beside those of other sockets. The client would be closed for what it
    /// comes back for, again and again.
    pub(super) fn catch_up(&self, missed: &[Bytes]) {
        let state = self.lock();
        if state.stage == Stage::In && !missed.is_empty() {
            state.shared.link.answer(&Bytes::from(missed.concat()));
        }
    }

    /// The client has been answered that it is in.
    pub(super) fn is_in(&self) -> bool {
        self.lock().stage == Stage::In
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
        if is_told && matches!(state.stage, Stage::Coming | Stage::In) {
            state.shared.link.answer(self.dismissal.websocket());
        }
        state.stage = Stage::Gone;
        state.held.clear();
        state.shared.link.wake();
    }

    /// The connection that it is on.
    fn shared(&self) -> Arc<Shared<T>> {
        Arc::clone(&self.lock().shared)
    }

    /// Its connection ends; one that is away does not come back.
    fn end(&self, end: impl FnOnce(&Shared<T>)) {
        let mut state = self.lock();
        if state.stage == Stage::Away {
            state.stage = Stage::Gone;
            return;
        }
        drop(state);
        end(&self.shared());
    }

    /// Sends a frame, or keeps it, as the stage has it.
    fn send_by(&self, frame: &Frame, send: impl FnOnce(&Link<Carrier<T>>) -> Sent) -> Sent {
        let mut state = self.lock();
        let is_held = state.held.is_on();
        match state.stage {
            Stage::Gone => return Sent::Gone,
            Stage::Coming if !is_held => return Sent::Gone,
            Stage::Coming | Stage::In | Stage::Away => {
                state.recent.iter_mut().for_each(|recent| recent.push(frame));
            }
        }
        match state.stage {
            Stage::In if !is_held => match send(&state.shared.link) {
                // The connection has just broken off: it is as with whoever is away.
                Sent::Gone if state.recent.is_some() => Sent::Queued,
                sent @ (Sent::Written | Sent::Queued | Sent::Gathered | Sent::Overflow | Sent::Gone) => sent,
            },
            Stage::Away => Sent::Queued,
            Stage::Coming | Stage::In | Stage::Gone => {
                if state.held.keep(frame.websocket()) == Ok(()) {
                    return Sent::Queued;
                }
                let shared = Arc::clone(&state.shared);
                drop(state);
                shared.link.close(CloseReason::Overflow);
                Sent::Overflow
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic runs under it but the stream itself; what it left is only closed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for SocketLane<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketLane").field("dismissal", &self.dismissal).finish_non_exhaustive()
    }
}

impl<T: Stream> Lane for SocketLane<T> {
    fn send(&self, frame: &Frame) -> Sent {
        self.send_by(frame, |link| link.send(frame))
    }

    fn gather(&self, frame: &Frame) -> Sent {
        self.send_by(frame, |link| link.gather(frame))
    }

    fn flush(&self) {
        self.shared().link.flush();
    }

    fn hold(&self) {
        self.lock().held.hold(self.limits);
    }

    fn close(&self, reason: CloseReason) {
        match end(reason) {
            End::Connection => self.end(|shared| shared.link.close(reason)),
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
        if matches!(state.stage, Stage::Coming | Stage::In) {
            state.stage = Stage::In;
            state.shared.link.answer(frame);
        }
    }

    fn close_after(&self, reason: CloseReason) {
        match end(reason) {
            End::Connection => self.end(|shared| shared.link.close_after(reason)),
            End::Dismissed => self.dismiss(true),
            End::Silent => self.dismiss(false),
        }
    }

    fn begin_call(&self, call: u64) {
        self.lock().held.set_call(call);
    }

    fn end_call(&self) -> Result<(), Full> {
        self.lock().held.set_call(0);
        self.release()
    }

    fn release(&self) -> Result<(), Full> {
        let mut state = self.lock();
        match state.stage {
            // It waits for the answer by which the client is in.
            Stage::Coming => {}
            Stage::In => {
                let mut held = state.held.take();
                return held.try_for_each(|frame| state.shared.link.pass(&frame));
            }
            Stage::Away | Stage::Gone => state.held.clear(),
        }
        Ok(())
    }

    fn forget(&self) {
        self.disown();
        let mut state = self.lock();
        state.held.clear();
        state.held.hold(self.limits);
    }

    fn is_busy(&self) -> bool {
        self.lock().shared.link.is_busy()
    }

    fn disown(&self) {
        let mut state = self.lock();
        // Before it is in nothing was sent, and so nothing is lost.
        let is_coming = state.stage == Stage::Coming;
        let new = Recent::new(self.limits);
        if let Some(recent) = &mut state.recent {
            if is_coming { **recent = new } else { recent.forget() }
        }
    }

    fn acknowledged(&self, number: u64) {
        self.lock().recent.iter_mut().for_each(|recent| recent.acknowledge(number));
    }
}
