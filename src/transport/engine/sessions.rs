//! The connections of one endpoint, by what clients know them by.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::carrier::Carrier;
use super::parked::Parked;
use super::session::Session;
use super::shared::{Handle, Shared};
use crate::access::Credentials;
use crate::dialect::{Dialect, Engine, Multiplex};
use crate::hub::{AttachError, Crowd, Hub};
use crate::identity::Credential;
use crate::message::{CloseReason, Frame};
use crate::transport::backstage::Backstage;
use crate::transport::codec::Codec;
use crate::transport::limits::Limits;
use crate::transport::link::{Link, Stream};
use crate::transport::wire::Wire as _;

/// See the module's documentation. Bounded: the next one is refused.
pub struct Sessions<T> {
    pub(super) hub: Arc<Hub>,
    dialect: Arc<dyn Dialect>,
    /// The hub's number of the first namespace; the others follow.
    pub(super) first: usize,
    pub(super) limits: Limits,
    /// One for each namespace.
    pub(super) backstages: Vec<Arc<dyn Backstage>>,
    max: usize,
    table: Mutex<Table<T>>,
    /// Those that may come back.
    pub(super) parked: Parked<T>,
}

struct Table<T> {
    /// And where they come from.
    sessions: HashMap<Uuid, (Arc<Shared<T>>, Option<IpAddr>)>,
    /// Also of those that are in no namespace.
    crowd: Crowd,
    is_closing: bool,
}

impl<T> Table<T> {
    fn check_room(&self, max: usize, address: Option<IpAddr>) -> Result<(), AttachError> {
        match self {
            Self { is_closing: true, .. } => Err(AttachError::Closing),
            Self { sessions, .. } if sessions.len() >= max => Err(AttachError::Full),
            Self { crowd, .. } => crowd.check(address).map_err(AttachError::TooMany),
        }
    }
}

/// Who comes.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// What the handshake showed.
    pub credential: Credential,
    /// With which the backend is asked; `None`: it is not.
    pub credentials: Option<Arc<Credentials>>,
    /// Where it comes from, as far as that is known.
    pub address: Option<IpAddr>,
}

impl Visitor {
    /// Whether it shows the same of who it is as another, to us and to the backend: that may know somebody by any
    /// header that goes along.
    pub(super) fn shows_the_same(&self, other: &Self) -> bool {
        self.credential == other.credential && self.credentials == other.credentials
    }
}

impl<T: Stream> Sessions<T> {
    /// Those of an endpoint, up to `max`, whose first namespace has the number `first` in the hub. `None`: its
    /// dialect has no namespaces.
    pub fn new(
        hub: Arc<Hub>,
        dialect: Arc<dyn Dialect>,
        (first, backstages): (usize, Vec<Arc<dyn Backstage>>),
        limits: Limits,
        max: usize,
    ) -> Option<Self> {
        let max_message = dialect.multiplex()?.engine().max_payload;
        let limits = Limits { max_message, ..limits };
        let crowd = Crowd::new(hub.shares());
        let table = Mutex::new(Table { sessions: HashMap::new(), crowd, is_closing: false });
        Some(Self { hub, dialect, first, limits, backstages, max, table, parked: Parked::new(max) })
    }

