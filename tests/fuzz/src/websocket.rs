//! Any bytes behind a handshake: the connection goes on or is closed, what leaves it are whole frames, and
//! it ends when its client does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use restcast::dialect::{self, Constructor, Opening};
use restcast::hub::{AttachError, Desk, Hub, OutboxLimits, Profile};
use restcast::identity::{Credential, Identity};
use restcast::message::{Announcement, Call, Encode, Now, Push, Returned, Turn, UpstreamError, WebhookError};
use restcast::transport::{Backstage, Caller, Exceeded, Expiry, Limits, Newcomer, Returning};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use uuid::Uuid;

const GREETING: &[u8] = b"HTTP/1.1 101\r\n\r\n";
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// In virtual time.
const FOREVER: Duration = Duration::from_hours(1);

/// How a run goes: the first line of the input, `DIALECT MAX-MESSAGE CHUNK`.
struct Settings {
    dialect: Constructor,
    echoes: bool,
    max_message: usize,
    chunk: usize,
}

impl Settings {
    fn read(line: &[u8]) -> Self {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split(' ');
        let named = words.next().and_then(dialect::find).or_else(|| dialect::find("echo"));
        let (name, dialect) = named.expect("there is an echo");
        let mut number =
            |limit| words.next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(1) % limit;
        Self { dialect, echoes: name == "echo", max_message: number(1 << 20), chunk: number(100_000).max(1) }
    }

    /// The client closes its side without waiting for answers.
    fn hangs_up(&self) -> bool {
        self.chunk.is_multiple_of(3)
    }

    /// The first piece comes together with the handshake.
    fn is_early(&self) -> bool {
        !self.chunk.is_multiple_of(2)
    }
}

/// The input is a line of settings and what the client sends.
pub fn run(data: &[u8]) {
    let (line, sent) = super::split(data, b"\n");
    let settings = Settings::read(line);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let got = runtime.block_on(connection(&settings, sent));
    let frames = got.strip_prefix(GREETING).expect("the greeting comes first");
    let half = check_frames(frames, settings.max_message);
    assert!(half == b"" || settings.hangs_up(), "half a frame: {half:?}");
    if settings.echoes && !settings.hangs_up() {
        let (expected, broken) = model(sent, settings.max_message);
        let got = messages(frames);
        // The close frame that answers a fault overtakes what still waits.
        assert!(got == expected || (broken && expected.starts_with(&got)), "{got:?}, not {expected:?}");
    }
}

/// Believes no token.
#[derive(Debug)]
struct Strict;

impl Backstage for Strict {
    fn call(&self, call: Call, _: Caller) -> Returning {
        Box::pin(std::future::ready(match call {
            Call::Identify(_) => Returned::Credential(Credential::Invalid),
            Call::Webhook(_) => Returned::Webhook(Err(WebhookError::Unreachable)),
            Call::Upstream(_) => Returned::Upstream(Err(UpstreamError::Broken)),
        }))
    }

    fn announce(&self, _: Announcement) {}

    fn push(&self, _: Push) {}

    fn connections(&self, _: i64) {}

    fn refused(&self, _: AttachError) {}

    fn subscriptions(&self, _: i64) {}

    fn exceeded(&self, _: Exceeded) {}
}

/// Sends everything, and returns all that came back until the end.
async fn connection(settings: &Settings, sent: &[u8]) -> Vec<u8> {
    let dialect = (settings.dialect)(&dialect::Defaults);
    let encode = Arc::clone(&dialect) as Arc<dyn Encode>;
    let hub = Arc::new(Hub::new(
        vec![Desk { path: Arc::from("/ws"), app: dialect.app(), namespace: None, encode, required: false }],
        1,
    ));
    let (client, server) = tokio::io::duplex(settings.chunk.clamp(16, 4096));
    let (early, later) = sent.split_at(if settings.is_early() { settings.chunk.min(sent.len()) } else { 0 });
    let limits = Limits {
        max_message: settings.max_message,
        ping_interval: PING_INTERVAL,
        outbox: OutboxLimits { frames: 10, bytes: 10_000 },
        expiry: Expiry::Close,
        rate: None,
        waiting: 2,
    };
    let socket = Newcomer::on_websocket(server, early.to_vec(), Bytes::from_static(GREETING), limits);
    let now = Now { time: SystemTime::UNIX_EPOCH, age: Duration::ZERO };
    let (id, identity) = (Uuid::nil(), Identity::Anonymous);
    let profile = Profile { id, endpoint: 0, identity, since: now.time, address: None };
    let subscriber = hub.attach(socket.lane(), profile).unwrap();
    let opening = Opening {
        request: &Request::new(()).into_parts().0,
        connection: id,
        credential: &Credential::Missing,
        required: false,
        resume: None,
        now,
    };
    let mut turn = Turn::default();
    let conversation = dialect.open(&opening, &mut turn);
    let served = socket.run((conversation, turn), subscriber, Arc::new(Strict), ());
    let both = async { tokio::join!(served, talk(client, later, settings)).1 };
    let got = tokio::time::timeout(FOREVER, both).await.expect("the connection never ends");
    assert_eq!(hub.connections(), 0);
    got
}

