//! The broker of a single process: straight to the hub.

use std::sync::Arc;
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
        let delivery = self.hub.deliver(event);
        let took = SystemTime::now().duration_since(written).unwrap_or_default();
        self.metrics.event_hidden(delivery.hidden);
        self.metrics.event_delivered(&delivery.delivered, delivery.overflowed, took);
    }
}
