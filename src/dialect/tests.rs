//! What connections subscribe to and are told, as text.

use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request};
use uuid::Uuid;

use super::*;
use crate::event::{Audience, Event, Item, Json, Operation, Outcome, Position};
use crate::message::{Command, Frame, Publication};
use crate::query::Resources;

/// What an endpoint's table says, as texts, and what was reported of it.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<(&'static str, &'static str)>, Mutex<Vec<String>>);

impl Given {
    /// Of several of one name the last one counts.
    pub(super) fn new(options: &[(&'static str, &'static str)]) -> Self {
        Self(options.to_vec(), Mutex::default())
    }

    fn find(&self, key: &str) -> Option<&'static str> {
        self.0.iter().rfind(|(known, _)| *known == key).map(|(_, text)| *text)
    }

    pub(super) fn reported(self) -> Vec<String> {
        self.1.into_inner().unwrap()
    }
}

impl Options for Given {
    fn text(&self, key: &'static str, default: &str) -> String {
        self.find(key).unwrap_or(default).to_owned()
    }

    fn texts(&self, key: &'static str) -> Vec<String> {
        self.find(key).iter().flat_map(|texts| texts.split(' ')).map(ToOwned::to_owned).collect()
    }

    fn flag(&self, key: &'static str, default: bool) -> bool {
        self.find(key).map_or(default, |text| text == "true")
    }

    fn number(&self, key: &'static str, default: usize) -> usize {
        self.find(key).map_or(default, |text| text.parse().unwrap())
    }

    fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.find(key).map_or(default, |text| Duration::from_secs(text.parse().unwrap()))
    }

    fn secret(&self, key: &'static str) -> Option<Vec<u8>> {
        self.find(key).map(|text| text.as_bytes().to_vec())
    }

    fn authorities(&self, key: &'static str) -> Option<Vec<u8>> {
        self.secret(key)
    }

    fn resources(&self) -> Arc<Resources> {
        Arc::default()
    }

    fn report(&self, key: &'static str, message: String) {
        self.1.lock().unwrap().push(format!("{key}: {message}"));
    }
}

const NOW: Now = Now { time: UNIX_EPOCH, age: Duration::ZERO };

fn make(name: &str) -> Arc<dyn Dialect> {
    find(name).unwrap().1(&Defaults)
}

/// Nobody in particular, where that is allowed.
pub(super) const ANYBODY: (&Credential, bool) = (&Credential::Missing, false);

/// A connection of somebody, where a token is required or not.
pub(super) fn open(
    dialect: &dyn Dialect,
    uri: &str,
    (credential, required): (&Credential, bool),
    now: Now,
) -> (Box<dyn Conversation>, Turn) {
    let request = &Request::builder().uri(uri).body(()).unwrap().into_parts().0;
    let mut turn = Turn::default();
    let opening = Opening { request, connection: Uuid::nil(), credential, required, resume: None, now };
    let conversation = dialect.open(&opening, &mut turn);
    (conversation, turn)
}

/// What is subscribed to; nothing is ever said at once.
fn subscribed(dialect: &str, uri: &str) -> String {
    let (_, turn) = open(&*make(dialect), uri, ANYBODY, NOW);
    assert_eq!(turn.frames, []);
    let topics = turn.commands.iter().map(|command| match command {
        Command::Subscribe { topic, filter: None, tag: None } => topic.to_string(),
        other @ (Command::Subscribe { .. }
        | Command::Unsubscribe { .. }
        | Command::Swap { .. }
        | Command::Identify(_)) => panic!("{other:?}"),
    });
    topics.collect::<Vec<_>>().join(" & ")
}

fn encode(dialect: &str, event: Event) -> Option<String> {
    let publication = Publication { position: Position::untold(1), time: UNIX_EPOCH, event };
    let frame = make(dialect).encode(&publication).into_frames().pop()?;
    assert_eq!(frame.wire()[0], 0x81, "a whole text message");
    Some(String::from_utf8(frame.payload().to_vec()).unwrap())
}

