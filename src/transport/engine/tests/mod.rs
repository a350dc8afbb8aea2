//! A connection over pipes and by its requests, in virtual time.

mod limits;
mod memory;
mod payload;
mod polls;
mod recovery;
mod sockets;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::*;
use crate::config::Config;
use crate::dialect::Dialect;
use crate::event::Json;
use crate::hub::{AttachError, Desk, Hub, OutboxLimits, Shares, Whose};
use crate::identity::{Credential, Identity, User};
use crate::message::{Announcement, Call, Encode, Push, Target};
use crate::transport::{Backstage, Caller, Exceeded, Expiry, Limits, Rate, Returning};

const CONFIG: &str = r#"
[upstream]
servers = ["http://127.0.0.1:1"]
[[route]]
path = "/m/{id}"
model = "m"
[[endpoint]]
path = "/io"
dialect = "socketio"
auth = "none"
ping_interval = "20s"
ping_timeout = "5s"
connect_timeout = "30s"
[[endpoint.namespace]]
name = "/a"
auth = "optional"
[[endpoint.namespace]]
name = "/b"
auth = "optional"
"#;
const ANSWER: &str = "HTTP/1.1 101\r\n\r\n";
/// In virtual time: no test takes that long unless it hangs.
const FOREVER: Duration = Duration::from_hours(1);
const NOBODY: Visitor = Visitor { credential: Credential::Missing, credentials: None, address: None };

fn waiting() -> String {
    CONFIG.replace("dialect = \"socketio\"", "dialect = \"socketio\"\nrecovery = \"2m\"")
}

/// Somebody whose token is good until then.
fn user(id: &str, expires: std::time::SystemTime) -> Visitor {
    let user = User {
        id: id.to_owned(),
        email: None,
        roles: vec![],
        claims: <_>::default(),
        expires: Some(expires),
    };
    Visitor { credential: Credential::Valid(Identity::User(Arc::new(user))), ..NOBODY }
}

/// Notes whom the hub refuses.
#[derive(Debug, Default)]
struct Office(Mutex<Vec<AttachError>>);

impl Backstage for Office {
    fn call(&self, call: Call, _: Caller) -> Returning {
        panic!("{call:?}")
    }

    fn announce(&self, _: Announcement) {}

    fn push(&self, _: Push) {}

    fn connections(&self, _: i64) {}

    fn refused(&self, error: AttachError) {
        self.0.lock().unwrap().push(error);
    }

    fn subscriptions(&self, _: i64) {}

    fn exceeded(&self, _: Exceeded) {}
}

/// An endpoint of two namespaces, and its connections.
struct House {
    hub: Arc<Hub>,
    sessions: Arc<Sessions<DuplexStream>>,
    tasks: JoinSet<()>,
}

impl House {
    fn new(max: usize) -> Self {
        Self::with(max, CONFIG, (Shares::default(), None))
    }

    /// Whose clients may come back.
    fn waiting(max: usize) -> Self {
        Self::with(max, &waiting(), (Shares::default(), None))
    }

    fn with(max: usize, config: &str, (shares, rate): (Shares, Option<Rate>)) -> Self {
        let config = Config::parse("test", config).unwrap_or_else(|error| panic!("{error}"));
        let dialect: Arc<dyn Dialect> = Arc::clone(&config.endpoints[0].dialect);
        let desk = |(name, dialect): &(Arc<str>, Arc<dyn Dialect>)| Desk {
            path: Arc::from("/io"),
            app: None,
            namespace: Some(Arc::clone(name)),
            encode: Arc::clone(dialect) as Arc<dyn Encode>,
            required: false,
        };
        let desks: Vec<Desk> = dialect.multiplex().unwrap().namespaces().iter().map(desk).collect();
        let office = || Arc::new(Office::default()) as Arc<dyn Backstage>;
        let (hub, backstages) = (Arc::new(Hub::new(desks, max).sharing(shares)), vec![office(), office()]);
        let limits = Limits {
            max_message: 1000,
            ping_interval: FOREVER,
            outbox: OutboxLimits { frames: 10, bytes: 10_000 },
            expiry: Expiry::Close,
            rate,
            waiting: 4,
        };
        let sessions = Sessions::new(Arc::clone(&hub), dialect, (0, backstages), limits, max).unwrap();
        Self { hub, sessions: Arc::new(sessions), tasks: JoinSet::new() }
    }

    fn start(&mut self, mut session: Session<DuplexStream>) {
        self.tasks.spawn(async move {
            session.run().await;
            session.wait().await;
        });
    }

    /// One that is polled.
    fn open(&mut self) -> Handle<DuplexStream> {
        let (session, body) = self.sessions.open(NOBODY).unwrap();
        self.start(session);
        let open: serde_json::Value = serde_json::from_slice(&body[1..]).unwrap();
        self.sessions.find(open["sid"].as_str().unwrap()).unwrap()
    }

    /// One on a WebSocket, with its first packet read.
    async fn open_on(&mut self) -> Peer {
        self.open_on_as(NOBODY).await
    }

    async fn open_on_as(&mut self, visitor: Visitor) -> Peer {
        let (stream, theirs) = tokio::io::duplex(4096);
        let session = self.sessions.open_on((theirs, Vec::new()), &Bytes::from(ANSWER), visitor).unwrap();
        self.start(session);
        let mut peer = Peer(stream);
        let mut greeting = vec![0; ANSWER.len()];
        peer.0.read_exact(&mut greeting).await.unwrap();
        assert!(peer.next().await.starts_with(r#"0{"sid":""#));
        peer
    }

    /// Says something to everybody in a namespace.
    fn push(&self, namespace: &str, message: &str) -> u64 {
        let to = Target { namespace: Some(Arc::from(namespace)), ..Target::default() };
        let push = Push::new(to, Json::parse(message).unwrap());
        self.hub.push(&push, std::time::SystemTime::UNIX_EPOCH, || {}).reached
    }

    async fn ended(&mut self) {
        timeout(FOREVER, self.tasks.join_next()).await.expect("it never ends").unwrap().unwrap();
        assert_eq!(self.hub.connections(), 0);
    }
}

/// The packets of this body.
fn post(handle: &Handle<DuplexStream>, body: &str) -> Result<oneshot::Receiver<()>, Closed> {
    handle.post()?.say(Payload::read(Bytes::from(body.to_owned())).unwrap())
}

/// What waits.
async fn poll(handle: &Handle<DuplexStream>) -> Option<String> {
    let polled = timeout(FOREVER, handle.poll().unwrap()).await.expect("nothing comes").unwrap();
    let said = encode(polled.frames()).map(|body| String::from_utf8(body.to_vec()).unwrap());
    polled.delivered();
    said
}

/// The client's end of a WebSocket.
struct Peer(DuplexStream);

impl Peer {
    /// The next frame: its text, `close CODE`, or `end`.
    async fn next(&mut self) -> String {
        let mut head = [0; 2];
        let read = timeout(FOREVER, self.0.read_exact(&mut head)).await.expect("nothing comes");
        if read.is_err() {
            return "end".to_owned();
        }
        let length = match head[1] {
            126 => usize::from(self.0.read_u16().await.unwrap()),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.unwrap();
        match (head[0], payload.as_slice()) {
            (0x81, text) => String::from_utf8(text.to_vec()).unwrap(),
            (0x88, [high, low, ..]) => format!("close {}", u16::from_be_bytes([*high, *low])),
            other => panic!("{other:?}"),
        }
    }

    async fn say(&mut self, text: &str) {
        // With a mask of zeros.
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }
}
