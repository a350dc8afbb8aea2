//! What is said to clients and asked of the backend, without either.

mod hooks;
mod messages;
mod notifications;
mod pages;
mod reads;
mod requests;
mod rules;
mod subscriptions;
mod updates;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;

use super::super::tests::{ANYBODY, Given, open};
use super::*;
use crate::config::Config;
use crate::identity::Credential;
use crate::message::{Answer, Call, Caught, CloseReason, Command, Message, Now, Returned, UpstreamError};

const NOW: Now = Now { time: UNIX_EPOCH, age: Duration::ZERO };
const TIME: &str = r#","timestamp":"1970-01-01T00:00:00.000000Z"}"#;
const ROUTES: &str = "[[route]]\npath = \"/api/users/{id}\"\nmodel = \"user\"\n\
    [[route]]\npath = \"/api/rows/{id}\"\nmodel = \"row\"\nid = \"/key\"\n";

/// The dialect of an endpoint with these options.
fn dialect(options: &str) -> Arc<dyn Dialect> {
    with_routes(ROUTES, options)
}

fn with_routes(routes: &str, options: &str) -> Arc<dyn Dialect> {
    let text = format!(
        "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{routes}\
         [[endpoint]]\npath = \"/ws\"\ndialect = \"websocketspec\"\n{options}"
    );
    let config = Config::parse("test", &text).unwrap();
    Arc::clone(&config.endpoints.first().unwrap().dialect)
}

/// A connection, and what it hears as text.
struct Talk(Box<dyn Conversation>);

impl Talk {
    fn open(options: &str) -> Self {
        let (conversation, turn) = open(&*dialect(options), "/ws", ANYBODY, NOW);
        assert_eq!(told(turn), [""; 0]);
        Self(conversation)
    }

    fn hear(&mut self, message: Message) -> Vec<String> {
        let mut turn = Turn::default();
        self.0.receive(message, NOW, &mut turn);
        told(turn)
    }

    fn say(&mut self, text: &str) -> Vec<String> {
        self.hear(Message::Text(text.to_owned()))
    }

    /// What comes of a request to which the backend answers so.
    fn ask(&mut self, text: &str, status: u16, body: &str) -> String {
        let told = self.say(text);
        assert!(matches!(&told[..], [call] if call.starts_with("ask ")), "{told:?}");
        self.returned(Ok(answer(status, body)))
    }

    fn come_back(&mut self, returned: Returned) -> Vec<String> {
        let mut turn = Turn::default();
        self.0.returned(returned, NOW, &mut turn);
        told(turn)
    }

    fn returned(&mut self, answer: Result<Answer, UpstreamError>) -> String {
        let mut told = self.come_back(Returned::Upstream(answer));
        assert_eq!(told.len(), 1, "{told:?}");
        told.remove(0)
    }
}

fn answer(status: u16, body: &str) -> Answer {
    let (status, headers) = (status.try_into().unwrap(), HeaderMap::new());
    Answer { status, headers, body: body.to_owned().into() }
}

/// Each command, frame, call and end.
fn told(mut turn: Turn) -> Vec<String> {
    turn.settle(&Caught::default());
    let mut lines: Vec<String> = turn.commands.iter().map(command).collect();
    let text = |frame: &crate::message::Frame| String::from_utf8(frame.payload().to_vec()).unwrap();
    lines.extend(turn.frames.iter().map(text));
    lines.extend(turn.call.map(|call| match call {
        Call::Upstream(upstream) => {
            let body = String::from_utf8(upstream.body.to_vec()).unwrap();
            format!("ask {} {} {body}", upstream.method, upstream.target).trim_end().to_owned()
        }
        Call::Webhook(delivery) => format!("hook {}", String::from_utf8(delivery.body.to_vec()).unwrap()),
        call @ Call::Identify(_) => panic!("{call:?}"),
    }));
    lines.extend(turn.close.map(|reason| format!("close {} {}", reason.code(), reason.text())));
    lines
}

fn command(command: &Command) -> String {
    match command {
        Command::Subscribe { topic, filter, tag } => {
            let filtered = if filter.is_some() { " filtered" } else { "" };
            format!("+{topic}{filtered} {}", inside(tag.as_ref()))
        }
        Command::Unsubscribe { topic, tag } => format!("-{topic} {}", inside(tag.as_ref())),
        command @ (Command::Swap { .. } | Command::Identify(_)) => panic!("{command:?}"),
    }
}

