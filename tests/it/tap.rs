//! Every answer of a backend gives the event that it should: each case is a write, the bytes that the
//! backend answers with, and what a reader then sees.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::*;

const TABLES: &str = r#"
[tap]
body_limit = "4KiB"
decoded_limit = "16KiB"

[[route]]
path = "/api/authors/{id}"
model = "author"

[[route]]
path = "/api/authors/{author_id}/books/{id}"
model = "book"

[[route]]
path = "/api/v1/orders/{id}"
model = "order"
record = "/data"
list = "/items"
id = "/meta/id"

[[route]]
path = "/api/v1/orders/{id}/cancel"
model = "order"
action = "cancel"

[[route]]
path = "/api/people/me"
model = "person"
fields = ["name", "id"]

[[endpoint]]
path = "/ws"
dialect = "flarchitect"
"#;

/// A backend that answers with the body of the request, which is a whole answer.
struct Bench {
    proxy: Proxy,
    reader: Reader,
}

impl Bench {
    fn new() -> Self {
        let origin = Origin::start(|request, stream| {
            drop(stream.write_all(&request.body));
            let answer = String::from_utf8_lossy(&request.body);
            // Only the end of the connection tells where such an answer ends.
            answer.contains("Content-Length") || answer.contains("chunked") || answer.contains(" 204 ")
        });
        let proxy = Proxy::with(origin.address, TABLES);
        let reader = proxy.reader("/ws");
        Self { proxy, reader }
    }

    fn write(&self, method: &str, path: &str, answer: impl AsRef<[u8]>) {
        let got = request(self.proxy.address, method, path, &[], answer.as_ref());
        let status: u16 = String::from_utf8_lossy(&answer.as_ref()[9..12]).parse().unwrap();
        assert_eq!(got.status, status, "{method} {path}");
    }

    /// The frame of the one event that a write gives.
    fn event(&mut self, method: &str, path: &str, answer: impl AsRef<[u8]>) -> Value {
        self.write(method, path, answer);
        let event = self.reader.next();
        assert_eq!(event["method"], method, "{event}");
        event
    }

    /// Writes and checks id, `many` and payload.
    fn check(&mut self, write: (&str, &str), answer: impl AsRef<[u8]>, expected: (Value, bool, Value)) {
        let said = String::from_utf8_lossy(answer.as_ref()).into_owned();
        let event = self.event(write.0, write.1, answer);
        let got = (event["id"].clone(), event["many"] == true, event["payload"].clone());
        let (id, many, payload) = expected;
        assert_eq!(got, (id, many, payload), "{write:?} {said}");
    }

    fn captures(&self, outcome: &str, route: &str) -> f64 {
        self.proxy.metric(&format!("restcast_captures_total{{outcome=\"{outcome}\",route=\"{route}\"}}"))
    }
}

const AUTHORS: &str = "/api/authors/{id}";

