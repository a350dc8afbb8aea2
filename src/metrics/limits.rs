//! What clients wanted more of than there is for one.

use prometheus::IntCounter;

use super::{Maker, Metrics};

/// `restcast_limits_exceeded_total` by limit.
#[derive(Debug)]
pub(super) struct Limits {
    per_address: IntCounter,
    per_user: IntCounter,
    messages: IntCounter,
    floods: IntCounter,
}

impl Limits {
    pub(super) fn new(made: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let exceeded = made.counters(
            "restcast_limits_exceeded_total",
            "What was refused for a limit: connections_per_address and connections_per_user connections, \
             messages_per_second messages that were dropped, floods connections that were closed for them",
            &["limit"],
        )?;
        let limits = ["connections_per_address", "connections_per_user", "messages_per_second", "floods"];
        let [per_address, per_user, messages, floods] =
            limits.map(|name| exceeded.with_label_values(&[name]));
        Ok(Self { per_address, per_user, messages, floods })
    }
}

impl Metrics {
    /// An address has as many connections as one may have.
    pub fn address_full(&self) {
        self.limits.per_address.inc();
    }

    /// A user has as many connections as one may have.
    pub fn user_full(&self) {
        self.limits.per_user.inc();
    }

    /// A message came too fast and was dropped.
    pub fn message_dropped(&self) {
        self.limits.messages.inc();
    }

    /// A connection was closed for all of its messages that were dropped.
    pub fn flooded(&self) {
        self.limits.floods.inc();
    }
}
