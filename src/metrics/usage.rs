//! What is counted of programs on the admin port, and noted for its page.

use prometheus::IntCounter;

use super::journal::Journal;
use super::{Maker, Metrics, count};

/// `restcast_api_requests_total` by result, and the journal.
#[derive(Debug)]
pub(super) struct Usage {
    answered: IntCounter,
    refused: Vec<IntCounter>,
    /// For its page.
    pub(super) journal: Journal,
}

impl Usage {
    pub(super) fn new(made: &Maker<'_>, codes: &[&str]) -> Result<Self, prometheus::Error> {
        let requests = made.counters(
            "restcast_api_requests_total",
            "Requests to the publish API: ok, or the code of the error",
            &["result"],
        )?;
        let result = |name: &str| requests.with_label_values(&[name]);
        let refused = codes.iter().map(|code| result(code)).collect();
        Ok(Self { answered: result("ok"), refused, journal: Journal::default() })
    }
}

impl Metrics {
    /// A request to the publish API was done.
    pub fn api_answered(&self) {
        self.usage.answered.inc();
    }

    /// A request to the publish API was refused with code number `code`.
    pub fn api_refused(&self, code: usize) {
        count(self.usage.refused.get(code));
    }
}
