//! Who comes in, what is said when, and what writes and pushes look like.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use http::Request;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::Defaults;
use super::*;
use crate::event::{Audience, Event, Item, Json, Operation, Origin, Outcome, Position};
use crate::hub::{Desk, Hub, Lane, Profile, Sent, Subscriber};
use crate::identity::{Credential, Identity, User};
use crate::message::{CloseReason, Command, Message, Now, Target};

const TIME: Duration = Duration::from_micros(1_712_345_678_901_234);
pub(super) const STAMPS: &str = r#""app_slug":"my_app","timestamp":"2024-04-05T19:34:38.901234+00:00""#;

/// What an endpoint's table says, as texts.
#[derive(Debug, Clone, Default)]
struct Given(HashMap<&'static str, &'static str>);

fn given(options: &[(&'static str, &'static str)]) -> Given {
    Given([("app", "my_app")].iter().chain(options).copied().collect())
}

impl Options for Given {
    fn text(&self, key: &'static str, default: &str) -> String {
        (*self.0.get(key).unwrap_or(&default)).to_owned()
    }

    fn texts(&self, key: &'static str) -> Vec<String> {
        let texts = self.0.get(key).map(|texts| texts.split(' ').map(ToOwned::to_owned).collect());
        texts.unwrap_or_default()
    }

    fn flag(&self, key: &'static str, default: bool) -> bool {
        self.0.get(key).map_or(default, |text| *text == "true")
    }

    fn number(&self, key: &'static str, default: usize) -> usize {
        Defaults.number(key, default)
    }

    fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.0.get(key).map_or(default, |text| Duration::from_secs(text.parse().unwrap()))
    }

    fn secret(&self, key: &'static str) -> Option<Vec<u8>> {
        self.0.get(key).map(|text| text.as_bytes().to_vec())
    }

    fn report(&self, key: &'static str, message: String) {
        panic!("{key}: {message}")
    }
}

pub(super) fn engine(options: &[(&'static str, &'static str)]) -> MdbEngine {
    MdbEngine::new(&given(options))
}

pub(super) fn at(seconds: u64) -> Now {
    let age = Duration::from_secs(seconds);
    Now { time: UNIX_EPOCH + TIME + age, age }
}

pub(super) fn user(id: &str, email: Option<&str>) -> Identity {
    let (email, roles, claims) = (email.map(ToOwned::to_owned), Vec::new(), Map::new());
    Identity::User(Arc::new(User { id: id.to_owned(), email, roles, claims, expires: None }))
}

pub(super) fn open(
    engine: &MdbEngine,
    credential: &Credential,
    required: bool,
) -> (Box<dyn Conversation>, Turn) {
    let request = Request::builder().uri("/ws").body(()).unwrap().into_parts().0;
    let mut turn = Turn::default();
    let opening = Opening { request: &request, connection: Uuid::nil(), credential, required, now: at(0) };
    let conversation = engine.open(&opening, &mut turn);
    (conversation, turn)
}

pub(super) fn texts(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(|frame| String::from_utf8(frame.payload().to_vec()).unwrap()).collect()
}