    /// Begins one that is polled; with the body of the answer.
    ///
    /// # Errors
    /// There are too many, or no more are taken.
    pub fn open(self: &Arc<Self>, visitor: Visitor) -> Result<(Session<T>, Bytes), AttachError> {
        let link = Link::silent(Carrier::Polling, self.limits.outbox);
        let (sid, shared) = self.enter(link, visitor.address)?;
        let body = Bytes::from(self.greeting(sid, r#"["websocket"]"#));
        Ok((Session::new(Arc::clone(self), (sid, shared), None, visitor), body))
    }

    /// Begins one on a WebSocket, behind the `answer` to its handshake; see
    /// [`Newcomer::on_websocket`](super::super::Newcomer::on_websocket).
    ///
    /// # Errors
    /// As above, with the stream.
    pub fn open_on(
        self: &Arc<Self>,
        (stream, early): (T, Vec<u8>),
        answer: &Bytes,
        visitor: Visitor,
    ) -> Result<Session<T>, AttachError> {
        let link = Link::silent(Carrier::Socket(stream), self.limits.outbox);
        let (sid, shared) = self.enter(link, visitor.address)?;
        let open = Frame::text(&self.greeting(sid, "[]"));
        shared.link.replace(Bytes::from([answer.as_ref(), open.wire()].concat()));
        let codec = Codec::new(early, self.limits.max_message);
        Ok(Session::new(Arc::clone(self), (sid, shared), Some(codec), visitor))
    }

    /// The connection that is known by this.
    pub fn find(&self, sid: &str) -> Option<Handle<T>> {
        let sid = Uuid::try_parse(sid).ok()?;
        let shared = Arc::clone(&self.lock().sessions.get(&sid)?.0);
        Some(Handle { shared, max_payload: self.limits.max_message, outbox: self.limits.outbox })
    }

    /// Whether one more of this address would be taken now.
    ///
    /// # Errors
    /// Why not.
    pub fn check_room(&self, address: Option<IpAddr>) -> Result<(), AttachError> {
        self.lock().check_room(self.max, address)
    }

    /// Bytes of the body of one request.
    pub fn max_payload(&self) -> usize {
        self.limits.max_message
    }

    /// How long a client may leave unread what it asked for: behind that it has missed a ping.
    pub fn patience(&self) -> Duration {
        self.multiplex().map_or(Duration::ZERO, |multiplex| {
            let engine = multiplex.engine();
            engine.ping_interval + engine.ping_timeout
        })
    }

    /// No more connections are taken, and nobody comes back. Gives those that are there.
    pub fn retire(&self) -> Vec<Uuid> {
        self.lock().is_closing = true;
        self.parked.close();
        self.everybody()
    }

    /// Those that are there, to be [ended](Self::end), in an order by chance.
    pub fn everybody(&self) -> Vec<Uuid> {
        let mut all: Vec<_> = self.lock().sessions.keys().copied().collect();
        // Names are made by chance.
        all.sort_unstable();
        all
    }

    /// Ends a connection behind what waits for it, if it is still there.
    pub fn end(&self, sid: Uuid) {
        let shared = self.lock().sessions.get(&sid).map(|(shared, _)| Arc::clone(shared));
        if let Some(shared) = shared {
            shared.link.close_after(CloseReason::GoingAway);
        }
    }

    pub(super) fn multiplex(&self) -> Option<&dyn Multiplex> {
        self.dialect.multiplex()
    }

    pub(super) fn leave(&self, sid: Uuid) {
        let mut table = self.lock();
        if let Some((_, address)) = table.sessions.remove(&sid) {
            table.crowd.leave(address, None);
        }
    }

    fn enter(
        &self,
        link: Link<Carrier<T>>,
        address: Option<IpAddr>,
    ) -> Result<(Uuid, Arc<Shared<T>>), AttachError> {
        let (sid, shared) = (Uuid::new_v4(), Arc::new(Shared::new(link)));
        let mut table = self.lock();
        table.check_room(self.max, address)?;
        table.crowd.enter(address, None).map_err(AttachError::TooMany)?;
        table.sessions.insert(sid, (Arc::clone(&shared), address));
        Ok((sid, shared))
    }

    /// The first packet.
    fn greeting(&self, sid: Uuid, upgrades: &str) -> String {
        let Some(Engine { ping_interval, ping_timeout, max_payload, .. }) =
            self.multiplex().map(Multiplex::engine)
        else {
            return String::new();
        };
        format!(
            r#"0{{"sid":"{}","upgrades":{upgrades},"pingInterval":{},"pingTimeout":{},"maxPayload":{max_payload}}}"#,
            sid.simple(),
            ping_interval.as_millis(),
            ping_timeout.as_millis()
        )
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        // A panic under it leaves a whole table behind: each change is one insert or remove.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Sessions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}
