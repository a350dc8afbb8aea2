//! Engine.IO over HTTP (`protocols.md`, section 4.1): which request is what, and how each is answered. The connection
//! itself is a [`Session`](transport::Session).

mod answer;
mod ask;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode, request};
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;

use super::cors;
use super::early;
use super::realtime::{self, Arrival, Endpoint, Realtime, Whence};
use super::takeover::{self, Taken};
use crate::hub::AttachError;
use crate::transport::{self, Handle, Payload, Visitor, encode};
use answer::Answer;
use ask::{Ask, Fault};

/// The connections of an endpoint.
pub type Sessions = transport::Sessions<Stream>;

const OK: Bytes = Bytes::from_static(b"ok");

/// The endpoint that a request is for, if it has connections of this kind; with a slash at its end or without.
pub(super) fn of_request<'a>(
    head: &request::Parts,
    endpoints: &'a [Endpoint],
) -> Option<(&'a Endpoint, &'a Arc<Sessions>)> {
    let plain = |path: &'a str| path.strip_suffix('/').unwrap_or(path);
    let path = head.uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let with_sessions = |endpoint: &'a Endpoint| Some((endpoint, endpoint.sessions.as_ref()?));
    endpoints.iter().filter_map(with_sessions).find(|(endpoint, _)| plain(&endpoint.path) == path)
}

/// Answers the requests of one endpoint.
pub(super) struct Service<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) sessions: &'a Arc<Sessions>,
    pub(super) realtime: &'a Realtime,
    pub(super) whence: Whence,
}

