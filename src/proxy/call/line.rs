//! One connection in memory: pingora's own client at our end, pingora's server at the other.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode, header};
use pingora::http::RequestHeader;
use pingora::protocols::Stream;
use pingora::protocols::http::v1::client::HttpSession;
use tokio::io::duplex;

use super::{Beside, CallError, Entrance};
use crate::proxy::downstream::Downstream;
use crate::proxy::hop;
use crate::proxy::service;

/// What may be on its way in each direction.
const BUFFER_BYTES: usize = 64 * 1024;

/// See the module's documentation.
pub(super) struct Line {
    stream: Stream,
    pub(super) beside: Arc<Beside>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Line {
    /// A new connection, and a task that serves it until either end hangs up.
    pub(super) fn open(entrance: &Entrance) -> Result<Self, CallError> {
        let inside = entrance.0.get().ok_or(CallError::Closed)?;
        let proxy = inside.proxy.upgrade().ok_or(CallError::Closed)?;
        let (ours, theirs) = duplex(BUFFER_BYTES);
        let beside = Arc::new(Beside::default());
        let downstream = Downstream::ours(Box::new(theirs), inside.patience, Arc::clone(&beside));
        let serving = service::serve(proxy, downstream, inside.shutdown.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "ends when its line is dropped, and its exchange counts as in flight"
        )]
        drop(tokio::spawn(serving));
        Ok(Self { stream: Box::new(ours), beside })
    }

    /// Sends a request and reads the answer. Gives the line back if it can be used again.
    pub(super) async fn exchange(
        self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<(Response<Bytes>, Option<Self>), CallError> {
        let (parts, body) = request.into_parts();
        let head = head(&parts, body.len()).map_err(broken)?;
        let mut session = HttpSession::new(self.stream);
        let sent = send(&mut session, head, &body).await;
        // It may have been answered before its end.
        let mut answer = receive(&mut session, limit).await?;
        *answer.headers_mut() = session.resp_header().map(|head| head.headers.clone()).unwrap_or_default();
        let stream = if sent.is_ok() { session.reuse().await } else { None };
        let beside = self.beside;
        Ok((answer, stream.map(|stream| Self { stream, beside })))
    }
}

fn head(request: &http::request::Parts, length: usize) -> pingora::Result<RequestHeader> {
    let target = request.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let count = Some(request.headers.len() + 1);
    let mut head = RequestHeader::build(request.method.clone(), target.as_bytes(), count)?;
    let fields = request.headers.iter().filter(|(name, _)| !hop::frames_or_connects(name));
    for (name, value) in fields.filter(|(name, _)| *name != header::EXPECT) {
        head.append_header(name.clone(), value.clone())?;
    }
    // No length says that there is no body; some backends want to hear it of a write all the same.
    if length > 0 || matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
        head.insert_header(header::CONTENT_LENGTH, length)?;
    }
    Ok(head)
}

async fn send(session: &mut HttpSession, head: RequestHeader, body: &Bytes) -> pingora::Result<()> {
    session.write_request_header(Box::new(head)).await?;
    if !body.is_empty() {
        session.write_body(body).await?;
    }
    session.finish_body().await?;
    Ok(())
}

/// The final answer's status and body.
async fn receive(session: &mut HttpSession, limit: usize) -> Result<Response<Bytes>, CallError> {
    let status = loop {
        session.read_response().await.map_err(broken)?;
        let status = session.get_status().unwrap_or(StatusCode::BAD_GATEWAY);
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            break status;
        }
    };
    let mut body = BytesMut::new();
    while let Some(chunk) = session.read_body_bytes().await.map_err(broken)? {
        if body.len() + chunk.len() > limit {
            return Err(CallError::TooLarge(status));
        }
        body.extend_from_slice(&chunk);
    }
    session.respect_keepalive();
    let mut answer = Response::new(body.freeze());
    *answer.status_mut() = status;
    Ok(answer)
}

fn broken(error: impl AsRef<pingora::Error>) -> CallError {
    tracing::debug!(error = error.as_ref().etype().as_str(), "a call broke off");
    CallError::Broken
}
