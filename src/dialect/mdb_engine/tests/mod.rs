//! Who comes in, and what is said when.

mod apps;
mod webhooks;
mod writes;

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::*;
use crate::dialect::tests::{Given, item};
use crate::event::{Event, Item, Operation};
use crate::identity::{Claims, Credential, Identity, User};
use crate::message::{Caught, CloseReason, Command, Message, Now};

const TIME: Duration = Duration::from_micros(1_712_345_678_901_234);
const STAMPS: &str = r#""app_slug":"my_app","timestamp":"2024-04-05T19:34:38.901234+00:00""#;

fn engine(options: &[(&'static str, &'static str)]) -> MdbEngine {
    let given = Given::new(&[&[("app", "my_app")], options].concat());
    let engine = MdbEngine::new(&given);
    assert_eq!(given.reported(), [""; 0]);
    engine
}

fn at(seconds: u64) -> Now {
    let age = Duration::from_secs(seconds);
    Now { time: UNIX_EPOCH + TIME + age, age }
}

fn user(id: &str, email: Option<&str>) -> Identity {
    let (email, roles, claims) = (email.map(ToOwned::to_owned), Vec::new(), Claims::default());
    Identity::User(Arc::new(User { id: id.to_owned(), email, roles, claims, expires: None }))
}

fn open(engine: &MdbEngine, credential: &Credential, required: bool) -> (Box<dyn Conversation>, Turn) {
    crate::dialect::tests::open(engine, "/ws", (credential, required), at(0))
}

fn texts(frames: &[Frame]) -> Vec<String> {
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
        let (conversation, mut turn) = open(engine, credential, required);
        turn.settle(&Caught::default());
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

fn event(operation: Operation, items: Vec<Item>) -> Event {
    let mut event = Event::sample("item", "1");
    event.many = items.len() != 1;
    (event.operation, event.items) = (operation, items);
    event
}