async fn talk(client: DuplexStream, sent: &[u8], settings: &Settings) -> Vec<u8> {
    let (mut reading, mut writing) = tokio::io::split(client);
    let send = async {
        for chunk in sent.chunks(settings.chunk) {
            // Whoever was closed is not listened to for ever.
            if writing.write_all(chunk).await.is_err() {
                return;
            }
        }
        if !settings.hangs_up() {
            // Virtual time goes on only when nothing else does.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        drop(writing.shutdown().await);
    };
    let mut got = Vec::new();
    let receive = async {
        // An end without a close frame is one too.
        drop(reading.read_to_end(&mut got).await);
    };
    tokio::join!(send, receive);
    got
}

/// Frames of a server (RFC 6455, section 5), none behind a close frame; returns what is no whole one.
fn check_frames(mut rest: &[u8], max_message: usize) -> &[u8] {
    while let Some((first, payload, behind)) = frame(rest) {
        let length = payload.len();
        match first {
            0x81 => assert!(std::str::from_utf8(payload).is_ok() && length <= max_message),
            0x82 => assert!(length <= max_message),
            0x89 | 0x8A => assert!(length <= 125),
            0x88 => {
                assert!(behind.is_empty(), "{behind:?} behind the close frame");
                assert!(length == 0 || (2..=125).contains(&length));
                let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                let may_be_sent = |code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
                assert!(code.is_none_or(may_be_sent), "{code:?}");
            }
            other => panic!("frame {other:#x}"),
        }
        rest = behind;
    }
    rest
}

/// The first byte of the first frame, its payload, and what is behind it.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = length(head[1], rest)?;
    let (payload, behind) = rest.split_at_checked(length)?;
    Some((head[0], payload, behind))
}

/// The length of a payload, and what is behind it.
fn length(short: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = match short {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length), rest)
        }
        _ => (u64::from(short), rest),
    };
    Some((usize::try_from(length).ok()?, rest))
}

/// Text and binary messages: opcode and payload.
type Messages = Vec<(u8, Vec<u8>)>;

fn messages(mut frames: &[u8]) -> Messages {
    let mut messages = Messages::new();
    while let Some((first, payload, behind)) = frame(frames) {
        if matches!(first, 0x81 | 0x82) {
            messages.push((first & 0x0F, payload.to_vec()));
        }
        frames = behind;
    }
    messages
}

/// The messages that a client has sent before it closed or broke the protocol, read frame by frame, and whether
/// it may have broken it.
fn model(mut sent: &[u8], max_message: usize) -> (Messages, bool) {
    let mut messages = Messages::new();
    let mut open: Option<(u8, Vec<u8>)> = None;
    while let Some((first, payload, behind)) = clients_frame(sent) {
        let (last, opcode) = (first & 0x80 != 0, first & 0x0F);
        match (opcode, &mut open) {
            // A PING or PONG may stand between fragments.
            (9 | 10, _) if last && payload.len() <= 125 => {}
            (0, Some((_, begun))) => begun.extend(payload),
            (1 | 2, None) => open = Some((opcode, payload)),
            (8, _) => {
                let reason = payload.get(2..).and_then(|reason| std::str::from_utf8(reason).ok());
                let is_proper =
                    first == 0x88 && (payload.is_empty() || (reason.is_some() && payload.len() <= 125));
                return (messages, !is_proper);
            }
            _ => return (messages, true),
        }
        if first & 0x70 != 0 || open.as_ref().is_some_and(|(_, payload)| payload.len() > max_message) {
            return (messages, true);
        }
        if last && opcode < 8 {
            let message = open.take();
            let is_readable =
                |(kind, payload): &(u8, Vec<u8>)| *kind == 2 || std::str::from_utf8(payload).is_ok();
            if !message.as_ref().is_none_or(is_readable) {
                return (messages, true);
            }
            messages.extend(message);
        }
        sent = behind;
    }
    // A head without its payload may be wrong already, and so may a text without its end.
    let is_no_text = |(kind, payload): &(u8, Vec<u8>)| *kind == 1 && std::str::from_utf8(payload).is_err();
    let may_be_broken = sent.len() >= 2 || open.as_ref().is_some_and(is_no_text);
    (messages, may_be_broken)
}

/// The first byte of the first frame, its payload without the mask, and what is behind it; `None` if it is not
/// whole, or not masked.
fn clients_frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = length(head[1].checked_sub(0x80)?, rest)?;
    let (mask, rest) = rest.split_first_chunk::<4>()?;
    let (payload, behind) = rest.split_at_checked(length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((head[0], payload, behind))
}
