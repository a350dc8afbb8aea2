//! Conversations with times and tokens, which golden ones cannot have.

mod stats;
mod subscriptions;
mod tokens;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::dialect::Defaults;
use crate::dialect::tests::{Given, open};
use crate::event::Topic;
use crate::identity::{Claims, Credential, Identity, User};
use crate::message::{Call, Caught, Command, Message, Now, Returned};

fn now(seconds: u64) -> Now {
    let age = Duration::from_secs(seconds);
    Now { time: UNIX_EPOCH + age, age }
}

fn user(id: &str) -> Credential {
    let email = (id == "alice").then(|| "a@b.c".to_owned());
    let (id, claims) = (id.to_owned(), Claims::default());
    let user = User { id, email, roles: Vec::new(), claims, expires: None::<SystemTime> };
    Credential::Valid(Identity::User(Arc::new(user)))
}

/// What a turn holds, each of it as a line.
fn told(mut turn: Turn) -> Vec<String> {
    turn.settle(&Caught::default());
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
        other @ (Call::Webhook(_) | Call::Upstream(_)) => panic!("{other:?}"),
    }));
    lines.extend(turn.close.map(|reason| format!("close {} {}", reason.code(), reason.text())));
    lines
}

fn subscribe(topic: &Topic, is_filtered: bool) -> String {
    format!("+{topic}{}", if is_filtered { " filtered" } else { "" })
}

fn command(command: &Command) -> String {
    match command {
        Command::Subscribe { topic, filter, .. } => subscribe(topic, filter.is_some()),
        Command::Unsubscribe { topic, .. } => format!("-{topic}"),
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

/// The same, and what comes of it that the client is whom it names, as its connection tells it.
fn done(turn: Turn, conversation: &mut dyn Conversation, now: Now) -> Vec<String> {
    let mut identities = turn.commands.iter().filter_map(|command| match command {
        Command::Identify(identity) => Some(identity.clone()),
        Command::Subscribe { .. } | Command::Unsubscribe { .. } | Command::Swap { .. } => None,
    });
    let identity = identities.next_back();
    let mut lines = told(turn);
    if let Some(identity) = identity {
        let mut turn = Turn::default();
        conversation.identified(&identity, now, &mut turn);
        lines.extend(told(turn));
    }
    lines
}

struct Talk {
    conversation: Box<dyn Conversation>,
}

impl Talk {
    fn open(dialect: &FastCms, credential: &Credential, required: bool) -> (Self, Vec<String>) {
        let (mut conversation, turn) = open(dialect, "/ws", (credential, required), now(0));
        let mut told = done(turn, &mut *conversation, now(0));
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
        done(turn, &mut *self.conversation, now(5))
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
    FastCms::new(&Given::new(options))
}

const BAD_TOKEN: &str = r#"{"type":"error","data":{"message":"Invalid or expired token"}}"#;
const ALICE: &str = r#"{"type":"authenticated","data":{"user_id":"alice","email":"a@b.c"}}"#;
const BOB: &str = r#"{"type":"authenticated","data":{"user_id":"bob","email":null}}"#;

fn joined(who: &str, what: &str) -> String {
    format!("announce presence user.{what} Some(\"{who}\") Authenticated")
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
        let options = Given::new(&[(key, value)]);
        FastCms::new(&options);
        let reported = options.reported();
        assert!(reported.len() == 1 && reported[0].starts_with(expected), "{reported:?}");
    }
    let usual = format!("{:?}", FastCms::new(&Defaults));
    assert_eq!(usual, format!("{:?}", FastCms::new(&Given::default())));
}
