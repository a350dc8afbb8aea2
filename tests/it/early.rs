//! Answers that come before the request's end: the client gets them at once and whole, and learns as soon
//! as a direct one whether its connection goes on.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use crate::harness::*;
use crate::wire::*;

const EXPECTING: &str =
    "POST /api/authors HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
const UPLOADING: &str = "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n";

/// A backend that gives `answer` to the head of a request and then reads what comes, until it is hung up on.
fn hasty(answer: &'static str) -> (SocketAddr, Receiver<String>) {
    let (ended, end) = channel();
    let ended = Mutex::new(ended);
    let address = backend(move |_, mut wire| {
        if !wire.head().0.is_empty() {
            wire.send(answer);
            drop(ended.lock().unwrap().send(wire.rest()));
        }
    });
    (address, end)
}

#[test]
fn a_connection_ends_with_the_answer_that_refuses_an_expectation() {
    for (answer, body) in [
        ("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", "no"),
        ("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 401 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", "no"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{\"id\":7}", "{\"id\":7}"),
    ] {
        let (origin, end) = hasty(answer);
        let proxy = Proxy::start(origin);
        let mut reader = proxy.reader("/ws");
        let mut client = Wire::connect(proxy.address);
        let got = client.send(EXPECTING).answer();
        assert_eq!((got.text().as_str(), got.header("connection")), (body, Some("close")), "{answer}");
        assert_eq!(client.rest(), "", "{answer}");
        if got.status < 300 {
            assert_eq!(reader.next()["payload"].to_string(), if body.is_empty() { "null" } else { body });
        }
        drop(client);
        assert_eq!(end.recv_timeout(DEADLINE).as_deref(), Ok(""), "{answer}");
    }
}

#[test]
fn a_connection_outlives_a_request_whose_expectation_was_met() {
    let origin = backend(|_, mut wire| {
        while !wire.head().0.is_empty() {
            wire.send("HTTP/1.1 100 Continue\r\n\r\n").take(4);
            wire.send("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let proxy = Proxy::start(origin);
    let mut client = Wire::connect(proxy.address);
    for _ in 0..3 {
        assert_eq!(client.send(EXPECTING).head().0, "HTTP/1.1 100 Continue");
        let answer = client.send("body").answer();
        assert_eq!((answer.text().as_str(), answer.header("connection")), ("ok", Some("keep-alive")));
    }
}

#[test]
fn an_answer_that_takes_its_time_is_not_cut_because_it_refuses_an_expectation() {
    let (read, go_on) = channel::<()>();
    let go_on = Mutex::new(go_on);
    let origin = backend(move |_, mut wire| {
        if !wire.head().0.is_empty() {
            wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\nhalf");
            go_on.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            wire.send("half");
            wire.rest();
        }
    });
    let proxy = Proxy::start(origin);
    let mut client = Wire::connect(proxy.address);
    client.send(EXPECTING).head();
    assert_eq!(client.take(4), "half");
    client.expect_silence(SILENCE);
    read.send(()).unwrap();
    assert_eq!((client.take(4).as_str(), client.rest().as_str()), ("half", ""));
}

#[test]
fn a_body_that_was_on_its_way_when_its_expectation_was_refused_does_not_cost_the_answer() {
    let (seen, body) = channel();
    let seen = Mutex::new(seen);
    let origin = backend(move |_, mut wire| {
        if !wire.head().0.is_empty() {
            wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
            seen.lock().unwrap().send(wire.take(4)).unwrap();
        }
    });
    let proxy = Proxy::start(origin);
    let mut client = Wire::connect(proxy.address);
    client.send(EXPECTING).head();
    // The client hears at once that this was all, and may go on sending for a while.
    assert_eq!((client.take(2).as_str(), client.rest().as_str()), ("no", ""));
    client.send("body");
    assert_eq!(body.recv_timeout(DEADLINE).as_deref(), Ok("body"));
}

#[test]
fn a_connection_ends_with_an_early_answer_after_which_the_backend_hangs_up() {
    let (origin, end) = hasty("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    let proxy = Proxy::start(origin);
    let mut client = Wire::connect(proxy.address);
    client.send(UPLOADING).send("half");
    let answer = client.answer();
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("no", Some("close")));
    assert_eq!(client.rest(), "");
    drop(client);
    assert_eq!(end.recv_timeout(DEADLINE).as_deref(), Ok("half"));
}

#[test]
fn a_connection_outlives_an_early_answer_after_which_the_backend_reads_on() {
    let (seen, bodies) = channel();
    let seen = Mutex::new(seen);
    let origin = backend(move |_, mut wire| {
        while !wire.head().0.is_empty() {
            wire.send("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
            seen.lock().unwrap().send(wire.take(8)).unwrap();
        }
    });
    let proxy = Proxy::start(origin);
    let mut reader = proxy.reader("/ws");
    let mut client = Wire::connect(proxy.address);
    for _ in 0..3 {
        let answer = client.send(UPLOADING).send("half").answer();
        assert_eq!((answer.text().as_str(), answer.header("connection")), ("ok", Some("keep-alive")));
        client.send("half");
        assert_eq!(bodies.recv_timeout(DEADLINE).as_deref(), Ok("halfhalf"));
        assert_eq!(reader.next()["method"], "POST");
    }
    // And so do requests that were sent behind it.
    client.send(UPLOADING).send("half").answer();
    client.send(format!("half{UPLOADING}12345678{UPLOADING}87654321"));
    for body in ["halfhalf", "12345678", "87654321"] {
        assert_eq!(bodies.recv_timeout(DEADLINE).as_deref(), Ok(body));
    }
    assert_eq!((client.answer().text(), client.answer().text()), ("ok".to_owned(), "ok".to_owned()));
}

#[test]
fn an_early_answer_of_a_backend_that_breaks_off_reaches_a_client_that_still_sends() {
    let ends: [fn(Wire); 3] = [drop, Wire::reset, |mut wire| {
        wire.stream().shutdown(Shutdown::Write).unwrap();
        wire.rest();
    }];
    for end in ends {
        for (size, close) in [
            (1 << 13, ""),
            (1 << 23, ""),
            (1 << 13, "Connection: close\r\n"),
            (1 << 23, "Connection: close\r\n"),
        ] {
            check_break_off(size, close, end);
        }
    }
}

fn check_break_off(size: usize, close: &'static str, end: fn(Wire)) {
    let origin = backend(move |_, mut wire| {
        if !wire.head().0.is_empty() {
            wire.send(format!("HTTP/1.1 413 Too Large\r\n{close}Content-Length: 2\r\n\r\nno"));
            wire.take(1 << 10);
            end(wire);
        }
    });
    let proxy = Proxy::start(origin);
    let mut client = connect(proxy.address);
    write!(client, "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n").unwrap();
    client.write_all(&vec![b'x'; size]).unwrap();
    let answer = Wire::of(client).answer();
    assert_eq!((answer.status, answer.text().as_str()), (413, "no"), "{size} {close}");
}
