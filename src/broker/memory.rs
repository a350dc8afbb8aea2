//! The broker of a single process: straight to the hub.

use std::sync::Arc;

use super::local::Local;
use super::{Broker, Parcel};
use crate::hub::Hub;
use crate::metrics::Metrics;

/// See the module's documentation.
#[derive(Debug)]
pub struct Memory(Local);

impl Memory {
    /// Delivers to `hub`.
    pub fn new(hub: Arc<Hub>, metrics: Arc<Metrics>) -> Self {
        Self(Local::new(hub, metrics))
    }
}

impl Broker for Memory {
    fn publish(&self, parcel: Parcel) -> u64 {
        self.0.deliver(None, parcel)
    }

    fn gather(&self) {
        self.0.gather();
    }

    fn flush(&self) {
        self.0.flush();
    }

    fn lose(&self) {
        self.0.lose(None);
    }
}
