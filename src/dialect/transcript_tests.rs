//! The golden conversations of `tests/transcripts/` without sockets: route, capture, hub and dialect as
//! plain values. `RESTCAST_BLESS=1 cargo test transcript` writes down what happens now.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use http::Request;
use uuid::Uuid;

use super::script::{self, Exchange, Said, Stage};
use super::tests::{ANYBODY, open};
use super::{Conversation, Dialect};
use crate::capture::{Budget, Capture, Limits};
use crate::config::{Config, EndpointConfig};
use crate::hub::{Desk, Hub, Lane, Profile, Sent, Subscriber};
use crate::identity::Identity;
use crate::message::{Answer, Call, CloseReason, Encode, Frame, Message, Now, Returned, Turn};

const UPSTREAM: &str = "\n[upstream]\nservers = [\"http://127.0.0.1:1\"]\n";
/// What the event's time is in every pure conversation.
const TIME: Duration = Duration::from_millis(1_712_345_678_901);
const NOW: Now = Now { time: UNIX_EPOCH, age: Duration::ZERO };

/// A client's end: what has arrived.
#[derive(Debug, Default)]
struct Inbox(Mutex<VecDeque<Frame>>);

impl Inbox {
    fn next(&self) -> Option<Said> {
        let frame = self.0.lock().unwrap().pop_front()?;
        let payload = frame.payload().to_vec();
        Some(match frame.websocket()[0] & 0xF {
            1 => Said::Text(String::from_utf8(payload).unwrap()),
            _ => Said::Bytes(payload),
        })
    }
}

impl Lane for Inbox {
    fn send(&self, frame: &Frame) -> Sent {
        self.0.lock().unwrap().push_back(frame.clone());
        Sent::Written
    }

    fn close(&self, reason: CloseReason) {
        panic!("closed: {}", reason.text());
    }
}

struct Client {
    conversation: Box<dyn Conversation>,
    subscriber: Subscriber,
    inbox: Arc<Inbox>,
}

impl Client {
    fn act(&mut self, turn: Turn) {
        for command in turn.commands {
            if let Some(identity) = self.subscriber.handle(command) {
                self.subscriber.identify(identity, None).unwrap();
            }
        }
        for frame in &turn.frames {
            self.inbox.send(frame);
        }
    }
}

struct Pure {
    config: Config,
    dialects: Vec<Arc<dyn Dialect>>,
    hub: Arc<Hub>,
    clients: HashMap<String, Client>,
}

impl Pure {
    fn new(config: &str) -> Self {
        let config = Config::parse("transcript", &format!("{config}{UPSTREAM}")).unwrap();
        let dialects: Vec<_> = config.endpoints.iter().map(|e| Arc::clone(&e.dialect)).collect();
        let desk = |e: &EndpointConfig| {
            let encode = Arc::clone(&e.dialect) as Arc<dyn Encode>;
            Desk {
                path: Arc::from(e.path.as_str()),
                app: e.dialect.app(),
                namespace: None,
                encode,
                required: false,
            }
        };
        let desks = config.endpoints.iter().map(desk).collect();
        Self { config, dialects, hub: Arc::new(Hub::new(desks, 100)), clients: HashMap::new() }
    }

    fn client(&mut self, who: &str) -> &mut Client {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} is not connected"))
    }
}

impl Stage for Pure {
    fn open(&mut self, who: &str, path: &str) {
        let place = path.split('?').next().unwrap();
        let index = self.config.endpoints.iter().position(|endpoint| endpoint.path == place).unwrap();
        let (conversation, turn) = open(&*self.dialects[index], path, ANYBODY, NOW);
        let inbox = Arc::new(Inbox::default());
        let (id, identity) = (Uuid::nil(), Identity::Anonymous);
        let profile = Profile { id, endpoint: index, identity, since: NOW.time, address: None };
        let lane = Arc::clone(&inbox) as Arc<dyn Lane>;
        let subscriber = self.hub.attach(lane, profile).unwrap();
        let mut client = Client { conversation, subscriber, inbox };
        client.act(turn);
        self.clients.insert(who.to_owned(), client);
    }

    fn say(&mut self, who: &str, message: Said) {
        let client = self.client(who);
        let mut turn = Turn::default();
        let message = match message {
            Said::Text(text) => Message::Text(text),
            Said::Bytes(bytes) => Message::Binary(bytes.into()),
        };
        client.conversation.receive(message, NOW, &mut turn);
        client.act(turn);
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
        let client = self.client(who);
        let mut turn = Turn::default();
        client.conversation.receive(Message::Text(message.to_owned()), NOW, &mut turn);
        let call = turn.call.take();
        client.act(turn);
        let Some(Call::Upstream(upstream)) = call else { return format!("{call:?}") };
        let headers = http::HeaderMap::new();
        let (status, body) = (exchange.status.try_into().unwrap(), exchange.answer.to_owned().into());
        let returned = Returned::Upstream(Ok(Answer { status, headers, body }));
        let mut turn = Turn::default();
        client.conversation.returned(returned, NOW, &mut turn);
        client.act(turn);
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
