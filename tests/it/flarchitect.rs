//! The acceptance checks of `protocols.md`, section 1.9, in their order. Check 1 in a real browser and
//! check 2 with the seed's own client are in `clients.rs`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::frames::{Next, Raw};
use crate::harness::*;
use crate::tools;

const ADA: &str = r#"{"id":42,"name":"Ada"}"#;
const BOOK_ROUTE: &str = "[[route]]\npath = \"/api/books/{id}\"\nmodel = \"book\"\n";

/// Answers every request with `status` and `body`, behind the proxy with two models.
fn library(status: u16, body: &str) -> Proxy {
    let origin = Origin::json(status, body);
    Proxy::with(origin.address, &format!("{AUTHOR_ROUTE}{BOOK_ROUTE}{WS_ENDPOINT}"))
}

/// The model and method of the next message.
fn kind(reader: &mut Reader) -> (String, String) {
    let event = reader.next();
    let text = |field: &str| event[field].as_str().unwrap().to_owned();
    (text("model"), text("method"))
}

fn is_kind(reader: &mut Reader, model: &str, method: &str) {
    assert_eq!(kind(reader), (model.to_owned(), method.to_owned()));
}

#[test]
fn check_01_nothing_comes_before_a_write_and_one_message_for_it() {
    let proxy = library(201, ADA);
    let mut reader = proxy.reader("/ws");
    reader.expect_silence();
    proxy.send("POST", "/api/authors", ADA);
    is_kind(&mut reader, "author", "POST");
    reader.expect_silence();
}

