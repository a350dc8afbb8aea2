//! One write, one event: whatever the writer does before it has its answer, and whatever becomes of the
//! connection to the backend.

use std::net::{Shutdown, SocketAddr};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::json;

use crate::harness::*;
use crate::wire::*;

const POST: &str = "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
const UNCERTAIN: &str = "restcast_captures_total{outcome=\"uncertain\",route=\"/api/authors/{id}\"}";

/// How a writer leaves; what it gives back stays until the end of the test.
type Leave = fn(Wire) -> Option<Wire>;

const LEAVING: [(&str, Leave); 3] = [
    ("closes", |_| None),
    ("resets", |wire| {
        wire.reset();
        None
    }),
    ("closes its half", |wire| {
        wire.stream().shutdown(Shutdown::Write).unwrap();
        Some(wire)
    }),
];

/// The answer in the parts between which the writer leaves: head, first half, second half.
fn answers() -> [[String; 3]; 3] {
    let name = "x".repeat(20_000);
    let (first, second) = (r#"{"id":42,"#.to_owned(), format!(r#""name":"{name}"}}"#));
    let length = first.len() + second.len();
    [
        [format!("HTTP/1.1 201 Created\r\nContent-Length: {length}\r\n\r\n"), first.clone(), second.clone()],
        [
            "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            format!("{:x}\r\n{first}\r\n", first.len()),
            format!("{:x}\r\n{second}\r\n0\r\n\r\n", second.len()),
        ],
        ["HTTP/1.1 201 Created\r\n\r\n".to_owned(), first, second],
    ]
}

/// A backend that sends the parts of its answer one by one, when it is told to.
struct Stepwise {
    address: SocketAddr,
    got: Receiver<()>,
    go_on: Sender<()>,
}

impl Stepwise {
    fn start(parts: [String; 3]) -> Self {
        let ((seen, got), (go_on, told)) = (channel(), channel::<()>());
        let told = Mutex::new(told);
        let seen = Mutex::new(seen);
        let address = backend(move |_, mut wire| {
            if wire.head().0.is_empty() {
                return;
            }
            wire.take(2);
            seen.lock().unwrap().send(()).unwrap();
            for part in &parts {
                told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
                wire.send(part);
            }
        });
        Self { address, got, go_on }
    }
}

#[test]
fn a_writer_that_leaves_at_any_moment_leaves_its_event_behind() {
    for parts in answers() {
        for (how, leave) in LEAVING {
            for stage in 0..3 {
                let origin = Stepwise::start(parts.clone());
                let proxy = Proxy::start(origin.address);
                let mut reader = proxy.reader("/ws");
                let mut writer = Wire::connect(proxy.address);
                writer.send(POST);
                origin.got.recv_timeout(DEADLINE).unwrap();
                for part in &parts[..stage] {
                    origin.go_on.send(()).unwrap();
                    writer.head_or_take(part);
                }
                let _left = leave(writer);
                // The proxy has noticed by now if it ever will: a request on another connection went through.
                proxy.get("/ws");
                for _ in stage..3 {
                    origin.go_on.send(()).unwrap();
                }
                let event = reader.next();
                let name = event["payload"]["name"].as_str().map(str::len);
                assert_eq!(
                    (&event["id"], name),
                    (&json!(42), Some(20_000)),
                    "{how} at {stage}: {}",
                    parts[0]
                );
            }
        }
    }
}

#[test]
fn a_writer_without_a_body_that_leaves_leaves_its_event_behind() {
    let (origin, got, go_on) = waiting("HTTP/1.1 204 No Content\r\n\r\n");
    let proxy = Proxy::start(origin);
    let mut reader = proxy.reader("/ws");
    let mut writer = Wire::connect(proxy.address);
    writer.send("DELETE /api/authors/7 HTTP/1.1\r\nHost: h\r\n\r\n");
    got.recv_timeout(DEADLINE).unwrap();
    writer.reset();
    proxy.get("/ws");
    go_on.send(()).unwrap();
    assert_eq!(reader.next()["id"], 7);
}

#[test]
fn a_writer_that_closes_its_half_gets_its_whole_answer() {
    let parts = &answers()[0];
    let origin = Stepwise::start(parts.clone());
    let proxy = Proxy::start(origin.address);
    let mut writer = Wire::connect(proxy.address);
    writer.send(POST).stream().shutdown(Shutdown::Write).unwrap();
    origin.got.recv_timeout(DEADLINE).unwrap();
    for _ in 0..3 {
        origin.go_on.send(()).unwrap();
    }
    assert_eq!(writer.answer().text(), format!("{}{}", parts[1], parts[2]));
}

#[test]
fn a_writer_that_closes_its_half_hears_that_its_backend_stalls() {
    let ((seen, got), (go_on, told)) = (channel(), channel::<()>());
    let (seen, told) = (Mutex::new(seen), Mutex::new(told));
    let origin = backend(move |_, mut wire| {
        if wire.head().0.is_empty() {
            return;
        }
        wire.take(2);
        seen.lock().unwrap().send(()).unwrap();
        told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        wire.send("HTTP/1.1 201 Crea").rest();
    });
    let upstream = format!("servers = [\"http://{origin}\"]\nread_timeout = \"2s\"");
    let proxy = Proxy::with_upstream(&upstream, &tables());
    let mut writer = Wire::connect(proxy.address);
    writer.send(POST).stream().shutdown(Shutdown::Write).unwrap();
    got.recv_timeout(DEADLINE).unwrap();
    // It is noticed by now, so the time that an exchange has without its writer runs.
    proxy.get("/ws");
    // The time that the backend has begins anew.
    go_on.send(()).unwrap();
    assert_eq!(writer.answer().status, 504);
}

/// A writer that takes event streams has no timeout of its own upstream.
#[test]
fn a_writer_that_leaves_an_endless_exchange_does_not_keep_it_up() {
    let heads = ["", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"];
    for head in heads {
        let ((seen, got), (ended, end)) = (channel(), channel());
        let (seen, ended) = (Mutex::new(seen), Mutex::new(ended));
        let origin = backend(move |_, mut wire| {
            if wire.head().0.is_empty() {
                return;
            }
            wire.take(2);
            wire.send(head);
            seen.lock().unwrap().send(()).unwrap();
            ended.lock().unwrap().send(wire.rest()).unwrap();
        });
        let proxy = Proxy::with_upstream(
            &format!("servers = [\"http://{origin}\"]\nread_timeout = \"100ms\""),
            &format!("{AUTHOR_ROUTE}{WS_ENDPOINT}"),
        );
        let mut reader = proxy.reader("/ws");
        let mut writer = Wire::connect(proxy.address);
        writer.send(POST.replace("\r\n\r\n", "\r\nAccept: text/event-stream\r\n\r\n"));
        got.recv_timeout(DEADLINE).unwrap();
        writer.head_or_take(head);
        writer.reset();
        assert_eq!(end.recv_timeout(DEADLINE).as_deref(), Ok(""), "{head}");
        if head.is_empty() {
            eventually("the doubt is counted", || (proxy.metric(UNCERTAIN) == 1.0).then_some(()));
            reader.expect_silence();
        } else {
            assert_eq!(reader.next()["method"], "POST");
        }
    }
}

#[test]
fn a_writer_that_leaves_before_its_request_is_whole_gives_no_event() {
    let origin = backend(|_, mut wire| {
        if !wire.head().0.is_empty() {
            wire.rest();
        }
    });
    let proxy = Proxy::start(origin);
    let mut reader = proxy.reader("/ws");
    let mut writer = Wire::connect(proxy.address);
    writer.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n{");
    drop(writer);
    let unsent = "restcast_captures_total{outcome=\"unsent\",route=\"/api/authors/{id}\"}";
    eventually("the capture ends", || (proxy.metric(unsent) == 1.0).then_some(()));
    reader.expect_silence();
}

/// A backend whose connections answer their first `good` writes, and end the next one in their own way.
fn breaking(good: usize, end: fn(Wire)) -> (SocketAddr, Receiver<String>) {
    let (seen, got) = channel();
    let seen = Mutex::new(seen);
    let address = backend(move |_, mut wire| {
        for number in 0.. {
            let (line, _) = wire.head();
            if line.is_empty() {
                return;
            }
            wire.take(2);
            seen.lock().unwrap().send(line).unwrap();
            if number == good {
                return end(wire);
            }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"id\":7}");
        }
    });
    (address, got)
}

#[test]
fn a_write_whose_upstream_dies_is_uncertain_and_was_sent_once() {
    let ends: [fn(Wire); 2] = [drop, Wire::reset];
    for end in ends {
        for good in 0..2 {
            let (address, got) = breaking(good, end);
            let proxy = Proxy::start(address);
            let mut reader = proxy.reader("/ws");
            let mut writer = Wire::connect(proxy.address);
            for _ in 0..good {
                assert_eq!(writer.send(POST).answer().status, 200);
                assert_eq!(reader.next()["id"], 7);
            }
            assert_eq!(writer.send(POST).answer().status, 502);
            eventually("the doubt is counted", || (proxy.metric(UNCERTAIN) == 1.0).then_some(()));
            reader.expect_silence();
            assert_eq!(got.try_iter().count(), good + 1);
        }
    }
}

#[test]
fn a_write_whose_upstream_is_too_slow_is_uncertain() {
    let origin = backend(|_, mut wire| drop((wire.head(), wire.rest())));
    let proxy = Proxy::with_upstream(
        &format!("servers = [\"http://{origin}\"]\nread_timeout = \"100ms\""),
        &tables(),
    );
    let mut reader = proxy.reader("/ws");
    assert_eq!(proxy.send("POST", "/api/authors", "{}").status, 504);
    eventually("the doubt is counted", || (proxy.metric(UNCERTAIN) == 1.0).then_some(()));
    reader.expect_silence();
}

#[test]
fn a_write_that_reached_no_upstream_is_no_doubt() {
    let proxy = Proxy::start(free_address());
    assert_eq!(proxy.send("POST", "/api/authors", "{}").status, 502);
    let unsent = "restcast_captures_total{outcome=\"unsent\",route=\"/api/authors/{id}\"}";
    eventually("the capture ends", || (proxy.metric(unsent) == 1.0).then_some(()));
    assert_eq!(proxy.metric(UNCERTAIN), 0.0);
}

#[test]
fn a_put_that_was_sent_again_gives_one_event() {
    // The first connection breaks at its second write, which then goes to a second connection.
    let (address, got) = breaking(1, Wire::reset);
    let proxy = Proxy::start(address);
    let mut reader = proxy.reader("/ws");
    let mut writer = Wire::connect(proxy.address);
    let put = "PUT /api/authors/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    for _ in 0..2 {
        assert_eq!(writer.send(put).answer().status, 200);
        assert_eq!(reader.next()["id"], 7);
    }
    reader.expect_silence();
    assert_eq!(got.try_iter().count(), 3);
    assert_eq!(proxy.metric(UNCERTAIN), 0.0);
}

/// pingora repeats what may be repeated (RFC 9110, section 9.2.2), and only where the backend may have hung
/// up before it saw anything.
#[test]
fn a_request_is_sent_again_only_if_it_may_be_and_its_connection_was_used_before() {
    let ends: [fn(Wire); 2] = [drop, Wire::reset];
    for (method, repeatable) in [("POST", false), ("PATCH", false), ("PUT", true), ("DELETE", true)] {
        for (good, end) in [(0, ends[0]), (0, ends[1]), (1, ends[0]), (1, ends[1])] {
            let (address, got) = breaking(good, end);
            let proxy = Proxy::start(address);
            let mut writer = Wire::connect(proxy.address);
            let write = POST.replacen("POST", method, 1);
            for _ in 0..good {
                assert_eq!(writer.send(&write).answer().status, 200);
            }
            let again = repeatable && good == 1;
            let status = writer.send(&write).answer().status;
            let sent = got.try_iter().count();
            let expected = (if again { 200 } else { 502 }, good + 1 + usize::from(again));
            assert_eq!((status, sent), expected, "{method} after {good}");
        }
    }
}

#[test]
fn an_answer_that_breaks_off_still_says_what_was_written() {
    let head = "HTTP/1.1 201 Created\r\nLocation: /api/authors/9\r\n";
    for (framing, part) in
        [("Content-Length: 90", "{\"id\":9,"), ("Transfer-Encoding: chunked", "4\r\n{\"id\r\n")]
    {
        let answer = format!("{head}{framing}\r\n\r\n{part}");
        let origin = backend(move |_, mut wire| {
            if !wire.head().0.is_empty() {
                wire.take(2);
                wire.send(&answer);
            }
        });
        let proxy = Proxy::start(origin);
        let mut reader = proxy.reader("/ws");
        let mut writer = Wire::connect(proxy.address);
        writer.send(POST).rest();
        let event = reader.next();
        assert_eq!((&event["id"], &event["payload"]), (&json!(9), &json!(null)));
    }
}

/// As Java's HTTP client and `curl --http2` do with every first request.
#[test]
fn a_write_that_offers_an_upgrade_gives_its_event() {
    let origin = Origin::json(201, "{\"id\":42}");
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    for offer in ["h2c", "websocket", "TLS/1.0"] {
        let headers = [("Upgrade", offer), ("Connection", "Upgrade")];
        let answer = request(proxy.address, "POST", "/api/authors", &headers, b"{}");
        assert_eq!((answer.status, &reader.next()["id"]), (201, &json!(42)), "{offer}");
    }
}

#[test]
fn the_events_of_one_connection_come_in_the_order_of_its_writes() {
    let origin = Origin::start(|request, stream| {
        let body = String::from_utf8_lossy(&request.body);
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        std::io::Write::write_all(stream, answer.as_bytes()).is_ok()
    });
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    let mut writer = Wire::connect(proxy.address);
    let write = |id: usize| {
        let body = format!("{{\"id\":{id}}}");
        format!("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for id in 0..50 {
        assert_eq!(writer.send(write(id)).answer().status, 201);
    }
    writer.send((50..100).map(write).collect::<String>());
    for _ in 50..100 {
        assert_eq!(writer.answer().status, 201);
    }
    for id in 0..100 {
        assert_eq!(reader.next()["id"], id);
    }
}
