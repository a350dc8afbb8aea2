//! The end of a parcel's way: this process's hub, and what is counted there.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use super::Parcel;
use crate::event::{Event, Position};
use crate::hub::{Delivery, Hub};
use crate::message::Push;
use crate::metrics::Metrics;

/// See the module's documentation. Used by the thread that delivers.
#[derive(Debug)]
pub(super) struct Local {
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    /// When that began which is on its way.
    begun: Mutex<Vec<SystemTime>>,
}

impl Local {
    pub(super) fn new(hub: Arc<Hub>, metrics: Arc<Metrics>) -> Self {
        Self { hub, metrics, begun: Mutex::default() }
    }

    /// Delivers a parcel, which stands at this offset in a broker's log, `None`: there is none; returns how many
    /// readers it reached.
    pub(super) fn deliver(&self, offset: Option<u64>, parcel: Parcel) -> u64 {
        // A request that shares the core with a large fan-out gets its turn at each pause; with a core to
        // itself the worker goes on at once.
        let delivery = match parcel {
            Parcel::Event(event) => self.event(offset, event),
            Parcel::Push(push) => self.push(offset, &push),
        };
        self.metrics.event_hidden(delivery.hidden);
        self.metrics.access_withheld(&delivery.withheld);
        self.metrics.access_lagged(delivery.lagged);
        self.metrics.event_delivered(&delivery.delivered, delivery.overflowed);
        delivery.reached
    }

    /// The number by which clients may be asked for answers to a push; `None`: too many are.
    pub(super) fn ask_for_receipts(&self) -> Option<u64> {
        self.hub.ask_for_receipts().ok()
    }

    fn event(&self, offset: Option<u64>, event: Event) -> Delivery {
        let written = event.time;
        let delivery = self.hub.deliver_at(offset, event, now(), thread::yield_now);
        self.is_under_way(written);
        delivery
    }

    fn push(&self, offset: Option<u64>, push: &Push) -> Delivery {
        let begun = now();
        let delivery = self.hub.push_at(offset, push, begun, thread::yield_now);
        self.is_under_way(begun);
        delivery
    }

    fn is_under_way(&self, begun: SystemTime) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(begun);
    }

    pub(super) fn gather(&self) {
        self.hub.gather();
    }

    pub(super) fn flush(&self) {
        self.hub.let_go(thread::yield_now);
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        let now = now();
        for begun in begun {
            self.metrics.delivery_took(now.duration_since(begun).unwrap_or_default());
        }
    }

    /// Nobody knows what came up to this offset, or up to now.
    pub(super) fn lose(&self, offset: Option<u64>) {
        let readers = self.hub.lose(offset);
        if offset.is_some() {
            self.metrics.readers_missed(readers);
        } else {
            self.metrics.readers_lag(readers);
        }
    }

    /// The log is followed from behind this position on.
    pub(super) fn adopt(&self, position: Position) {
        self.metrics.log_begun(self.hub.adopt(position));
    }

    /// Nothing is there for readers.
    pub(super) fn skip(&self, offset: u64) {
        self.hub.skip(offset);
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell measures how long an event took")]
fn now() -> SystemTime {
    SystemTime::now()
}
