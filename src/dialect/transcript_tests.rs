//! The golden conversations of `tests/transcripts/` without sockets: route, capture, hub and dialect as
//! plain values. `RESTCAST_BLESS=1 cargo test transcript` writes down what happens now.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use http::Request;
use uuid::Uuid;

use super::script::{self, Exchange, Said, Stage};
use super::tests::{ANYBODY, open};
use super::{Conversation, Dialect, Multiplex, Route, Routing};
use crate::capture::{Budget, Capture, Limits};
use crate::config::{Config, EndpointConfig};
use crate::event::Epoch;
use crate::hub::{Desk, Hub, Lane, Profile, Sent, Subscriber};
use crate::identity::Identity;
use crate::message::{Answer, Call, CloseReason, Encode, Frame, Message, Now, Returned, Turn};

const UPSTREAM: &str = "\n[upstream]\nservers = [\"http://127.0.0.1:1\"]\n";
/// What the event's time is in every pure conversation.
const TIME: Duration = Duration::from_millis(1_712_345_678_901);
const NOW: Now = Now { time: UNIX_EPOCH, age: Duration::ZERO };

/// A client's end: what has arrived.
#[derive(Debug, Default)]
struct Inbox(Mutex<VecDeque<Said>>);

impl Inbox {
    fn next(&self) -> Option<Said> {
        self.0.lock().unwrap().pop_front()
    }
}

/// The messages of a frame, which may have several WebSocket frames.
fn messages(frame: &Frame) -> Vec<Said> {
    let (mut rest, mut messages) = (frame.wire().as_ref(), Vec::new());
    if rest.first().is_some_and(u8::is_ascii) {
        // No frame of a WebSocket begins like a text.
        return vec![Said::block(std::str::from_utf8(rest).unwrap())];
    }
    while let [head, length, behind @ ..] = rest {
        let (length, behind) = match length {
            126 => (usize::from(u16::from_be_bytes([behind[0], behind[1]])), &behind[2..]),
            127 => panic!("a long frame"),
            short => (usize::from(*short), behind),
        };
        let payload = behind[..length].to_vec();
        messages.push(match head & 0xF {
            1 => Said::Text(String::from_utf8(payload).unwrap()),
            _ => Said::Bytes(payload),
        });
        rest = &behind[length..];
    }
    messages
}

impl Lane for Inbox {
    fn send(&self, frame: &Frame) -> Sent {
        self.0.lock().unwrap().extend(messages(frame));
        Sent::Written
    }

    fn close(&self, reason: CloseReason) {
        panic!("closed: {}", reason.text());
    }
}

struct Client {
    /// With the numbers of their desks; one, unless the connection has several.
    talks: Vec<(usize, Talk)>,
    /// Says whom messages are for, where there are several.
    routing: Option<Box<dyn Routing>>,
    /// The first desk of its endpoint.
    first: usize,
    inbox: Arc<Inbox>,
}

struct Talk {
    conversation: Box<dyn Conversation>,
    subscriber: Subscriber,
}

impl Client {
    fn act(&mut self, desk: usize, mut turn: Turn) {
        let Some((_, talk)) = self.talks.iter_mut().find(|(known, _)| *known == desk) else { return };
        for command in std::mem::take(&mut turn.commands) {
            if let Some(identity) = talk.subscriber.handle(command) {
                talk.subscriber.identify(identity, None).unwrap();
            }
        }
        let (caught, missed) = talk.subscriber.catch_up(turn.since, turn.pick, 1 << 20);
        turn.settle(&caught);
        for frame in turn.frames.iter().chain(&missed) {
            self.inbox.send(frame);
        }
        if turn.close.is_some() {
            self.talks.retain(|(known, _)| *known != desk);
        }
    }
}

struct Pure {
    config: Config,
    /// With the number of its endpoint's first desk.
    dialects: Vec<(usize, Arc<dyn Dialect>)>,
    hub: Arc<Hub>,
    clients: HashMap<String, Client>,
}

