//! What readers get, and what they do not: of writes with credentials, and of one another's slowness.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::*;
use crate::wire::*;

/// A backend that says `{"id":n,"filler":…}` to its n-th write, with this much filler.
fn counting(filler: usize) -> Origin {
    let number = std::sync::atomic::AtomicUsize::new(0);
    Origin::start(move |_, stream| {
        let id = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let body = format!(r#"{{"id":{id},"filler":"{}"}}"#, "x".repeat(filler));
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        std::io::Write::write_all(stream, answer.as_bytes()).is_ok()
    })
}

const TOO_SLOW: &str = "restcast_drops_total{reason=\"reader_too_slow\"}";
const CONNECTIONS: &str = "restcast_connections{dialect=\"flarchitect\"}";

fn small_queues(upstream: std::net::SocketAddr) -> Proxy {
    let hub = "[hub]\nqueue_frames = 8\nqueue_bytes = \"512KiB\"\n";
    Proxy::with(upstream, &(tables() + hub))
}

#[test]
fn a_stuck_reader_slows_nobody_and_is_closed_with_1013() {
    let origin = counting(100_000);
    let proxy = small_queues(origin.address);
    let mut stuck = proxy.reader("/ws");
    let mut reader = proxy.reader("/ws");
    let mut writer = Wire::connect(proxy.address);
    let mut slowest = Duration::ZERO;
    let mut written = 0;
    while proxy.metric(TOO_SLOW) == 0.0 {
        let begun = Instant::now();
        writer.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").answer();
        slowest = slowest.max(begun.elapsed());
        assert_eq!(reader.next()["id"], written);
        written += 1;
        assert!(written < 500, "the stuck reader is never too slow");
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // What had left for it is whole and in order, and then it is told why there is no more.
    assert_eq!(stuck.next()["id"], 0);
    assert_eq!(stuck.next()["id"], 1);
    assert_eq!(stuck.close_code(), 1013);
    proxy.process.line("closed readers that were too slow");
    assert_eq!(proxy.metric(TOO_SLOW), 1.0);
    proxy.send("POST", "/api/authors", "");
    assert_eq!(reader.next()["id"], written);
}

#[test]
fn a_reader_that_stays_stuck_is_gone_after_a_while() {
    let origin = counting(100_000);
    let proxy = small_queues(origin.address);
    let _stuck = proxy.reader("/ws");
    eventually("the stuck reader is too slow", || {
        proxy.send("POST", "/api/authors", "");
        (proxy.metric(TOO_SLOW) > 0.0).then_some(())
    });
    eventually("the stuck reader is dropped", || (proxy.metric(CONNECTIONS) == 0.0).then_some(()));
}

#[test]
fn a_reader_that_is_killed_hurts_nobody() {
    let origin = counting(10);
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    for (round, reset_it) in [false, true].into_iter().enumerate() {
        let victim = proxy.reader("/ws?topic=author");
        let stream = victim.0.get_ref().try_clone().unwrap();
        drop(victim);
        if reset_it {
            reset(stream);
        } else {
            drop(stream);
        }
        proxy.send("POST", "/api/authors", "");
        assert_eq!(reader.next()["id"], round);
        eventually("it is gone", || (proxy.metric(CONNECTIONS) == 1.0).then_some(()));
    }
    assert_eq!(proxy.metric(TOO_SLOW), 0.0);
}

#[test]
fn a_reader_that_only_talks_is_read_and_answered_nothing() {
    let origin = counting(10);
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    for _ in 0..100 {
        reader.send(Message::text("hello".repeat(1000)));
    }
    reader.expect_silence();
    proxy.send("POST", "/api/authors", "");
    assert_eq!(reader.next()["id"], 0);
}

// === credentials ===

fn with_visibility(visibility: &str) -> (Origin, Proxy) {
    let origin = counting(1);
    let proxy = Proxy::with(origin.address, &format!("{AUTHOR_ROUTE}{visibility}\n{WS_ENDPOINT}"));
    (origin, proxy)
}

fn post(proxy: &Proxy, header: (&str, &str)) {
    let answer = request(proxy.address, "POST", "/api/authors", &[header], b"{}");
    assert_eq!(answer.status, 201);
}

const WITHHELD: &str = "restcast_captures_total{outcome=\"withheld\",route=\"/api/authors/{id}\"}";
const CREDENTIALS: [(&str, &str); 2] = [("Authorization", "Bearer hunter2"), ("Cookie", "session=hunter2")];

#[test]
fn writes_with_credentials_are_withheld_from_anonymous_readers() {
    let (_origin, proxy) = with_visibility("");
    let mut reader = proxy.reader("/ws");
    for (count, header) in [1.0, 2.0].into_iter().zip(CREDENTIALS) {
        post(&proxy, header);
        eventually("it is counted", || (proxy.metric(WITHHELD) == count).then_some(()));
    }
    let line = proxy.process.line("withheld");
    assert!(line.contains("WARN") && line.contains("/api/authors/{id}"), "{line}");
    assert!(line.contains("visibility = \"public\""), "{line}");
    assert_eq!(proxy.process.output().matches("withheld").count(), 1);
    assert!(!proxy.process.output().contains("hunter2"));
    // The next event that it sees is that of a write without credentials.
    post(&proxy, ("X-Other", "1"));
    assert_eq!(reader.next()["id"], 2);
}

#[test]
fn a_public_route_shows_writes_with_credentials_to_everybody() {
    let (_origin, proxy) = with_visibility("visibility = \"public\"");
    let mut reader = proxy.reader("/ws");
    for (number, header) in CREDENTIALS.into_iter().enumerate() {
        post(&proxy, header);
        assert_eq!(reader.next()["id"], number);
    }
    assert_eq!(proxy.metric(WITHHELD), 0.0);
}

#[test]
fn an_authenticated_route_shows_nothing_to_anonymous_readers() {
    let (_origin, proxy) = with_visibility("visibility = \"authenticated\"");
    let mut reader = proxy.reader("/ws");
    post(&proxy, ("X-Other", "1"));
    eventually("it is counted", || (proxy.metric(WITHHELD) == 1.0).then_some(()));
    reader.expect_silence();
}

#[test]
fn the_admin_port_sees_what_anonymous_readers_do_not() {
    let (_origin, proxy) = with_visibility("");
    let mut operator = Reader::connect(proxy.admin, "/live");
    post(&proxy, CREDENTIALS[0]);
    assert_eq!(operator.next()["payload"], json!({"id": 0, "filler": "x"}));
}

#[test]
fn a_full_hub_refuses_the_next_reader_and_counts_it() {
    let origin = Origin::json(201, r#"{"id":1}"#);
    let proxy = Proxy::with(origin.address, &format!("{}[hub]\nmax_connections = 1\n", tables()));
    let mut reader = proxy.reader("/ws");
    let refused = Reader::try_connect(proxy.address, "/ws").err().unwrap();
    assert!(refused.contains("503"), "{refused}");
    assert_eq!(proxy.metric("restcast_drops_total{reason=\"hub_full\"}"), 1.0);
    proxy.send("POST", "/api/authors", "{}");
    assert_eq!(reader.next()["id"], 1);
}

#[test]
fn frames_that_a_reader_may_not_see_are_counted() {
    let origin = Origin::json(201, r#"{"id":1}"#);
    let proxy = Proxy::start(origin.address);
    let _reader = proxy.reader("/ws");
    request(proxy.address, "POST", "/api/authors", &[("Authorization", "Bearer x")], b"{}");
    let hidden = "restcast_drops_total{reason=\"hidden\"}";
    eventually("it is counted", || (proxy.metric(hidden) == 1.0).then_some(()));
}
