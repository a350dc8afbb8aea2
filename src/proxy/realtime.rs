//! Endpoints: connections are taken over on the proxy's own port, and those of the live page on the admin port.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request};
use pingora::protocols::http::ServerSession;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use uuid::Uuid;

use super::admission::Admission;
use super::credentials;
use super::engine::Sessions;
use super::forward::TrustedProxies;
use super::hop;
use super::in_flight::InFlight;
use super::respond::Refusal;
use super::takeover::{self, Taken};
use crate::access::Credentials;
use crate::broker::Nodes;
use crate::dialect::{Dialect, Manner, Medium, Opening};
use crate::event::Position;
use crate::hub::{AttachError, Hub, Profile};
use crate::identity::{Credential, Identity};
use crate::message::{Block, CloseReason, Frame, Now, Turn};
use crate::metrics::Metrics;
use crate::transport::{Backstage, Limits, Newcomer};

/// A path at which a dialect is served.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Exact request path.
    pub path: String,
    /// What it speaks.
    pub dialect: Arc<dyn Dialect>,
    /// Its number: the hub's encoder and the metrics' label.
    pub index: usize,
    /// What it allows a connection.
    pub limits: Limits,
    /// Whom it lets in.
    pub admission: Admission,
    /// What its connections need of the rest of the process.
    pub backstage: Arc<dyn Backstage>,
    /// Its connections, if its dialect has several conversations on each.
    pub sessions: Option<Arc<Sessions>>,
}

/// Accepts connections for the hub.
#[derive(Debug, Clone)]
pub struct Realtime {
    /// Where readers go.
    pub hub: Arc<Hub>,
    /// Where they are counted.
    pub metrics: Arc<Metrics>,
    /// Those that are not over yet: what is said of one that has left the hub is a part of it.
    pub connections: InFlight,
    /// The nodes of which this process is one; `None`: it is alone.
    pub nodes: Option<Arc<Nodes>>,
}

/// Said in place of a 101 when the hub is full or the process stops.
pub(super) const UNAVAILABLE: Bytes = Bytes::from_static(
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
);

/// The same where the client has as many connections as one may have. Without `Retry-After`, which RFC 6585,
/// section 4, leaves open: there is room once one of its own connections ends, and nobody knows when that is.
const TOO_MANY: Bytes = Bytes::from_static(
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 62\r\n\
      Cache-Control: no-store\r\nConnection: close\r\n\r\n\
      {\"error\":\"too many requests\",\"message\":\"too many connections\"}",
);

pub(super) fn switching_protocols(key: &str, protocol: Option<&str>) -> Bytes {
    let protocol = protocol.map_or_else(String::new, |name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    Bytes::from(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\n{protocol}\r\n"
    ))
}

/// Whether a request asks for a WebSocket at all.
pub(super) fn is_upgrade(head: &request::Parts) -> bool {
    hop::has_token(&head.headers, &header::UPGRADE, "websocket")
}

/// A connection could be taken over only after that had been read.
pub(super) fn has_body(head: &request::Parts) -> bool {
    let length = head.headers.get(header::CONTENT_LENGTH);
    length.is_some_and(|length| length != "0") || head.headers.contains_key(header::TRANSFER_ENCODING)
}

/// Checks a handshake (RFC 6455, section 4.2.1); returns the value of `Sec-WebSocket-Accept`.
pub(super) fn accept_key(head: &request::Parts) -> Result<String, Refusal> {
    let bad = |message| Refusal::new(StatusCode::BAD_REQUEST, message);
    if head.method != Method::GET || head.version < http::Version::HTTP_11 {
        return Err(bad("a WebSocket starts with a GET of HTTP/1.1"));
    }
    if has_body(head) {
        return Err(bad("a WebSocket handshake has no body"));
    }
    if !hop::has_token(&head.headers, &header::CONNECTION, "upgrade") {
        return Err(bad("Connection: Upgrade is missing"));
    }
    if head.headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(upgrade_required("only WebSocket version 13 is spoken here"));
    }
    let key = head.headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    match key {
        // Sixteen bytes in base64.
        Some(key) if key.len() == 24 && key.ends_with(b"==") => Ok(derive_accept_key(key)),
        _ => Err(bad("Sec-WebSocket-Key is missing or not 16 bytes in base64")),
    }
}

/// The answer to a request that is no handshake, at a path where nothing else is.
pub(super) fn upgrade_required(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::UPGRADE_REQUIRED, message)
        .with(header::UPGRADE, "websocket")
        .with(header::CONNECTION, "Upgrade")
        .with(header::SEC_WEBSOCKET_VERSION, "13")
}

impl Realtime {
    /// With no connection yet.
    pub fn new(hub: &Arc<Hub>, metrics: &Arc<Metrics>) -> Self {
        let (hub, metrics) = (Arc::clone(hub), Arc::clone(metrics));
        Self { hub, metrics, connections: InFlight::default(), nodes: None }
    }

    /// The same where this process is one of several.
    #[must_use]
    pub fn among(self, nodes: Option<Arc<Nodes>>) -> Self {
        Self { nodes, ..self }
    }

    /// The same for a client that says itself who it is.
    pub(super) async fn admit(
        &self,
        session: &mut ServerSession,
        endpoint: &Endpoint,
        whence: Whence,
    ) -> Result<(), Refusal> {
        let head: &request::Parts = session.req_header();
        let manner = endpoint.dialect.manner();
        let credential = endpoint.admission.admit(head, manner, &self.metrics).await?;
        self.accept(session, endpoint, Arrival { credential, whence }).await
    }

