//! Clients that were away say what they got last, and get what they missed, in each dialect.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::*;
use crate::origin::Origin;
use crate::wire::Wire;

const TABLES: &str = r#"
[history]
size = 400
[[route]]
path = "/api/authors/{id}"
model = "author"
[[route]]
path = "/api/books/{id}"
model = "book"
[[endpoint]]
path = "/ws"
dialect = "flarchitect"
[[endpoint]]
path = "/all"
dialect = "canonical"
[[endpoint]]
path = "/cms"
dialect = "fastcms"
[[endpoint]]
path = "/spec"
dialect = "websocketspec"
[[endpoint]]
path = "/app"
dialect = "mdb_engine"
app = "shop"
models = ["author"]
auth = "none"
"#;

/// What nobody writes for a while.
const QUIET: [&str; 2] = ["book", "book/7"];

/// A backend that says `{"id":n}` to its n-th write, from 1.
fn counting() -> Origin {
    let number = AtomicUsize::new(0);
    Origin::start(move |_, stream| {
        let body = format!(r#"{{"id":{}}}"#, number.fetch_add(1, Ordering::SeqCst) + 1);
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        std::io::Write::write_all(stream, answer.as_bytes()).is_ok()
    })
}

/// How a dialect says what this is about.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Its endpoint, with the query of who has nothing to say.
    path: &'static str,
    /// What a client says, with `SINCE` where it says what it got last; empty: the query says it.
    subscribe: &'static str,
    /// Where an event has its id, and the answer to the subscription what became of it.
    id: &'static str,
    answer: &'static str,
}

const WAYS: [Way; 5] = [
    Way { path: "/ws?topic=author", subscribe: "", id: "/id", answer: "" },
    Way { path: "/all?topic=author", subscribe: "", id: "/items/0/id", answer: "" },
    Way { path: "/app?x=", subscribe: "", id: "/data/id", answer: "" },
    Way {
        path: "/cms",
        subscribe: r#"{"action":"subscribe","collection":"author","since":SINCE}"#,
        id: "/data/record_id",
        answer: "/data",
    },
    Way {
        path: "/spec",
        subscribe: r#"{"id":"s","type":"subscription","operation":"subscribe","entity":"authors","options":{"since":SINCE}}"#,
        id: "/data/id",
        answer: "/data",
    },
];

impl Way {
    /// Connects; the answer to the subscription.
    fn come(self, address: SocketAddr, since: Option<&str>) -> (Reader, Value) {
        let query = if self.subscribe.is_empty() {
            format!("&since={}", since.unwrap_or_default())
        } else {
            String::new()
        };
        let mut reader = Reader::connect(address, &format!("{}{query}", self.path));
        if !self.subscribe.is_empty() {
            if self.path == "/cms" {
                reader.next();
            }
            reader.send(self.subscribe.replace("SINCE", &json!(since).to_string()));
        }
        let answer = reader.next();
        let answer = answer.pointer(self.answer).unwrap_or_else(|| panic!("{answer}")).clone();
        (reader, answer)
    }

