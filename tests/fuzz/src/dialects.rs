//! Any handshake and any messages in every dialect: no more is asked of the hub than one connection may, and
//! what is written reaches the reader once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use restcast::dialect::{DIALECTS, Defaults, Dialect, Opening};
use restcast::event::{Audience, Event, Exchange, Item, Json, Operation, Origin, Outcome};
use restcast::hub::{Desk, Hub, Lane, Profile, Sent};
use restcast::identity::{Credential, Identity};
use restcast::message::{CloseReason, Encode, Frame, Message, Now, Turn};
use uuid::Uuid;

const NOW: Now = Now { time: SystemTime::UNIX_EPOCH, age: Duration::ZERO };

/// A reader that keeps what it gets.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Frame>>);

impl Lane for Kept {
    fn send(&self, frame: &Frame) -> Sent {
        self.0.lock().unwrap().push(frame.clone());
        Sent::Written
    }

    fn close(&self, _: CloseReason) {}
}

/// The input is a handshake's head, an empty line, and messages, each a line; those that are not UTF-8 are
/// binary.
pub fn run(data: &[u8]) {
    let (head, messages) = super::split(data, b"\n\n");
    let Some(request) = super::request(head) else { return };
    for (name, make) in DIALECTS {
        let dialect: Arc<dyn Dialect> = make(&Defaults);
        let encode = Arc::clone(&dialect) as Arc<dyn Encode>;
        let desk =
            Desk { path: Arc::from("/ws"), app: dialect.app(), namespace: None, encode, required: false };
        let hub = Arc::new(Hub::new(vec![desk], 1));
        let reader = Arc::new(Kept::default());
        let lane = Arc::clone(&reader) as Arc<dyn Lane>;
        let (id, identity) = (Uuid::nil(), Identity::Anonymous);
        let profile = Profile { id, endpoint: 0, identity, since: NOW.time, address: None };
        let mut subscriber = hub.attach(lane, profile).expect("there is room for one");
        let mut turn = Turn::default();
        let opening = Opening {
            request: &request,
            connection: Uuid::nil(),
            credential: &Credential::Missing,
            required: false,
            resume: None,
            now: NOW,
        };
        let mut conversation = dialect.open(&opening, &mut turn);
        for message in messages.split(|byte| *byte == b'\n') {
            let message = match std::str::from_utf8(message) {
                Ok(text) => Message::Text(text.to_owned()),
                Err(_) => Message::Binary(Bytes::copy_from_slice(message)),
            };
            conversation.receive(message, NOW, &mut turn);
        }
        for command in turn.commands {
            subscriber.handle(command);
        }
        let event = event(messages);
        super::check_event(&event);
        let owned = Audience::Owner(Arc::from("sub"));
        for audience in [Audience::Everyone, Audience::Authenticated, Audience::Roles(Arc::new([])), owned] {
            reader.0.lock().unwrap().clear();
            let sent = hub.deliver(Event { audience: audience.clone(), ..event.clone() }, NOW.time, || {});
            let got = reader.0.lock().unwrap().len();
            assert!(got <= 1 && sent.delivered == [got as u64], "{name}: {sent:?}");
            assert!(got == 0 || audience == Audience::Everyone, "{name}: it is nobody");
        }
        drop(subscriber);
        assert_eq!(hub.connections(), 0);
    }
}

/// An event whose names are the messages.
fn event(messages: &[u8]) -> Event {
    let text = String::from_utf8_lossy(messages);
    let mut words = text.split('\n');
    let mut word = || words.next().unwrap_or_default();
    let model = Arc::from(word());
    let id = Json::string(word());
    Event {
        id: Uuid::nil(),
        time: NOW.time,
        origin: Origin::Tap,
        model,
        operation: Operation::Update,
        action: Some(Arc::from(word())),
        many: false,
        items: vec![Item {
            id: Some(id),
            record: Json::parse(word()),
            partial: false,
            owner: Some(Arc::from("")),
            was: None,
        }],
        request_body: None,
        audience: Audience::Everyone,
        outcome: Outcome::Certain,
        overlapping: false,
        http: Some(Exchange { method: http::Method::PUT, path: word().to_owned(), status: Some(200) }),
    }
}
