//! A small HTTP server for what restcast serves itself: the admin port and the demo's backend.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode, header, request};
use pingora::apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use tokio::time::timeout;
use uuid::Uuid;

use super::realtime::{self, Arrival, Endpoint, Realtime, Whence};
use super::respond::Refusal;
use crate::api::{self, Asked, Later, Reply, Site};
use crate::identity::{Credential, Identity};

/// A larger request body is cut off with 413.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Seconds that an idle connection is kept.
const KEEPALIVE_SECONDS: u64 = 60;
/// A client that sends nothing for so long is cut off.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A WebSocket on a site, for whoever may use the site at all.
#[derive(Debug)]
pub struct Live {
    /// Where and what.
    pub endpoint: Endpoint,
    /// Accepts the connections.
    pub realtime: Realtime,
}

/// A site as pingora runs it.
pub(super) struct SiteApp {
    pub(super) site: Arc<dyn Site>,
    pub(super) live: Option<Live>,
    pub(super) began: Instant,
}

impl SiteApp {
    async fn accept_live(&self, session: &mut ServerSession) -> pingora::Result<bool> {
        let head: &request::Parts = session.req_header();
        let Some(live) = self.live.as_ref().filter(|live| live.endpoint.path == head.uri.path()) else {
            return Ok(false);
        };
        let refusal = if !realtime::is_upgrade(head) {
            realtime::upgrade_required("this path speaks WebSocket")
        } else if !api::same_origin(&head.headers) {
            live.realtime.metrics.origin_refused();
            Refusal::new(StatusCode::FORBIDDEN, "a page of another origin may not look in")
        } else if let Some(response) = self.site.refusal(&head.headers) {
            write(session, response, Body::Sent).await?;
            return Ok(true);
        } else {
            let arrival =
                Arrival { credential: Credential::Valid(Identity::Operator), whence: Whence::default() };
            match live.realtime.accept(session, &live.endpoint, arrival).await {
                Ok(()) => return Ok(true),
                Err(refusal) => refusal,
            }
        };
        refusal.send(session).await?;
        Ok(true)
    }

    async fn answer(&self, session: &mut ServerSession) -> pingora::Result<()> {
        if self.accept_live(session).await? {
            return Ok(());
        }
        let head: &request::Parts = session.req_header();
        let body = if head.method == Method::HEAD { Body::Left } else { Body::Sent };
        let head = head.clone();
        let response = match read_body(session).await? {
            Some(body) => self.ask(Request::from_parts(head, body)).await,
            None => self.site.too_large(&head),
        };
        write(session, response, body).await
    }

    #[expect(clippy::disallowed_methods, reason = "the shell tells sites what time it is")]
    async fn ask(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (time, uptime) = (SystemTime::now(), self.began.elapsed());
        match self.site.respond(Asked { request, time, uptime, id: Uuid::now_v7() }) {
            Reply::Now(response) => response,
            Reply::Later(answer) => wait(answer).await,
        }
    }
}

/// An answer may be cut short when its time is over.
async fn wait(mut answer: Later) -> Response<Bytes> {
    if let Some(patience) = answer.patience() {
        if let Ok(response) = timeout(patience, &mut answer).await {
            return response;
        }
        answer.time_is_over();
    }
    answer.await
}

/// Whether an answer's body is sent.
#[derive(PartialEq, Eq)]
enum Body {
    Sent,
    /// HEAD asks for its length alone.
    Left,
}

async fn write(session: &mut ServerSession, response: Response<Bytes>, sent: Body) -> pingora::Result<()> {
    let (mut parts, body) = response.into_parts();
    if !matches!(parts.status.as_u16(), 204 | 304) && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    session.write_response_header(Box::new(ResponseHeader::from(parts))).await?;
    if sent == Body::Sent && !body.is_empty() {
        session.write_response_body(body, true).await?;
    }
    Ok(())
}

/// The body, or `None` if it is too large.
async fn read_body(session: &mut ServerSession) -> pingora::Result<Option<Bytes>> {
    let mut body = BytesMut::new();
    while let Some(chunk) = session.read_request_body().await? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            session.set_keepalive(None);
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}

#[async_trait]
impl HttpServerApp for SiteApp {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        session.set_read_timeout(Some(READ_TIMEOUT));
        if !session.read_request().await.unwrap_or(false) {
            return None;
        }
        session.set_keepalive((!*shutdown.borrow()).then_some(KEEPALIVE_SECONDS));
        if let Err(error) = self.answer(&mut session).await {
            tracing::debug!(%error, "could not answer");
            return None;
        }
        let settings = HttpPersistentSettings::for_session(&session);
        let stream = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(stream, settings))
    }
}
