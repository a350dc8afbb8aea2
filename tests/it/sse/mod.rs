//! Events as lines of text (`text/event-stream`), over raw sockets.

mod admission;
mod browsers;
mod crowd;
mod recovery;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::*;
use crate::wire::Wire;

const TABLES: &str = r#"
[history]
[[route]]
path = "/api/authors/{id}"
model = "author"
[[route]]
path = "/api/books/{id}"
model = "book"
[[endpoint]]
path = "/events"
dialect = "sse"
"#;

/// A backend that says `{"id":n}`, over several lines, to its n-th write, from 1.
fn counting() -> Origin {
    let number = AtomicUsize::new(0);
    Origin::start(move |_, stream| {
        let body = format!("{{\r\n  \"id\": {}\n}}", number.fetch_add(1, Ordering::SeqCst) + 1);
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).is_ok()
    })
}

fn write(proxy: &Proxy, count: usize) {
    for _ in 0..count {
        assert_eq!(proxy.send("POST", "/api/authors", "").status, 201);
    }
}

/// What comes between two empty lines; of a comment nothing is set.
#[derive(Debug, Default, PartialEq, Eq)]
struct Block {
    id: Option<String>,
    event: Option<String>,
    retry: Option<u64>,
    data: Option<String>,
}

impl Block {
    fn json(&self) -> Value {
        let data = self.data.as_deref().unwrap_or_else(|| panic!("{self:?}"));
        serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}"))
    }
}

/// A client that reads lines.
struct Events {
    wire: Wire,
    headers: Vec<(String, String)>,
    /// What the server said of the subscription.
    subscribed: Block,
}

impl Events {
    fn connect(address: SocketAddr, target: &str) -> Self {
        Self::connect_with(address, target, &[]).unwrap()
    }

    /// Where a client comes back after `last`.
    fn resume(address: SocketAddr, target: &str, last: &str) -> Self {
        Self::connect_with(address, target, &[("Last-Event-ID", last)]).unwrap()
    }

    /// `Err`: the refusal's status.
    fn connect_with(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut wire = Wire::connect(address);
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n"));
        let (line, headers) = wire.head();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        if status != 200 {
            return Err(status);
        }
        let mut events = Self { wire, headers, subscribed: Block::default() };
        events.subscribed = events.next();
        assert_eq!(events.subscribed.event.as_deref(), Some("subscribed"));
        Ok(events)
    }

    fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// The next block that says something.
    fn next(&mut self) -> Block {
        loop {
            let block = self.block();
            if block.data.is_some() {
                return block;
            }
        }
    }

    fn block(&mut self) -> Block {
        let mut block = Block::default();
        loop {
            let line = self.wire.raw_line();
            let line =
                line.strip_suffix('\n').unwrap_or_else(|| panic!("cut off: {line:?} behind {block:?}"));
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match name {
                "" if line.is_empty() => return block,
                "" => {}
                "id" => block.id = Some(value.to_owned()),
                "event" => block.event = Some(value.to_owned()),
                "retry" => block.retry = Some(value.parse().unwrap()),
                "data" => {
                    let before = block.data.take().map(|data| data + "\n").unwrap_or_default();
                    block.data = Some(before + value);
                }
                _ => panic!("{line:?}"),
            }
        }
    }

    /// The next event's number, and its position.
    fn event(&mut self) -> (u64, String) {
        let block = self.next();
        let event = block.json();
        assert_eq!((&block.event, block.id.as_deref()), (&None, event["position"].as_str()), "{block:?}");
        let id = event["items"][0]["id"].as_u64().unwrap_or_else(|| panic!("{event}"));
        (id, block.id.unwrap_or_default())
    }

    /// Why it ends, with nothing behind it.
    fn end(&mut self) -> Value {
        let block = loop {
            let block = self.next();
            if block.event.is_some() {
                break block;
            }
        };
        assert_eq!((block.event.as_deref(), self.wire.rest().as_str()), (Some("close"), ""));
        block.json()
    }

    fn expect_silence(&mut self) {
        self.wire.expect_silence(SILENCE);
    }
}

