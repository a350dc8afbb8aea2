//! The end of a process: connections leave a few at a time, and each has got everything up to where it is told that it
//! did.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::*;
use crate::wire::{Wire, waiting};

const TABLES: &str = "[history]\nsize = 5000\n[[route]]\npath = \"/api/authors/{id}\"\nmodel = \"author\"\n\
                      [[endpoint]]\npath = \"/ws\"\ndialect = \"canonical\"\n\
                      [[endpoint]]\npath = \"/events\"\ndialect = \"sse\"\n";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn proxy(server: &str) -> Proxy {
    Proxy::with_server(server, &format!("servers = [\"http://{}\"]", free_address()), TABLES)
}

/// On the admin port, which is there until the end.
fn publish(proxy: &Proxy, id: u64) {
    let body =
        format!(r#"{{"model":"author","operation":"update","id":{id},"record":{{}},"audience":"everyone"}}"#);
    let answer = request(proxy.admin, "POST", "/api/events", &[JSON], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The positions of what a reader gets until it is closed, by the ids of the events, and what it is told then.
fn hear_out(reader: &mut Reader) -> (Vec<(u64, String)>, (u16, String)) {
    let mut heard = Vec::new();
    loop {
        match reader.0.read().unwrap() {
            Message::Text(text) => {
                let said: Value = serde_json::from_str(text.as_str()).unwrap();
                if let Some(id) = said["items"][0]["id"].as_u64() {
                    heard.push((id, said["position"].as_str().unwrap().to_owned()));
                }
            }
            Message::Close(Some(frame)) => return (heard, (frame.code.into(), frame.reason.to_string())),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn readers_leave_over_some_time_and_each_hears_up_to_where_it_got_everything() {
    const READERS: usize = 300;
    let mut proxy = proxy("drain_spread = \"2s\"");
    let mut readers: Vec<Reader> = (0..READERS)
        .map(|_| {
            let mut reader = proxy.reader("/ws?topic=author&since=");
            reader.next();
            reader
        })
        .collect();
    publish(&proxy, 1);
    let (is_over, begun) = (AtomicBool::new(false), Instant::now());
    proxy.process.signal("TERM");
    let ends: Vec<(u64, String)> = thread::scope(|scope| {
        scope.spawn(|| {
            for id in 2.. {
                // It may have ended when the last readers are heard out here.
                if is_over.load(Ordering::Relaxed)
                    || catch_unwind(AssertUnwindSafe(|| publish(&proxy, id))).is_err()
                {
                    break;
                }
            }
        });
        let ends = readers.iter_mut().map(|reader| {
            let (heard, (code, reason)) = hear_out(reader);
            assert!(heard.iter().map(|(id, _)| *id).eq(1..=heard.len() as u64), "{heard:?}");
            let (last, position) = heard.last().unwrap();
            assert_eq!((code, reason), (1012, format!("service restart; since={position}")));
            (*last, position.clone())
        });
        let ends = ends.collect();
        is_over.store(true, Ordering::Relaxed);
        ends
    });
    assert!(begun.elapsed() > Duration::from_millis(1500), "{:?}", begun.elapsed());
    let moments: BTreeSet<u64> = ends.iter().map(|(last, _)| *last).collect();
    assert!(moments.len() > 20, "they left at {moments:?}");
    let in_order = ends.iter().map(|(last, _)| *last);
    assert!(!in_order.is_sorted(), "who came first does not leave first");
    drop(readers);
    assert!(proxy.process.wait().success(), "{}", proxy.process.output());
}

#[test]
fn a_stream_of_events_ends_with_the_id_to_go_on_from() {
    let mut proxy = proxy("");
    let mut stream = Wire::connect(proxy.address);
    stream.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n").head_or_take("event: subscribed");
    publish(&proxy, 1);
    proxy.process.signal("TERM");
    let told = stream.rest();
    let id = |block: &str| block.lines().find_map(|line| line.strip_prefix("id: ")).map(ToOwned::to_owned);
    let blocks: Vec<&str> = told.split("\n\n").filter(|block| block.contains("id: ")).collect();
    let [.., event, close] = &blocks[..] else { panic!("{told}") };
    assert!(close.contains("event: close\ndata: {\"code\":1012,"), "{told}");
    assert_eq!((id(event), id(close).is_some()), (id(close), true), "{told}");
    assert!(proxy.process.wait().success());
}

#[test]
fn it_is_not_ready_at_once_and_goes_on_listening_as_long_as_it_is_told() {
    let mut proxy = proxy("drain_delay = \"2s\"");
    let begun = Instant::now();
    proxy.process.signal("TERM");
    let status = |path| request(proxy.admin, "GET", path, &[], b"").status;
    eventually("it is not ready", || (status("/readyz") == 503).then_some(()));
    assert_eq!(status("/healthz"), 200);
    let mut late = proxy.reader("/ws?topic=author&since=");
    late.next();
    publish(&proxy, 1);
    let (heard, (code, _)) = hear_out(&mut late);
    assert_eq!((heard.len(), code), (1, 1012));
    assert!(begun.elapsed() >= Duration::from_secs(2));
    eventually("new connections are refused", || TcpStream::connect(proxy.address).err());
    drop(late);
    assert!(proxy.process.wait().success());
}

#[test]
fn a_request_on_a_connection_that_was_idle_is_answered_as_its_last() {
    let origin = Origin::json(200, "{}");
    let mut proxy = Proxy::start(origin.address);
    let get = "GET /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut client = Wire::connect(proxy.address);
    let head = client.send(get).answer();
    assert_eq!((head.status, head.header("connection")), (200, Some("keep-alive")), "{head:?}");
    proxy.process.signal("TERM");
    eventually("it has stopped listening", || TcpStream::connect(proxy.address).err());
    let last = client.send(get).answer();
    assert_eq!((last.status, last.header("connection")), (200, Some("close")), "{last:?}");
    assert_eq!(client.rest(), "");
    assert!(proxy.process.wait().success());
}

#[test]
fn what_waits_for_a_reader_leaves_before_the_last_words() {
    const EVENTS: usize = 200;
    let mut proxy = Proxy::with(free_address(), &format!("{TABLES}[hub]\nqueue_bytes = \"16MiB\"\n"));
    let mut reader = proxy.reader("/ws?topic=author&since=");
    reader.next();
    // More than sockets hold: most of it waits.
    let padding = "x".repeat(20_000);
    let record = format!(
        r#"{{"model":"author","operation":"update","id":1,"record":{{"x":"{padding}"}},"audience":"everyone"}}"#
    );
    for _ in 0..EVENTS {
        let answer = request(proxy.admin, "POST", "/api/events", &[JSON], record.as_bytes());
        assert_eq!(answer.status, 200);
    }
    proxy.process.signal("TERM");
    proxy.process.line("realtime connections leave");
    let (heard, (code, reason)) = hear_out(&mut reader);
    let last = &heard.last().unwrap().1;
    assert_eq!((code, heard.len(), reason), (1012, EVENTS, format!("service restart; since={last}")));
    drop(reader);
    assert!(proxy.process.wait().success());
}

#[test]
fn a_request_that_runs_holds_up_nobody_and_its_event_reaches_who_is_still_there() {
    let (origin, got, go_on) = waiting("HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{\"id\":7}");
    let upstream = format!("servers = [\"http://{origin}\"]");
    let mut proxy = Proxy::with_server("drain_spread = \"3s\"", &upstream, TABLES);
    let mut readers: Vec<Reader> = (0..300)
        .map(|_| {
            let mut reader = proxy.reader("/ws?topic=author&since=");
            reader.next();
            reader
        })
        .collect();
    let mut writer = TcpStream::connect(proxy.address).unwrap();
    writer.write_all(b"POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").unwrap();
    got.recv_timeout(DEADLINE).unwrap();
    proxy.process.signal("TERM");
    proxy.process.line("realtime connections leave");
    go_on.send(()).unwrap();
    assert_eq!(Wire::of(writer).answer().status, 201);
    let heard = readers.iter_mut().map(hear_out).filter(|(heard, _)| !heard.is_empty()).count();
    assert!(heard > 0, "nobody was there any more");
    drop(readers);
    assert!(proxy.process.wait().success());
}
