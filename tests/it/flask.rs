//! A backend on Flask that wraps its records, compresses its answers in every coding, and has server-sent
//! events and a WebSocket of its own.

use std::io::{BufRead, BufReader, Write as _};

use serde_json::{Value, json};

use crate::harness::*;
use crate::tools::{self, Backend};

const ROUTES: &str = r#"
[[route]]
path = "/api/books/{id}"
model = "book"
record = "/data"
[[route]]
path = "/api/books/bulk"
model = "book"
list = "/items"
[[route]]
path = "/api/books/located"
model = "book"
[[route]]
path = "/api/books/huge"
model = "book"
record = "/data"
[[route]]
path = "/api/books/fail"
model = "book"
record = "/data"
"#;

fn library() -> Option<(Backend, Proxy)> {
    let backend = tools::python()?.flask();
    let proxy = Proxy::with(backend.address, &format!("{ROUTES}{WS_ENDPOINT}"));
    Some((backend, proxy))
}

/// What an event says, without its time.
fn told(reader: &mut Reader) -> Value {
    let event = reader.next();
    json!([event["method"], event["id"], event["many"], event["payload"]])
}

#[test]
fn a_record_is_read_out_of_its_envelope_in_every_coding() {
    let Some((_backend, proxy)) = library() else { return };
    let mut reader = proxy.reader("/ws?topic=book");
    let codings = ["gzip", "deflate", "deflate-raw", "br", "zstd", "identity"];
    for (coding, id) in codings.iter().zip(1..) {
        let book = json!({"title": format!("Über {coding}"), "text": "lorem ipsum ".repeat(100)});
        let answer = proxy.send("POST", &format!("/api/books?coding={coding}"), &book.to_string());
        assert_eq!(answer.status, 201);
        let named = answer.header("content-encoding").unwrap_or("identity");
        assert!(coding.starts_with(named), "{coding} came as {named}");
        let record = json!({"title": book["title"], "text": book["text"], "id": id});
        assert_eq!(told(&mut reader), json!(["POST", id, false, record]), "{coding}");
    }
}

#[test]
fn a_compressed_answer_passes_untouched() {
    let Some((backend, proxy)) = library() else { return };
    proxy.send("POST", "/api/books", r#"{"title":"Notes"}"#);
    for coding in ["gzip", "deflate", "deflate-raw", "br", "zstd", "identity"] {
        let path = format!("/api/books/1?coding={coding}");
        let direct = request(backend.address, "PUT", &path, &[("Content-Type", "application/json")], b"{}");
        let proxied = proxy.send("PUT", &path, "{}");
        // The time stands in the header of a gzip file.
        let skip = if coding == "gzip" { 8 } else { 0 };
        assert_eq!(proxied.body[skip..], direct.body[skip..], "{coding}");
        assert_eq!(proxied.header("content-encoding"), direct.header("content-encoding"));
    }
}

#[test]
fn updates_and_a_deletion_without_body_are_told() {
    let Some((_backend, proxy)) = library() else { return };
    let mut reader = proxy.reader("/ws");
    proxy.send("POST", "/api/books", r#"{"title":"Notes","pages":10}"#);
    proxy.send("PATCH", "/api/books/1", r#"{"pages":11}"#);
    proxy.send("PUT", "/api/books/1", r#"{"title":"New notes"}"#);
    assert_eq!(proxy.send("DELETE", "/api/books/1", "").status, 204);
    assert_eq!(told(&mut reader), json!(["POST", 1, false, {"title": "Notes", "pages": 10, "id": 1}]));
    assert_eq!(told(&mut reader), json!(["PATCH", 1, false, {"title": "Notes", "pages": 11, "id": 1}]));
    assert_eq!(told(&mut reader), json!(["PUT", 1, false, {"title": "New notes", "id": 1}]));
    assert_eq!(told(&mut reader), json!(["DELETE", 1, false, null]));
}

#[test]
fn a_bulk_answer_is_one_event_with_all_its_records() {
    let Some((_backend, proxy)) = library() else { return };
    let mut reader = proxy.reader("/ws");
    let mut second = proxy.reader("/ws?topic=book/2");
    proxy.send("POST", "/api/books/bulk", r#"[{"title":"One"},{"title":"Two"}]"#);
    let expected = json!(["POST", null, true, [{"title": "One", "id": 1}, {"title": "Two", "id": 2}]]);
    assert_eq!(told(&mut reader), expected);
    assert_eq!(told(&mut second), expected);
}

#[test]
fn an_answer_with_nothing_but_a_location_tells_the_id() {
    let Some((_backend, proxy)) = library() else { return };
    let mut reader = proxy.reader("/ws");
    proxy.send("POST", "/api/books/located", r#"{"title":"Notes"}"#);
    assert_eq!(told(&mut reader), json!(["POST", 1, false, null]));
}

#[test]
fn an_answer_over_the_limit_is_told_without_its_record() {
    let Some((_backend, proxy)) = library() else { return };
    let mut reader = proxy.reader("/ws");
    for coding in ["identity", "gzip", "zstd"] {
        let path = format!("/api/books/huge?bytes=3000000&coding={coding}");
        let answer = proxy.send("POST", &path, r#"{"title":"Long"}"#);
        assert_eq!(answer.status, 201);
        assert_eq!(told(&mut reader), json!(["POST", null, false, null]), "{coding}");
    }
    let series = "restcast_captures_total{outcome=\"too_large\",route=\"/api/books/huge\"}";
    eventually("three are counted", || (proxy.metric(series) >= 3.0).then_some(()));
}

#[test]
fn a_refused_write_is_not_told() {
    let Some((_backend, proxy)) = library() else { return };
    let mut reader = proxy.reader("/ws");
    for status in [400, 409, 422, 500] {
        assert_eq!(proxy.send("POST", &format!("/api/books/fail?status={status}"), "{}").status, status);
    }
    assert_eq!(proxy.send("PATCH", "/api/books/99", "{}").status, 404);
    proxy.send("POST", "/api/books", r#"{"title":"Notes"}"#);
    assert_eq!(told(&mut reader), json!(["POST", 1, false, {"title": "Notes", "id": 1}]));
}

#[test]
fn server_sent_events_pass_one_by_one() {
    let Some((_backend, proxy)) = library() else { return };
    let mut stream = connect(proxy.address);
    let head =
        format!("GET /api/events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n", proxy.address);
    stream.write_all(head.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    let (line, _) = read_head(&mut stream);
    assert!(line.contains(" 200 "), "{line}");
    let mut until = |part: &str| loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended before {part}");
        if line.contains(part) {
            break;
        }
    };
    // Each comes before the next is released.
    for number in 0..3 {
        until(&format!(r#"data: {{"number": {number}}}"#));
        assert_eq!(proxy.send("POST", "/api/events/next", "").status, 204);
    }
}

#[test]
fn the_backends_own_websocket_passes() {
    let Some((_backend, proxy)) = library() else { return };
    let mut socket = proxy.reader("/backend-ws");
    for message in ["hello", "Grüße 🎈", &"long ".repeat(50_000)] {
        socket.send(message);
        assert_eq!(socket.next_text(), message);
    }
    // How it closes is not compared: Werkzeug writes an HTTP answer into the closing connection, now and then
    // before its close frame, also without a proxy.
}
