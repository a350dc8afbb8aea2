//! What a link is to whoever has several ways to carry what waits.

use std::sync::PoisonError;

use bytes::Bytes;

use super::{Link, State, Stream};
use crate::hub::{Full, OutboxLimits};

impl<S: Stream> Link<S> {
    /// One that says nothing first.
    pub(in crate::transport) fn silent(stream: S, limits: OutboxLimits) -> Self {
        let link = Self::new(stream, Bytes::new(), limits);
        link.lock().outbox.clear();
        link
    }

    /// The stream alone, and nothing of what waits.
    pub(in crate::transport) fn into_stream(self) -> S {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).stream
    }

    /// Looks at the stream, or puts another in its place.
    pub(in crate::transport) fn with_stream<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.lock().stream)
    }

    /// Takes all that waits from a stream that takes nothing itself.
    pub(in crate::transport) fn take(&self) -> Vec<Bytes> {
        self.lock().outbox.take()
    }

    /// Puts back what was taken and did not leave; the task looks after it.
    pub(in crate::transport) fn give_back(&self, frames: Vec<Bytes>) {
        let mut inner = self.lock();
        if inner.state != State::Gone {
            inner.outbox.give_back(frames);
            inner.wake();
        }
    }

    /// Nothing waits.
    pub(in crate::transport) fn is_quiet(&self) -> bool {
        self.lock().outbox.is_empty()
    }

    /// Sends what was held back elsewhere.
    ///
    /// # Errors
    /// It is more than may wait, and the link is closing.
    pub(in crate::transport) fn pass(&self, frame: &Bytes) -> Result<(), Full> {
        self.lock().pass(frame)
    }

    /// Has the connection's task run.
    pub(in crate::transport) fn wake(&self) {
        self.lock().wake();
    }
}
