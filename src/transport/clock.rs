//! What time it is for a connection.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::identity::Identity;
use crate::message::Now;

/// The present of a connection that was opened then.
#[expect(clippy::disallowed_methods, reason = "the shell tells conversations what time it is")]
pub(super) fn now(opened: Instant) -> Now {
    Now { time: SystemTime::now(), age: opened.elapsed() }
}

/// When a reader's token expires, on the clock of tasks; `None`: never, as far as that clock goes.
#[expect(clippy::disallowed_methods, reason = "tokens expire")]
pub(super) fn expiry(identity: &Identity) -> Option<Instant> {
    let left = identity.expires()?.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now().checked_add(left)
}
