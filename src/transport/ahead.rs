//! The answer to a client's call comes before the events that the call itself causes, although those take
//! another way.

use std::fmt;
use std::sync::Arc;

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

    /// To be called just before the call's own event goes to the hub: what the hub sends to the connection from
    /// now on waits until the call is answered. It is bounded like everything that waits for a reader, and a
    /// call that has been answered holds nothing back.
    pub fn hold(&self) {
        self.link.hold(self.call);
    }
}