#[test]
fn what_is_written_is_told_in_blocks_of_lines() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut all = Events::connect(proxy.address, "/events");
    let mut some = Events::connect(proxy.address, "/events?topic=book&topic=author/2&topic=author/2");
    for (name, value) in [
        ("content-type", Some("text/event-stream")),
        ("cache-control", Some("no-store")),
        ("x-accel-buffering", Some("no")),
        ("connection", Some("close")),
        ("content-length", None),
        ("transfer-encoding", None),
        ("access-control-allow-origin", None),
    ] {
        assert_eq!(all.header(name), value, "{name}");
    }
    assert!(all.header("date").is_some_and(|date| date.ends_with(" GMT")));
    let said = all.subscribed.json();
    assert_eq!((&said["topics"], said["position"].as_str()), (&json!(["all"]), all.subscribed.id.as_deref()));
    assert!((1000..5000).contains(&all.subscribed.retry.unwrap()));
    assert_eq!(some.subscribed.json()["topics"], json!(["book", "author/2"]));
    write(&proxy, 2);
    proxy.send("DELETE", "/api/books/7", "");
    let first = all.next();
    assert!(first.data.as_ref().unwrap().contains("{\n  \"id\": 1\n}"), "{first:?}");
    let event = first.json();
    assert_eq!((&event["model"], &event["operation"]), (&json!("author"), &json!("create")));
    assert_eq!((&event["items"][0]["record"], &first.event), (&json!({ "id": 1 }), &None));
    assert_eq!(all.event().0, 2);
    assert_eq!(some.event().0, 2);
    for reader in [&mut all, &mut some] {
        assert_eq!(reader.next().json()["operation"], "delete");
        reader.expect_silence();
    }
    assert_eq!(proxy.metric(r#"restcast_connections{dialect="sse"}"#), 2.0);
    assert_eq!(proxy.metric(r#"restcast_subscriptions{dialect="sse"}"#), 3.0);
    assert_eq!(proxy.metric(r#"restcast_deliveries_total{dialect="sse"}"#), 5.0);
}

#[test]
fn a_reader_of_all_and_of_a_model_gets_each_event_once() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut reader = Events::connect(proxy.address, "/events?topic=author&topic=all&topic=author/1");
    write(&proxy, 2);
    assert_eq!((reader.event().0, reader.event().0), (1, 2));
    let begin = reader.subscribed.id.unwrap();
    let mut again = Events::resume(proxy.address, "/events?topic=author&topic=all&topic=author/1", &begin);
    assert_eq!((again.event().0, again.event().0), (1, 2));
    again.expect_silence();
}

#[test]
fn where_no_positions_are_told_events_have_no_ids() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, &TABLES.replace("[history]", "[history]\nsize = 0"));
    let mut reader = Events::resume(proxy.address, "/events", "00c0ffee00c0ffee.3");
    let said = json!({ "topics": ["all"], "recovered": false, "reason": "unknown epoch" });
    assert_eq!((reader.subscribed.json(), &reader.subscribed.id), (said, &None));
    write(&proxy, 1);
    let block = reader.next();
    assert_eq!((block.id, block.data.is_some()), (None, true));
}

#[test]
fn a_quiet_stream_has_comments_that_clients_read_over() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, &format!("[hub]\nping_interval = \"50ms\"\n{TABLES}"));
    let mut reader = Events::connect(proxy.address, "/events");
    // Far more than a WebSocket would be sent without an answer.
    let here = format!("id: {}\n", reader.subscribed.id.clone().unwrap());
    for _ in 0..8 {
        assert_eq!([(); 3].map(|()| reader.wire.raw_line()), [": ping\n", &here, "\n"]);
    }
    write(&proxy, 1);
    assert_eq!(reader.event().0, 1);
}

#[test]
fn a_reader_of_something_quiet_stood_where_it_had_begun() {
    let origin = counting();
    let tables = TABLES.replace("[history]", "[history]\nsize = 10");
    let proxy = Proxy::with(origin.address, &format!("[hub]\nping_interval = \"50ms\"\n{tables}"));
    let mut reader = Events::connect(proxy.address, "/events?topic=book");
    write(&proxy, 30);
    let epoch = reader.subscribed.id.as_deref().unwrap().split('.').next().unwrap().to_owned();
    let here = format!("{epoch}.30");
    while reader.block().id.as_deref() != Some(&here) {}
    drop(reader);
    // Of this much more has come since the beginning than is kept.
    let resumed = Events::resume(proxy.address, "/events?topic=book&topic=author", &here);
    assert_eq!(resumed.subscribed.json()["recovered"], true);
}

#[test]
fn a_client_that_wants_one_answer_alone_got_none_of_the_events() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    // The first is what nginx sends, unless it is told otherwise.
    for head in ["HTTP/1.0\r\nConnection: close", "HTTP/1.0", "HTTP/1.1\r\nHost: h\r\nConnection: close"] {
        let mut wire = Wire::connect(proxy.address);
        let (line, _) = wire.send(format!("GET /events?topic=author {head}\r\n\r\n")).head();
        assert_eq!(line, "HTTP/1.1 200 OK", "{head}");
        let mut reader = Events { wire, headers: Vec::new(), subscribed: Block::default() };
        assert_eq!(reader.next().event.as_deref(), Some("subscribed"));
        write(&proxy, 1);
        reader.event();
    }
}