#[test]
fn who_may_come_in_is_greeted_and_who_may_not_is_told_why_and_nothing_else() {
    let greeting = |more: &str| {
        format!(
            r#"{{"type":"connected","app_slug":"my_app","message":"WebSocket connected successfully",{more},"timestamp":"2024-04-05T19:34:38.901234+00:00"}}"#
        )
    };
    let nobody = greeting(r#""authenticated":false,"user_email":null"#);
    let ann = Credential::Valid(user("7", Some("a@\"b")));
    let ben = Credential::Valid(user("8", None));
    let ann_greeted = greeting(r#""authenticated":true,"user_email":"a@\"b""#);
    let ben_greeted = greeting(r#""authenticated":true,"user_email":null"#);
    let (missing, expired, invalid, unchecked) =
        (Credential::Missing, Credential::Expired, Credential::Invalid, Credential::Unchecked);
    let (closed, kept) = (engine(&[]), engine(&[("allow_bad_token", "true")]));
    // (endpoint, credential, a token is required, what is said, or why it is closed)
    for (engine, credential, required, expected) in [
        (&closed, &ann, true, &*ann_greeted),
        (&closed, &ben, false, &*ben_greeted),
        (&closed, &missing, true, "Authentication required"),
        (&closed, &missing, false, &*nobody),
        (&closed, &expired, true, "Token expired"),
        (&closed, &expired, false, "Token expired"),
        (&closed, &invalid, true, "Invalid token"),
        (&closed, &invalid, false, "Invalid token"),
        (&closed, &unchecked, true, "Internal server error during authentication"),
        (&kept, &ann, false, &*ann_greeted),
        (&kept, &missing, false, &*nobody),
        (&kept, &expired, false, &*nobody),
        (&kept, &invalid, false, &*nobody),
        (&kept, &unchecked, false, &*nobody),
        (&kept, &missing, true, "Authentication required"),
        (&kept, &invalid, true, "Invalid token"),
    ] {
        let (conversation, turn) = open(engine, credential, required);
        let said = texts(&turn.frames);
        match turn.close {
            None => {
                assert_eq!(said, [expected], "{credential:?} {required}");
                assert_eq!(turn.commands, [Command::subscribe(crate::event::Topic::all())]);
            }
            Some(reason) => {
                assert_eq!(reason.text(), expected, "{credential:?} {required}");
                assert_eq!(reason.code(), if reason == CloseReason::Unchecked { 1011 } else { 1008 });
                assert_eq!((said.len(), turn.commands.len()), (0, 0));
                assert_eq!(conversation.alarm(), None);
            }
        }
    }
}

#[test]
fn silence_is_answered_with_a_ping_and_whatever_comes_postpones_it() {
    let (mut conversation, _) = open(&engine(&[("ping_interval", "5")]), &Credential::Missing, false);
    let due = |conversation: &dyn Conversation| conversation.alarm().unwrap().as_secs();
    assert_eq!(due(&*conversation), 5);
    let pong = Message::Text(r#"{"type":"pong"}"#.to_owned());
    let noise = [Message::Text("not json".to_owned()), Message::Binary(bytes::Bytes::new()), pong];
    for (message, age) in noise.into_iter().zip([2, 4, 6]) {
        let mut turn = Turn::default();
        conversation.receive(message, at(age), &mut turn);
        assert_eq!((turn.frames.len(), turn.close, turn.call), (0, None, None));
        assert_eq!(due(&*conversation), age + 5);
    }
    // Nobody answers, and nothing comes of it.
    for (age, time) in [(11, "49"), (16, "54"), (21, "59")] {
        let mut turn = Turn::default();
        conversation.wake(at(age), &mut turn);
        let ping = format!(
            r#"{{"type":"ping","timestamp":"2024-04-05T19:34:{time}.901234+00:00","app_slug":"my_app"}}"#
        );
        assert_eq!((texts(&turn.frames), turn.close), (vec![ping], None));
        assert_eq!(due(&*conversation), age + 5);
    }
}

#[test]
fn a_message_gets_slug_and_time_and_keeps_every_other_byte() {
    let slug = r#""app_slug":"my_app""#;
    let time = r#""timestamp":"2024-04-05T19:34:38.901234+00:00""#;
    for (message, expected) in [
        ("{}", format!("{{{slug},{time}}}")),
        ("{ }", format!("{{ {slug},{time}}}")),
        (r#" {"b":1.0,"a":[1e400, 2] } "#, format!(r#"{{"b":1.0,"a":[1e400, 2] ,{slug},{time}}}"#)),
        (r#"{"timestamp":0,"a":1}"#, format!(r#"{{{time},"a":1,{slug}}}"#)),
        (
            r#"{"a":1,"app_slug" : {"x":[]} ,"b":2}"#,
            r#"{"a":1,"app_slug" : "my_app" ,"b":2,TIME}"#.replace("TIME", time),
        ),
        (r#"{"timestamp":"a","app_slug":null}"#, format!("{{{time},{slug}}}")),
        // However it is written, and however often.
        (
            r#"{"\u0074imestamp":1,"timestamp":2}"#,
            r#"{"\u0074imestamp":T,"timestamp":T,SLUG}"#
                .replace("SLUG", slug)
                .replace('T', r#""2024-04-05T19:34:38.901234+00:00""#),
        ),
        // Only its own, not those inside.
        (r#"{"data":{"timestamp":1}}"#, format!(r#"{{"data":{{"timestamp":1}},{slug},{time}}}"#)),
    ] {
        let dressed = dress::dress(message, "my_app", UNIX_EPOCH + TIME).unwrap();
        assert_eq!(dressed, expected, "{message}");
        serde_json::from_str::<Map<String, Value>>(&dressed.replace("1e400", "1")).unwrap();
    }
    for message in ["", "[]", "1", "null", "{", "{}{}", "{\"a\"}", "\"{}\""] {
        assert_eq!(dress::dress(message, "my_app", UNIX_EPOCH), None, "{message}");
    }
}

fn item(id: &str, record: &str) -> Item {
    let json = |text: &str| (text != "-").then(|| Json::parse(text).unwrap());
    Item { id: json(id), record: json(record), ..Item::default() }
}

fn event(operation: Operation, items: Vec<Item>) -> Event {
    let mut event = Event::sample("item", "1");
    event.many = items.len() != 1;
    (event.operation, event.items) = (operation, items);
    event
}

/// What is said, without what every message gets.
fn told(engine: &MdbEngine, event: Event) -> Vec<String> {
    let publication = Publication { position: Position(1), time: UNIX_EPOCH + TIME, event };
    let said = texts(&engine.encode(&publication).into_frames());
    let plain = |text: &String| text.strip_suffix(&format!(",{STAMPS}}}")).expect("stamps").to_owned() + "}";
    said.iter().map(plain).collect()
}

#[test]
fn writes_are_told_record_by_record_with_ids_as_texts() {
    let record = r#"{"id": 42,"big":12345678901234567890,"one":1.0}"#;
    let engine = engine(&[]);
    for (operation, items, expected) in [
        (
            Operation::Create,
            vec![item("42", record)],
            vec![format!(r#"{{"type":"item_created","data":{{"id":"42","item":{record}}}}}"#)],
        ),
        (
            Operation::Update,
            vec![item("\"a\\\"b\"", "{}")],
            vec![r#"{"type":"item_updated","data":{"id":"a\"b","updates":{}}}"#.to_owned()],
        ),
        (
            Operation::Update,
            vec![item("1", "-")],
            vec![r#"{"type":"item_updated","data":{"id":"1","updates":null}}"#.to_owned()],
        ),
        (
            Operation::Delete,
            vec![item("42", record)],
            vec![r#"{"type":"item_deleted","data":{"id":"42"}}"#.to_owned()],
        ),
        (
            Operation::Create,
            vec![item("-", "-")],
            vec![r#"{"type":"item_created","data":{"id":null,"item":null}}"#.to_owned()],
        ),
        (
            Operation::Delete,
            vec![item("1", "-"), item("2", "-")],
            vec![
                r#"{"type":"item_deleted","data":{"id":"1"}}"#.to_owned(),
                r#"{"type":"item_deleted","data":{"id":"2"}}"#.to_owned(),
            ],
        ),
        (
            Operation::Create,
            vec![],
            vec![r#"{"type":"item_created","data":{"id":null,"item":null}}"#.to_owned()],
        ),
        (Operation::Read, vec![item("1", "{}")], vec![]),
    ] {
        assert_eq!(told(&engine, event(operation, items)), expected);
    }
    let mut doubtful = event(Operation::Update, vec![item("1", "{}")]);
    doubtful.outcome = Outcome::Uncertain;
    assert_eq!(told(&engine, doubtful), Vec::<String>::new());
}

#[test]
fn what_programs_announce_is_told_under_its_name_and_who_comes_and_goes_is_not() {
    let mut custom = event(Operation::Custom, vec![item("1", "{}")]);
    (custom.origin, custom.action) = (Origin::PublishApi, Some(Arc::from("item_sold")));
    let engine = engine(&[]);
    assert_eq!(told(&engine, custom.clone()), [r#"{"type":"item_sold","data":{"id":"1","item":{}}}"#]);
    custom.origin = Origin::Presence;
    assert_eq!(told(&engine, custom), Vec::<String>::new());
}

#[test]
fn the_words_of_a_template_are_the_endpoints() {
    let engine = engine(&[
        ("created_type", "document_created"),
        ("updated_type", "{name}.changed.{name}"),
        ("deleted_type", ""),
        ("item_key", "document"),
        ("updates_key", "the \"rest\""),
    ]);
    let told = |operation| told(&engine, event(operation, vec![item("1", "{}")]));
    assert_eq!(told(Operation::Create), [r#"{"type":"document_created","data":{"id":"1","document":{}}}"#]);
    assert_eq!(
        told(Operation::Update),
        [r#"{"type":"item.changed.item","data":{"id":"1","the \"rest\"":{}}}"#]
    );
    assert_eq!(told(Operation::Delete), Vec::<String>::new());
}

#[test]
fn updates_are_the_backends_record_unless_the_request_is_asked_for() {
    let (record, request) = (engine(&[]), engine(&[("updates", "request"), ("models", "Item")]));
    assert!(!record.shows_requests() && request.shows_requests());
    assert_eq!(request.models().unwrap(), ["item"]);
    let mut event = event(Operation::Update, vec![item("1", r#"{"id":1,"a":2}"#)]);
    event.request_body = Json::parse(r#"{"a":2}"#);
    let data = |engine: &MdbEngine, event: &Event| told(engine, event.clone()).pop().unwrap();
    assert!(data(&record, &event).ends_with(r#""updates":{"id":1,"a":2}}}"#));
    assert!(data(&request, &event).ends_with(r#""updates":{"a":2}}}"#));
    event.operation = Operation::Create;
    assert!(data(&request, &event).ends_with(r#""item":{"id":1,"a":2}}}"#));
    (event.operation, event.request_body) = (Operation::Update, None);
    assert!(data(&request, &event).ends_with(r#""updates":{"id":1,"a":2}}}"#));
}

#[test]
fn an_app_hears_of_its_own_models_alone() {
    let engine = engine(&[("models", "item Note")]);
    let (_, turn) = open(&engine, &Credential::Missing, false);
    let topics = ["item", "note"].map(|model| Command::subscribe(crate::event::Topic::model(model)));
    assert_eq!(turn.commands, topics);
    for (model, expected) in [("item", 1), ("Item", 1), ("NOTE", 1), ("order", 0), ("item/1", 0)] {
        let mut event = event(Operation::Delete, vec![item("1", "-")]);
        event.model = Arc::from(model);
        assert_eq!(told(&engine, event).len(), expected, "{model}");
    }
}

/// A reader that keeps what it gets.
#[derive(Debug, Default)]
struct Kept(std::sync::Mutex<Vec<Frame>>);

impl Lane for Kept {
    fn send(&self, frame: &Frame) -> Sent {
        self.0.lock().unwrap().push(frame.clone());
        Sent::Written
    }

    fn close(&self, _: CloseReason) {}
}

/// Two endpoints of one app and one of another.
struct Apps {
    hub: Arc<Hub>,
    readers: Vec<(Arc<Kept>, Subscriber)>,
}

impl Apps {
    fn new() -> Self {
        let (mine, other) = (engine(&[]), MdbEngine::new(&given(&[("app", "other"), ("models", "x")])));
        let (mine, other): (Arc<dyn Encode>, Arc<dyn Encode>) = (Arc::new(mine), Arc::new(other));
        let desk = |path, app, encode: &Arc<dyn Encode>| Desk {
            path: Arc::from(path),
            app: Some(Arc::from(app)),
            encode: Arc::clone(encode),
            required: false,
        };
        let desks = vec![
            desk("/ws", "my_app", &mine),
            desk("/events", "my_app", &mine),
            desk("/other", "other", &other),
        ];
        Self { hub: Arc::new(Hub::new(desks, 100)), readers: Vec::new() }
    }

    fn join(&mut self, endpoint: usize, identity: Identity) {
        let (kept, id) = (Arc::new(Kept::default()), Uuid::now_v7());
        let lane = Arc::clone(&kept) as Arc<dyn Lane>;
        let profile = Profile { id, endpoint, identity, since: UNIX_EPOCH, address: None };
        self.readers.push((kept, self.hub.attach(lane, profile).unwrap()));
    }

    /// How many got it, and what each of them did.
    fn push(&self, to: Target, message: &str) -> (u64, Vec<Vec<String>>) {
        let push = Push { to, message: Json::parse(message).unwrap() };
        let reached = self.hub.push(&push, UNIX_EPOCH + TIME, || {}).reached;
        let got = self.readers.iter().map(|(kept, _)| texts(&std::mem::take(&mut *kept.0.lock().unwrap())));
        (reached, got.collect())
    }
}

fn to_app(user: Option<&str>) -> Target {
    Target { app: Some(Arc::from("my_app")), user: user.map(Arc::from), ..Target::default() }
}

/// Checks 6, 7, 8 and 16 of the document's list.
#[test]
fn a_broadcast_reaches_all_of_its_app_or_one_user_and_nobody_of_another() {
    let mut apps = Apps::new();
    for (endpoint, who) in [(0, "user123"), (0, "user123"), (1, "user456"), (2, "user123")] {
        apps.join(endpoint, user(who, None));
    }
    apps.join(1, Identity::Anonymous);
    let update = r#"{"type":"update","data":{"status":"completed"}}"#;
    let dressed = vec![format!(r#"{{"type":"update","data":{{"status":"completed"}},{STAMPS}}}"#)];
    let (reached, got) = apps.push(to_app(None), update);
    assert_eq!(reached, 4);
    assert_eq!(got, [dressed.clone(), dressed.clone(), dressed.clone(), vec![], dressed.clone()]);
    let (reached, got) = apps.push(to_app(Some("user123")), update);
    assert_eq!((reached, got), (2, vec![dressed.clone(), dressed, vec![], vec![], vec![]]));
    let (_, got) = apps.push(to_app(Some("user456")), r#"{"timestamp":"mine","type":"x"}"#);
    assert_eq!(
        got[2],
        [r#"{"timestamp":"2024-04-05T19:34:38.901234+00:00","type":"x","app_slug":"my_app"}"#]
    );
    assert_eq!(apps.push(to_app(Some("nobody")), update).0, 0);
    assert_eq!(apps.hub.tally(&to_app(None), 10).residents.len(), 4);
    assert_eq!(apps.hub.tally(&to_app(Some("user123")), 10).residents.len(), 2);
    apps.readers.clear();
    assert_eq!(apps.hub.tally(&to_app(None), 10).residents.len(), 0);
}

/// An item's audience counts message by message.
#[test]
fn a_list_is_told_to_each_owner_as_far_as_it_is_theirs() {
    let mut apps = Apps::new();
    for (who, id) in [("ann", "1"), ("ben", "2")] {
        let claims = Map::from_iter([("sub".to_owned(), Value::from(who))]);
        let (email, roles) = (None, Vec::new());
        let user = User { id: id.to_owned(), email, roles, claims, expires: None };
        apps.join(0, Identity::User(Arc::new(user)));
    }
    for (_, subscriber) in &mut apps.readers {
        subscriber.handle(Command::subscribe(crate::event::Topic::all()));
    }
    let of = |owner: &str, id: &str| Item { owner: Some(Arc::from(owner)), ..item(id, "-") };
    let mut event = event(Operation::Delete, vec![of("ann", "1"), of("ben", "2"), of("ann", "3")]);
    event.audience = Audience::Owner(Arc::from("sub"));
    apps.hub.deliver(event, UNIX_EPOCH + TIME, || {});
    let got = apps.readers.iter().map(|(kept, _)| kept.0.lock().unwrap().len());
    assert_eq!(got.collect::<Vec<_>>(), [2, 1]);
}