/// What an endpoint's conversations speak.
fn within(dialect: &Arc<dyn Dialect>) -> Vec<Arc<dyn Dialect>> {
    match dialect.multiplex() {
        None => vec![Arc::clone(dialect)],
        Some(multiplex) => multiplex.namespaces().iter().map(|(_, within)| Arc::clone(within)).collect(),
    }
}

impl Pure {
    fn new(config: &str) -> Self {
        // Positions are told where a conversation is about them.
        let history = if config.contains("[history]") { "" } else { "[history]\nsize = 0\n" };
        let config = Config::parse("transcript", &format!("{config}{UPSTREAM}{history}")).unwrap();
        let (mut dialects, mut desks) = (Vec::new(), Vec::new());
        for EndpointConfig { path, dialect, .. } in &config.endpoints {
            dialects.push((desks.len(), Arc::clone(dialect)));
            desks.extend(within(dialect).into_iter().map(|dialect| Desk {
                path: Arc::from(path.as_str()),
                app: dialect.app(),
                namespace: dialect.namespace(),
                encode: dialect as Arc<dyn Encode>,
                required: false,
            }));
        }
        let hub = Hub::new(desks, 100).keeping(config.history.limits, Epoch::new(0x00c0_ffee));
        Self { config, dialects, hub: Arc::new(hub), clients: HashMap::new() }
    }

    fn client(&mut self, who: &str) -> &mut Client {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} is not connected"))
    }

    /// A conversation begins at a desk.
    fn begin(&mut self, who: &str, desk: usize, path: &str) {
        let talking = self.dialects.iter().flat_map(|(_, dialect)| within(dialect)).nth(desk).unwrap();
        let (conversation, turn) = open(&*talking, path, ANYBODY, NOW);
        let (id, identity) = (Uuid::nil(), Identity::Anonymous);
        let profile = Profile { id, endpoint: desk, identity, since: NOW.time, address: None };
        let lane = Arc::clone(&self.client(who).inbox) as Arc<dyn Lane>;
        let subscriber = self.hub.attach(lane, profile).unwrap();
        let client = self.client(who);
        client.talks.push((desk, Talk { conversation, subscriber }));
        client.act(desk, turn);
    }

    /// What the conversation that it is for makes of a message; `None`: it is for none.
    fn receive(&mut self, who: &str, message: Message) -> Option<(usize, Turn)> {
        let client = self.client(who);
        let (desk, message) = match &mut client.routing {
            None => (client.first, message),
            Some(routing) => match routing.route(without_engine(message)) {
                Route::Open(number, _, message) => {
                    let desk = client.first + number;
                    self.begin(who, desk, "/");
                    (desk, message)
                }
                Route::To(number, message) => (client.first + number, message),
                Route::Leave(number) => {
                    let desk = client.first + number;
                    client.talks.retain(|(known, _)| *known != desk);
                    return None;
                }
                Route::Say(frame) => {
                    client.inbox.send(&frame);
                    return None;
                }
                Route::Fault => panic!("{who} is not understood"),
            },
        };
        let (_, talk) = self.client(who).talks.iter_mut().find(|(known, _)| *known == desk)?;
        let mut turn = Turn::default();
        talk.conversation.receive(message, NOW, &mut turn);
        Some((desk, turn))
    }
}

/// The message in a packet of Engine.IO.
fn without_engine(message: Message) -> Message {
    match message {
        Message::Text(text) => Message::Text(text.strip_prefix('4').unwrap().to_owned()),
        bytes @ Message::Binary(_) => bytes,
    }
}

impl Stage for Pure {
    fn open(&mut self, who: &str, path: &str) {
        let place = path.split('?').next().unwrap().trim_end_matches('/');
        let index = self.config.endpoints.iter().position(|endpoint| endpoint.path == place).unwrap();
        let (first, dialect) = self.dialects[index].clone();
        let inbox = Arc::new(Inbox::default());
        let routing = dialect.multiplex().map(Multiplex::routing);
        if routing.is_some() {
            inbox.send(&Frame::text("0{}"));
        }
        let is_one = routing.is_none();
        self.clients.insert(who.to_owned(), Client { talks: Vec::new(), routing, first, inbox });
        if is_one {
            self.begin(who, first, path);
        }
    }

