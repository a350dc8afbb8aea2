//! Answers of Engine.IO, and what pages of other origins may do with them.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header, request};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;

use super::ask::Fault;
use crate::proxy::admission::Admission;

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
        let mut headers = vec![(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)];
        if let Some(wanted) = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.push((header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone()));
        }
        Self { status: StatusCode::NO_CONTENT, headers, ..Self::text(Bytes::new()) }
    }

    /// The page may read it; with its user's cookies only where its origin is listed, or the site's own.
    pub(super) fn for_origin(mut self, head: &request::Parts, admission: &Admission) -> Self {
        let Some(origin) = head.headers.get(header::ORIGIN) else { return self };
        self.headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        self.headers.push((header::VARY, HeaderValue::from_static("Origin")));
        if admission.takes_origin(&head.headers) {
            self.headers.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
        }
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
