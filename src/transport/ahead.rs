//! The answer to a client's call comes before the events that the call itself causes, although those take
//! another way.

use std::fmt;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicUsize, Ordering};

/// Keeps back what the hub sends to one connection.
pub(super) trait Hold: Send + Sync + fmt::Debug {
    /// From now on, until call number `call` is answered. Nothing happens if it has been already.
    fn hold(&self, call: u64);
}

/// Goes along with a call of one connection.
#[derive(Debug, Clone)]
pub struct Ahead {
    link: Arc<dyn Hold>,
    call: u64,
}

impl Ahead {
    pub(super) fn new(link: Arc<dyn Hold>, call: u64) -> Self {
        Self { link, call }
    }

    /// One that counts how often it is called.
    #[cfg(test)]
    pub(crate) fn counting() -> (Arc<AtomicUsize>, Self) {
        #[derive(Debug)]
        struct Count(Arc<AtomicUsize>);
        impl Hold for Count {
            fn hold(&self, _: u64) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = Arc::new(AtomicUsize::new(0));
        (Arc::clone(&count), Self::new(Arc::new(Count(count)), 1))
    }

    /// To be called just before the call's own event goes to the hub: what the hub sends to the connection from
    /// now on waits until the call is answered. It is bounded like everything that waits for a reader, and a
    /// call that has been answered holds nothing back.
    pub fn hold(&self) {
        self.link.hold(self.call);
    }
}
