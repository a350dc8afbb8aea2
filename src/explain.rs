//! What an exchange would publish, without a backend and without readers: the tap's own code, fed by hand.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, StatusCode, header, request};
use uuid::Uuid;

use crate::capture::{Capture, Owners, Verdict};
use crate::config::Config;
use crate::proxy::{HostHeader, ServerAddress, X_FORWARDED_HOST};

/// A request and what the backend answers.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The request's head; one that names an `X-Forwarded-Host` comes from a trusted proxy, if there is any.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
pub fn verdict(config: &Config, scenario: &Scenario, time: SystemTime, id: Uuid) -> Option<Verdict> {
    let matched = config.routes.of_request(&scenario.request).filter(|matched| matched.tapped)?;
    let mut capture = Capture::begin(matched, &scenario.request, config.tap.limits());
    capture.attempt();
    capture.backend_hosts(told_hosts(config, &scenario.request.headers).iter().map(String::as_str));
    if scenario.ending != Ending::Unsent {
        capture.request_sent();
    }
    if matches!(scenario.ending, Ending::Whole | Ending::Cut) {
        capture.response_head(scenario.status, &scenario.headers);
        capture.response_chunk(&scenario.body);
    }
    let finished = Box::new(capture).finish(scenario.ending == Ending::Whole, time, id);
    let route = Arc::clone(finished.route());
    let mut verdict = finished.read(&config.routes);
    verdict.mark_overlapping(|_, _| scenario.overlapping);
    Arc::new(Owners::default()).begin().settle(&route, &mut verdict);
    verdict.note_withheld(config.auth.is_some());
    Some(verdict)
}

/// The names that the proxy would tell the backend; whichever server it chose.
fn told_hosts(config: &Config, headers: &HeaderMap) -> Vec<String> {
    let mut told = headers.clone();
    if config.server.trusted_proxies.0.is_empty() {
        told.remove(X_FORWARDED_HOST);
    }
    let servers = || config.upstream.servers.iter().map(ServerAddress::authority);
    let own = match &config.upstream.host {
        HostHeader::Preserve if headers.contains_key(header::HOST) => Vec::new(),
        HostHeader::Preserve | HostHeader::Upstream => servers().collect(),
        HostHeader::Fixed(name) => vec![name.clone()],
    };
    own.into_iter().chain(crate::proxy::told_hosts(&told).map(ToOwned::to_owned)).collect()
}
