//! Answers of Engine.IO.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header, request};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;

use super::ask::Fault;
use crate::proxy::admission::Admission;
use crate::proxy::cors;

const TEXT: &str = "text/plain; charset=UTF-8";
const JSON: &str = "application/json";
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// Seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    kind: &'static str,
    body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    pub(super) fn text(body: Bytes) -> Self {
        Self { status: StatusCode::OK, kind: TEXT, body, headers: Vec::new() }
    }

    pub(super) fn fault(fault: Fault) -> Self {
        let (status, code, message) = fault.said();
        let body = Bytes::from(format!(r#"{{"code":{code},"message":"{message}"}}"#));
        let headers = match status {
            StatusCode::METHOD_NOT_ALLOWED => vec![(header::ALLOW, METHODS)],
            StatusCode::SERVICE_UNAVAILABLE => vec![(header::RETRY_AFTER, RETRY_AFTER)],
            _ => Vec::new(),
        };
        Self { status, kind: JSON, body, headers }
    }

    /// What a page may do, before it does it.
    pub(super) fn preflight(head: &request::Parts) -> Self {
        let headers = cors::preflight(head, METHODS);
        Self { status: StatusCode::NO_CONTENT, headers, ..Self::text(Bytes::new()) }
    }

    /// The page that asked may read it, if it is let in.
    pub(super) fn for_origin(mut self, head: &request::Parts, admission: &Admission) -> Self {
        self.headers.extend(cors::allowed(head, admission));
        self
    }

    pub(super) async fn send(self, session: &mut ServerSession) -> pingora::Result<()> {
        let mut head = ResponseHeader::build(self.status, Some(8))?;
        if self.status != StatusCode::NO_CONTENT {
            head.insert_header(header::CONTENT_TYPE, self.kind)?;
            head.insert_header(header::CONTENT_LENGTH, self.body.len())?;
        }
        head.insert_header(header::CACHE_CONTROL, "no-store")?;
        for (name, value) in self.headers {
            head.insert_header(name, value)?;
        }
        session.write_response_header(Box::new(head)).await?;
        session.write_response_body(self.body, true).await
    }
}