    fn say(&mut self, who: &str, message: Said) {
        let message = match message {
            Said::Text(text) => Message::Text(text),
            Said::Bytes(bytes) => Message::Binary(bytes.into()),
        };
        if let Some((desk, turn)) = self.receive(who, message) {
            self.client(who).act(desk, turn);
        }
    }

    fn hear(&mut self, who: &str) -> Option<Said> {
        self.client(who).inbox.next()
    }

    fn overhear(&mut self, who: &str) -> Option<Said> {
        self.hear(who)
    }

    fn exchange(&mut self, exchange: &Exchange<'_>) {
        let request = Request::builder().method(exchange.method).uri(exchange.path);
        let (request, _) = request.body(exchange.body).unwrap().into_parts();
        let routes = &self.config.routes;
        let Some(matched) = routes.classify(&request.method, request.uri.path()) else { return };
        if !matched.tapped {
            return;
        }
        let limits = Limits { body: 1 << 16, decoded: 1 << 16, memory: Budget::new(1 << 20) };
        let mut capture = Capture::begin(matched, &request, limits);
        capture.request_sent();
        capture.response_head(exchange.status.try_into().unwrap(), &http::HeaderMap::new());
        capture.response_chunk(exchange.answer.as_bytes());
        let finished = Box::new(capture).finish(true, UNIX_EPOCH + TIME, Uuid::nil());
        if let Some(event) = finished.read(routes).event {
            self.hub.deliver(event, NOW.time, || {});
        }
    }

    /// The answer comes before what it causes, as over a socket.
    fn ask(&mut self, who: &str, message: &str, exchange: &Exchange<'_>) -> String {
        let (desk, mut turn) = self.receive(who, Message::Text(message.to_owned())).unwrap();
        let call = turn.call.take();
        let client = self.client(who);
        client.act(desk, turn);
        let Some(Call::Upstream(upstream)) = call else { return format!("{call:?}") };
        let headers = http::HeaderMap::new();
        let (status, body) = (exchange.status.try_into().unwrap(), exchange.answer.to_owned().into());
        let returned = Returned::Upstream(Ok(Answer { status, headers, body }));
        let mut turn = Turn::default();
        let (_, talk) = client.talks.iter_mut().find(|(known, _)| *known == desk).unwrap();
        talk.conversation.returned(returned, NOW, &mut turn);
        client.act(desk, turn);
        let body = std::str::from_utf8(&upstream.body).unwrap();
        let (method, path) = (upstream.method.as_str(), upstream.target.as_str());
        self.exchange(&Exchange { method, path, body, ..*exchange });
        format!("{method} {path} {body}").trim_end().to_owned()
    }

    fn leave(&mut self, who: &str) {
        self.clients.remove(who).unwrap();
    }
}

#[test]
fn transcripts_hold_without_sockets() {
    let bless = std::env::var_os("RESTCAST_BLESS").is_some();
    for (_, path) in script::scripts() {
        let text = std::fs::read_to_string(&path).unwrap();
        let (config, conversation) = script::parts(&text);
        let happened = script::play(conversation, &mut Pure::new(config));
        if bless {
            let happened = happened.replace(&TIME.as_millis().to_string(), "…");
            let happened = happened.replace(&Uuid::nil().to_string(), "…");
            std::fs::write(&path, format!("{config}\n---\n{happened}")).unwrap();
        } else {
            assert_eq!(happened, conversation, "{}", path.display());
        }
    }
}

#[test]
fn a_line_of_a_transcript_that_does_not_hold_is_found() {
    let config =
        "[[route]]\npath = \"/a/{id}\"\nmodel = \"a\"\n[[endpoint]]\npath = \"/ws\"\ndialect = \"echo\"";
    let conversation = "ann opens /ws\nann says one\nann hears two\nann says three\n";
    let happened = script::play(conversation, &mut Pure::new(config));
    assert_eq!(happened, "ann opens /ws\nann says one\nann hears one\nann says three\nann hears three\n");
}
