//! The life of a proxied request, callback by callback. What must hold here: nothing waits for the tap,
//! and no failure of ours reaches the client.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, request};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};

use super::answer;
use super::connector;
use super::downstream::Downstream;
use super::early;
use super::engine;
use super::event_stream;
use super::failure;
use super::forward::{self, Client, TrustedProxies};
use super::head;
use super::hop;
use super::in_flight::InFlight;
use super::load::Load;
use super::realtime::{self, Endpoint, Realtime, Whence};
use super::report;
use super::request::RequestState;
use super::respond::Refusal;
use super::tap::Tap;
use super::upstream::Upstreams;
use crate::metrics::Metrics;
use crate::route::Routes;

/// Everything that a request can meet.
#[derive(Debug)]
pub struct Gateway {
    /// Which path is which model.
    pub routes: Arc<Routes>,
    /// Paths that are served here.
    pub endpoints: Vec<Endpoint>,
    /// Accepts their connections.
    pub realtime: Realtime,
    /// Takes captures.
    pub tap: Arc<Tap>,
    /// The backend.
    pub upstreams: Arc<Upstreams>,
    /// Answers to GETs of routes say the position from which what they show may be followed.
    pub says_position: bool,
    /// Whose forwarding headers are believed.
    pub trusted: TrustedProxies,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Requests under way.
    pub in_flight: InFlight,
    /// Connections on which requests come.
    pub connections: InFlight,
}

impl Gateway {
    /// Answers what is served here; `false`: the request is the backend's.
    async fn serve_endpoint(&self, session: &mut Session) -> pingora::Result<bool> {
        let head: &request::Parts = session.req_header();
        let path = head.uri.path();
        if let Some(endpoint) = report::of_request(head, &self.endpoints) {
            report::send(&mut session.downstream_session, endpoint, &self.realtime).await?;
            early::linger(&mut session.downstream_session).await;
            return Ok(true);
        }
        let realtime = &self.realtime;
        let client = Downstream::of(&session.downstream_session).and_then(Downstream::client);
        let whence = || Whence::of(client.map(|(peer, _)| *peer), &self.trusted, &head.headers);
        if let Some((endpoint, sessions)) = engine::of_request(head, &self.endpoints) {
            let service = engine::Service { endpoint, sessions, realtime, whence: whence() };
            service.serve(&mut session.downstream_session).await?;
            return Ok(true);
        }
        if let Some(endpoint) = event_stream::of_request(head, &self.endpoints) {
            let service = event_stream::Service { endpoint, realtime, whence: whence() };
            service.serve(&mut session.downstream_session).await?;
            return Ok(true);
        }
        let Some(endpoint) = self.endpoints.iter().find(|endpoint| endpoint.path == path) else {
            return Ok(false);
        };
        let refusal = if realtime::is_upgrade(head) {
            let whence = whence();
            match self.realtime.admit(&mut session.downstream_session, endpoint, whence).await {
                Ok(()) => return Ok(true),
                Err(refusal) => refusal,
            }
        } else if self.routes.classify(&head.method, path).is_some() {
            return Ok(false);
        } else {
            realtime::upgrade_required("this path speaks WebSocket")
        };
        refuse(session, &refusal).await
    }

    fn begin(&self, session: &Session, state: &mut RequestState) {
        let request: &request::Parts = session.req_header();
        state.proxied = true;
        // Any other upgrade, such as the h2c that HTTP/2 clients offer, is not forwarded.
        let upgrade = realtime::is_upgrade(request);
        state.needs.streaming = upgrade || head::accepts_event_stream(request);
        let Some(matched) = self.routes.of_request(request) else { return };
        state.route = Some(matched.index);
        let handshake = upgrade && request.method == Method::GET;
        if handshake || !state.is_tappable() {
            return;
        }
        // Whoever of us asks for a snapshot wants to know too.
        let says_position = self.says_position || state.errand.is_some();
        if says_position && matches!(request.method, Method::GET | Method::HEAD) {
            // Before the backend is asked: what is written from now on is among what follows.
            state.position = self.realtime.hub.position();
        }
        state.load = Load::begin(&self.tap, &self.realtime.hub, &matched, request);
        if matched.tapped {
            state.capture = Some(Box::new(self.tap.begin(matched, request)));
            state.tap = Some(Arc::clone(&self.tap));
        }
    }

    /// The final answer's head is here; 101 is final too.
    fn answered(&self, response: &ResponseHeader, state: &mut RequestState) {
        if let Some(sent) = state.sent {
            self.metrics.upstream_answered(sent.elapsed());
        }
        if let Some(capture) = &mut state.capture {
            capture.response_head(response.status, &response.headers);
        }
        if let Some(load) = &mut state.load {
            load.response_head(response.status, &response.headers);
        }
    }

    /// The answer is over, `whole` or not. The event leaves before the writer can have the end of its
    /// answer: so nothing that the writer does next overtakes it.
    fn finish(&self, state: &mut RequestState, whole: bool) {
        if let Some(load) = state.load.take() {
            load.finish(&self.tap, whole);
        }
        if let Some(capture) = state.capture.take() {
            if let Some(ahead) = state.errand.as_ref().and_then(|errand| errand.ahead.as_ref()) {
                ahead.hold();
            }
            self.tap.finish(capture, state.begun, whole);
        }
    }
}

