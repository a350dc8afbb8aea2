//! Signs of life: a `ping` now and then, and the end of who has been silent for too long. Times are the
//! connection's age.

use std::time::Duration;

use super::settings::Settings;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Pulse {
    ping: Duration,
    check: Duration,
    /// When the client last said something.
    heard: Duration,
}

/// What it is time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing yet.
    Rest,
    /// A `ping`.
    Ping,
    /// The end.
    Dead,
}

impl Pulse {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { ping: settings.heartbeat, check: settings.heartbeat_check, heard: Duration::ZERO }
    }

    pub(super) fn hear(&mut self, age: Duration) {
        self.heard = age;
    }

    /// When to ask again.
    pub(super) fn next(&self) -> Duration {
        self.ping.min(self.check)
    }

    pub(super) fn beat(&mut self, age: Duration, settings: &Settings) -> Beat {
        if self.check <= age {
            self.check = age + settings.heartbeat_check;
            if age.saturating_sub(self.heard) >= settings.heartbeat_timeout {
                return Beat::Dead;
            }
        }
        if self.ping <= age {
            self.ping = age + settings.heartbeat;
            return Beat::Ping;
        }
        Beat::Rest
    }
}
