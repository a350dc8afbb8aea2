//! The broker of a single process: straight to the hub.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use super::Broker;
use crate::event::Event;
use crate::hub::Hub;
use crate::metrics::Metrics;

/// See the module's documentation.
#[derive(Debug)]
pub struct Memory {
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
}

impl Memory {
    /// Delivers to `hub`.
    pub fn new(hub: Arc<Hub>, metrics: Arc<Metrics>) -> Self {
        Self { hub, metrics }
    }
}

impl Broker for Memory {
    #[expect(clippy::disallowed_methods, reason = "the shell measures how long an event took")]
    fn publish(&self, event: Event) {
        let written = event.time;
        // A request that shares the core with a large fan-out gets its turn here; with a core to itself the
        // worker goes on at once.
        let delivery = self.hub.deliver(event, thread::yield_now);
        let took = SystemTime::now().duration_since(written).unwrap_or_default();
        self.metrics.event_hidden(delivery.hidden);
        self.metrics.event_delivered(&delivery.delivered, delivery.overflowed, took);
    }
}
