//! A socket is closed: it leaves, or its whole connection ends.

use super::{SocketLane, Stage};
use crate::message::CloseReason;
use crate::transport::engine::shared::Shared;
use crate::transport::link::Stream;
use crate::transport::wire::Wire as _;

/// What becomes of a connection for which one of its sockets is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It ends, so that its client comes back.
    Connection,
    /// It goes on, and the client hears that the socket has left.
    Dismissed,
    /// It goes on, and the client has heard it.
    Silent,
}

pub(super) fn end(reason: CloseReason) -> End {
    match reason {
        CloseReason::GoingAway
        | CloseReason::Restart(_)
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
    pub(super) fn dismiss(&self, is_told: bool) {
        let mut state = self.lock();
        if is_told && matches!(state.stage, Stage::Coming | Stage::In) {
            state.shared.link.answer(self.dismissal.wire());
        }
        state.stage = Stage::Gone;
        state.held.clear();
        state.shared.link.wake();
    }

    /// Its connection ends; one that is away does not come back, nor one that something was lost for.
    pub(super) fn end(&self, reason: CloseReason, end: impl FnOnce(&Shared<T>)) {
        let mut state = self.lock();
        if reason == CloseReason::Lagging {
            // What is kept has a hole that nobody could see.
            state.recent = None;
        }
        if state.stage == Stage::Away {
            state.stage = Stage::Gone;
            return;
        }
        drop(state);
        end(&self.shared());
    }
}
