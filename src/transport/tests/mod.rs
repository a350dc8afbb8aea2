//! A WebSocket as its client sees it: over a pipe, byte by byte, in virtual time.

mod conversation;
mod event_stream;
mod liveness;
mod memory;
mod panics;
mod protocol;
mod script;
mod slow;
mod wakes;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::*;
use crate::dialect::{self, Conversation, Opening};
use crate::event::{Epoch, Event, Position, Topic};
use crate::hub::{AttachError, Desk, HistoryLimits, Hub, OutboxLimits, Profile};
use crate::identity::{Claims, Credential, Identity, User};
use crate::message::{
    Announcement, Call, CloseReason, Command, Encode, Frame, Now, Publication, Push, Rendering, Turn,
};

const GREETING: &str = "HTTP/1.1 101\r\n\r\n";
const PING_INTERVAL: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits {
    max_message: 1000,
    ping_interval: PING_INTERVAL,
    outbox: OutboxLimits { frames: 100, bytes: 10_000 },
    expiry: Expiry::Close,
    rate: None,
    waiting: 4,
};
/// In virtual time: no test takes that long unless it hangs.
const FOREVER: Duration = Duration::from_hours(1);

/// Says the event's path, which here is any text.
#[derive(Debug)]
struct Plain;

impl Encode for Plain {
    fn encode(&self, publication: &Publication) -> Rendering {
        Rendering::Whole(Frame::text(&publication.event.http.as_ref().unwrap().path))
    }
}

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new(
        vec![Desk {
            path: Arc::from("/ws"),
            app: None,
            namespace: None,
            encode: Arc::new(Plain),
            required: false,
        }],
        1000,
    ))
}

fn publish(hub: &Hub, text: &str) -> crate::hub::Delivery {
    let mut event = Event::sample("m", "1");
    text.clone_into(&mut event.http.as_mut().unwrap().path);
    hub.deliver(event, SystemTime::UNIX_EPOCH, || {})
}

fn echo() -> Box<dyn Conversation> {
    let opening = Opening {
        request: &Request::new(()).into_parts().0,
        connection: Uuid::nil(),
        credential: &Credential::Missing,
        required: false,
        resume: None,
        now: Now { time: SystemTime::UNIX_EPOCH, age: Duration::ZERO },
    };
    dialect::find("echo").unwrap().1(&dialect::Defaults).open(&opening, &mut Turn::default())
}

/// Nobody is there.
#[derive(Debug)]
struct Alone;

impl Backstage for Alone {
    fn call(&self, call: Call, _: Caller) -> Returning {
        panic!("{call:?}")
    }

    fn announce(&self, announcement: Announcement) {
        panic!("{announcement:?}")
    }

    fn push(&self, push: Push) {
        panic!("{push:?}")
    }

    fn connections(&self, _: i64) {}

    fn refused(&self, error: AttachError) {
        panic!("{error}")
    }

    fn subscriptions(&self, _: i64) {}

    fn exceeded(&self, _: Exceeded) {}
}

/// Somebody whose token expires after that time.
#[expect(clippy::disallowed_methods, reason = "tokens expire by the real clock")]
fn user(expires: Duration) -> Identity {
    let (claims, expires) = (Claims::default(), Some(SystemTime::now() + expires));
    Identity::User(Arc::new(User { id: "ann".to_owned(), email: None, roles: Vec::new(), claims, expires }))
}

fn profile() -> Profile {
    let (id, since) = (Uuid::nil(), SystemTime::UNIX_EPOCH);
    Profile { id, endpoint: 0, identity: Identity::Anonymous, since, address: None }
}

/// Starts a connection that reads every event and echoes messages.
fn serve<S: Stream>(stream: S, hub: &Arc<Hub>, limits: Limits) -> JoinSet<()> {
    serve_as(Identity::Anonymous, stream, hub, limits)
}

fn serve_as<S: Stream>(identity: Identity, stream: S, hub: &Arc<Hub>, limits: Limits) -> JoinSet<()> {
    serve_since(None, identity, stream, hub, limits)
}

/// The same for a client that was away.
fn serve_since<S: Stream>(
    since: Option<Position>,
    identity: Identity,
    stream: S,
    hub: &Arc<Hub>,
    limits: Limits,
) -> JoinSet<()> {
    let socket = Newcomer::on_websocket(stream, Vec::new(), Bytes::from(GREETING), limits);
    let turn = Turn { commands: vec![Command::subscribe(Topic::all())], since, ..Turn::default() };
    let subscriber = hub.attach(socket.lane(), Profile { identity, ..profile() }).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(socket.run((echo(), turn), subscriber, Arc::new(Alone), ()));
    tasks
}

