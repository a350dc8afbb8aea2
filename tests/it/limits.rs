//! What does not pass as it is. What pingora leaves out is said in the README: the rest of such a message
//! arrives, and the connection goes on. What would arrive as something else is refused.

use crate::harness::*;
use crate::wire::*;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// === left out ===

#[test]
fn trailers_of_an_answer_that_are_too_large_are_left_out() {
    let origin = Origin::fixed(format!("{CHUNKED}2\r\nok\r\n0\r\nX-Sum: {}\r\n\r\n", "x".repeat(5000)));
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head();
        assert_eq!(client.take(12), "2\r\nok\r\n0\r\n\r\n");
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
