//! The memory that all kept answers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that all captures together may hold. Full: the capture goes on without a copy.
#[derive(Debug, Clone)]
pub struct Budget {
    free: Arc<AtomicUsize>,
    size: usize,
    /// Is left to others.
    left: usize,
}

/// Bytes taken from a [`Budget`]; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    free: Arc<AtomicUsize>,
    left: usize,
    held: usize,
}

impl Budget {
    /// A budget of `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(bytes)), size: bytes, left: 0 }
    }

    /// The same for whoever leaves half of it to others.
    #[must_use]
    pub fn leaving_half(&self) -> Self {
        Self { left: self.size / 2, ..self.clone() }
    }

    pub(super) fn reserve_nothing(&self) -> Reservation {
        Reservation { free: Arc::clone(&self.free), left: self.left, held: 0 }
    }
}

impl Reservation {
    /// Takes `bytes` more, or nothing if they are not there.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let take = |free: usize| free.checked_sub(bytes).filter(|rest| *rest >= self.left);
        let taken = self.free.try_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
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

    #[test]
    fn half_of_it_can_be_left_to_others() {
        let budget = Budget::new(10);
        let mut spare = budget.leaving_half().reserve_nothing();
        let mut other = budget.reserve_nothing();
        assert!(spare.grow(5) && !spare.grow(1));
        assert!(other.grow(5));
        drop(spare);
        assert!(!budget.leaving_half().reserve_nothing().grow(1), "others hold half of it");
    }
}
