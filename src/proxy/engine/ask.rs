//! What a request wants, and what is wrong with it: in the order in which the original looks (`protocols.md`, section
//! 4.1.2).

use http::{Method, StatusCode, request};
use pingora::protocols::Stream;

use super::{METHODS, Sessions};
use crate::proxy::realtime;
use crate::transport::Handle;

/// See the module's documentation.
#[derive(Debug)]
pub(super) enum Ask {
    /// A page asks what it may do.
    Options,
    /// A connection that is polled.
    Open,
    /// One on a WebSocket.
    OpenOn,
    Poll(Handle<Stream>),
    Post(Handle<Stream>),
    /// A WebSocket in the place of polls.
    Upgrade(Handle<Stream>),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    UnknownTransport,
    UnknownSession,
    BadMethod,
    BadRequest,
    Forbidden,
    Version,
    /// A method that nothing here has.
    NotAllowed,
    TooLarge,
    /// There are too many connections, or no more are taken.
    Full,
    /// Too many of one client.
    TooMany,
}

impl Fault {
    /// The status, and what the original says in its body.
    pub(super) fn said(self) -> (StatusCode, u8, &'static str) {
        match self {
            Self::UnknownTransport => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
            Self::UnknownSession => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
            Self::BadMethod => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
            Self::BadRequest => (StatusCode::BAD_REQUEST, 3, "Bad request"),
            Self::Forbidden => (StatusCode::FORBIDDEN, 4, "Forbidden"),
            Self::Version => (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version"),
            Self::NotAllowed => (StatusCode::METHOD_NOT_ALLOWED, 3, "Bad request"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 3, "Payload too large"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, 3, "Too many connections"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, 3, "Too many connections"),
        }
    }
}

/// What a query may say.
#[derive(Debug, Default)]
struct Query<'a> {
    version: Option<&'a str>,
    transport: Option<&'a str>,
    sid: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn read(query: &'a str) -> Self {
        let mut read = Self::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "EIO" => read.version = Some(value),
                "transport" => read.transport = Some(value),
                "sid" => read.sid = Some(value),
                _ => {}
            }
        }
        read
    }
}

impl Ask {
    pub(super) fn read(head: &request::Parts, sessions: &Sessions) -> Result<Self, Fault> {
        if !METHODS.contains(&head.method) {
            return Err(Fault::NotAllowed);
        }
        if head.method == Method::OPTIONS {
            return Ok(Self::Options);
        }
        let upgrade = realtime::is_upgrade(head);
        let mut query = Query::read(head.uri.query().unwrap_or_default());
        if upgrade && query.version.is_none() && query.transport.is_none() {
            // As with a WebSocket that is opened by hand.
            (query.version, query.transport) = (Some("4"), Some("websocket"));
        }
        let by_socket = match query.transport {
            Some("polling") => false,
            Some("websocket") => true,
            _ => return Err(Fault::UnknownTransport),
        };
        match query.sid {
            Some(sid) => {
                let handle = sessions.find(sid).ok_or(Fault::UnknownSession)?;
                Self::of_session(handle, head, (by_socket, upgrade))
            }
            None if head.method != Method::GET => Err(Fault::BadMethod),
            None if by_socket != upgrade => Err(Fault::BadRequest),
            None if query.version != Some("4") => Err(Fault::Version),
            None => Ok(if by_socket { Self::OpenOn } else { Self::Open }),
        }
    }

    fn of_session(
        handle: Handle<Stream>,
        head: &request::Parts,
        transport: (bool, bool),
    ) -> Result<Self, Fault> {
        match (transport, head.method == Method::GET) {
            ((false, false), true) => Ok(Self::Poll(handle)),
            ((false, false), false) => Ok(Self::Post(handle)),
            ((true, true), true) => Ok(Self::Upgrade(handle)),
            _ => Err(Fault::BadRequest),
        }
    }
}
