//! Several events on their way at once: what they say to one reader leaves in one write.
//!
//! A frame costs its reader's socket a system call, which is most of what a delivery costs. Where more events
//! wait behind one, their frames are put into the readers' outboxes first, and then each outbox is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{BATCH, Lane};

/// See the module's documentation. Used by the thread that delivers events.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    is_on: AtomicBool,
    /// In which frames were gathered.
    lanes: Mutex<Vec<Arc<dyn Lane>>>,
}

/// One is equal to itself alone.
impl PartialEq for Gathering {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Gathering {}

impl Gathering {
    pub(super) fn begin(&self) {
        self.is_on.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Frames were gathered in this lane.
    pub(super) fn add(&self, lane: &Arc<dyn Lane>) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(lane));
    }

    /// Writes all that was gathered, with a `pause` after each batch of readers but the last.
    pub(super) fn end(&self, pause: impl Fn()) {
        self.is_on.store(false, Ordering::Relaxed);
        let lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        for (number, batch) in lanes.chunks(BATCH).enumerate() {
            if number > 0 {
                pause();
            }
            for lane in batch {
                lane.flush();
            }
        }
    }
}