/// The raw end of a pipe of `size` bytes.
struct Client {
    stream: DuplexStream,
    connection: JoinSet<()>,
}

impl Client {
    /// Connects, with the greeting read.
    async fn connect(hub: &Arc<Hub>, size: usize, limits: Limits) -> Self {
        let (stream, theirs) = tokio::io::duplex(size);
        Self::greeted(stream, serve(theirs, hub, limits)).await
    }

    /// The other end of a connection that runs.
    async fn of(stream: DuplexStream, running: impl Future<Output = ()> + Send + 'static) -> Self {
        let mut connection = JoinSet::new();
        connection.spawn(running);
        Self::greeted(stream, connection).await
    }

    /// The same, with its task.
    async fn greeted(stream: DuplexStream, connection: JoinSet<()>) -> Self {
        let mut client = Self { stream, connection };
        assert_eq!(client.bytes(GREETING.len()).await.unwrap(), GREETING.as_bytes());
        client
    }

    /// So many bytes; `None` at the end.
    async fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        let reading = tokio::time::timeout(FOREVER, self.stream.read_exact(&mut bytes));
        reading.await.expect("nothing came for ever").ok()?;
        Some(bytes)
    }

    /// The next frame, as text: `text …`, `binary …`, `ping …`, `pong …`, `close CODE …`, or `end`.
    async fn next(&mut self) -> String {
        let Some(head) = self.bytes(2).await else { return "end".to_owned() };
        assert_eq!(head[1] >> 7, 0, "a server's frame is not masked");
        let length = match head[1] {
            126 => u64::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let payload = self.bytes(usize::try_from(length).unwrap()).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = match (head[0], payload.as_slice()) {
            (0x81, payload) => format!("text {}", text(payload)),
            (0x82, payload) => format!("binary {}", text(payload)),
            (0x88, []) => "close".to_owned(),
            (0x88, [high, low, reason @ ..]) => {
                format!("close {} {}", u16::from_be_bytes([*high, *low]), text(reason))
            }
            (0x89, payload) => format!("ping {}", text(payload)),
            (0x8A, payload) => format!("pong {}", text(payload)),
            (other, payload) => panic!("frame {other:x} with {payload:?}"),
        };
        said.trim_end().to_owned()
    }

    async fn send(&mut self, first: u8, payload: &[u8]) {
        self.stream.write_all(&masked(first, payload)).await.unwrap();
    }

    async fn expect(&mut self, frames: &[&str]) {
        for frame in frames {
            assert_eq!(self.next().await, *frame);
        }
    }

    /// Waits until the connection's task is done.
    async fn ended(&mut self) {
        let ending = tokio::time::timeout(FOREVER, self.connection.join_next());
        ending.await.expect("the connection never ends").unwrap().unwrap();
    }
}

/// A client's frame. `first`: FIN, reserved bits and opcode.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length => {
            frame.push(0xFE);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Plays a transcript: `> FIRST-BYTE PAYLOAD` is a masked frame of the client, `> raw HEX` any bytes, `> end`
/// the end of its stream, and `< FRAME` what it gets. In payloads, `\xHH` is a byte.
async fn check(transcript: &str) {
    let hub = hub();
    let mut client = Client::connect(&hub, 4096, LIMITS).await;
    for line in transcript.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_at(2) {
            ("> ", "end") => client.stream.shutdown().await.unwrap(),
            ("> ", sent) => {
                let (first, payload) = sent.split_once(' ').unwrap_or((sent, ""));
                if first == "raw" {
                    let bytes: Vec<u8> = payload.split(' ').map(hex).collect();
                    client.stream.write_all(&bytes).await.unwrap();
                } else {
                    client.send(hex(first), &unescape(payload)).await;
                }
            }
            ("< ", expected) => assert_eq!(client.next().await, expected, "in\n{transcript}"),
            _ => panic!("{line}"),
        }
    }
    drop(client.stream);
    let ending = tokio::time::timeout(FOREVER, client.connection.join_next());
    ending.await.expect("the connection never ends").unwrap().unwrap();
    assert_eq!(hub.connections(), 0);
}

fn hex(text: &str) -> u8 {
    u8::from_str_radix(text, 16).unwrap()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(hex(code));
        bytes.extend(rest.as_bytes());
    }
    bytes
}
