//! What is remembered of a request from callback to callback.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::call::{Errand, Tapping};
use super::in_flight::{InFlight, InFlightGuard};
use super::load::Load;
use super::tap::Tap;
use super::trailers::Tail;
use super::upstream::Needs;
use crate::capture::{Begun, Capture};
use crate::event::Position;

/// The state of one request.
pub struct RequestState {
    _in_flight: InFlightGuard,
    /// The number of its route.
    pub(super) route: Option<usize>,
    /// Until the answer has ended.
    pub(super) capture: Option<Box<Capture>>,
    /// What it goes to, if there is one.
    pub(super) tap: Option<Arc<Tap>>,
    /// What a reader loads by it, until the answer has ended.
    pub(super) load: Option<Box<Load>>,
    /// When it was first handed to the backend, if it is captured.
    pub(super) begun: Option<Begun>,
    /// It is the backend's, not ours.
    pub(super) proxied: bool,
    /// It is a call of our own.
    pub(super) errand: Option<Errand>,
    /// What its answer shows may be followed from here on, where it is told so.
    pub(super) position: Option<Position>,
    pub(super) needs: Needs,
    pub(super) attempts: usize,
    /// The server that was chosen.
    pub(super) authority: Option<Arc<str>>,
    pub(super) sent: Option<Instant>,
    /// The answer came early, and the connection ends with it.
    pub(super) parting: bool,
    /// What the connection to the backend remembers, if the answer is chunked.
    pub(super) tail: Option<Arc<Tail>>,
}

impl RequestState {
    pub(super) fn new(in_flight: &InFlight) -> Self {
        Self {
            _in_flight: in_flight.enter(),
            route: None,
            capture: None,
            tap: None,
            load: None,
            begun: None,
            proxied: false,
            errand: None,
            position: None,
            needs: Needs::default(),
            attempts: 0,
            authority: None,
            sent: None,
            parting: false,
            tail: None,
        }
    }

    /// A piece of the answer's body.
    pub(super) fn response_chunk(&mut self, chunk: &[u8]) {
        if let Some(capture) = &mut self.capture {
            capture.response_chunk(chunk);
        }
        if let Some(load) = &mut self.load {
            load.response_chunk(chunk);
        }
    }

    /// Whether the tap may see it.
    pub(super) fn is_tappable(&self) -> bool {
        self.errand.as_ref().is_none_or(|errand| errand.tapping == Tapping::Tapped)
    }
}

impl Drop for RequestState {
    /// A request that is cut off when the process ends is not logged, and the backend may have it.
    fn drop(&mut self) {
        if let (Some(capture), Some(tap)) = (self.capture.take(), &self.tap) {
            tap.finish(capture, self.begun.take(), false);
        }
    }
}

impl fmt::Debug for RequestState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestState").field("route", &self.route).finish_non_exhaustive()
    }
}
