//! Conversations with times and tokens, which golden ones cannot have.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Request;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::*;
use crate::dialect::{Attendance, Attendee, Defaults};
use crate::event::Topic;
use crate::identity::{Credential, Identity, User};
use crate::message::{Call, Command, Message, Now, Returned};

/// Options as a test sets them; what was reported.
#[derive(Default)]
struct Set(Vec<(&'static str, &'static str)>, Mutex<Vec<String>>);

impl Set {
    fn find(&self, key: &str) -> Option<&'static str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }
}

impl Options for Set {
    fn text(&self, key: &'static str, default: &str) -> String {
        self.find(key).unwrap_or(default).to_owned()
    }
    fn texts(&self, key: &'static str) -> Vec<String> {
        self.find(key).iter().flat_map(|list| list.split(',')).map(ToOwned::to_owned).collect()
    }
    fn flag(&self, key: &'static str, default: bool) -> bool {
        self.find(key).map_or(default, |value| value == "true")
    }
    fn number(&self, key: &'static str, default: usize) -> usize {
        self.find(key).map_or(default, |value| value.parse().unwrap())
    }
    fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.find(key).map_or(default, |value| Duration::from_secs(value.parse().unwrap()))
    }
    fn secret(&self, _: &'static str) -> Option<Vec<u8>> {
        None
    }
    fn report(&self, key: &'static str, message: String) {
        self.1.lock().unwrap().push(format!("{key}: {message}"));
    }
}

fn now(seconds: u64) -> Now {
    let age = Duration::from_secs(seconds);
    Now { time: UNIX_EPOCH + age, age }
}

fn user(id: &str) -> Credential {
    let email = (id == "alice").then(|| "a@b.c".to_owned());
    let (id, claims) = (id.to_owned(), Map::new());
    let user = User { id, email, roles: Vec::new(), claims, expires: None::<SystemTime> };
    Credential::Valid(Identity::User(Arc::new(user)))
}

/// What a turn holds, each of it as a line.
fn told(turn: Turn) -> Vec<String> {
    let mut lines: Vec<String> = turn.commands.iter().map(command).collect();
    for frame in &turn.frames {
        let text = String::from_utf8(frame.payload().to_vec()).unwrap();
        serde_json::from_str::<Value>(&text).unwrap();
        lines.push(text);
    }
    let announced = turn.announcements.iter().map(|what| {
        format!("announce {} {} {:?} {:?}", what.model, what.action, what.item.id, what.audience)
    });
    lines.extend(announced);
    lines.extend(turn.call.map(|call| match call {
        Call::Identify(token) => format!("who is {token}?"),
        Call::Webhook(delivery) => panic!("{delivery:?}"),
    }));
    lines.extend(turn.close.map(|reason| format!("close {} {}", reason.code(), reason.text())));
    lines
}

fn subscribe(topic: &Topic, is_filtered: bool) -> String {
    format!("+{topic}{}", if is_filtered { " filtered" } else { "" })
}

fn command(command: &Command) -> String {
    match command {
        Command::Subscribe { topic, filter } => subscribe(topic, filter.is_some()),
        Command::Unsubscribe(topic) => format!("-{topic}"),
        Command::Swap { leave, enter } => {
            let enter = enter.iter().map(|(topic, filter)| subscribe(topic, filter.is_some()));
            let leave = leave.iter().map(|topic| format!("-{topic}"));
            enter.chain(leave).collect::<Vec<_>>().join(" ")
        }
        Command::Identify(identity) => {
            format!("is {}", identity.user().map_or("nobody", |user| user.id.as_str()))
        }
    }
}

struct Talk {
    conversation: Box<dyn Conversation>,
}

