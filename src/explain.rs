//! What an exchange would publish, without a backend and without readers: the tap's own code, fed by hand.

use std::time::SystemTime;

use clap::ValueEnum;
use http::{HeaderMap, StatusCode, request};
use uuid::Uuid;

use crate::app;
use crate::capture::{Capture, Verdict};
use crate::config::Config;

/// A request and what the backend answers.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request's head.
    pub request: request::Parts,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The answer's body as it came, so still encoded.
    pub body: Vec<u8>,
    /// How far it came.
    pub ending: Ending,
    /// Another write to the same record was under way at the same time.
    pub overlapping: bool,
}

/// How an exchange ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ending {
    /// With the end of the answer.
    Whole,
    /// In the middle of the answer's body.
    Cut,
    /// Before an answer, while the backend has the request.
    Lost,
    /// Before the backend has the whole request.
    Unsent,
}

/// What the tap says of an exchange; `None`: no route matches, or the route takes no such requests.
#[expect(clippy::disallowed_methods, reason = "the moment of asking is the event's time")]
pub fn verdict(config: &Config, exchange: &Exchange) -> Option<Verdict> {
    let matched = config.routes.of_request(&exchange.request).filter(|matched| matched.tapped)?;
    let mut capture = Capture::begin(matched, &exchange.request, app::capture_limits(&config.tap));
    capture.attempt();
    if exchange.ending != Ending::Unsent {
        capture.request_sent();
    }
    if matches!(exchange.ending, Ending::Whole | Ending::Cut) {
        capture.response_head(exchange.status, &exchange.headers);
        capture.response_chunk(&exchange.body);
    }
    let whole = exchange.ending == Ending::Whole;
    let mut verdict = Box::new(capture).finish(whole, SystemTime::now(), Uuid::now_v7()).read(&config.routes);
    verdict.mark_overlapping(|_, _| exchange.overlapping);
    Some(verdict)
}
