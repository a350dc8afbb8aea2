//! How far this process has read, so that a server that comes back with less is noticed: one whose machine lost its
//! power has lost what it acknowledged last, and gives the same offsets again.

use std::sync::{Mutex, PoisonError};

use crate::broker::Head;
use crate::event::Epoch;

#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Option<(Epoch, u64)>>);

impl Known {
    /// An entry was read or acknowledged, or is known to be there.
    pub(super) fn note(&self, epoch: Epoch, offset: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = match *known {
            Some((of, last)) if of == epoch => Some((epoch, last.max(offset))),
            _ => Some((epoch, offset)),
        };
    }

    /// Entries that were there are not, and their offsets come again.
    pub(super) fn is_ahead_of(&self, head: Head) -> bool {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_some_and(|(epoch, last)| epoch == head.epoch && last > head.last)
    }
}
