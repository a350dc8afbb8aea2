//! A request that a conversation has the proxy send to the backend, and what comes back.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::event::Position;

/// The header that says from where on what the answer to a GET shows may be followed. Answers to calls have it, and
/// those to clients if the config says so.
pub const POSITION: &str = "Restcast-Position";

/// A request to the backend. It goes the way of all requests, tap included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Besides the client's credentials, which the proxy adds.
    pub headers: HeaderMap,
    /// Empty where there is none.
    pub body: Bytes,
}

/// What the backend answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status, success or not.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// All of its body.
    pub body: Bytes,
}

impl Answer {
    /// From where on what it shows may be followed; `None`: nobody knows.
    pub fn position(&self) -> Option<Position> {
        let position = Position::read(self.headers.get(POSITION)?.to_str().ok()?);
        position.is_told().then_some(position)
    }
}

/// Why there is no answer. The texts are for clients: none of them tells an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// As many requests as may be are under way.
    #[error("too many requests are under way")]
    Busy,
    /// No answer in time.
    #[error("the backend did not answer in time")]
    TimedOut,
    /// The answer, of this status, is larger than may be.
    #[error("the backend's answer is too large")]
    TooLarge(StatusCode),
    /// The answer, of this status, broke off.
    #[error("the backend's answer broke off")]
    Cut(StatusCode),
    /// The exchange broke off without an answer; whether the backend did something is not known.
    #[error("the backend cannot be reached")]
    Broken,
}