/// A tag as the answer has it.
fn inside(tag: Option<&crate::message::Tag>) -> &str {
    tag.unwrap().text.strip_suffix(',').unwrap()
}

/// The answer to the message of that id.
fn done(id: &str, inside: &str) -> String {
    format!(r#"{{"id":"{id}","type":"response","success":true,{inside}{TIME}"#)
}

fn failed(id: &str, code: &str, message: &str) -> String {
    format!(
        r#"{{"id":{id},"type":"response","success":false,"error":{{"code":"{code}","message":"{message}"}}{TIME}"#
    )
}

/// The same with details.
fn failed_with(id: &str, code: &str, message: &str, details: &str) -> String {
    let error = format!(r#"{{"code":"{code}","message":"{message}","details":{details}}}"#);
    format!(r#"{{"id":{id},"type":"response","success":false,"error":{error}{TIME}"#)
}

#[test]
fn options_say_what_would_be_right() {
    let header = "forward_headers: expected names of headers";
    let rows = [
        ("deletes", "judge", r#"deletes: expected one of "deliver", "drop""#),
        ("validation_code", "x", r#"validation_code: expected one of "validation_error", "operation_error""#),
        ("reject", "401", r#"reject: expected one of "http", "close""#),
        ("max_subscriptions", "0", "max_subscriptions: expected a whole number from 1 to 10000"),
        ("max_subscriptions", "10001", "max_subscriptions: expected a whole number from 1 to 10000"),
        ("forward_headers", "Host", header),
        ("forward_headers", "X-Tenant Sec-WebSocket-Key", header),
        ("forward_headers", "a: b", header),
    ];
    for (key, value, expected) in rows {
        let options = Given::new(&[(key, value)]);
        WebSocketSpec::new(&options);
        let reported = options.reported();
        assert!(reported.len() == 1 && reported[0].starts_with(expected), "{reported:?}");
    }
}

#[test]
fn headers_of_the_handshake_go_along() {
    let dialect = dialect("forward_headers = [\"X-Tenant\"]");
    assert_eq!(dialect.calls(), Some(&["x-tenant".parse().unwrap()][..]));
}

#[test]
fn who_has_a_bad_token_is_told_by_the_handshake_or_closed() {
    assert_eq!(dialect("").manner(), Manner::Answer);
    let closing = dialect("reject = \"close\"");
    assert_eq!(closing.manner(), Manner::Accept);
    for (credential, required, expected) in [
        (Credential::Missing, false, None),
        (Credential::Missing, true, Some(CloseReason::Unauthenticated)),
        (Credential::Invalid, false, Some(CloseReason::InvalidToken)),
        (Credential::Expired, true, Some(CloseReason::Expired)),
        (Credential::Unchecked, true, Some(CloseReason::Unchecked)),
    ] {
        let (mut conversation, turn) = open(&*closing, "/ws", (&credential, required), NOW);
        assert_eq!(turn.close, expected, "{credential:?}");
        let mut turn = Turn::default();
        conversation.receive(Message::Text(r#"{"id":"1","type":"ping"}"#.to_owned()), NOW, &mut turn);
        assert_eq!(turn.frames.len(), usize::from(expected.is_none()), "{credential:?}");
    }
}

#[test]
fn who_was_too_fast_could_not_tell_with_which_message() {
    let mut turn = Turn::default();
    let message = r#"{"id":"r7","type":"request","operation":"read","entity":"users"}"#;
    Talk::open("").0.dropped(&Message::Text(message.to_owned()), NOW, &mut turn);
    assert_eq!(told(turn), [failed(r#""r7""#, "hook_error", "Rate limit exceeded")]);
}

#[test]
fn what_is_said_without_a_question_has_no_id() {
    let mut talk = Talk::open("");
    let mut turn = Turn::default();
    talk.0.dropped(&Message::Text("{".to_owned()), NOW, &mut turn);
    talk.0.expired(NOW, &mut turn);
    let expected = [
        failed(r#""""#, "hook_error", "Rate limit exceeded"),
        failed(r#""""#, "unauthorized", "Token expired"),
    ];
    assert_eq!(told(turn), expected);
}
