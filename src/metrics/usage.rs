//! What is counted of programs on the admin port.

use prometheus::IntCounter;

use super::{Maker, Metrics};

/// `restcast_api_requests_total` by result.
#[derive(Debug)]
pub(super) struct Usage {
    answered: IntCounter,
    refused: Vec<IntCounter>,
}

impl Usage {
    pub(super) fn new(made: &Maker<'_>, codes: &[&str]) -> Result<Self, prometheus::Error> {
        let requests = made.counters(
            "restcast_api_requests_total",
            "Requests to the publish API: ok, or the code of the error",
            &["result"],
        )?;
        let result = |name: &str| requests.with_label_values(&[name]);
        Ok(Self { answered: result("ok"), refused: codes.iter().map(|code| result(code)).collect() })
    }
}

impl Metrics {
    /// A request to the publish API was done.
    pub fn api_answered(&self) {
        self.usage.answered.inc();
    }

    /// A request to the publish API was refused with code number `code`.
    pub fn api_refused(&self, code: usize) {
        if let Some(counter) = self.usage.refused.get(code) {
            counter.inc();
        }
    }
}
