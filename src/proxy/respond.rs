//! restcast's own answers to HTTP requests.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorSource, ErrorType};

/// A short JSON answer: `{"error":…,"message":…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: &'static str,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message, headers: Vec::new() }
    }

    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// The answer to a failed exchange; `None` where nobody is left to read it.
    pub(super) fn of(error: &Error) -> Option<Self> {
        use ErrorType::{ConnectTimedout, ReadTimedout, TLSHandshakeTimedout, WriteTimedout};
        let kind = error.etype();
        let timed_out = matches!(kind, ConnectTimedout | TLSHandshakeTimedout | ReadTimedout | WriteTimedout);
        let gone = matches!(kind, ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed);
        let unresolved = matches!(kind, ErrorType::HTTPStatus(502));
        let (status, message) = match error.esource() {
            ErrorSource::Upstream if timed_out => (504, "the upstream did not answer in time"),
            ErrorSource::Upstream => (502, "the upstream could not be reached or broke off"),
            ErrorSource::Downstream if gone => return None,
            ErrorSource::Downstream if timed_out => (408, "the request was not sent in time"),
            ErrorSource::Downstream => (400, "the request is not valid HTTP"),
            ErrorSource::Internal | ErrorSource::Unset if unresolved => {
                (502, "no upstream is known by address")
            }
            ErrorSource::Internal | ErrorSource::Unset => (500, "the proxy failed"),
        };
        Some(Self::new(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), message))
    }

    fn body(&self) -> Bytes {
        let error = self.status.canonical_reason().unwrap_or_default().to_lowercase();
        Bytes::from(format!(r#"{{"error":"{error}","message":"{}"}}"#, self.message))
    }

    /// Sends it. The connection is kept only if the request was read to its end.
    pub(super) async fn send(&self, session: &mut ServerSession) -> pingora::Result<()> {
        json(session, self.status, self.body(), &self.headers).await
    }
}

/// Sends JSON that nobody keeps; with more headers.
pub(super) async fn json(
    session: &mut ServerSession,
    status: StatusCode,
    body: Bytes,
    headers: &[(HeaderName, HeaderValue)],
) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(status, Some(4))?;
    head.insert_header(header::CONTENT_TYPE, "application/json")?;
    head.insert_header(header::CONTENT_LENGTH, body.len())?;
    head.insert_header(header::CACHE_CONTROL, "no-store")?;
    for (name, value) in headers {
        head.insert_header(name.clone(), value.clone())?;
    }
    session.write_response_header(Box::new(head)).await?;
    session.write_response_body(body, true).await
}