/// Both sides send their PINGs twenty times as often as by default, and two of ours pass, which would be a
/// minute.
#[test]
fn check_02_an_idle_python_client_stays_connected_and_prints_the_event() {
    let Some(python) = tools::python() else { return };
    let origin = Origin::json(201, ADA);
    let tables = format!("{}[hub]\nping_interval = \"1500ms\"\n", tables());
    let proxy = Proxy::with(origin.address, &tables);
    let url = format!("ws://{}/ws?topic=author", proxy.address);
    let mut watch = python.watch(&["--url", &url, "--count", "1", "--ping", "1"]);
    watch.line(r#"{"open": true}"#);
    let mut clock = Raw::open(proxy.address, "/ws?topic=nothing");
    for _ in 0..2 {
        assert_eq!(clock.next(), Next::Frame(0x89, Vec::new()));
        clock.send(0x8A, "");
    }
    assert_eq!(watch.output().lines().count(), 1, "{}", watch.output());
    proxy.send("POST", "/api/authors", ADA);
    watch.line(r#""method": "POST""#);
    assert!(watch.wait().success());
}

#[test]
fn check_03_a_topic_has_no_case_and_an_empty_one_means_all() {
    let proxy = library(201, ADA);
    let paths =
        ["/ws?topic=Author", "/ws?topic=AUTHOR", "/ws?topic=author&topic=book", "/ws?topic=", "/ws?topic"];
    let mut readers = paths.map(|path| proxy.reader(path));
    let mut books = ["/ws?topic=", "/ws?x=y"].map(|path| proxy.reader(path));
    proxy.send("POST", "/api/authors", ADA);
    for reader in readers.iter_mut().chain(&mut books) {
        is_kind(reader, "author", "POST");
    }
    proxy.send("POST", "/api/books", ADA);
    for reader in &mut books {
        is_kind(reader, "book", "POST");
    }
}

#[test]
fn check_04_a_topic_hears_its_own_model_and_all_hears_both() {
    let proxy = library(201, ADA);
    let mut all = proxy.reader("/ws?topic=all");
    let mut books = proxy.reader("/ws?topic=book");
    proxy.send("POST", "/api/authors", ADA);
    proxy.send("POST", "/api/books", ADA);
    is_kind(&mut all, "author", "POST");
    is_kind(&mut all, "book", "POST");
    is_kind(&mut books, "book", "POST");
}

#[test]
fn check_05_all_hears_each_event_once() {
    let proxy = library(201, ADA);
    let mut all = proxy.reader("/ws");
    for method in ["POST", "PUT", "POST"] {
        proxy.send(method, "/api/authors", ADA);
    }
    for method in ["POST", "PUT", "POST"] {
        is_kind(&mut all, "author", method);
    }
    all.expect_silence();
}

#[test]
fn check_06_id_many_and_payload_are_those_of_the_record_in_its_envelope() {
    let origin = Origin::json(200, &format!(r#"{{"status_code":200,"total_count":1,"value":{ADA}}}"#));
    let proxy = Proxy::with(origin.address, &format!("{AUTHOR_ROUTE}record = \"/value\"\n{WS_ENDPOINT}"));
    let mut reader = proxy.reader("/ws");
    proxy.send("POST", "/api/authors", r#"{"name":"Ada"}"#);
    let event = reader.next();
    assert_eq!((&event["id"], &event["many"]), (&json!(42), &json!(false)));
    assert_eq!(event["payload"], serde_json::from_str::<Value>(ADA).unwrap());
    let fields: Vec<&String> = event.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["id", "many", "method", "model", "payload", "ts"]);
}

#[test]
fn check_07_ts_is_now_in_milliseconds() {
    let proxy = library(201, ADA);
    let mut reader = proxy.reader("/ws");
    proxy.send("POST", "/api/authors", ADA);
    let ts = reader.next()["ts"].as_u64().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(now.abs_diff(Duration::from_millis(ts)) < Duration::from_secs(5), "{ts}");
}

#[test]
fn check_08_patch_carries_the_id_and_the_updated_record() {
    let proxy = library(200, r#"{"id":42,"name":"Ada Lovelace"}"#);
    let mut reader = proxy.reader("/ws?topic=author");
    proxy.send("PATCH", "/api/authors/42", r#"{"name":"Ada Lovelace"}"#);
    let event = reader.next();
    assert_eq!((&event["method"], &event["id"]), (&json!("PATCH"), &json!(42)));
    assert_eq!(event["payload"], json!({"id": 42, "name": "Ada Lovelace"}));
}

#[test]
fn check_09_delete_without_a_body_has_the_id_of_the_url_as_a_number() {
    for answer in ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] {
        let proxy = Proxy::start(Origin::fixed(answer).address);
        let mut reader = proxy.reader("/ws?topic=author");
        proxy.send("DELETE", "/api/authors/42", "");
        let event = reader.next();
        let expected = json!({"id": 42, "method": "DELETE", "many": false, "payload": null});
        for field in ["id", "method", "many", "payload"] {
            assert_eq!(event[field], expected[field], "{field} after {answer:?}");
        }
    }
}

#[test]
fn check_10_a_refused_write_is_not_told() {
    let origin = Origin::start(|request, stream| {
        let status = request.line.split("status=").nth(1).map_or("201", |rest| &rest[..3]);
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{ADA}", ADA.len());
        std::io::Write::write_all(stream, answer.as_bytes()).is_ok()
    });
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    for status in [400, 401, 403, 404, 409, 422, 500, 503] {
        assert_eq!(proxy.send("POST", &format!("/api/authors?status={status}"), ADA).status, status);
    }
    proxy.send("PUT", "/api/authors/42", ADA);
    is_kind(&mut reader, "author", "PUT");
}

/// A backend of one author.
fn one_author() -> Origin {
    Origin::start(|request, stream| {
        let is_list = request.line.starts_with("GET /api/authors ");
        let body = if is_list { format!("[{ADA}]") } else { ADA.to_owned() };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        std::io::Write::write_all(stream, format!("{head}{body}").as_bytes()).is_ok()
    })
}

#[test]
fn check_11_reads_are_told_where_the_route_says_so() {
    let origin = one_author();
    let proxy = Proxy::with(origin.address, &format!("{AUTHOR_ROUTE}publish_reads = true\n{WS_ENDPOINT}"));
    let mut reader = proxy.reader("/ws");
    proxy.get("/api/authors");
    let list = reader.next();
    assert_eq!((&list["method"], &list["many"], &list["id"]), (&json!("GET"), &json!(true), &Value::Null));
    assert_eq!(list["payload"], json!([{"id": 42, "name": "Ada"}]));
    proxy.get("/api/authors/42");
    let one = reader.next();
    assert_eq!((&one["method"], &one["many"], &one["id"]), (&json!("GET"), &json!(false), &json!(42)));
    assert_eq!(one["payload"], json!({"id": 42, "name": "Ada"}));
}

#[test]
fn check_11_reads_are_not_told_where_it_does_not() {
    let origin = one_author();
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    proxy.get("/api/authors");
    proxy.get("/api/authors/42");
    proxy.send("PUT", "/api/authors/42", ADA);
    is_kind(&mut reader, "author", "PUT");
}

#[test]
fn check_12_what_a_client_says_is_neither_answered_nor_punished() {
    let proxy = library(201, ADA);
    let mut reader = proxy.reader("/ws");
    reader.send("hello");
    reader.send(r#"{"action":"subscribe"}"#);
    reader.send(vec![0, 255]);
    reader.expect_silence();
    proxy.send("POST", "/api/authors", ADA);
    is_kind(&mut reader, "author", "POST");
}

/// How long the slowest of some writes took.
fn slowest_write(proxy: &Proxy, count: usize) -> Duration {
    let write = |_| {
        let begun = Instant::now();
        assert_eq!(proxy.send("POST", "/api/authors", ADA).status, 201);
        begun.elapsed()
    };
    (0..count).map(write).max().unwrap()
}

#[test]
fn check_13_a_killed_reader_harms_neither_the_others_nor_the_writer() {
    let proxy = library(201, ADA);
    let mut reader = proxy.reader("/ws");
    let stuck = Raw::open(proxy.address, "/ws");
    let killed = Raw::open(proxy.address, "/ws");
    slowest_write(&proxy, 20);
    // Unread events turn this end of a connection into a reset.
    drop(killed);
    assert!(slowest_write(&proxy, 100) < Duration::from_secs(1));
    for _ in 0..120 {
        is_kind(&mut reader, "author", "POST");
    }
    drop(stuck);
    let open = "restcast_connections{dialect=\"flarchitect\"}";
    eventually("two are gone", || (proxy.metric(open) <= 1.0).then_some(()));
}

#[test]
fn check_14_the_path_is_what_the_config_says() {
    let origin = Origin::start(|_, stream| {
        std::io::Write::write_all(stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone").is_ok()
    });
    let endpoint = "[[endpoint]]\npath = \"/realtime\"\ndialect = \"flarchitect\"\n";
    let proxy = Proxy::with(origin.address, &format!("{AUTHOR_ROUTE}{endpoint}"));
    proxy.reader("/realtime?topic=author");
    let error = Reader::try_connect(proxy.address, "/ws").err().unwrap();
    assert!(error.contains("404"), "{error}");
    assert_eq!(proxy.get("/ws").text(), "none");
    assert!(Reader::try_connect(proxy.address, "/realtime/").is_err());
}

#[test]
fn check_14_another_path_behaves_alike() {
    let origin = Origin::json(201, ADA);
    let endpoint = "[[endpoint]]\npath = \"/realtime\"\ndialect = \"flarchitect\"\n";
    let proxy = Proxy::with(origin.address, &format!("{AUTHOR_ROUTE}{endpoint}"));
    let mut reader = proxy.reader("/realtime?topic=author");
    proxy.send("POST", "/api/authors", ADA);
    is_kind(&mut reader, "author", "POST");
}

#[test]
fn check_15_a_plain_request_to_the_endpoint_is_told_to_upgrade() {
    let proxy = library(200, ADA);
    for method in ["GET", "POST", "DELETE"] {
        let answer = request(proxy.address, method, "/ws", &[], b"");
        assert_eq!((answer.status, answer.header("Upgrade")), (426, Some("websocket")));
    }
    assert_eq!(request(proxy.address, "HEAD", "/ws?topic=author", &[], b"").status, 426);
}

#[test]
fn check_15_a_plain_request_passes_where_the_backend_has_that_path() {
    let origin = Origin::json(200, ADA);
    let route = "[[route]]\npath = \"/ws/{id}\"\nmodel = \"socket\"\n";
    let proxy = Proxy::with(origin.address, &format!("{route}{WS_ENDPOINT}"));
    assert_eq!(proxy.get("/ws").text(), ADA);
    let mut reader = proxy.reader("/ws");
    proxy.send("POST", "/ws", ADA);
    is_kind(&mut reader, "socket", "POST");
}

#[test]
fn a_peer_that_leaves_two_pings_unanswered_is_closed() {
    let origin = Origin::json(201, ADA);
    let tables = format!("{}[hub]\nping_interval = \"100ms\"\n", tables());
    let proxy = Proxy::with(origin.address, &tables);
    let mut raw = Raw::open(proxy.address, "/ws");
    assert_eq!(raw.next(), Next::Frame(0x89, Vec::new()));
    loop {
        match raw.next() {
            Next::Frame(0x89, _) => {}
            Next::Frame(0x88, payload) => break assert_eq!(payload[..2], [0x03, 0xE9]),
            other => panic!("{other:?}"),
        }
    }
    raw.expect_end();
}
