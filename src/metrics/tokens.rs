//! Who is refused, and how the keys are by which that is decided.

use prometheus::IntCounter;

use super::{Maker, Metrics, count};

/// `restcast_auth_failures_total` by reason and `restcast_jwks_fetches_total` by outcome.
#[derive(Debug)]
pub(super) struct Tokens {
    origin_refusals: IntCounter,
    token_refusals: Vec<IntCounter>,
    keys_fetched: IntCounter,
    keys_failed: IntCounter,
}

impl Tokens {
    pub(super) fn new(made: &Maker<'_>, errors: &[&str]) -> Result<Self, prometheus::Error> {
        let failures = made.counters(
            "restcast_auth_failures_total",
            "Refused realtime connections by reason",
            &["reason"],
        )?;
        let fetches = made.counters(
            "restcast_jwks_fetches_total",
            "Fetches of the keys of issuers by outcome: ok or failed",
            &["outcome"],
        )?;
        Ok(Self {
            origin_refusals: failures.with_label_values(&["origin"]),
            token_refusals: errors.iter().map(|error| failures.with_label_values(&[*error])).collect(),
            keys_fetched: fetches.with_label_values(&["ok"]),
            keys_failed: fetches.with_label_values(&["failed"]),
        })
    }
}

impl Metrics {
    /// A connection was refused for its `Origin`.
    pub fn origin_refused(&self) {
        self.tokens.origin_refusals.inc();
    }

    /// A connection was refused for reason number `error`.
    pub fn token_refused(&self, error: usize) {
        count(self.tokens.token_refusals.get(error));
    }

    /// An issuer's keys came, and are the same as before.
    pub fn keys_fetched(&self) {
        self.tokens.keys_fetched.inc();
    }

    /// An issuer's keys came, and are others than before: so many count now, so many cannot be used. `issuer`:
    /// where they come from.
    pub fn keys_changed(&self, issuer: &str, keys: usize, skipped: usize) {
        self.keys_fetched();
        tracing::info!(issuer, keys, skipped, "the keys of an issuer have changed");
    }

    /// An issuer's keys did not come.
    pub fn keys_failed(&self, issuer: &str, reason: &str) {
        self.tokens.keys_failed.inc();
        tracing::warn!(
            issuer,
            reason,
            "cannot fetch the keys of an issuer; the ones that are known go on counting for a while"
        );
    }
}