impl Service<'_> {
    pub(super) async fn serve(&self, session: &mut ServerSession) -> pingora::Result<()> {
        let answered = match self.read(session) {
            Ok(Ask::Options) => Ok(Answer::preflight(session.req_header())),
            Ok(Ask::Open) => self.open(session).await,
            Ok(Ask::OpenOn) => match self.open_on(session).await {
                Ok(()) => return Ok(()),
                Err(fault) => Err(fault),
            },
            Ok(Ask::Poll(handle)) => return self.poll(session, &handle).await,
            Ok(Ask::Post(handle)) => self.post(session, &handle).await?,
            Ok(Ask::Upgrade(handle)) => match upgrade(session, handle).await {
                Ok(()) => return Ok(()),
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        self.send(session, answered.unwrap_or_else(Answer::fault)).await
    }

    fn read(&self, session: &ServerSession) -> Result<Ask, Fault> {
        let head: &request::Parts = session.req_header();
        if !cors::takes_origin(head, &self.endpoint.admission) {
            self.realtime.metrics.origin_refused();
            return Err(Fault::Forbidden);
        }
        Ask::read(head, self.sessions)
    }

    async fn visitor(&self, session: &ServerSession) -> Result<Visitor, Fault> {
        let head: &request::Parts = session.req_header();
        let manner = self.endpoint.dialect.manner();
        let admitted = self.endpoint.admission.admit(head, manner, &self.realtime.metrics).await;
        let credential = admitted.map_err(|refusal| match refusal.status {
            StatusCode::SERVICE_UNAVAILABLE => Fault::Full,
            _ => Fault::Forbidden,
        })?;
        let arrival = Arrival { credential, whence: self.whence };
        let credentials = self.realtime.credentials(head, self.endpoint, &arrival);
        Ok(Visitor { credential: arrival.credential, credentials, address: self.whence.origin })
    }

    async fn open(&self, session: &ServerSession) -> Result<Answer, Fault> {
        let visitor = self.visitor(session).await?;
        let (connection, body) = self.sessions.open(visitor).map_err(|error| self.full(error))?;
        self.start(connection);
        Ok(Answer::text(body))
    }

    async fn open_on(&self, session: &mut ServerSession) -> Result<(), Fault> {
        let greeting = greeting(session, self.endpoint)?;
        let visitor = self.visitor(session).await?;
        self.sessions.check_room(visitor.address).map_err(|error| self.full(error))?;
        let Some(Taken { stream, early }) = takeover::take(session).await else { return Ok(()) };
        match self.sessions.open_on((stream, early), &greeting, visitor) {
            Ok(connection) => self.start(connection),
            // Somebody else took the place meanwhile. The stream is gone, and its client hears nothing but that.
            Err(error) => self.endpoint.backstage.refused(error),
        }
        Ok(())
    }

    fn start(&self, mut connection: transport::Session<Stream>) {
        let in_flight = self.realtime.connections.enter();
        start(async move {
            connection.run().await;
            drop(in_flight);
            connection.wait().await;
        });
    }

    fn full(&self, error: AttachError) -> Fault {
        self.endpoint.backstage.refused(error);
        match error {
            AttachError::TooMany(_) => Fault::TooMany,
            AttachError::Full | AttachError::Closing => Fault::Full,
        }
    }

    async fn poll(&self, session: &mut ServerSession, handle: &Handle<Stream>) -> pingora::Result<()> {
        let Ok(awaited) = handle.poll() else {
            return self.send(session, Answer::fault(Fault::BadRequest)).await;
        };
        let polled = tokio::select! {
            polled = awaited => polled,
            // What was taken for it at this moment comes back with `awaited`.
            _ = session.read_body_or_idle(true) => {
                part(session);
                return Ok(());
            }
        };
        // Without an answer it has ended.
        let body = polled.as_ref().ok().and_then(|polled| encode(polled.frames()));
        let answer = body.map_or_else(|| Answer::fault(Fault::UnknownSession), Answer::text);
        // Who does not read for so long is gone.
        session.set_write_timeout(Some(self.sessions.patience()));
        match (self.send(session, answer).await, polled) {
            (Ok(()), Ok(polled)) => polled.delivered(),
            (Ok(()), Err(_)) => {}
            (Err(_), _) => part(session),
        }
        Ok(())
    }

    async fn post(
        &self,
        session: &mut ServerSession,
        handle: &Handle<Stream>,
    ) -> pingora::Result<Result<Answer, Fault>> {
        let Ok(posting) = handle.post() else {
            session.set_keepalive(None);
            return Ok(Err(Fault::BadRequest));
        };
        let Some(body) = read_body(session, self.sessions.max_payload()).await? else {
            return Ok(Err(Fault::TooLarge));
        };
        let Ok(packets) = Payload::read(body) else {
            handle.fault();
            return Ok(Err(Fault::BadRequest));
        };
        let Ok(taken) = posting.say(packets) else { return Ok(Err(Fault::BadRequest)) };
        Ok(taken.await.map(|()| Answer::text(OK)).or(Err(Fault::UnknownSession)))
    }

    async fn send(&self, session: &mut ServerSession, answer: Answer) -> pingora::Result<()> {
        let head: &request::Parts = session.req_header();
        let answer = answer.for_origin(head, &self.endpoint.admission);
        answer.send(session).await?;
        early::linger(session).await;
        Ok(())
    }
}

/// The client of a poll has hung up, as it may: that is no failure of ours.
fn part(session: &mut ServerSession) {
    session.set_keepalive(None);
}

/// A WebSocket is tried in the place of polls.
async fn upgrade(session: &mut ServerSession, handle: Handle<Stream>) -> Result<(), Fault> {
    let head: &request::Parts = session.req_header();
    let key = realtime::accept_key(head).or(Err(Fault::BadRequest))?;
    let greeting = realtime::switching_protocols(&key, None);
    if !handle.begin_upgrade() {
        return Err(Fault::BadRequest);
    }
    match takeover::take(session).await {
        Some(Taken { stream, early }) => start(handle.upgrade(stream, early, greeting).run()),
        None => handle.end_upgrade(),
    }
    Ok(())
}

fn greeting(session: &ServerSession, endpoint: &Endpoint) -> Result<Bytes, Fault> {
    let head: &request::Parts = session.req_header();
    let key = realtime::accept_key(head).or(Err(Fault::BadRequest))?;
    Ok(realtime::switching_protocols(&key, endpoint.admission.protocol(head)))
}

fn start(connection: impl Future<Output = ()> + Send + 'static) {
    #[expect(
        clippy::disallowed_methods,
        reason = "owned by the endpoint's sessions: they can close it, and forget it when it is gone"
    )]
    drop(tokio::spawn(connection));
}

/// The body, or `None` if it is too large.
async fn read_body(session: &mut ServerSession, limit: usize) -> pingora::Result<Option<Bytes>> {
    let length = session.req_header().headers.get(http::header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        session.set_keepalive(None);
        return Ok(None);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = session.read_request_body().await? {
        if body.len() + chunk.len() > limit {
            session.set_keepalive(None);
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}

/// What the methods of this path are.
const METHODS: [Method; 3] = [Method::GET, Method::POST, Method::OPTIONS];