    /// The next event's id and position.
    fn next(self, reader: &mut Reader) -> (u64, String) {
        let event = reader.next();
        let id = event.pointer(self.id).unwrap_or_else(|| panic!("{event}"));
        let id = id.as_u64().or_else(|| id.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{event}"));
        (id, event["position"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned())
    }
}

fn write(proxy: &Proxy, count: usize) {
    for _ in 0..count {
        assert_eq!(proxy.send("POST", "/api/authors", "").status, 201);
    }
}

/// What is said of a recovery.
fn recovery(answer: &Value) -> (Option<bool>, Option<&str>) {
    (answer["recovered"].as_bool(), answer["reason"].as_str())
}

#[test]
fn who_was_away_gets_what_it_missed_in_every_dialect() {
    for way in WAYS {
        let origin = counting();
        let proxy = Proxy::with(origin.address, TABLES);
        let (mut reader, answer) = way.come(proxy.address, None);
        assert_eq!(recovery(&answer), (None, None), "{answer}");
        let begin = answer["position"].as_str().unwrap().to_owned();
        write(&proxy, 3);
        let mut last = String::new();
        for id in 1..=3 {
            let (got, position) = way.next(&mut reader);
            assert_eq!(got, id, "{way:?}");
            last = position;
        }
        drop(reader);
        write(&proxy, 2);
        for (since, missed) in [(&last, 4..=5), (&begin, 1..=5)] {
            let (mut reader, answer) = way.come(proxy.address, Some(since));
            assert_eq!(recovery(&answer), (Some(true), None), "{answer}");
            for id in missed {
                assert_eq!(way.next(&mut reader).0, id, "{way:?} since {since}");
            }
            reader.expect_silence();
        }
        assert_eq!(proxy.metric(r#"restcast_recoveries_total{outcome="recovered"}"#), 2.0);
    }
}

#[test]
fn who_has_nothing_yet_hears_where_it_is_and_of_no_loss() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    write(&proxy, 1);
    for way in WAYS {
        let (_, answer) = way.come(proxy.address, Some(""));
        assert_eq!(recovery(&answer), (None, None), "{way:?} {answer}");
        assert!(answer["position"].is_string(), "{way:?} {answer}");
    }
}

#[test]
fn a_reader_of_something_quiet_missed_nothing_whatever_else_was_forgotten() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, &TABLES.replace("[history]", "[history]\nbytes = \"20KiB\""));
    let mut quiet = QUIET.map(|topic| {
        let mut reader = Reader::connect(proxy.address, &format!("/ws?topic={topic}&since="));
        let position = reader.next()["position"].as_str().unwrap().to_owned();
        (topic, position)
    });
    // Each makes a record of its own, and the first of them are forgotten.
    write(&proxy, 200);
    let written = format!("/ws?topic=author&since={}", quiet[0].1);
    eventually("the first are forgotten", || {
        (Reader::connect(proxy.address, &written).next()["reason"] == "expired").then_some(())
    });
    assert_eq!(proxy.send("PUT", "/api/books/7", "").status, 201);
    for (topic, since) in &mut quiet {
        let mut reader = Reader::connect(proxy.address, &format!("/ws?topic={topic}&since={since}"));
        assert_eq!(recovery(&reader.next()), (Some(true), None), "{topic}");
        assert_eq!(reader.next()["model"], "book");
    }
}

#[test]
fn what_cannot_be_recovered_is_said_with_its_reason_and_events_go_on() {
    let origin = counting();
    let mut proxy = Proxy::with(origin.address, TABLES);
    let (mut reader, answer) = WAYS[0].come(proxy.address, None);
    let begin = answer["position"].as_str().unwrap().to_owned();
    let epoch = begin.split('.').next().unwrap();
    write(&proxy, 410);
    // Until the last is told: what comes behind its writer's answer would be another's first.
    while WAYS[0].next(&mut reader).0 < 410 {}
    let rows = [
        (begin.clone(), "expired"),
        (format!("{epoch}.500"), "ahead"),
        ("00c0ffee00c0ffee.3".to_owned(), "unknown epoch"),
        ("yesterday".to_owned(), "unknown epoch"),
    ];
    let mut written = 410;
    for (since, reason) in rows {
        for way in WAYS {
            let (mut reader, answer) = way.come(proxy.address, Some(&since));
            assert_eq!(recovery(&answer), (Some(false), Some(reason)), "{way:?} {answer}");
            write(&proxy, 1);
            written += 1;
            assert_eq!(way.next(&mut reader).0, written);
        }
    }
    assert_eq!(proxy.metric(r#"restcast_recoveries_total{outcome="unknown_epoch"}"#), 10.0);
    // A process that begins anew knows nothing of the former.
    let (_, answer) = WAYS[0].come(proxy.address, None);
    let last = answer["position"].as_str().unwrap().to_owned();
    proxy.restart();
    let (_, answer) = WAYS[0].come(proxy.address, Some(&last));
    assert_eq!(recovery(&answer), (Some(false), Some("unknown epoch")));
}

#[test]
fn who_does_not_ask_for_it_hears_nothing_of_a_subscription_by_query() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut reader = proxy.reader("/ws?topic=author");
    write(&proxy, 1);
    assert_eq!(reader.next()["id"], 1);
}

#[test]
fn clients_that_blink_under_writes_get_each_event_once_and_in_order() {
    const EVENTS: u64 = 3000;
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Wire::connect(proxy.address);
            for _ in 0..EVENTS {
                writer.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").answer();
            }
        });
        for way in WAYS {
            let address = proxy.address;
            scope.spawn(move || {
                let blinks = blink(way, address, EVENTS);
                assert!(blinks > 20, "{blinks}");
            });
        }
    });
}