/// Answers in the backend's place.
async fn refuse(session: &mut Session, refusal: &Refusal) -> pingora::Result<bool> {
    refusal.send(&mut session.downstream_session).await?;
    early::linger(&mut session.downstream_session).await;
    Ok(true)
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = RequestState;

    fn new_ctx(&self) -> RequestState {
        RequestState::new(&self.in_flight)
    }

    /// No module: answers pass as they are.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, state: &mut RequestState) -> pingora::Result<bool> {
        session.downstream_session.set_pipelining_enabled(true);
        state.errand = Downstream::of(&session.downstream_session).and_then(Downstream::errand);
        if let Some(refusal) = forward::refusal(session.req_header()) {
            session.downstream_session.set_keepalive(None);
            return refuse(session, &refusal).await;
        }
        if self.serve_endpoint(session).await? {
            return Ok(true);
        }
        self.begin(session, state);
        state.needs.uploading = !session.is_body_empty();
        if state.needs.streaming {
            session.downstream_session.set_read_timeout(None);
        }
        if head::is_http_1_0(session.req_header()) {
            session.downstream_session.set_ignore_info_resp(true);
        }
        Ok(false)
    }

    async fn upstream_peer(
        &self,
        _: &mut Session,
        state: &mut RequestState,
    ) -> pingora::Result<Box<HttpPeer>> {
        state.attempts += 1;
        let Some(choice) = self.upstreams.pick(state.needs) else {
            state.authority = Some(Arc::from(self.upstreams.names()));
            return Error::e_explain(ErrorType::HTTPStatus(502), "no upstream resolves to an address");
        };
        state.authority = Some(choice.authority);
        Ok(choice.peer)
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        peer: &HttpPeer,
        state: &mut RequestState,
        mut error: Box<Error>,
    ) -> Box<Error> {
        if let Some(address) = peer._address.as_inet() {
            self.upstreams.failed(*address);
        }
        // Nothing was sent, so any method may go to the next server.
        error.set_retry(state.attempts < self.upstreams.count());
        error.into_up()
    }

    #[expect(clippy::disallowed_methods, reason = "the upstream's latency is measured from here")]
    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        state: &mut RequestState,
    ) -> pingora::Result<()> {
        let address = match &state.errand {
            Some(errand) => errand.client.as_ref(),
            None => Downstream::of(&session.downstream_session).and_then(Downstream::client),
        };
        let client = Client { address, trusted: &self.trusted };
        let authority = state.authority.as_deref().unwrap_or_default();
        forward::rewrite(request, client, self.upstreams.host(), authority)?;
        state.sent = Some(Instant::now());
        if let Some(capture) = &mut state.capture {
            // Whatever became of an earlier attempt, the backend may have it already.
            state.begun.get_or_insert_with(|| self.tap.overlaps.begin());
            capture.attempt();
            capture.backend_hosts(forward::told_hosts(&request.headers));
        }
        if let Some(load) = &mut state.load {
            load.backend_hosts(forward::told_hosts(&request.headers));
        }
        Ok(())
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        state: &mut RequestState,
    ) -> pingora::Result<()> {
        if let (Some(capture), Some(chunk)) = (&mut state.capture, body) {
            capture.request_chunk(chunk);
        }
        if end && let Some(capture) = &mut state.capture {
            capture.request_sent();
            if let Some(downstream) = Downstream::of(&session.downstream_session) {
                downstream.hold();
            }
        }
        Ok(())
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _: bool,
        _: &HttpPeer,
        _: RawFd,
        digest: Option<&Digest>,
        state: &mut RequestState,
    ) -> pingora::Result<()> {
        state.tail = connector::begin(digest, state.needs.uploading);
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        state: &mut RequestState,
    ) -> pingora::Result<()> {
        // pingora will call any answer without a length chunked, and a client of HTTP/1.0 gets no chunks.
        let has_tail = hop::is_chunked(&response.headers) && !head::is_http_1_0(session.req_header());
        if !response.status.is_informational() && !has_tail {
            state.tail = None;
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        state: &mut RequestState,
    ) -> pingora::Result<()> {
        if !head::is_interim(response) {
            self.answered(response, state);
        }
        let rest = answer::pass(session, response, state.position);
        state.parting = rest.parting;
        if rest.is_over {
            self.finish(state, true);
        }
        Ok(())
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        state: &mut RequestState,
    ) -> pingora::Result<Option<Duration>> {
        if end && state.parting {
            Downstream::part_of(&session.downstream_session);
        }
        if let Some(chunk) = body {
            state.response_chunk(chunk);
        }
        if end {
            self.finish(state, true);
            if let (Some(tail), Some(downstream)) = (&state.tail, Downstream::of(&session.downstream_session))
            {
                downstream.trailers(tail.trailers());
            }
        }
        Ok(None)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        state: &mut RequestState,
    ) -> FailToProxy {
        failure::tell(session, error, state.authority.as_deref().unwrap_or_default()).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, state: &mut RequestState) {
        if let Some(downstream) = Downstream::of(&session.downstream_session) {
            downstream.release();
        }
        if !state.proxied {
            return;
        }
        let status = session.response_written().map(|response| response.status.as_u16());
        self.metrics.request_done(state.route, status);
        // What ended in another way than an answer does: faults, and what was never sent.
        self.finish(state, error.is_none());
        if status.is_some() && !session.was_upgraded() {
            early::linger(&mut session.downstream_session).await;
        }
    }

    /// Our own line says it, with the upstream and without the query.
    fn suppress_error_log(&self, _: &Session, _: &RequestState, _: &Error) -> bool {
        true
    }

    fn request_summary(&self, session: &Session, _: &RequestState) -> String {
        let head: &request::Parts = session.req_header();
        format!("{} {}", head.method, head.uri.path())
    }
}