impl Talk {
    fn open(dialect: &FastCms, credential: &Credential, required: bool) -> (Self, Vec<String>) {
        let (request, ()) = Request::get("/ws").body(()).unwrap().into_parts();
        let mut turn = Turn::default();
        let opening =
            Opening { request: &request, connection: Uuid::nil(), credential, required, now: now(0) };
        let conversation = dialect.open(&opening, &mut turn);
        let mut told = told(turn);
        let hello = told.iter().position(|line| line.starts_with(r#"{"type":"connected""#)).unwrap();
        told.remove(hello);
        (Self { conversation }, told)
    }

    fn say(&mut self, seconds: u64, text: &str) -> Vec<String> {
        let mut turn = Turn::default();
        self.conversation.receive(Message::Text(text.to_owned()), now(seconds), &mut turn);
        told(turn)
    }

    fn answer(&mut self, credential: Credential) -> Vec<String> {
        let mut turn = Turn::default();
        self.conversation.returned(Returned::Credential(credential), now(5), &mut turn);
        told(turn)
    }

    fn end(&mut self) -> Vec<String> {
        let mut turn = Turn::default();
        self.conversation.ended(now(9), &mut turn);
        told(turn)
    }

    /// Everything up to this age, unless it is closed before; each line after its second.
    fn wait(&mut self, until: u64) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(alarm) = self.conversation.alarm().filter(|alarm| alarm.as_secs() <= until) {
            let mut turn = Turn::default();
            self.conversation.wake(now(alarm.as_secs()), &mut turn);
            let closed = turn.close.is_some();
            lines.extend(told(turn).iter().map(|line| format!("{} {line}", alarm.as_secs())));
            if closed {
                break;
            }
        }
        lines
    }
}

fn dialect(options: &[(&'static str, &'static str)]) -> FastCms {
    FastCms::new(&Set(options.to_vec(), Mutex::default()))
}

const BAD_TOKEN: &str = r#"{"type":"error","data":{"message":"Invalid or expired token"}}"#;
const ALICE: &str = r#"{"type":"authenticated","data":{"user_id":"alice","email":"a@b.c"}}"#;
const BOB: &str = r#"{"type":"authenticated","data":{"user_id":"bob","email":null}}"#;

fn joined(who: &str, what: &str) -> String {
    format!("announce presence user.{what} Some(\"{who}\") Authenticated")
}

#[test]
fn the_token_of_the_handshake_is_answered_behind_the_greeting() {
    let fastcms = dialect(&[]);
    let failed = r#"{"type":"error","data":{"message":"Authentication failed"}}"#;
    let alice = vec!["is alice".to_owned(), ALICE.to_owned(), joined("alice", "joined")];
    let close = |reason: &str| format!("close {reason}");
    let rows = [
        (user("alice"), false, alice.clone()),
        (user("alice"), true, alice),
        (Credential::Missing, false, vec![]),
        (Credential::Missing, true, vec![]),
        (Credential::Invalid, false, vec![BAD_TOKEN.to_owned()]),
        (Credential::Invalid, true, vec![BAD_TOKEN.to_owned(), close("1008 Invalid token")]),
        (Credential::Expired, true, vec![BAD_TOKEN.to_owned(), close("1008 Token expired")]),
        (Credential::Unchecked, false, vec![failed.to_owned()]),
        (
            Credential::Unchecked,
            true,
            vec![failed.to_owned(), close("1011 Internal server error during authentication")],
        ),
        (Credential::Valid(Identity::Operator), true, vec!["is nobody".to_owned()]),
    ];
    for (credential, required, expected) in rows {
        assert_eq!(Talk::open(&fastcms, &credential, required).1, expected, "{credential:?} {required}");
    }
}

#[test]
fn a_token_by_message_changes_who_it_is_and_a_bad_one_does_not() {
    let fastcms = dialect(&[]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    assert_eq!(talk.say(1, r#"{"action":"Auth","token":"t"}"#), ["who is t?"]);
    assert_eq!(talk.answer(Credential::Invalid), [BAD_TOKEN]);
    assert_eq!(talk.answer(Credential::Missing), [BAD_TOKEN]);
    assert_eq!(talk.answer(user("alice")), ["is alice", ALICE, &joined("alice", "joined")]);
    // The same once more, and a failure in between.
    assert_eq!(talk.answer(user("alice")), ["is alice", ALICE]);
    assert_eq!(talk.answer(Credential::Expired), [BAD_TOKEN]);
    let both = [joined("alice", "left"), joined("bob", "joined")];
    assert_eq!(talk.answer(user("bob")), ["is bob", BOB, &both[0], &both[1]]);
    assert_eq!(talk.end(), [joined("bob", "left")]);
    assert_eq!(talk.end(), [""; 0]);
}

#[test]
fn where_a_token_is_required_nothing_is_done_before_and_not_for_long() {
    let required = r#"{"type":"error","data":{"message":"Authentication required"}}"#;
    let fastcms = dialect(&[]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, true);
    assert_eq!(talk.say(1, r#"{"action":"subscribe","collection":"posts"}"#), [required]);
    assert_eq!(talk.say(1, r#"{"action":"unsubscribe","collection":"posts"}"#), [required]);
    assert_eq!(talk.say(1, r#"{"action":"ping"}"#), [r#"{"type":"pong"}"#]);
    assert_eq!(talk.wait(9), [""; 0]);
    let close = "10 close 1008 Authentication required";
    assert_eq!(talk.wait(10), [format!("10 {required}"), close.to_owned()]);

    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, true);
    assert_eq!(talk.answer(user("bob"))[..2], ["is bob", BOB]);
    assert_eq!(talk.wait(29), [""; 0]);
    assert_eq!(talk.say(29, r#"{"action":"subscribe","collection":"posts"}"#)[0], "+posts");
    // It was in before.
    assert_eq!(talk.answer(Credential::Invalid), [BAD_TOKEN]);

    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, true);
    assert_eq!(talk.answer(Credential::Invalid), [BAD_TOKEN, "close 1008 Invalid token"]);
}

fn ping(seconds: u64) -> String {
    let time = iso(UNIX_EPOCH + Duration::from_secs(seconds));
    format!(r#"{seconds} {{"type":"ping","data":{{"timestamp":"{time}"}},"timestamp":"{time}"}}"#)
}

#[test]
fn the_heart_beats_every_30_seconds_and_silence_ends_it_after_90_to_150() {
    let fastcms = dialect(&[]);
    let silent = "close 1008 Heartbeat timeout";
    // (what is said, and when; when it ends)
    let rows: [(&[(u64, &str)], u64); 6] = [
        (&[], 120),
        (&[(31, r#"{"action":"pong"}"#)], 180),
        (&[(30, "[1]")], 120),
        (&[(31, "{}")], 180),
        (&[(50, "not JSON")], 120),
        (&[(30, "{}"), (60, "{}"), (90, "{}"), (151, "{}")], 300),
    ];
    for (said, end) in rows {
        let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
        let mut heard = Vec::new();
        for (at, text) in said {
            heard.extend(talk.wait(*at));
            talk.say(*at, text);
        }
        heard.extend(talk.wait(1000));
        let pings = (1..).map(|beat| beat * 30).take_while(|second| *second < end).map(ping);
        let expected: Vec<String> = pings.chain([format!("{end} {silent}")]).collect();
        assert_eq!(heard, expected, "{said:?}");
    }
}

#[test]
fn the_star_is_alone_in_the_hub_and_the_others_come_back_after_it() {
    let fastcms = dialect(&[("max_subscriptions", "3")]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    let too_many = r#"{"type":"error","data":{"message":"Too many subscriptions (at most 3)"}}"#;
    let rows: [(&str, &str, &[&str]); 16] = [
        ("subscribe", "posts", &["+posts"]),
        ("subscribe", "Posts", &["+posts"]),
        ("subscribe", "tags", &["+tags"]),
        ("subscribe", "*", &["+all -posts -tags"]),
        ("subscribe", "*", &[]),
        ("unsubscribe", "tags", &[]),
        ("subscribe", "users", &[]),
        ("subscribe", "likes", &[]),
        ("subscribe", "more", &[too_many]),
        ("unsubscribe", "*", &["+posts +users +likes -all"]),
        ("unsubscribe", "*", &[]),
        ("subscribe", "more", &[too_many]),
        ("unsubscribe", "posts", &["-posts"]),
        // No model is called so; in the hub these would be something else.
        ("subscribe", "all", &[]),
        ("unsubscribe", "ALL", &[]),
        ("subscribe", "posts/1", &[]),
    ];
    for (action, collection, expected) in rows {
        let message = format!(r#"{{"action":"{action}","collection":"{collection}"}}"#);
        let mut told = talk.say(1, &message);
        told.retain(|line| !line.contains("subscribed\""));
        assert_eq!(told, expected, "{message}");
    }
}

#[test]
fn the_collections_themselves_are_one_collection() {
    let fastcms = dialect(&[("schemas", "Collection,view")]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    let rows: [(&str, &str, &[&str]); 7] = [
        ("subscribe", "__collections__", &["+collection", "+view"]),
        ("subscribe", "collection", &[]),
        ("subscribe", "*", &["+all -collection -view"]),
        ("unsubscribe", "*", &["+collection +view -all"]),
        ("unsubscribe", "View", &[]),
        ("unsubscribe", "__collections__", &["-collection", "-view"]),
        ("subscribe", "posts", &["+posts"]),
    ];
    for (action, collection, expected) in rows {
        let mut told = talk.say(1, &format!(r#"{{"action":"{action}","collection":"{collection}"}}"#));
        told.retain(|line| !line.contains("subscribed\""));
        assert_eq!(told, expected, "{action} {collection}");
    }
}

#[test]
fn the_last_filter_counts_also_after_the_star() {
    let fastcms = dialect(&[]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    let mut subscribe = |collection: &str, filter: &str| {
        let message = format!(r#"{{"action":"subscribe","collection":"{collection}","filter":{filter}}}"#);
        talk.say(1, &message)
    };
    let told = |topics: &[&str], collection: &str, filter: &str| {
        let answer =
            format!(r#"{{"type":"subscribed","data":{{"collection":"{collection}","filter":{filter}}}}}"#);
        [topics, &[&answer]].concat().iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()
    };
    let rows: [(&str, &str, &[&str]); 7] = [
        ("posts", r#"{"a":1}"#, &["+posts filtered"]),
        ("posts", "{}", &["+posts"]),
        ("posts", r#"{ "b": null }"#, &["+posts filtered"]),
        ("tags", "null", &["+tags"]),
        ("*", r#"{"a":1}"#, &["+all -posts -tags"]),
        ("posts", "null", &[]),
        ("tags", r#"{"a":[1,{"b":2}]}"#, &[]),
    ];
    for (collection, filter, topics) in rows {
        assert_eq!(subscribe(collection, filter), told(topics, collection, filter), "{collection} {filter}");
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(9), "]".repeat(9));
    let refused = r#"{"type":"error","data":{"message":"Invalid filter: a value must be Unicode, with at most 8 lists and objects inside each other"}}"#;
    assert_eq!(subscribe("tags", &deep), [refused]);
    let after = talk.say(1, r#"{"action":"unsubscribe","collection":"*"}"#);
    assert_eq!(after[0], "+posts +tags filtered -all");
}

#[test]
fn names_and_filters_have_bounds() {
    let fastcms = dialect(&[]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    let error = |text: &str| vec![format!(r#"{{"type":"error","data":{{"message":"{text}"}}}}"#)];
    let mut name = |length: usize| {
        talk.say(1, &format!(r#"{{"action":"subscribe","collection":"{}"}}"#, "x".repeat(length)))
    };
    assert_eq!(name(128).len(), 2);
    assert_eq!(name(129), error("Collection name too long"));
    let mut filter = |length: usize| {
        let filter = format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
        talk.say(1, &format!(r#"{{"action":"subscribe","collection":"a","filter":{filter}}}"#))
    };
    assert_eq!(filter(4096).len(), 2);
    assert_eq!(filter(4097), error("Filter too large (at most 4096 bytes)"));
    let unknown = talk.say(1, &format!(r#"{{"action":"{}"}}"#, "É".repeat(1000)));
    assert_eq!(unknown, error(&format!("Unknown action: {}", "é".repeat(100))));
}

#[test]
fn a_user_with_several_connections_comes_and_leaves_once_where_that_is_asked_for() {
    let fastcms = dialect(&[("presence", "user"), ("presence_audience", "public")]);
    let event = |what: &str| vec![joined("bob", what).replace("Authenticated", "Everyone")];
    let none: Vec<String> = Vec::new();
    let open = || {
        let (talk, mut told) = Talk::open(&fastcms, &user("bob"), false);
        told.retain(|line| line.starts_with("announce"));
        (talk, told)
    };
    let (mut first, told) = open();
    assert_eq!(told, event("joined"));
    let (mut second, told) = open();
    assert_eq!(told, none);
    // One that was never let into the hub.
    drop(open());
    assert_eq!(first.end(), none);
    assert_eq!(second.end(), event("left"));
    drop((first, second));
    assert_eq!(open().1, event("joined"));
    assert_eq!(Talk::open(&dialect(&[("presence", "off")]), &user("bob"), false).1, ["is bob", BOB]);
}

#[test]
fn whose_token_has_expired_is_told_and_gone_once() {
    let (mut talk, _) = Talk::open(&dialect(&[]), &user("bob"), false);
    let mut turn = Turn::default();
    talk.conversation.expired(now(1), &mut turn);
    assert_eq!(told(turn), [BAD_TOKEN.to_owned(), joined("bob", "left")]);
    assert_eq!(talk.end(), [""; 0]);
}

#[test]
fn the_statistics_count_connections_and_users_and_list_subscriptions() {
    let fastcms = dialect(&[("stats", "public"), ("schemas", "a,b")]);
    let report = fastcms.report().unwrap();
    let empty = r#"{"total_connections":0,"authenticated_connections":0,"unique_users":0,"pubsub_backend":"memory","subscriptions":{}}"#;
    assert_eq!(report.write(&Attendance::default()), empty);
    let attendee = |number: u128, credential: Credential, topics: &[&str]| Attendee {
        id: Uuid::from_u128(number),
        identity: credential.identity(),
        topics: topics.iter().map(|topic| Topic::parse(topic)).collect(),
    };
    let listed = vec![
        attendee(1, user("alice"), &["posts", "comments"]),
        attendee(2, user("alice"), &["all"]),
        attendee(3, user("bob"), &["a", "b"]),
        attendee(4, Credential::Missing, &[]),
    ];
    let id = |number| Uuid::from_u128(number);
    let expected = format!(
        r#"{{"total_connections":4,"authenticated_connections":3,"unique_users":2,"pubsub_backend":"memory","subscriptions":{{"{}":["comments","posts"],"{}":["*"],"{}":["__collections__"],"{}":[]}}}}"#,
        id(1),
        id(2),
        id(3),
        id(4)
    );
    let attendance = Attendance { connections: 4, authenticated: 3, users: 2, listed };
    assert_eq!(report.write(&attendance), expected);
    assert_eq!(report.listed(), 1000);
}

#[test]
fn the_statistics_are_for_whom_the_endpoint_says() {
    let admits = |options: &[(&'static str, &'static str)]| {
        let fastcms = dialect(options);
        fastcms.report().map(|report| {
            [Credential::Missing, Credential::Invalid, user("bob")].map(|who| report.admits(&who))
        })
    };
    assert_eq!(admits(&[]), Some([false, false, true]));
    assert_eq!(admits(&[("stats", "public")]), Some([true, true, true]));
    assert_eq!(admits(&[("stats", "off")]), None);
}

#[test]
fn options_say_what_would_be_right() {
    let rows = [
        ("presence", "users", r#"presence: expected one of "connection", "user", "off""#),
        ("presence_audience", "all", r#"presence_audience: expected one of "authenticated", "public""#),
        ("heartbeat_timeout", "30", "heartbeat_timeout: must be longer than heartbeat"),
        ("stats", "on", r#"stats: expected one of "authenticated", "public", "off""#),
        ("stats_path", "stats", "stats_path: expected a path"),
        ("max_subscriptions", "0", "max_subscriptions: expected a whole number from 1 to 10000"),
        ("max_subscriptions", "10001", "max_subscriptions: expected a whole number from 1 to 10000"),
    ];
    for (key, value, expected) in rows {
        let options = Set(vec![(key, value)], Mutex::default());
        FastCms::new(&options);
        let reported = options.1.into_inner().unwrap();
        assert!(reported.len() == 1 && reported[0].starts_with(expected), "{reported:?}");
    }
    let usual = format!("{:?}", FastCms::new(&Defaults));
    assert_eq!(usual, format!("{:?}", FastCms::new(&Set::default())));
}