/// An answer with a body of known length.
fn answer(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = body.as_ref().len();
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

fn json_answer(head: &str, body: &str) -> Vec<u8> {
    answer(&format!("{head}\r\nContent-Type: application/json"), body)
}

#[test]
fn every_way_to_send_a_record_gives_it_to_readers() {
    let mut bench = Bench::new();
    let ada = json!({"id": 42, "name": "Ada"});
    let text = ada.to_string();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n\
                   6;a=b\r\n{\"id\":\r\n11\r\n42,\"name\":\"Ada\" }\r\n0\r\n\r\n";
    let answers = [
        json_answer("201 Created", &text),
        answer("200 OK\r\nContent-Type: application/vnd.api+json; charset=utf-8", &text),
        answer("203 Non-Authoritative", &text),
        chunked.as_bytes().to_vec(),
        format!("HTTP/1.1 200 OK\r\n\r\n{text}").into_bytes(),
        format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{text}").into_bytes(),
        format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{text}")
            .into_bytes(),
    ];
    for answer in answers {
        let sent = bench.proxy.address;
        let interim = answer.starts_with(b"HTTP/1.1 100");
        if interim {
            request(sent, "POST", "/api/authors", &[], &answer);
            assert_eq!(bench.reader.next()["payload"], ada);
        } else {
            bench.check(("POST", "/api/authors"), answer, (json!(42), false, ada.clone()));
        }
    }
    assert_eq!(bench.captures("event", AUTHORS), 7.0);
}

#[test]
fn answers_without_a_record_still_tell_what_was_written() {
    let mut bench = Bench::new();
    let host = bench.proxy.address;
    let cases: Vec<(&str, &str, Vec<u8>, Value)> = vec![
        ("DELETE", "/api/authors/7", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), json!(7)),
        ("DELETE", "/api/authors/7", answer("200 OK", ""), json!(7)),
        ("DELETE", "/api/authors/7", json_answer("200 OK", r#"{"deleted":true}"#), json!(7)),
        ("PUT", "/api/authors/7", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), json!(7)),
        ("PATCH", "/api/authors/abc", answer("205 Reset", ""), json!("abc")),
        ("POST", "/api/authors", answer("201 Created\r\nLocation: /api/authors/9", ""), json!(9)),
        ("POST", "/api/authors", answer("201 Created\r\nLocation: /api/authors/9/?a=b#c", ""), json!(9)),
        (
            "POST",
            "/api/authors/",
            answer(&format!("201 Created\r\nLocation: http://{host}/api/authors/9"), ""),
            json!(9),
        ),
        ("POST", "/api/authors", answer("201 Created\r\nLocation: authors/x%20y", ""), json!("x y")),
        (
            "POST",
            "/api/authors",
            answer("201 Created\r\nLocation: https://elsewhere.example/api/authors/9", ""),
            Value::Null,
        ),
        ("POST", "/api/authors", answer("201 Created\r\nLocation: /api/authors/1/books/9", ""), Value::Null),
        ("POST", "/api/authors", answer("303 See Other\r\nLocation: /api/authors/9", ""), json!(9)),
        ("POST", "/api/authors", answer("201 Created", ""), Value::Null),
        ("POST", "/api/authors", answer("202 Accepted\r\nLocation: /jobs/1", ""), Value::Null),
        ("PUT", "/api/authors/7", answer("200 OK\r\nContent-Type: text/html", "<p>saved</p>"), json!(7)),
        ("PUT", "/api/authors/7", json_answer("200 OK", "{\"id\": 7, \"na"), json!(7)),
        ("PUT", "/api/authors/7", json_answer("200 OK", "null"), json!(7)),
    ];
    for (method, path, answer, id) in cases {
        bench.check((method, path), answer, (id, false, Value::Null));
    }
}

#[test]
fn coded_answers_are_decoded_for_readers_and_left_alone_for_the_writer() {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    let mut bench = Bench::new();
    let record = json!({"id": 1, "name": "Ada ".repeat(100)});
    let text = record.to_string();
    macro_rules! encode {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }};
    }
    let mut brotli = Vec::new();
    brotli::CompressorWriter::new(&mut brotli, 4096, 5, 20).write_all(text.as_bytes()).unwrap();
    let gzip = encode!(GzEncoder);
    let zstd = zstd::encode_all(text.as_bytes(), 3).unwrap();
    let stacked = zstd::encode_all(gzip.as_slice(), 3).unwrap();
    for (coding, body) in [
        ("gzip", gzip.clone()),
        ("x-gzip", gzip),
        ("deflate", encode!(ZlibEncoder)),
        ("deflate", encode!(DeflateEncoder)),
        ("br", brotli),
        ("zstd", zstd),
        ("gzip, zstd", stacked),
        ("identity", text.clone().into_bytes()),
    ] {
        let head = format!("201 Created\r\nContent-Type: application/json\r\nContent-Encoding: {coding}");
        let whole = answer(&head, &body);
        let got = request(bench.proxy.address, "POST", "/api/authors", &[], &whole);
        assert_eq!((got.header("content-encoding"), &got.body), (Some(coding), &body));
        let event = bench.reader.next();
        assert_eq!((&event["id"], &event["payload"]), (&json!(1), &record), "{coding}");
    }
    let unknown = answer("200 OK\r\nContent-Type: application/json\r\nContent-Encoding: magic", &text);
    bench.check(("PUT", "/api/authors/1"), unknown, (json!(1), false, Value::Null));
    let broken = answer("200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip", &text);
    bench.check(("PUT", "/api/authors/1"), broken, (json!(1), false, Value::Null));
    assert_eq!(bench.captures("undecodable", AUTHORS), 2.0);
}

#[test]
fn answers_over_the_limits_give_an_event_without_record() {
    let mut bench = Bench::new();
    let large = format!(r#"{{"id":5,"filler":"{}"}}"#, "x".repeat(8 << 10));
    let head = "201 Created\r\nContent-Type: application/json\r\nLocation: /api/authors/5";
    bench.check(("POST", "/api/authors"), answer(head, &large), (json!(5), false, Value::Null));
    let chunked = format!(
        "HTTP/1.1 {head}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    bench.check(("POST", "/api/authors"), chunked, (json!(5), false, Value::Null));
    let bomb = zstd::encode_all(format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 20)).as_bytes(), 3).unwrap();
    let head = "200 OK\r\nContent-Type: application/json\r\nContent-Encoding: zstd";
    bench.check(("PUT", "/api/authors/5"), answer(head, bomb), (json!(5), false, Value::Null));
    assert_eq!(bench.captures("too_large", AUTHORS), 3.0);
    // What fits when decoded is whole.
    let fits = zstd::encode_all(large.as_bytes(), 3).unwrap();
    let record: Value = serde_json::from_str(&large).unwrap();
    bench.check(("PUT", "/api/authors/5"), answer(head, fits), (json!(5), false, record));
}