/// Reads the events of a client that comes and goes until all are there; how often it came back.
fn blink(way: Way, address: SocketAddr, events: u64) -> u64 {
    let (mut reader, answer) = way.come(address, None);
    let mut last = answer["position"].as_str().unwrap().to_owned();
    let (mut id, mut blinks) = (0, 0);
    while id < events {
        // So many before it blinks, another number each time.
        for _ in 0..=(id % 60).min(events - id - 1) {
            let (next, position) = way.next(&mut reader);
            // Others may be the first to write.
            assert!(next == id + 1 || id == 0, "{way:?}: {next} behind {id} after {blinks} blinks");
            (id, last) = (next, position);
        }
        let (again, answer) = way.come(address, Some(&last));
        assert_eq!(recovery(&answer), (Some(true), None), "{way:?} {answer}");
        reader = again;
        blinks += 1;
    }
    blinks
}

#[test]
fn a_page_that_loads_over_rest_follows_from_what_it_has_loaded() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let (mut first, _) = WAYS[0].come(proxy.address, None);
    write(&proxy, 3);
    // An event that is not told yet when the page loads would be among what follows.
    (1..=3).for_each(|id| assert_eq!(WAYS[0].next(&mut first).0, id));
    let loaded = proxy.get("/api/authors");
    let position = loaded.header("restcast-position").unwrap().to_owned();
    write(&proxy, 2);
    for way in WAYS {
        let (mut reader, answer) = way.come(proxy.address, Some(&position));
        assert_eq!(recovery(&answer), (Some(true), None), "{way:?} {answer}");
        // The GET itself was counted by the backend.
        assert_eq!([way.next(&mut reader).0, way.next(&mut reader).0], [5, 6], "{way:?}");
    }
    let other = proxy.get("/elsewhere");
    assert_eq!(other.header("restcast-position"), None, "no route, and nothing to follow");
    let silent = Proxy::with(origin.address, &TABLES.replace("[history]", "[history]\nheader = false"));
    assert_eq!(silent.get("/api/authors").header("restcast-position"), None);
}

/// A reader of `fastcms` that was greeted.
fn cms(proxy: &Proxy) -> Reader {
    let mut reader = Reader::connect(proxy.address, "/cms");
    assert_eq!(reader.next()["type"], "connected");
    reader
}

/// Subscribes a reader of `fastcms`; the answer.
fn subscribe(reader: &mut Reader, what: &Value) -> Value {
    let mut message = json!({"action": "subscribe"});
    message.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    reader.send(message.to_string());
    loop {
        let said = reader.next();
        if said["type"] == "subscribed" {
            return said["data"].clone();
        }
    }
}

#[test]
fn who_had_something_already_missed_the_rest_of_what_it_subscribed_to_behind_a_position() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut reader = cms(&proxy);
    let begin = subscribe(&mut reader, &json!({"collection": "author"}))["position"].clone();
    assert_eq!(proxy.send("POST", "/api/books", "").status, 201);
    write(&proxy, 1);
    assert_eq!(WAYS[3].next(&mut reader).0, 2);
    let answer = subscribe(&mut reader, &json!({"collection": "*", "since": begin}));
    assert_eq!(recovery(&answer), (Some(true), None), "{answer}");
    assert_eq!([WAYS[3].next(&mut reader).0, WAYS[3].next(&mut reader).0], [1, 2]);
    // Of what it is told of anyway nobody knows what it has.
    for collection in ["*", "book"] {
        let answer = subscribe(&mut reader, &json!({"collection": collection, "since": begin}));
        assert_eq!(recovery(&answer), (Some(false), Some("expired")));
    }
    write(&proxy, 1);
    assert_eq!(WAYS[3].next(&mut reader).0, 3);
}

#[test]
fn who_lost_the_connection_between_two_records_of_one_write_missed_the_others() {
    let origin = Origin::json(201, r#"[{"id":1},{"id":2},{"id":3}]"#);
    let proxy = Proxy::with(origin.address, TABLES);
    for way in &WAYS[2..] {
        let (mut reader, _) = way.come(proxy.address, None);
        assert_eq!(proxy.send("POST", "/api/authors", "").status, 201);
        let heard: Vec<(u64, String)> = (0..3).map(|_| way.next(&mut reader)).collect();
        for (count, (_, since)) in (1..).zip(&heard) {
            let (mut reader, answer) = way.come(proxy.address, Some(since));
            assert_eq!(recovery(&answer), (Some(true), None), "{way:?}");
            // Rather again than not at all; who has all of them gets none.
            if count < 3 {
                assert_eq!([0; 3].map(|_| way.next(&mut reader).0), [1, 2, 3], "{way:?}");
            }
            reader.expect_silence();
        }
    }
}
