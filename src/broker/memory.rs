//! The broker of a single process: straight to the hub.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use super::{Broker, Parcel};
use crate::event::Event;
use crate::hub::{Delivery, Hub};
use crate::message::Push;
use crate::metrics::Metrics;

/// See the module's documentation.
#[derive(Debug)]
pub struct Memory {
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    /// When that began which is on its way.
    begun: Mutex<Vec<SystemTime>>,
}

impl Memory {
    /// Delivers to `hub`.
    pub fn new(hub: Arc<Hub>, metrics: Arc<Metrics>) -> Self {
        Self { hub, metrics, begun: Mutex::default() }
    }

    fn deliver(&self, event: Event) -> Delivery {
        let written = event.time;
        let delivery = self.hub.deliver(event, now(), thread::yield_now);
        self.is_under_way(written);
        delivery
    }

    fn push(&self, push: &Push) -> Delivery {
        let begun = now();
        let delivery = self.hub.push(push, begun, thread::yield_now);
        self.is_under_way(begun);
        delivery
    }

    fn is_under_way(&self, begun: SystemTime) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(begun);
    }
}

impl Broker for Memory {
    fn publish(&self, parcel: Parcel) -> u64 {
        // A request that shares the core with a large fan-out gets its turn at each pause; with a core to
        // itself the worker goes on at once.
        let delivery = match parcel {
            Parcel::Event(event) => self.deliver(event),
            Parcel::Push(push) => self.push(&push),
        };
        self.metrics.event_hidden(delivery.hidden);
        self.metrics.access_withheld(&delivery.withheld);
        self.metrics.access_lagged(delivery.lagged);
        self.metrics.event_delivered(&delivery.delivered, delivery.overflowed);
        delivery.reached
    }

    fn gather(&self) {
        self.hub.gather();
    }

    fn flush(&self) {
        self.hub.let_go(thread::yield_now);
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        let now = now();
        for begun in begun {
            self.metrics.delivery_took(now.duration_since(begun).unwrap_or_default());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell measures how long an event took")]
fn now() -> SystemTime {
    SystemTime::now()
}
