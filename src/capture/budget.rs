//! The memory that all kept answers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that all captures together may hold. Full: the capture goes on without a copy.
#[derive(Debug, Clone)]
pub struct Budget {
    free: Arc<AtomicUsize>,
}

/// Bytes taken from a [`Budget`]; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    free: Arc<AtomicUsize>,
    held: usize,
}

impl Budget {
    /// A budget of `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(bytes)) }
    }

    pub(super) fn reserve_nothing(&self) -> Reservation {
        Reservation { free: Arc::clone(&self.free), held: 0 }
    }
}

impl Reservation {
    /// Takes `bytes` more, or nothing if they are not there.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let taken = self
            .free
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes))
            .is_ok();
        if taken {
            self.held += bytes;
        }
        taken
    }

    /// Gives everything back.
    pub(super) fn release(&mut self) {
        self.free.fetch_add(std::mem::take(&mut self.held), Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_budget_refuses_and_a_dropped_reservation_gives_back() {
        let budget = Budget::new(10);
        let mut one = budget.reserve_nothing();
        let mut two = budget.reserve_nothing();
        assert!(one.grow(6));
        assert!(!two.grow(5));
        assert!(two.grow(4));
        drop(one);
        assert!(two.grow(6));
    }
}
