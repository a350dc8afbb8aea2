//! Requests to the backend that restcast itself makes.
//!
//! Each of them goes the way of every other request: it travels over a connection in memory, and the other
//! end of that is served like the connection of a client. So load balancing, timeouts, forwarding headers and
//! the tap hold for it as well. What no client may say of its request stands beside the connection
//! ([`Errand`]), where no header can forge it.
//!
//! Calls are bounded in number, time and bytes. One that is given up keeps its place until the exchange has
//! really ended: a captured write goes on without its caller, as it does without its client.

mod answer;
mod beside;
mod entrance;
mod line;
mod request;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::transport::Ahead;
pub(super) use beside::{Beside, Errand};
pub use entrance::Entrance;
use line::Line;

/// A request of ours.
#[derive(Debug)]
pub struct Call {
    /// Method, path with query, headers and body. What concerns the connection or frames the body is put in
    /// its place.
    pub request: Request<Bytes>,
    /// On whose behalf: where the client is connected from, as the backend is told it, also in the form of a header.
    pub client: Option<(IpAddr, HeaderValue)>,
    /// Whether the tap sees it.
    pub tapping: Tapping,
    /// To be told just before its event goes to the hub.
    pub ahead: Option<Ahead>,
}

/// Whether the tap sees a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tapping {
    /// Like a client's request: a write gives an event.
    Tapped,
    /// Never: it is a question of ours.
    Untapped,
}

/// How much may be called at the same time, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// Calls under way.
    pub at_once: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
    /// For one call, from its first wait to the end of its answer.
    pub time: Duration,
    /// Bytes of an answer's body.
    pub body: usize,
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// As many wait as may.
    #[error("too many calls wait")]
    Busy,
    /// It was not answered in time.
    #[error("not answered in time")]
    TimedOut,
    /// The answer's body is larger than the limit.
    #[error("the answer is too large")]
    TooLarge(StatusCode),
    /// The exchange broke off inside the answer's body.
    #[error("the answer broke off")]
    Cut(StatusCode),
    /// The exchange broke off before there was an answer.
    #[error("the exchange broke off")]
    Broken,
    /// The proxy does not run: not yet, or no more.
    #[error("the proxy does not run")]
    Closed,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Calls {
    entrance: Entrance,
    limits: CallLimits,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Never more than places.
    idle: Mutex<Vec<Line>>,
}

impl Calls {
    /// Calls by that entrance.
    pub fn new(entrance: Entrance, limits: CallLimits) -> Self {
        let places = Arc::new(Semaphore::new(limits.at_once.min(Semaphore::MAX_PERMITS)));
        Self { entrance, limits, places, waiting: AtomicUsize::new(0), idle: Mutex::default() }
    }

    /// Makes a call and waits for its answer, of whatever status: the proxy's own answers, such as that the
    /// backend could not be reached, are among them. May be dropped at any time.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn call(&self, call: Call) -> Result<Response<Bytes>, CallError> {
        self.call_with(call, &HeaderMap::new()).await
    }

    /// The same with these headers besides; where the call has one of a name, only that one goes.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn call_with(&self, call: Call, along: &HeaderMap) -> Result<Response<Bytes>, CallError> {
        timeout(self.limits.time, self.place_and_call(call, along)).await.unwrap_or(Err(CallError::TimedOut))
    }

    /// Bytes that an answer's body may have.
    pub fn most_bytes(&self) -> usize {
        self.limits.body
    }

    async fn place_and_call(&self, call: Call, along: &HeaderMap) -> Result<Response<Bytes>, CallError> {
        let place = self.place().await?;
        let idle = self.lock_idle().pop();
        let line = idle.map_or_else(|| Line::open(&self.entrance), Ok)?;
        line.beside.begin(Errand::of(&call), place);
        // Dropping a line hangs up.
        let (answer, line) = line.exchange(call.request, along, self.limits.body).await?;
        if let Some(line) = line {
            let place = line.beside.end();
            self.lock_idle().push(line);
            drop(place);
        }
        Ok(answer)
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, CallError> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _waits = Waits::enter(&self.waiting, self.limits.waiting).ok_or(CallError::Busy)?;
        Arc::clone(&self.places).acquire_owned().await.or(Err(CallError::Closed))
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<Line>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that waits, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn enter(count: &'a AtomicUsize, limit: usize) -> Option<Self> {
        let waits = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < limit).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
