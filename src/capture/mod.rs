//! One proxied write while it is being read: a request's head, the answer's head and body in, an event
//! out. Synchronous, without I/O and without a clock; the proxy and `restcast explain` share it.
//!
//! Of the request's body nothing is kept unless somebody asks for it (`Matched::keep_request`).
//!
//! The copy of the answer is bounded twice: by the limits of one answer, and by the memory that all
//! captures share. Whatever cannot be read costs the event its record, never the event.

mod answer;
mod body;
mod budget;
mod identify;
mod overlap;
mod owner;
mod read;
mod reason;
mod records;
mod shown;
#[cfg(test)]
mod tests;
mod upload;

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, StatusCode, header, request};
use uuid::Uuid;

use crate::event::Event;
use crate::route::{Matched, Route};
use body::Body;
pub use body::decoded;
pub use budget::Budget;
use identify::References;
pub use overlap::{Begun, Interval, Overlaps};
pub use owner::{Owners, Unsettled};
pub use reason::Reason;
use upload::Upload;

/// How much of an answer is kept, and, where it is asked for, of a request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one answer as it came, and of one request.
    pub body: usize,
    /// Bytes of one answer after decoding.
    pub decoded: usize,
    /// What all answers and requests share.
    pub memory: Budget,
}

/// What became of a captured request; the `outcome` label of `restcast_captures_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An event with its record (a deletion needs none).
    Event,
    /// An event without record: another write to it was under way at the same time.
    Overlapping,
    /// An event without record: the answer held none.
    NoRecord,
    /// An event without record: the answer was larger than the limits.
    TooLarge,
    /// An event without record: the answer could not be read.
    Undecodable,
    /// An uncertain event: the backend had the request, and its answer was lost or proves nothing.
    Uncertain,
    /// An event that no reader may have: none can be authenticated, or nobody knows whose record it is.
    Withheld,
    /// No event: the backend refused the write.
    Refused,
    /// No event: the whole request never reached the backend.
    Unsent,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Event,
        Self::Overlapping,
        Self::NoRecord,
        Self::TooLarge,
        Self::Undecodable,
        Self::Uncertain,
        Self::Withheld,
        Self::Refused,
        Self::Unsent,
    ];

    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Overlapping => "overlapping",
            Self::NoRecord => "no_record",
            Self::TooLarge => "too_large",
            Self::Undecodable => "undecodable",
            Self::Uncertain => "uncertain",
            Self::Withheld => "withheld",
            Self::Refused => "refused",
            Self::Unsent => "unsent",
        }
    }
}

/// What a finished capture says.
#[derive(Debug)]
pub struct Verdict {
    /// What became of the request.
    pub outcome: Outcome,
    /// What to publish.
    pub event: Option<Event>,
    /// The URL and the body named different ids; the URL's was taken.
    pub id_conflict: bool,
    /// Why there is no record, or no certain event.
    pub reason: Option<Reason>,
}

impl Verdict {
    fn without_event(outcome: Outcome, reason: Option<Reason>) -> Self {
        Self { outcome, event: None, id_conflict: false, reason }
    }
}

/// A write on its way through the proxy.
#[derive(Debug)]
pub struct Capture {
    matched: Matched,
    path: String,
    /// As the client called the site.
    host: Option<String>,
    /// As the backend was told that it is called, where that differs.
    backend_hosts: Vec<String>,
    credentials: bool,
    /// The request's body, where somebody asks for it.
    upload: Option<Upload>,
    limits: Limits,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nothing that could have changed a record has left.
    Unsent,
    /// The backend has the whole request.
    Sent,
    /// It answered.
    Answered(Box<Answer>),
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    references: References,
    preference: Option<String>,
    coding: String,
    is_json: bool,
    body: Body,
}

