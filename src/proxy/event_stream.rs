//! Endpoints whose answer to a GET does not end (`text/event-stream`).
//!
//! Its end is that of the connection, and no chunks stand around what is sent: so each frame, which all readers share,
//! leaves as it is; and to a client of HTTP/1.0, such as nginx is by itself, it is an answer like any other.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;

use super::cors;
use super::early;
use super::realtime::{self, Arrival, Endpoint, Greeting, Realtime, Whence};
use super::respond::Refusal;
use crate::dialect::Medium;
use crate::time;

const METHODS: &str = "GET, OPTIONS";

/// The endpoint that a request is for, if it is one of these.
pub(super) fn of_request<'a>(head: &request::Parts, endpoints: &'a [Endpoint]) -> Option<&'a Endpoint> {
    let is_one = |endpoint: &&Endpoint| endpoint.dialect.medium() == Medium::EventStream;
    endpoints.iter().filter(is_one).find(|endpoint| endpoint.path == head.uri.path())
}

/// Answers the requests of one endpoint.
pub(super) struct Service<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) realtime: &'a Realtime,
    pub(super) whence: Whence,
}

impl Service<'_> {
    pub(super) async fn serve(&self, session: &mut ServerSession) -> pingora::Result<()> {
        let head: &request::Parts = session.req_header();
        let allowed = cors::allowed(head, &self.endpoint.admission);
        if head.method == Method::OPTIONS {
            let options = cors::preflight(head, HeaderValue::from_static(METHODS));
            allow(session, [allowed, options].concat()).await?;
        } else {
            match self.arrival(head).await {
                Ok(arrival) => {
                    self.realtime.take(session, self.endpoint, arrival, greeting(&allowed)).await;
                    return Ok(());
                }
                Err(mut refusal) => {
                    refusal.headers.extend(allowed);
                    refusal.send(session).await?;
                }
            }
        }
        early::linger(session).await;
        Ok(())
    }

    async fn arrival(&self, head: &request::Parts) -> Result<Arrival, Refusal> {
        let bad = |message| Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        if head.method != Method::GET {
            let message = "events are read by GET";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message).with(header::ALLOW, METHODS));
        }
        if realtime::is_upgrade(head) {
            return bad("this path speaks text/event-stream, and no WebSocket");
        }
        if realtime::has_body(head) {
            return bad("a request for events has no body");
        }
        let dialect = &self.endpoint.dialect;
        let metrics = &self.realtime.metrics;
        let credential = self.endpoint.admission.admit(head, dialect.manner(), metrics).await?;
        match dialect.fault(head) {
            Some(message) => bad(message),
            None => Ok(Arrival { credential, whence: self.whence }),
        }
    }
}

/// The head of the answer.
#[expect(clippy::disallowed_methods, reason = "an answer says when it is made")]
fn greeting(allowed: &[(HeaderName, HeaderValue)]) -> Greeting {
    // The origin, which the client has sent, may be any text; a page of such a one is not let in by its browser.
    let line = |(name, value): &(HeaderName, HeaderValue)| {
        format!("{name}: {}\r\n", value.to_str().unwrap_or_default())
    };
    let allowed: String = allowed.iter().map(line).collect();
    let date = time::http(SystemTime::now());
    let head = Bytes::from(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n\
         Connection: close\r\nDate: {date}\r\n{allowed}\r\n"
    ));
    Greeting { head, allowed }
}

async fn allow(session: &mut ServerSession, headers: Vec<(HeaderName, HeaderValue)>) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(StatusCode::NO_CONTENT, Some(8))?;
    head.insert_header(header::ALLOW, METHODS)?;
    for (name, value) in headers {
        head.insert_header(name, value)?;
    }
    session.write_response_header(Box::new(head)).await?;
    session.write_response_body(Bytes::new(), true).await
}
