//! Dialect `fastcms` with the real executable: the acceptance checks of `protocols.md`, section 3.9, by their
//! numbers.

mod filters;
mod users;

use std::io::{BufReader, Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::frames::{FIN, TEXT, frame, handshake};
use crate::harness::*;
use crate::visibility::{JWT, SECRET, now, sign};

const PATH: &str = "/api/v1/ws/realtime";
const ROUTE: &str = "[[route]]\npath = \"/api/v1/collections/{collection}/records/{id}\"\n\
    model = \"{collection}\"\nvisibility = \"public\"\n";

/// A backend that answers a write with the body that it was sent and the status that a header asks for, and a
/// DELETE with 204.
fn backend() -> Origin {
    Origin::start(|request, stream| {
        let status = match (request.header("x-status"), request.line.starts_with("DELETE")) {
            (Some(status), _) => status.to_owned(),
            (None, true) => "204".to_owned(),
            (None, false) => "201".to_owned(),
        };
        let body: &[u8] = if status == "204" { b"" } else { &request.body };
        let length =
            if status == "204" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("HTTP/1.1 {status} X\r\n{length}\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).is_ok()
    })
}

struct Cms {
    origin: Origin,
    proxy: Proxy,
}

impl Cms {
    /// `options`: more lines of the endpoint.
    fn start(options: &str) -> Self {
        Self::with(options, "")
    }

    /// `tables`: more of the file.
    fn with(options: &str, tables: &str) -> Self {
        let origin = backend();
        let endpoint = format!("[[endpoint]]\npath = \"{PATH}\"\ndialect = \"fastcms\"\n{options}\n");
        let proxy = Proxy::with(origin.address, &format!("{ROUTE}{endpoint}{JWT}{tables}"));
        Self { origin, proxy }
    }

    fn open(&self, query: &str) -> Client {
        let mut client = Client(self.proxy.reader(&format!("{PATH}{query}")));
        assert_eq!(client.0.next()["type"], "connected");
        client
    }

    /// One that is subscribed to these.
    fn reader(&self, collections: &[&str]) -> Client {
        let mut client = self.open("");
        for collection in collections {
            client.subscribe(collection);
        }
        client
    }

    fn write(&self, method: &str, path: &str, record: &Value) {
        let body = if method == "DELETE" { String::new() } else { record.to_string() };
        let status = self.proxy.send(method, &format!("/api/v1/collections/{path}"), &body).status;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
    }

    /// What everybody gets who is subscribed to it, so that silence before it is proven.
    fn mark(&self) {
        self.write("POST", "marks/records", &json!({"id": "mark"}));
    }
}

struct Client(Reader);

impl Client {
    fn say(&mut self, message: &Value) {
        self.0.send(message.to_string());
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        self.0.next()
    }

    fn subscribe(&mut self, collection: &str) {
        let answer = self.ask(&json!({"action": "subscribe", "collection": collection}));
        assert_eq!(answer, json!({"type": "subscribed", "data": {"collection": collection, "filter": null}}));
    }

    fn unsubscribe(&mut self, collection: &str) {
        let answer = self.ask(&json!({"action": "unsubscribe", "collection": collection}));
        assert_eq!(answer, json!({"type": "unsubscribed", "data": {"collection": collection}}));
    }

    /// The next event's inside.
    fn event(&mut self) -> Value {
        let message = self.0.next();
        assert_eq!(message["type"], "event", "{message}");
        assert!(message["timestamp"].as_str().is_some_and(|time| time.ends_with("+00:00")), "{message}");
        assert_eq!(message.as_object().unwrap().len(), 3, "{message}");
        message["data"].clone()
    }

    /// Type and id of the events up to the mark.
    fn until_mark(&mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        loop {
            let event = self.event();
            if event["collection"] == "marks" {
                return events;
            }
            events.push((event["type"].as_str().unwrap().to_owned(), event["record_id"].clone()));
        }
    }
}

fn token(user: &str) -> String {
    let email = format!("{user}@example.com");
    sign(SECRET, &json!({"sub": user, "email": email, "type": "access", "exp": now() + 600}))
}

fn error(message: &str) -> Value {
    json!({"type": "error", "data": {"message": message}})
}

fn authenticated(user: &str) -> Value {
    json!({"type": "authenticated", "data": {"user_id": user, "email": format!("{user}@example.com")}})
}

#[test]
fn fastcms_check_01_the_quick_start() {
    let cms = Cms::start("");
    let mut reader = cms.proxy.reader(PATH);
    let hello = reader.next();
    assert_eq!(hello["type"], "connected");
    let id: uuid::Uuid = hello["data"]["connection_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 4);
    assert!(hello["data"]["server_time"].as_str().unwrap().ends_with("+00:00"));
    Client(reader).subscribe("posts");
}

#[test]
fn fastcms_check_02_a_created_record_is_told_once_with_its_id() {
    let cms = Cms::start("");
    let mut client = cms.reader(&["posts", "marks"]);
    for id in [json!("2d73db25-0000-4000-8000-000000000000"), json!(42)] {
        let record = json!({"id": id, "title": "hi", "views": 1.5});
        cms.write("POST", "posts/records", &record);
        let event = client.event();
        assert_eq!(event["type"], "record.created");
        assert_eq!(event["collection"], "posts");
        assert_eq!(event["record_id"], id);
        assert_eq!(event["data"], record);
        assert_eq!(event.as_object().unwrap().len(), 5, "{event}");
    }
    cms.mark();
    assert_eq!(client.until_mark(), []);
}

/// The document's class hears `connected` twice, and so subscribes to everything twice; its filter is null.
#[test]
fn fastcms_check_04_who_subscribes_twice_gets_each_event_once() {
    let cms = Cms::start("");
    let mut client = cms.open("");
    for collection in ["posts", "comments", "marks", "posts", "comments", "marks"] {
        let message = json!({"action": "subscribe", "collection": collection, "filter": null});
        assert_eq!(client.ask(&message)["type"], "subscribed");
    }
    cms.write("POST", "posts/records", &json!({"id": 1}));
    cms.write("PATCH", "comments/records/2", &json!({"id": 2}));
    cms.mark();
    let expected = [("record.created".to_owned(), json!(1)), ("record.updated".to_owned(), json!(2))];
    assert_eq!(client.until_mark(), expected);
}

/// A page drops the row whose `id` is the event's `record_id`, of the same type.
#[test]
fn fastcms_check_05_a_deletion_names_the_record_as_the_api_does() {
    let cms = Cms::start("");
    let mut client = cms.reader(&["*"]);
    for (collection, id) in [("posts", json!(7)), ("users", json!("2d73db25-aaaa-4000-8000-000000000000"))] {
        cms.write("POST", &format!("{collection}/records"), &json!({"id": id}));
        assert_eq!(client.event()["record_id"], id);
        let path = format!("{collection}/records/{}", id.as_str().map_or(id.to_string(), str::to_owned));
        cms.write("DELETE", &path, &Value::Null);
        let event = client.event();
        assert_eq!((&event["type"], &event["record_id"]), (&json!("record.deleted"), &id));
        assert_eq!(event["data"], json!({"id": id}));
    }
}

#[test]
fn fastcms_check_06_the_star_is_everything_once() {
    let cms = Cms::start("auth = \"optional\"");
    let mut client = cms.open(&format!("?token={}", token("ann")));
    assert_eq!(client.0.next(), authenticated("ann"));
    for collection in ["posts", "*"] {
        client.subscribe(collection);
    }
    cms.write("POST", "posts/records", &json!({"id": 1}));
    cms.write("POST", "comments/records", &json!({"id": 2}));
    // Her own came before she was subscribed, or just after.
    let mut others =
        || Some(client.event()).filter(|event| event["record_id"] != "ann").unwrap_or_else(|| client.event());
    assert_eq!(others()["collection"], "posts");
    assert_eq!(others()["collection"], "comments");
    let _bob = cms.open(&format!("?token={}", token("bob")));
    let event = others();
    assert_eq!(json!([event["type"], event["collection"]]), json!(["user.joined", "presence"]));
    client.unsubscribe("*");
    client.subscribe("marks");
    cms.write("POST", "comments/records", &json!({"id": 3}));
    cms.write("POST", "posts/records", &json!({"id": 4}));
    cms.mark();
    assert_eq!(client.until_mark(), [("record.created".to_owned(), json!(4))]);
}

#[test]
fn fastcms_check_08_unsubscribing_ends_it() {
    let cms = Cms::start("");
    let mut client = cms.reader(&["posts", "marks"]);
    client.unsubscribe("posts");
    client.unsubscribe("nothing");
    cms.write("POST", "posts/records", &json!({"id": 1}));
    cms.mark();
    assert_eq!(client.until_mark(), []);
}

#[test]
fn fastcms_check_09_error_texts() {
    let cms = Cms::start("");
    let mut client = cms.reader(&["marks"]);
    for (said, text) in [
        ("{bad", "Invalid JSON format"),
        ("{}", "Unknown action: "),
        (r#"{"action":"foo"}"#, "Unknown action: foo"),
        (r#"{"action":"Foo"}"#, "Unknown action: foo"),
        (r#"{"action":"subscribe"}"#, "Collection name required for subscription"),
        (r#"{"action":"unsubscribe"}"#, "Collection name required for unsubscription"),
        (r#"{"action":"auth"}"#, "Authentication token required"),
    ] {
        client.0.send(said.to_owned());
        assert_eq!(client.0.next(), error(text), "{said}");
    }
    cms.mark();
    assert_eq!(client.until_mark(), []);
}

#[test]
fn fastcms_check_10_what_is_no_message_hurts_nobody() {
    let cms = Cms::start("");
    let mut other = cms.reader(&["posts"]);
    let mut client = cms.reader(&["marks"]);
    let filter = r#"{"action":"subscribe","collection":"posts","filter":"x"}"#;
    for (said, text) in [
        (Message::from("[1]"), "Invalid JSON format"),
        (Message::from(r#"{"action":5}"#), "Unknown action: 5"),
        (Message::from(filter), "Filter must be an object"),
        (Message::from(b"\x00\xff".to_vec()), "Invalid JSON format"),
    ] {
        client.0.send(said.clone());
        assert_eq!(client.0.next(), error(text), "{said}");
    }
    cms.write("POST", "posts/records", &json!({"id": 1}));
    cms.mark();
    assert_eq!(other.event()["record_id"], 1);
    assert_eq!(client.until_mark(), []);
}

/// All times are a sixtieth of the usual ones.
#[test]
fn fastcms_check_13_the_heartbeat() {
    let times = "heartbeat = \"500ms\"\nheartbeat_timeout = \"1500ms\"\nheartbeat_check = \"1s\"";
    let cms = Cms::start(times);
    let start = Instant::now();
    let (mut alive, mut silent) = (cms.open(""), cms.open(""));
    let silent = std::thread::spawn(move || {
        let mut pings = 0;
        loop {
            match silent.0.0.read().unwrap() {
                Message::Text(_) => pings += 1,
                Message::Close(close) => return (pings, close.unwrap(), start.elapsed()),
                _ => {}
            }
        }
    });
    // Three seconds are more than a silent one gets.
    for _ in 0..6 {
        let ping = alive.0.next();
        assert_eq!(ping["type"], "ping");
        assert_eq!(ping["data"]["timestamp"], ping["timestamp"]);
        assert!(ping["timestamp"].as_str().unwrap().ends_with("+00:00"));
        alive.say(&json!({"action": "pong"}));
    }
    alive.subscribe("posts");
    let (pings, close, after) = silent.join().unwrap();
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "Heartbeat timeout"));
    assert!(after >= Duration::from_millis(1500), "{after:?}");
    assert!((1..=5).contains(&pings), "{pings}");
}

#[test]
fn fastcms_check_15_failed_writes_are_not_told() {
    let cms = Cms::start("");
    let mut client = cms.reader(&["*"]);
    for (method, path) in
        [("POST", "posts/records"), ("PATCH", "posts/records/1"), ("DELETE", "posts/records/1")]
    {
        for status in ["400", "404", "422", "500"] {
            let path = format!("/api/v1/collections/{path}");
            let answer = request(cms.proxy.address, method, &path, &[("X-Status", status)], b"{}");
            assert_eq!(answer.status.to_string(), status);
        }
    }
    cms.mark();
    assert_eq!(client.until_mark(), []);
}

#[test]
fn fastcms_check_16_a_ping_is_answered() {
    let cms = Cms::start("");
    assert_eq!(cms.open("").ask(&json!({"action": "ping"})), json!({"type": "pong"}));
}

/// A handshake with nothing but what it must have, and frames as they are.
#[test]
fn fastcms_check_18_a_session_by_hand() {
    let cms = Cms::start("");
    let mut stream = connect(cms.proxy.address);
    stream.write_all(handshake(cms.proxy.address, PATH).as_bytes()).unwrap();
    stream.write_all(&frame(FIN | TEXT, br#"{"action": "subscribe", "collection": "posts"}"#)).unwrap();
    let mut stream = BufReader::new(stream);
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got)
        .contains(r#"{"type":"subscribed","data":{"collection":"posts","filter":null}}"#)
    {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        got.extend(byte);
    }
    assert!(got.starts_with(b"HTTP/1.1 101 "));
}
