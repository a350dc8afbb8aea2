//! What the hub sends to a client that is to be answered first. Pure bookkeeping, under the lock of whoever has it.

use bytes::Bytes;

use crate::hub::{Full, Outbox, OutboxLimits};

/// Frames that wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The number of the call that is being answered; 0: none is.
    call: u64,
    /// What the hub sent since that call's own event, or since the client wants something else.
    frames: Option<Box<Outbox>>,
}

impl Held {
    /// What is sent waits here.
    pub(super) fn is_on(&self) -> bool {
        self.frames.is_some()
    }

    /// Nobody is being answered.
    pub(super) fn is_off(&self) -> bool {
        self.frames.is_none() && self.call == 0
    }

    /// From now on, with as much as may wait for a reader.
    pub(super) fn hold(&mut self, limits: OutboxLimits) {
        self.frames.get_or_insert_with(|| Box::new(Outbox::new(limits)));
    }

    /// The same, unless this call has been answered.
    pub(super) fn hold_for(&mut self, call: u64, limits: OutboxLimits) {
        if self.call == call {
            self.hold(limits);
        }
    }

    /// Puts a frame behind those that wait.
    ///
    /// # Errors
    /// [`Full`], and the frame is not kept.
    pub(super) fn keep(&mut self, frame: &Bytes) -> Result<(), Full> {
        self.frames.as_mut().map_or(Ok(()), |frames| frames.push(frame, 0))
    }

    /// Call number `call` is being answered from now on; 0: none is.
    pub(super) fn set_call(&mut self, call: u64) {
        self.call = call;
    }

    /// What waited leaves, and nothing waits any more.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Bytes> + use<> {
        self.frames.take().into_iter().flat_map(|frames| frames.into_frames())
    }

    /// What waited is for nobody.
    pub(super) fn clear(&mut self) {
        self.frames = None;
    }
}
