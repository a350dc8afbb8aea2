//! The broker of a single process: straight to the hub.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use super::{Broker, Parcel};
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
    fn publish(&self, parcel: Parcel) -> u64 {
        let now = SystemTime::now();
        // A request that shares the core with a large fan-out gets its turn at each pause; with a core to
        // itself the worker goes on at once.
        let (delivery, written) = match parcel {
            Parcel::Event(event) => {
                let written = event.time;
                (self.hub.deliver(event, now, thread::yield_now), written)
            }
            Parcel::Push(push) => (self.hub.push(&push, now, thread::yield_now), now),
        };
        let took = SystemTime::now().duration_since(written).unwrap_or_default();
        self.metrics.event_hidden(delivery.hidden);
        self.metrics.access_withheld(&delivery.withheld);
        self.metrics.access_lagged(delivery.lagged);
        self.metrics.event_delivered(&delivery.delivered, delivery.overflowed, took);
        delivery.reached
    }
}