#[test]
fn records_lists_and_ids_are_found_where_the_route_says() {
    let mut bench = Bench::new();
    let order = |id: u32| json!({"meta": {"id": id}, "sum": 1});
    let one = json_answer("201 Created", &json!({"status": "ok", "data": order(3)}).to_string());
    bench.check(("POST", "/api/v1/orders"), one, (json!(3), false, order(3)));
    let many = json_answer("200 OK", &json!({"items": [order(3), order(4)], "total": 2}).to_string());
    bench.check(("PATCH", "/api/v1/orders/"), many, (Value::Null, true, json!([order(3), order(4)])));
    let bare = json_answer("201 Created", r#"[{"id":1},{"id":2}]"#);
    bench.check(("POST", "/api/authors"), bare, (Value::Null, true, json!([{"id":1},{"id":2}])));
    let cancelled = json_answer("200 OK", r#"{"id":8,"state":"cancelled"}"#);
    bench.check(
        ("POST", "/api/v1/orders/8/cancel"),
        cancelled,
        (json!(8), false, json!({"id":8,"state":"cancelled"})),
    );
    let me = json_answer("200 OK", r#"{"salary":1,"name":"Ada","id":"a"}"#);
    bench.check(("PUT", "/api/people/me"), me, (json!("a"), false, json!({"name":"Ada","id":"a"})));
}

#[test]
fn nested_and_oddly_written_paths_name_the_record() {
    let mut bench = Bench::new();
    for (path, model, id) in [
        ("/api/authors/7", "author", json!(7)),
        ("/api/authors/7/", "author", json!(7)),
        ("/api/authors/7?x=/books/1", "author", json!(7)),
        ("/api/%61uthors/7", "author", json!(7)),
        ("/api/authors/a%20b", "author", json!("a b")),
        ("/api/authors/a%2Fb", "author", json!("a/b")),
        ("/api/authors/%C3%BC", "author", json!("ü")),
        ("/api/authors/007", "author", json!("007")),
        ("/api/authors/7/books/9", "book", json!(9)),
        ("/api/v1/orders/9f0c", "order", json!("9f0c")),
    ] {
        let event = bench.event("DELETE", path, "HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!((&event["model"], &event["id"]), (&json!(model), &id), "{path}");
    }
    for path in ["/api/authors/7/other", "/api", "/api/authors/7/books/9/x", "/API/authors/7", "/v1/orders/1"]
    {
        bench.write("DELETE", path, "HTTP/1.1 204 No Content\r\n\r\n");
    }
    bench.reader.expect_silence();
}

#[test]
fn a_record_keeps_its_bytes() {
    let mut bench = Bench::new();
    let record = r#"{"z" : 1.0, "id":12345678901234567890,  "a":1e400,"e":"\u00fc/\/","z":2}"#;
    bench.write("POST", "/api/authors", json_answer("201 Created", record));
    let frame = bench.reader.next_text();
    assert!(frame.contains(&format!("\"payload\":{record}")), "{frame}");
    assert!(frame.contains("\"id\":12345678901234567890,"), "{frame}");
}

#[test]
fn failed_writes_and_reads_give_no_event() {
    let mut bench = Bench::new();
    let body = r#"{"id":1}"#;
    for status in [301, 302, 304, 307, 308, 400, 401, 403, 404, 409, 410, 412, 422, 429, 500, 503] {
        bench.write(
            "POST",
            "/api/authors",
            json_answer(&format!("{status} X"), if status == 304 { "" } else { body }),
        );
    }
    for method in ["GET", "OPTIONS", "PROPFIND"] {
        bench.write(method, "/api/authors/1", json_answer("200 OK", body));
    }
    eventually("all are counted", || (bench.captures("refused", AUTHORS) == 16.0).then_some(()));
    bench.reader.expect_silence();
    assert_eq!(bench.proxy.metric("restcast_publications_total"), 0.0);
}

#[test]
fn a_reference_to_the_public_name_that_a_trusted_proxy_passes_on_is_ours() {
    let ids = ["trusted_proxies = [\"127.0.0.1\"]", ""].map(|server| {
        let location = "Location: https://shop.test/api/authors/9";
        let origin =
            Origin::fixed(format!("HTTP/1.1 201 Created\r\n{location}\r\nContent-Length: 0\r\n\r\n"));
        let proxy =
            Proxy::with_server(server, &format!("servers = [\"http://{}\"]", origin.address), &tables());
        let mut reader = proxy.reader("/ws");
        request(proxy.address, "POST", "/api/authors", &[("X-Forwarded-Host", "shop.test")], b"");
        reader.next()["id"].clone()
    });
    // What anybody may claim is not passed on, so it says nothing.
    assert_eq!(ids, [json!(9), Value::Null]);
}