    /// Answers a handshake; if it is a good one the connection is the hub's from here on.
    pub(super) async fn accept(
        &self,
        session: &mut ServerSession,
        endpoint: &Endpoint,
        arrival: Arrival,
    ) -> Result<(), Refusal> {
        let head: &request::Parts = session.req_header();
        let key = accept_key(head)?;
        if let Some(fault) = endpoint.dialect.fault(head) {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, fault));
        }
        let greeting = switching_protocols(&key, endpoint.admission.protocol(head));
        self.take(session, endpoint, arrival, Greeting { head: greeting, allowed: String::new() }).await;
        Ok(())
    }

    /// Takes a connection behind a good handshake.
    pub(super) async fn take(
        &self,
        session: &mut ServerSession,
        endpoint: &Endpoint,
        arrival: Arrival,
        greeting: Greeting,
    ) {
        let head: &request::Parts = session.req_header();
        let credentials = self.credentials(head, endpoint, &arrival);
        let profile = arrival.profile(endpoint.index);
        let mut turn = Turn::default();
        let conversation = endpoint.dialect.open(
            &Opening {
                request: head,
                connection: profile.id,
                credential: &arrival.credential,
                required: endpoint.admission.required,
                resume: None,
                now: Now { time: profile.since, age: Duration::ZERO },
            },
            &mut turn,
        );
        let Some(Taken { stream, early }) = takeover::take(session).await else { return };
        let (head, limits) = (greeting.head.clone(), endpoint.limits);
        let newcomer = match endpoint.dialect.medium() {
            Medium::WebSocket => Newcomer::on_websocket(stream, early, head, limits),
            Medium::EventStream => Newcomer::on_event_stream(stream, early, head, limits),
        };
        newcomer.greet(&mut turn);
        let subscriber = match self.hub.attach(newcomer.lane(), profile) {
            Ok(subscriber) => subscriber,
            Err(error) => {
                endpoint.backstage.refused(error);
                newcomer.refuse(refusal(error, &*endpoint.dialect, &greeting)).await;
                return;
            }
        };
        subscriber.bear(credentials);
        let backstage = Arc::clone(&endpoint.backstage);
        let in_flight = self.connections.enter();
        let connection = newcomer.run((conversation, turn), subscriber, backstage, in_flight);
        #[expect(
            clippy::disallowed_methods,
            reason = "owned by the hub: it can close it and knows when it is gone"
        )]
        drop(tokio::spawn(connection));
    }

    /// With what the backend is asked for the reader; `None`: it is never asked.
    pub(super) fn credentials(
        &self,
        head: &request::Parts,
        endpoint: &Endpoint,
        arrival: &Arrival,
    ) -> Option<Arc<Credentials>> {
        let calls = endpoint.dialect.calls();
        let besides = calls.unwrap_or_default();
        let headers = || credentials::of_handshake(head, &endpoint.admission, besides);
        // Sees everything anyway.
        let is_asked = arrival.credential.identity() != Identity::Operator;
        let is_needed = is_asked && (calls.is_some() || self.hub.may_ask());
        let peer = arrival.whence.peer;
        is_needed.then(|| Arc::new(Credentials::new(self.hub.keys(), headers(), peer)))
    }
}

/// The answer to a good handshake.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) head: Bytes,
    /// Those of its lines that a page needs to read a refusal too.
    pub(super) allowed: String,
}

/// What is said in place of the greeting, or right behind it.
fn refusal(error: AttachError, dialect: &dyn Dialect, Greeting { head, allowed }: &Greeting) -> Bytes {
    let behind = |words: &Frame| Bytes::from([head.as_ref(), words.wire().as_ref()].concat());
    match (error, dialect.manner(), dialect.medium()) {
        // At any answer but 200 `EventSource` gives up, and this client should come back.
        (AttachError::Closing, _, Medium::EventStream) => {
            behind(&Block::close(CloseReason::Restart(Position::untold(0))))
        }
        (AttachError::Full | AttachError::Closing, _, _) => with_lines(&UNAVAILABLE, allowed),
        (AttachError::TooMany(_), Manner::Answer, _) => with_lines(&TOO_MANY, allowed),
        (AttachError::TooMany(_), Manner::Accept, _) => behind(&Frame::close(CloseReason::TooMany)),
    }
}

/// An answer with more lines behind its first.
fn with_lines(answer: &Bytes, lines: &str) -> Bytes {
    let first = memchr::memchr(b'\n', answer).map_or(0, |at| at + 1);
    let (first, rest) = answer.split_at(first);
    Bytes::from([first, lines.as_bytes(), rest].concat())
}

/// Who comes.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) credential: Credential,
    pub(super) whence: Whence,
}

/// Where a client is, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Whence {
    /// At the other end of the connection. The backend is asked as for a request that came from there, with
    /// the forwarding headers of the handshake: so they are believed, or not, as those of any request.
    peer: Option<IpAddr>,
    /// Behind the proxies that are believed: whom limits mean.
    pub(super) origin: Option<IpAddr>,
}

impl Whence {
    pub(super) fn of(peer: Option<IpAddr>, trusted: &TrustedProxies, headers: &HeaderMap) -> Self {
        Self { peer, origin: peer.map(|peer| trusted.origin(peer, headers)) }
    }
}

impl Arrival {
    #[expect(clippy::disallowed_methods, reason = "it comes now")]
    fn profile(&self, endpoint: usize) -> Profile {
        Profile {
            id: Uuid::new_v4(),
            endpoint,
            identity: self.credential.identity(),
            since: SystemTime::now(),
            address: self.whence.origin,
        }
    }
}