impl Capture {
    /// Starts with the head of a request that falls under a tapped route.
    pub fn begin(matched: Matched, request: &request::Parts, limits: Limits) -> Self {
        let headers = &request.headers;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let upload = Upload::begin(&matched, headers, &limits);
        Self {
            matched,
            path: request.uri.path().to_owned(),
            host: host.map(ToOwned::to_owned),
            backend_hosts: Vec::new(),
            credentials: headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE),
            upload,
            limits,
            stage: Stage::Unsent,
        }
    }

    /// The request is about to be sent, for the first time or once more: an answer that an earlier attempt
    /// got is forgotten, so that one request gives one event. That the backend may have done it already is
    /// not.
    pub fn attempt(&mut self) {
        if let Some(upload) = &mut self.upload {
            upload.restart();
        }
        if matches!(self.stage, Stage::Answered(_)) {
            self.stage = Stage::Sent;
        }
    }

    /// The names by which the backend is told that it was called: its references may use them.
    pub fn backend_hosts<'a>(&mut self, hosts: impl Iterator<Item = &'a str>) {
        let named = self.host.as_deref();
        self.backend_hosts = hosts.filter(|host| Some(*host) != named).map(ToOwned::to_owned).collect();
    }

    /// A piece of the request's body, as it goes to the backend.
    pub fn request_chunk(&mut self, chunk: &[u8]) {
        if let Some(upload) = &mut self.upload {
            upload.push(chunk);
        }
    }

    /// The whole request has left for the backend.
    pub fn request_sent(&mut self) {
        if let Some(upload) = &mut self.upload {
            upload.end();
        }
        if matches!(self.stage, Stage::Unsent) {
            self.stage = Stage::Sent;
        }
    }

    /// The final answer's head (not a 1xx).
    pub fn response_head(&mut self, status: StatusCode, headers: &HeaderMap) {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let codings: Vec<&str> = headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            // What is no text is no coding that anybody knows.
            .map(|value| value.to_str().unwrap_or("unreadable"))
            .collect();
        let is_json = is_json(text(header::CONTENT_TYPE));
        let is_asked = is_json && self.asks_body(status);
        self.stage = Stage::Answered(Box::new(Answer {
            status,
            references: References::of(headers),
            preference: text(header::HeaderName::from_static("preference-applied")).map(ToOwned::to_owned),
            coding: codings.join(","),
            is_json,
            // Of any other body nothing is kept but that there is one.
            body: Body::new(if is_asked { self.limits.body } else { 0 }, &self.limits.memory),
        }));
    }

    /// A piece of the answer's body, as it came.
    pub fn response_chunk(&mut self, chunk: &[u8]) {
        if let Stage::Answered(answer) = &mut self.stage {
            answer.body.push(chunk);
        }
    }

    /// Whether the body of an answer of this status says something that the event needs.
    fn asks_body(&self, status: StatusCode) -> bool {
        let route = &self.matched.route;
        match status.as_u16() {
            status if answer::may_show_record(status) => true,
            207 if route.item_status.is_some() => true,
            _ => route.success_when.is_some() && status.is_success(),
        }
    }

    /// The exchange is over. `whole`: the answer's body came to its end.
    pub fn finish(self: Box<Self>, whole: bool, time: SystemTime, id: Uuid) -> Finished {
        Finished { capture: self, whole, time, id }
    }
}

/// A capture to which nothing will be added; reading it is left to a worker.
#[derive(Debug)]
pub struct Finished {
    capture: Box<Capture>,
    whole: bool,
    time: SystemTime,
    id: Uuid,
}

impl Finished {
    /// Its route.
    pub fn route(&self) -> &Arc<Route> {
        &self.capture.matched.route
    }

    /// The number of its route.
    pub fn route_index(&self) -> usize {
        self.capture.matched.index
    }
}

/// No `Content-Type` counts as JSON: parsing will tell.
fn is_json(content_type: Option<&str>) -> bool {
    content_type.is_none_or(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        let suffix = essence.rsplit_once('+').map(|(_, suffix)| suffix);
        is("application/json")
            || is("text/json")
            || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("json"))
    })
}
