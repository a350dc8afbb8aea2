//! Clients that are shown what there is, and then what comes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::harness::*;
use crate::http::request;
use crate::origin::Origin;
use crate::tools;
use crate::wire::Wire;

const TABLES: &str = r#"
[history]
[[route]]
path = "/api/authors/{id}"
model = "author"
[[route]]
path = "/api/authors/{author_id}/books/{id}"
model = "book"
[[endpoint]]
path = "/ws"
dialect = "flarchitect"
snapshots = true
[[endpoint]]
path = "/all"
dialect = "canonical"
snapshots = true
forward_headers = ["X-Tenant"]
[[endpoint]]
path = "/events"
dialect = "sse"
snapshots = true
[[endpoint]]
path = "/cms"
dialect = "fastcms"
snapshots = true
[[endpoint]]
path = "/bare"
dialect = "canonical"
"#;

/// A client of any dialect, as what it says means.
enum Client {
    Socket(Box<Reader>),
    Stream(Wire),
}

impl Client {
    fn connect(address: SocketAddr, path: &str) -> Self {
        if !path.starts_with("/events") {
            return Self::Socket(Box::new(Reader::connect(address, path)));
        }
        let mut wire = Wire::connect(address);
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let (line, _) = wire.head();
        assert!(line.contains("200"), "{line}");
        Self::Stream(wire)
    }

    /// What is said next, without what the dialect has around it.
    fn next(&mut self) -> Value {
        match self {
            Self::Socket(reader) => reader.next(),
            Self::Stream(wire) => {
                let mut data = String::new();
                loop {
                    let line = wire.raw_line();
                    match line.strip_prefix("data: ") {
                        Some(part) => data.push_str(part),
                        None if line == "\n" && !data.is_empty() => {
                            return serde_json::from_str(&data).unwrap();
                        }
                        None => {}
                    }
                }
            }
        }
    }
}

/// How a client comes, and how what it hears is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Flarchitect,
    Canonical,
    Sse,
    FastCms,
    /// It loads the collection like any page, and follows from there.
    Page,
}

impl Way {
    const ALL: [Self; 5] = [Self::Flarchitect, Self::Canonical, Self::Sse, Self::FastCms, Self::Page];