#[test]
fn what_else_is_asked_there_is_refused_and_never_forwarded() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let many: String = (0..65).map(|number| format!("topic=t{number}&")).collect();
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let rows = [
        ("POST /events".to_owned(), "Content-Length: 0\r\n", 405, "events are read by GET"),
        ("PUT /events?topic=a".to_owned(), "Content-Length: 0\r\n", 405, "events are read by GET"),
        ("HEAD /events".to_owned(), "", 405, ""),
        ("GET /events".to_owned(), upgrade, 400, "this path speaks text/event-stream, and no WebSocket"),
        ("GET /events".to_owned(), "Content-Length: 1\r\n", 400, "a request for events has no body"),
        (format!("GET /events?{many}"), "", 400, "one connection has at most 64 topics"),
        (
            format!("GET /events?topic={}", "x".repeat(513)),
            "",
            400,
            "a topic has at most 512 bytes, and no control character",
        ),
    ];
    for (line, headers, status, message) in rows {
        let mut wire = Wire::connect(proxy.address);
        wire.send(format!("{line} HTTP/1.1\r\nHost: h\r\n{headers}\r\n"));
        if headers.contains("Length: 1") {
            wire.send("x");
        }
        if line.starts_with("HEAD") {
            let (head, headers) = wire.head();
            assert!(head.contains(" 405 ") && find_header(&headers, "allow") == Some("GET, OPTIONS"));
            continue;
        }
        let answer = wire.answer();
        assert_eq!(answer.status, status, "{line}");
        let body: Value = serde_json::from_str(&answer.text()).unwrap();
        assert_eq!(body["message"], message, "{line}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{line}");
        if status == 400 && !headers.contains("Length: 1") {
            // The connection goes on.
            let next = wire.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n").head();
            assert_eq!(next.0, "HTTP/1.1 200 OK", "{line}");
        }
    }
    assert_eq!(origin.requests().len(), 0);
    eventually("nobody is left behind", || {
        (proxy.metric(r#"restcast_connections{dialect="sse"}"#) == 0.0).then_some(())
    });
}

#[test]
fn what_a_client_sends_behind_its_request_is_read_over_up_to_a_bound() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut wire = Wire::connect(proxy.address);
    wire.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(wire.head().0, "HTTP/1.1 200 OK");
    let mut reader = Events { wire, headers: Vec::new(), subscribed: Block::default() };
    reader.next();
    write(&proxy, 1);
    assert_eq!(reader.event().0, 1);
    let requests = origin.requests().len();
    reader.wire.send(vec![b'x'; 20_000]);
    assert_eq!(reader.end()["code"], 1009);
    assert_eq!(requests, 1, "the other request was none");
}

#[test]
fn the_admin_port_knows_its_readers() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut reader = Events::connect(proxy.address, "/events?topic=author");
    let api = |method: &str, path: &str, body: &str| {
        let headers = [("Content-Type", "application/json")];
        let answer = request(proxy.admin, method, path, &headers, body.as_bytes());
        serde_json::from_str::<Value>(&answer.text()).unwrap_or_else(|_| panic!("{}", answer.text()))
    };
    let listed = api("GET", "/api/connections?endpoint=/events", "");
    assert_eq!((&listed["count"], &listed["connections"][0]["endpoint"]), (&json!(1), &json!("/events")));
    let sent = api("POST", "/api/broadcast", "{\"message\":{\n\"text\":\"Back\\nat noon\"}}");
    assert_eq!(sent["sent"], 1);
    let block = reader.next();
    assert_eq!((block.json(), block.id), (json!({ "text": "Back\nat noon" }), None));
    let id = listed["connections"][0]["connection_id"].as_str().unwrap();
    assert_eq!(api("DELETE", &format!("/api/connections/{id}"), ""), json!({ "closed": 1 }));
    assert_eq!(reader.end(), json!({ "code": 1008, "reason": "Ended by an operator" }));
}

#[test]
fn explain_shows_what_its_readers_get_and_check_what_it_hides() {
    let folder = Folder::new();
    let record = folder.write("answer.json", "{\n  \"id\": 1\n}");
    let hiding = "[[endpoint]]\npath = \"/api/authors\"\ndialect = \"sse\"\n";
    let upstream = "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n";
    let config = folder.write("proxy.toml", format!("{upstream}{TABLES}{hiding}"));
    let run = |arguments: &[&str]| {
        let output = restcast().args(arguments).arg("--config").arg(&config).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let explained = run(&["explain", "POST", "/api/authors", "--body", record.to_str().unwrap()]);
    assert!(explained.contains("  /events gets data: {\"event\":"), "{explained}");
    assert!(explained.contains("\"record\":{\ndata:   \"id\": 1\ndata: }"), "{explained}");
    let checked = run(&["check"]);
    assert!(checked.contains("matches it too, and requests to it no longer reach the upstream"), "{checked}");
}
