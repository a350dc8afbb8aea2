//! One socket of a connection: what the hub and its conversation write to, on the way to the link that all sockets of
//! the connection have.

mod ending;
mod hub;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::recent::Recent;
use super::shared::Shared;
use crate::hub::OutboxLimits;
use crate::message::{Frame, Stamp};
use crate::transport::held::Held;
use crate::transport::link::Stream;
use crate::transport::wire::Wire as _;

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
    /// `None`: nobody comes back, or begins anew.
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
    /// it [is answered](crate::transport::wire::Wire::release). With what it missed; `None`: that is not known any more.
    pub(super) fn come_back(&self, shared: &Arc<Shared<T>>, last: Option<Stamp>) -> Option<Vec<Bytes>> {
        let mut state = self.lock();
        let missed = state.recent.as_ref().filter(|_| state.stage == Stage::Away)?.missed(last)?;
        state.shared = Arc::clone(shared);
        state.stage = Stage::Coming;
        state.held.hold(self.limits);
        Some(missed)
    }

    /// Sends what the client missed.
    pub(super) fn catch_up(&self, missed: &[Bytes]) {
        let state = self.lock();
        if state.stage == Stage::In && !missed.is_empty() {
            for frame in missed {
                state.shared.link.answer(frame);
            }
            state.shared.link.excuse();
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

    /// The connection that it is on.
    fn shared(&self) -> Arc<Shared<T>> {
        Arc::clone(&self.lock().shared)
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
