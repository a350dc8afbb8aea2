//! What waits to be sent to the other process. Bounded: whoever lets more wait is given up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::word::Word;
use crate::broker::remote::OutgoingLimits;

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::broker) struct Mail {
    state: Mutex<State>,
    filled: Notify,
    limits: OutgoingLimits,
}

#[derive(Debug, Default)]
struct State {
    frames: Vec<Bytes>,
    bytes: usize,
    is_closed: bool,
}

impl Mail {
    pub(in crate::broker) fn new(limits: OutgoingLimits) -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), limits }
    }

    /// `false`: it has no room, or is closed.
    pub(in crate::broker) fn push(&self, word: &Word) -> bool {
        let frame = word.write();
        let mut state = self.lock();
        let bytes = state.bytes + frame.len();
        let fits = state.frames.len() < self.limits.letters && bytes <= self.limits.bytes;
        if state.is_closed || (!fits && !state.frames.is_empty()) {
            return false;
        }
        state.bytes = bytes;
        state.frames.push(frame);
        drop(state);
        self.filled.notify_one();
        true
    }

    /// Nothing comes behind what waits.
    pub(in crate::broker) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_one();
    }

    pub(in crate::broker) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// All that waits, as soon as something does; `None`: it is closed, and nothing waits.
    pub(super) async fn next(&self) -> Option<Vec<Bytes>> {
        loop {
            {
                let mut state = self.lock();
                if !state.frames.is_empty() {
                    state.bytes = 0;
                    return Some(std::mem::take(&mut state.frames));
                }
                if state.is_closed {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under it is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
