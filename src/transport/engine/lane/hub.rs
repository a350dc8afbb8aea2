//! What the hub writes to.

use std::sync::Arc;

use super::ending::{End, end};
use super::{SocketLane, Stage};
use crate::hub::{Lane, Sent};
use crate::message::{CloseReason, Frame};
use crate::transport::engine::carrier::Carrier;
use crate::transport::link::{Link, Stream};

impl<T: Stream> SocketLane<T> {
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
                if state.held.keep(frame.wire()) == Ok(()) {
                    return Sent::Queued;
                }
                let shared = Arc::clone(&state.shared);
                drop(state);
                shared.link.close(CloseReason::Overflow);
                Sent::Overflow
            }
        }
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
            End::Connection => self.end(reason, |shared| shared.link.close(reason)),
            End::Dismissed => self.dismiss(true),
            End::Silent => self.dismiss(false),
        }
    }
}
