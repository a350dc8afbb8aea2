//! What stands beside a connection of ours, where no header can forge it.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use tokio::sync::OwnedSemaphorePermit;

use super::{Call, Tapping};
use crate::transport::Ahead;

/// What the proxy must know of a call, and cannot be told by a header.
#[derive(Debug)]
pub(in crate::proxy) struct Errand {
    /// The client's address, also in the form of a header.
    pub(in crate::proxy) client: Option<(IpAddr, HeaderValue)>,
    pub(in crate::proxy) tapping: Tapping,
    pub(in crate::proxy) ahead: Option<Ahead>,
}

impl Errand {
    pub(super) fn of(call: &Call) -> Self {
        Self { client: call.client.clone(), tapping: call.tapping, ahead: call.ahead.clone() }
    }
}

/// What stands beside a connection of ours, seen from both of its ends.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Beside(Mutex<Under>);

#[derive(Debug, Default)]
struct Under {
    errand: Option<Errand>,
    /// Given back when the call is over, or else with the connection.
    place: Option<OwnedSemaphorePermit>,
}

impl Beside {
    pub(super) fn begin(&self, errand: Errand, place: OwnedSemaphorePermit) {
        *self.lock() = Under { errand: Some(errand), place: Some(place) };
    }

    pub(super) fn end(&self) -> Option<OwnedSemaphorePermit> {
        self.lock().place.take()
    }

    /// That of the request that was just read.
    pub(in crate::proxy) fn errand(&self) -> Option<Errand> {
        self.lock().errand.take()
    }

    fn lock(&self) -> MutexGuard<'_, Under> {
        // Nothing under the lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
