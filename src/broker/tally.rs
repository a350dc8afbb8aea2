//! How many readers parcels reached that are not placed all at once.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::{Reached, Receipt};

/// Its last owner's end tells the receipt.
pub(super) struct Tally(Mutex<(u64, Option<Receipt>)>);

impl Tally {
    pub(super) fn new(receipt: Receipt) -> Self {
        Self(Mutex::new((0, Some(receipt))))
    }

    /// So many more.
    pub(super) fn add(&self, readers: u64) {
        // A sum is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 += readers;
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").finish_non_exhaustive()
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let (readers, receipt) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(receipt) = receipt.take() {
            receipt(Reached { readers: *readers, nodes: None });
        }
    }
}