    /// Connects, and is shown what there is.
    fn come(self, address: SocketAddr) -> (Client, Value) {
        let path = match self {
            Self::Flarchitect => "/ws?topic=author&snapshot=true".to_owned(),
            Self::Canonical => "/all?topic=author&snapshot=true".to_owned(),
            Self::Sse => "/events?topic=author&snapshot=true".to_owned(),
            Self::FastCms => "/cms".to_owned(),
            Self::Page => {
                let page = request(address, "GET", "/api/authors", &[], b"");
                let since = page.header("restcast-position").unwrap();
                let mut client = Client::connect(address, &format!("/ws?topic=author&since={since}"));
                assert_eq!(client.next()["recovered"], true);
                return (client, serde_json::from_str(&page.text()).unwrap());
            }
        };
        let mut client = Client::connect(address, &path);
        if let (Self::FastCms, Client::Socket(reader)) = (self, &mut client) {
            assert_eq!(reader.next()["type"], "connected");
            reader.send(r#"{"action":"subscribe","collection":"author","snapshot":true}"#);
        }
        let (shown, subscribed) = (self.inner(client.next()), self.inner(client.next()));
        assert_eq!(
            (&shown["snapshot"], &shown["status"]),
            (&json!("author"), &json!(200)),
            "{self:?} {shown}"
        );
        assert_eq!(subscribed["recovered"], true, "{self:?} {subscribed}");
        (client, shown["data"].clone())
    }

    fn inner(self, mut message: Value) -> Value {
        if self == Self::FastCms { message["data"].take() } else { message }
    }

    /// Of which record an event is, and what it is now; `None`: it is gone.
    fn write(self, event: &Value) -> (u64, Option<Value>) {
        let (id, record, is_gone) = match self {
            Self::Flarchitect | Self::Page => (&event["id"], &event["payload"], event["method"] == "DELETE"),
            Self::Canonical | Self::Sse => {
                let item = &event["items"][0];
                (&item["id"], &item["record"], event["operation"] == "delete")
            }
            Self::FastCms => (
                &event["data"]["record_id"],
                &event["data"]["data"],
                event["data"]["type"] == "record.deleted",
            ),
        };
        let id = id.as_u64().or_else(|| id.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{event}"));
        (id, (!is_gone).then(|| record.clone()))
    }
}

fn records(list: &Value) -> BTreeMap<u64, Value> {
    list.as_array().unwrap().iter().map(|record| (record["id"].as_u64().unwrap(), record.clone())).collect()
}

/// Ends the writing, also where the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Writes records of its own until it may stop: makes them, changes them, and takes them away again.
fn write(proxy: &Proxy, number: usize, is_over: &AtomicBool, writes: &AtomicUsize) {
    let mut own: Vec<u64> = Vec::new();
    let mut turn = number;
    while !is_over.load(Ordering::SeqCst) {
        turn += 1;
        let body = format!(r#"{{"name":"{number}-{turn}"}}"#);
        let answer = match own.get(turn % 10).copied() {
            None => {
                let made = proxy.send("POST", "/api/authors", &body);
                let record: Value = serde_json::from_str(&made.text()).unwrap();
                own.push(record["id"].as_u64().unwrap());
                made
            }
            Some(id) if turn.is_multiple_of(7) => {
                own.retain(|other| *other != id);
                proxy.send("DELETE", &format!("/api/authors/{id}"), "")
            }
            Some(id) => proxy.send("PATCH", &format!("/api/authors/{id}"), &body),
        };
        assert!((200..300).contains(&answer.status), "{}", answer.status);
        writes.fetch_add(1, Ordering::SeqCst);
    }
}

/// Follows to the last write; what the client thinks that there is.
fn follow(way: Way, (mut client, shown): (Client, Value)) -> BTreeMap<u64, Value> {
    let mut state = records(&shown);
    loop {
        let event = client.next();
        let (id, record) = way.write(&event);
        let is_last = record.as_ref().is_some_and(|record| record["name"] == "the last");
        match record {
            Some(record) => drop(state.insert(id, record)),
            None => drop(state.remove(&id)),
        }
        if is_last {
            return state;
        }
    }
}

#[test]
fn two_hundred_readers_come_under_writes_and_all_end_with_what_the_backend_has() {
    const READERS: usize = 200;
    let Some(node) = tools::node() else { return };
    let backend = node.json_server();
    let proxy = Proxy::with(backend.address, TABLES);
    let (is_over, writes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (proxy, is_over, writes) = (&proxy, &is_over, &writes);
    let states: Vec<(Way, BTreeMap<u64, Value>)> = thread::scope(|scope| {
        let stop = Stop(is_over);
        let writers = [0, 1, 2].map(|number| scope.spawn(move || write(proxy, number, is_over, writes)));
        let (shown, all_shown) = mpsc::channel::<()>();
        let reader = |number: usize| {
            // Each after some writes of others.
            eventually("it is written on", || (writes.load(Ordering::SeqCst) >= 2 * number).then_some(()));
            let shown = shown.clone();
            scope.spawn(move || {
                let way = Way::ALL[number % Way::ALL.len()];
                let come = way.come(proxy.address);
                drop(shown);
                (way, follow(way, come))
            })
        };
        let readers: Vec<_> = (0..READERS).map(reader).collect();
        drop(shown);
        // Whether or not it works, each drops its end.
        assert!(all_shown.recv().is_err(), "nothing is sent");
        drop(stop);
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(proxy.send("POST", "/api/authors", r#"{"name":"the last"}"#).status, 201);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let there = request(backend.address, "GET", "/api/authors", &[], b"");
    let there = records(&serde_json::from_str(&there.text()).unwrap());
    assert!(there.len() > 5 && writes.load(Ordering::SeqCst) >= 2 * (READERS - 1));
    for (way, state) in states {
        assert_eq!(state, there, "{way:?}");
    }
}

/// Answers a GET of `/api/authors/7` by `answer`, and any write by `{"id":7}`.
fn one(answer: &'static str) -> Origin {
    Origin::start(move |request, stream| {
        let answer = if request.line.starts_with("GET") {
            answer
        } else {
            "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"id\":7}"
        };
        std::io::Write::write_all(stream, answer.as_bytes()).is_ok()
    })
}

#[test]
fn a_record_is_asked_for_in_the_name_of_whoever_wants_to_see_it() {
    let origin = one("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"id\":7, \"n\":1.50}\n");
    let proxy = Proxy::with(origin.address, TABLES);
    let mut wire = Wire::connect(proxy.address);
    wire.send(
        "GET /all?topic=author/7&snapshot=1&token=secret HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Authorization: Bearer t\r\nCookie: session=s\r\nX-Tenant: acme\r\nX-Other: o\r\n\r\n",
    );
    wire.head();
    let asked = eventually("it is asked for", || origin.requests().pop());
    assert_eq!(asked.line, "GET /api/authors/7 HTTP/1.1");
    let sent = ["authorization", "cookie", "x-tenant", "x-other", "accept"].map(|name| asked.header(name));
    assert_eq!(sent, [Some("Bearer t"), Some("session=s"), Some("acme"), None, Some("application/json")]);
    let mut reader = Reader::connect(proxy.address, "/all?topic=Author/7&snapshot");
    let shown = reader.next_text();
    let (before, position) = shown.split_once(r#","position":""#).unwrap();
    assert_eq!(before, r#"{"snapshot":"author/7","status":200,"data":{"id":7, "n":1.50}"#);
    assert!(position.ends_with(r#".0"}"#), "{position}");
    let subscribed = reader.next();
    assert_eq!((&subscribed["subscribed"], &subscribed["recovered"]), (&json!("Author/7"), &json!(true)));
    proxy.send("PUT", "/api/authors/7", "{}");
    assert_eq!(reader.next()["items"][0]["id"], 7);
}

#[test]
fn what_cannot_be_shown_is_said_and_the_client_follows_all_the_same() {
    let rows = [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", json!(404), "data", Value::Null),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            json!(200),
            "error",
            json!("the backend's answer is no JSON"),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
            Value::Null,
            "error",
            json!("the backend's answer broke off"),
        ),
        ("nonsense\r\n\r\n", json!(502), "error", json!("the backend answered with status 502")),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}",
            json!(403),
            "error",
            json!("the backend answered with status 403"),
        ),
    ];
    for (answer, status, key, expected) in rows {
        let origin = Origin::start(move |request, stream| {
            let is_asked = request.line.starts_with("GET");
            let answer =
                if is_asked { answer } else { "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"id\":7}" };
            std::io::Write::write_all(stream, answer.as_bytes()).is_ok() && !is_asked
        });
        let proxy = Proxy::with(origin.address, TABLES);
        let mut reader = Reader::connect(proxy.address, "/ws?topic=author/7&snapshot=true");
        let shown = reader.next();
        assert_eq!((&shown["status"], shown.get(key)), (&status, Some(&expected)), "{shown}");
        assert_eq!(reader.next()["subscribed"], "author/7");
        proxy.send("PUT", "/api/authors/7", "{}");
        assert_eq!(reader.next()["id"], 7);
    }
}

#[test]
fn a_topic_that_no_route_leads_to_has_no_snapshot() {
    let origin = one("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let proxy = Proxy::with(origin.address, TABLES);
    let unknown = "no route says where the backend has what this topic is about";
    let rows = [
        ("/ws?topic=book&snapshot=true", unknown),
        ("/all?snapshot=true", unknown),
        ("/all?topic=author/..&snapshot=true", unknown),
        ("/events?topic=author&topic=nobody&snapshot=true", unknown),
        ("/bare?topic=author&snapshot=true", "this endpoint has no snapshots"),
    ];
    for (path, expected) in rows {
        let upgrade = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ];
        let headers: &[(&str, &str)] = if path.starts_with("/events") { &[] } else { &upgrade };
        let answer = request(proxy.address, "GET", path, headers, b"");
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains(expected), "{path}: {}", answer.text());
    }
    let mut reader = Reader::connect(proxy.address, "/cms");
    reader.next();
    for collection in ["*", "book", "__collections__"] {
        reader.send(json!({"action": "subscribe", "collection": collection, "snapshot": true}).to_string());
        assert_eq!(reader.next()["data"]["message"], format!("No snapshot: {unknown}"), "{collection}");
    }
    assert!(origin.requests().is_empty());
}
