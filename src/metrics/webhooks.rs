//! What became of messages that webhooks were to handle.

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::IntCounter;

use super::{Maker, Metrics};

/// `restcast_webhook_calls_total` by outcome.
#[derive(Debug)]
pub(super) struct Webhooks {
    done: IntCounter,
    failed: IntCounter,
    retried: IntCounter,
    refused: IntCounter,
    are_failing: AtomicBool,
}

impl Webhooks {
    pub(super) fn new(made: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let calls = made.counters(
            "restcast_webhook_calls_total",
            "Messages of clients for webhooks: done, failed, or refused since too many were being handled; and \
             attempts that were retried",
            &["outcome"],
        )?;
        let outcome = |name: &str| calls.with_label_values(&[name]);
        let (done, failed) = (outcome("done"), outcome("failed"));
        let (retried, refused) = (outcome("retried"), outcome("refused"));
        Ok(Self { done, failed, retried, refused, are_failing: AtomicBool::new(false) })
    }
}

impl Metrics {
    /// A webhook handled a message.
    pub fn webhook_done(&self) {
        self.webhooks.done.inc();
        self.webhooks.are_failing.store(false, Ordering::Relaxed);
    }

    /// A webhook did not, for good; the first of a row of them is logged.
    pub fn webhook_failed(&self, reason: &str) {
        self.webhooks.failed.inc();
        if !self.webhooks.are_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "a webhook fails; its clients are told");
        }
    }

    /// It is tried again.
    pub fn webhook_retried(&self) {
        self.webhooks.retried.inc();
    }

    /// A message found as many being handled as may be.
    pub fn webhook_refused(&self) {
        self.webhooks.refused.inc();
    }
}
