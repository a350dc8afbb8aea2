//! Any handshake and any messages in every dialect: no more is asked of the hub than one connection may, and
//! what is written reaches the reader once.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use restcast::dialect::{DIALECTS, Dialect};
use restcast::event::{Audience, Event, Exchange, Item, Json, Operation, Outcome};
use restcast::hub::{Hub, Lane, Sent};
use restcast::identity::Identity;
use restcast::message::{CloseReason, Encode, Frame, Message, Turn};

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
        let dialect: Arc<dyn Dialect> = make();
        let hub = Arc::new(Hub::new(vec![Arc::clone(&dialect) as Arc<dyn Encode>], 1));
        let reader = Arc::new(Kept::default());
        let lane = Arc::clone(&reader) as Arc<dyn Lane>;
        let mut subscriber = hub.attach(lane, 0, Identity::Anonymous).expect("there is room for one");
        let mut turn = Turn::default();
        let mut conversation = dialect.open(&request, &mut turn);
        for message in messages.split(|byte| *byte == b'\n') {
            let message = match std::str::from_utf8(message) {
                Ok(text) => Message::Text(text.to_owned()),
                Err(_) => Message::Binary(Bytes::copy_from_slice(message)),
            };
            conversation.receive(message, &mut turn);
        }
        for command in turn.commands {
            subscriber.handle(command);
        }
        let event = event(messages);
        super::check_event(&event);
        let owned = Audience::Owner { claim: Arc::from("sub"), owner: Some(Arc::from("")) };
        for audience in [Audience::Everyone, Audience::Authenticated, Audience::Roles(Arc::new([])), owned] {
            reader.0.lock().unwrap().clear();
            let sent = hub.deliver(Event { audience: audience.clone(), ..event.clone() }, || {});
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
        id: uuid::Uuid::nil(),
        time: SystemTime::UNIX_EPOCH,
        model,
        operation: Operation::Update,
        action: Some(Arc::from(word())),
        many: false,
        items: vec![Item { id: Some(id), record: Json::parse(word()), partial: false, owner: None }],
        audience: Audience::Everyone,
        outcome: Outcome::Certain,
        overlapping: false,
        http: Exchange { method: http::Method::PUT, path: word().to_owned(), status: Some(200) },
    }
}