pub(super) fn item(id: &str, record: &str) -> Item {
    let json = |text: &str| (text != "-").then(|| Json::parse(text).unwrap());
    Item { id: json(id), record: json(record), ..Item::default() }
}

fn event(method: &str, many: bool, items: Vec<Item>) -> Event {
    let mut event = Event::sample("Author", "1");
    event.time = UNIX_EPOCH + Duration::from_micros(1_712_345_678_901_999);
    event.http.as_mut().unwrap().method = method.parse().unwrap();
    event.many = many;
    event.items = items;
    event
}

#[test]
fn every_dialect_is_found_by_its_name_alone() {
    let names: Vec<&str> = DIALECTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["flarchitect", "fastcms", "mdb_engine", "websocketspec", "socketio", "canonical", "sse", "echo"]
    );
    for name in names {
        assert_eq!(find(name).unwrap().0, name);
    }
    assert!(find("Echo").is_none() && find("").is_none());
}

#[test]
fn canonical_marks_an_event_that_overlaps() {
    for overlapping in [false, true] {
        let mut event = event("DELETE", false, vec![item("1", "-")]);
        event.overlapping = overlapping;
        let frame = encode("canonical", event).unwrap();
        assert!(frame.contains(&format!(r#""overlapping":{overlapping},"#)), "{frame}");
    }
}

#[test]
fn flarchitect_subscribes_to_the_topic_of_the_query() {
    let long = "x".repeat(512);
    for (query, expected) in [
        ("", "all"),
        ("?", "all"),
        ("?topic", "all"),
        ("?topic=", "all"),
        ("?other=author", "all"),
        ("?topics=author", "all"),
        ("?Topic=author", "all"),
        ("?topic=all", "all"),
        ("?topic=ALL", "all"),
        ("?topic=author", "author"),
        ("?topic=Author", "author"),
        ("?topic=%41uthor", "author"),
        ("?topic=%C3%89t%C3%A9", "\u{e9}t\u{e9}"),
        ("?topic=book+review", "book review"),
        ("?topic=book%20review", "book review"),
        ("?topic=a%2Bb", "a+b"),
        ("?topic=a=b", "a=b"),
        ("?topic=a%26b", "a&b"),
        ("?topic=100%", "100%"),
        ("?topic=%FF", "\u{fffd}"),
        ("?x=1&topic=author&y=2", "author"),
        ("?topic=author&topic=book", "author"),
        ("?topic=&topic=book", "all"),
        ("?topic&topic=book", "all"),
        ("?topic=Author/AbC", "author/AbC"),
        ("?topic=Author%2FAbC", "author/AbC"),
        ("?topic=author/a/b", "author/a/b"),
        ("?topic=no-such-model", "no-such-model"),
        (&format!("?topic={long}"), &long),
        // No model and no record has such a name.
        (&format!("?topic={long}x"), ""),
    ] {
        assert_eq!(subscribed("flarchitect", &format!("/ws{query}")), expected, "{query}");
    }
}

#[test]
fn flarchitect_tells_events_in_one_kind_of_message() {
    let ada = r#"{"name": "Ada", "id":42,"big":12345678901234567890,"one":1.0}"#;
    for (method, many, items, expected) in [
        (
            "POST",
            false,
            vec![item("42", ada)],
            format!(r#""method":"POST","id":42,"many":false,"payload":{ada}"#),
        ),
        (
            "PATCH",
            false,
            vec![item("42", ada)],
            format!(r#""method":"PATCH","id":42,"many":false,"payload":{ada}"#),
        ),
        (
            "PUT",
            false,
            vec![item("\"a\\\"b\"", "-")],
            r#""method":"PUT","id":"a\"b","many":false,"payload":null"#.to_owned(),
        ),
        (
            "DELETE",
            false,
            vec![item("42", "-")],
            r#""method":"DELETE","id":42,"many":false,"payload":null"#.to_owned(),
        ),
        (
            "POST",
            false,
            vec![item("-", "-")],
            r#""method":"POST","id":null,"many":false,"payload":null"#.to_owned(),
        ),
        (
            "GET",
            true,
            vec![item("1", "{}"), item("2", "[ ]")],
            r#""method":"GET","id":null,"many":true,"payload":[{},[ ]]"#.to_owned(),
        ),
        (
            "GET",
            true,
            vec![item("1", "{}")],
            r#""method":"GET","id":null,"many":true,"payload":[{}]"#.to_owned(),
        ),
        ("POST", true, vec![], r#""method":"POST","id":null,"many":true,"payload":[]"#.to_owned()),
        (
            "POST",
            true,
            vec![item("1", "-")],
            r#""method":"POST","id":null,"many":true,"payload":[null]"#.to_owned(),
        ),
    ] {
        let told = encode("flarchitect", event(method, many, items)).unwrap();
        assert_eq!(told, format!(r#"{{"ts":1712345678901,"model":"author",{expected}}}"#));
        serde_json::from_str::<serde_json::Value>(&told).unwrap();
    }
}

#[test]
fn flarchitect_names_each_of_several_deleted_records() {
    let mut deletion = event("DELETE", true, vec![item("7", "-"), item("-", "-"), item("\"a\"", "-")]);
    deletion.operation = Operation::Delete;
    let text = encode("flarchitect", deletion).unwrap();
    assert!(text.ends_with(r#""id":null,"many":true,"payload":[{"id":7},{"id":"a"}]}"#), "{text}");
}

#[test]
fn flarchitect_escapes_the_models_name() {
    let mut event = event("POST", false, vec![item("1", "-")]);
    event.model = Arc::from("a\"\n\u{c9}");
    let told = encode("flarchitect", event).unwrap();
    assert!(told.contains("\"model\":\"a\\\"\\n\u{e9}\""), "{told}");
}

#[test]
fn flarchitect_counts_no_time_before_1970() {
    let mut event = event("POST", false, vec![item("1", "-")]);
    event.time = UNIX_EPOCH - Duration::from_secs(1);
    assert!(encode("flarchitect", event).unwrap().starts_with(r#"{"ts":0,"#));
}

#[test]
fn flarchitect_has_no_word_for_doubt() {
    let mut event = event("POST", false, vec![item("1", "{}")]);
    event.outcome = Outcome::Uncertain;
    assert_eq!(encode("flarchitect", event), None);
}

/// What the hub decides is not the dialect's business.
#[test]
fn flarchitect_tells_the_same_whoever_may_read_it() {
    let mut hidden = event("POST", false, vec![item("1", "{}")]);
    hidden.audience = Audience::Authenticated;
    hidden.operation = Operation::Delete;
    assert_eq!(
        encode("flarchitect", hidden),
        encode("flarchitect", event("POST", false, vec![item("1", "{}")]))
    );
}

#[test]
fn flarchitect_ignores_what_clients_say() {
    let (mut conversation, _) = open(&*make("flarchitect"), "/ws", ANYBODY, NOW);
    for message in [
        Message::Text("hello".to_owned()),
        Message::Text(r#"{"action":"subscribe"}"#.to_owned()),
        Message::Binary(Bytes::from_static(b"\0\xff")),
    ] {
        let mut turn = Turn::default();
        conversation.receive(message, NOW, &mut turn);
        assert_eq!((turn.commands, turn.frames), (vec![], vec![]));
    }
}

#[test]
fn echo_returns_messages_and_tells_no_events() {
    assert_eq!(subscribed("echo", "/echo?topic=author"), "");
    let (mut conversation, _) = open(&*make("echo"), "/echo", ANYBODY, NOW);
    for (message, expected) in [
        (Message::Text("gr\u{fc}\u{df}e".to_owned()), Frame::text("gr\u{fc}\u{df}e")),
        (Message::Text(String::new()), Frame::text("")),
        (Message::Binary(Bytes::from_static(b"\0\xff")), Frame::binary(b"\0\xff")),
    ] {
        let mut turn = Turn::default();
        conversation.receive(message, NOW, &mut turn);
        assert_eq!((turn.commands, turn.frames), (vec![], vec![expected]));
    }
    assert_eq!(encode("echo", event(Method::POST.as_str(), false, vec![item("1", "{}")])), None);
}
