//! Requests that clients sent over sockets, on their way to the backend.

use prometheus::IntCounter;

use super::{Maker, Metrics};

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// The backend answered, whatever the status.
    Answered,
    /// Too many were under way.
    Busy,
    /// There was no answer in time.
    TimedOut,
    /// The answer was larger than may be.
    TooLarge,
    /// The exchange broke off.
    Broken,
}

/// `restcast_calls_total` by outcome.
#[derive(Debug)]
pub(super) struct Calls([IntCounter; 5]);

impl Calls {
    pub(super) fn new(made: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let calls = made.counters(
            "restcast_calls_total",
            "Requests that clients sent over sockets: answered, whatever the status; too many at a time, not \
             answered in time, answered with more than may be, or broken off",
            &["outcome"],
        )?;
        let names = ["answered", "busy", "timed_out", "too_large", "broken"];
        Ok(Self(names.map(|name| calls.with_label_values(&[name]))))
    }
}

impl Metrics {
    /// A client's request has come to its end.
    pub fn called(&self, outcome: Called) {
        if let Some(count) = self.calls.0.get(outcome as usize) {
            count.inc();
        }
    }
}
