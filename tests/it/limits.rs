//! What does not pass as it is. What pingora leaves out is said in the README: the rest of such a message
//! arrives, and the connection goes on. What would arrive as something else is refused.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use crate::harness::*;
use crate::wire::*;

// === left out ===

#[test]
fn trailers_of_an_answer_are_left_out_wherever_they_are_split() {
    let answer = "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                  8\r\n{\"id\":7}\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n";
    let splits = answer.find("8\r\n").unwrap()..answer.len();
    let ((sent, told), count) = (channel(), splits.len());
    let told = Mutex::new(told);
    let origin = backend(move |_, mut wire| {
        for at in splits.clone() {
            if wire.head().0.is_empty() {
                return;
            }
            let (one, two) = answer.split_at(at);
            wire.send(one);
            told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            wire.send(two);
        }
    });
    let proxy = Proxy::start(origin);
    let mut reader = proxy.reader("/ws");
    let mut client = Wire::connect(proxy.address);
    for _ in 0..count {
        client.send("PUT /api/authors/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        let (_, headers) = client.head();
        sent.send(()).unwrap();
        assert_eq!(find_header(&headers, "trailer"), Some("X-Sum"));
        assert_eq!(client.chunks(), "{\"id\":7}");
        assert_eq!(reader.next()["payload"]["id"], 7);
    }
}

#[test]
fn trailers_of_a_request_are_left_out() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    for _ in 0..2 {
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send("2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n");
        assert_eq!(client.answer().status, 200);
    }
    for request in origin.requests() {
        assert_eq!((request.body.as_slice(), request.header("trailer")), (&b"ok"[..], None));
    }
}

#[test]
fn a_reason_phrase_outside_of_ascii_is_left_out() {
    let origin = Origin::fixed("HTTP/1.1 404 Pas trouv\u{e9}\r\nContent-Length: 2\r\n\r\nno");
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    let (line, _) = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head();
    assert_eq!((line.trim_end(), client.take(2).as_str()), ("HTTP/1.1 404", "no"));
}

#[test]
fn events_that_were_not_asked_for_must_come_within_the_read_timeout() {
    let origin = backend(|_, mut wire| {
        if !wire.head().0.is_empty() {
            wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
            wire.rest();
        }
    });
    let upstream = format!("servers = [\"http://{origin}\"]\nread_timeout = \"300ms\"");
    let proxy = Proxy::with_upstream(&upstream, &tables());
    let mut client = Wire::connect(proxy.address);
    client.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n").head();
    assert_eq!(client.rest(), "9\r\ndata: 1\n\n\r\n");
}

// === refused ===

/// pingora takes the list of codings from a request and frames its body anew, so a body that is more than
/// chunked would arrive as something else.
#[test]
fn a_request_in_a_transfer_coding_that_would_be_lost_is_refused() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    for codings in ["gzip, chunked", "chunked, chunked", "gzip\r\nTransfer-Encoding: chunked"] {
        let mut client = Wire::connect(proxy.address);
        let head = format!("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {codings}\r\n\r\n");
        client.send(head).send("2\r\nok\r\n0\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (501, Some("close")), "{codings}");
        assert_eq!(client.rest(), "");
    }
    assert!(origin.requests().is_empty());
    let mut client = Wire::connect(proxy.address);
    client.send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    assert_eq!((client.answer().status, origin.requests()[0].body.as_slice()), (200, &b"ok"[..]));
}

#[test]
fn a_target_that_is_no_path_is_refused_and_not_taken_for_the_root() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    for line in ["GET a", "GET  /a", "GET a/b:1", "DELETE h:80", "GET mailto:x", "GET ?a"] {
        let mut client = Wire::connect(proxy.address);
        let answer = client.send(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n")).answer();
        assert_eq!(answer.status, 400, "{line}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn a_tunnel_is_refused_like_anything_else() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    for target in ["h:80", "/ws"] {
        let mut client = Wire::connect(proxy.address);
        let answer = client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).answer();
        assert_eq!((answer.status, answer.header("content-type")), (405, Some("application/json")));
        // What the client sends into its tunnel must not be taken for requests.
        assert_eq!((answer.header("connection"), client.rest().as_str()), (Some("close"), ""));
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn a_head_of_too_many_headers_is_refused_at_either_end() {
    let headers: String = (0..300).map(|number| format!("X-{number}: 1\r\n")).collect();
    let origin = Origin::fixed(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 2\r\n\r\nok"));
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    let answer = client.send(format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n")).answer();
    assert_eq!((answer.status, client.rest().as_str()), (400, ""));
    assert!(origin.requests().is_empty());
    assert_eq!(proxy.get("/").status, 502);
}
