//! How many requests, or connections, are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// Requests under way, or connections; shutting down waits for them.
#[derive(Debug, Clone, Default)]
pub struct InFlight {
    count: Arc<AtomicUsize>,
    cut: watch::Sender<bool>,
}

impl InFlight {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Those that look for it end where they are.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Waits until they are to end where they are.
    pub(super) fn is_cut(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut cut = self.cut.subscribe();
        // Without a sender nobody is left to wait for it.
        async move { drop(cut.wait_for(|cut| *cut).await) }
    }

    pub(super) fn enter(&self) -> InFlightGuard {
        self.count.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(Arc::clone(&self.count))
    }
}

/// One of them; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct InFlightGuard(Arc<AtomicUsize>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
