//! What goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn websocketspec_check_11_what_is_no_message_is_told_and_the_connection_lives_on() {
    let origin = Origin::json(200, "[]");
    let proxy = scripted(&origin, "", &endpoint(""));
    let mut client = Client::open(proxy.address);
    let rows = [
        ("{oops", "", "invalid_message"),
        (r#"{"id":"a","type":"request","operation":"read"}"#, "a", "invalid_message"),
        (r#"{"id":"a","type":"foo"}"#, "a", "invalid_message_type"),
        (r#"{"id":"a","type":"request","operation":"foo","entity":"users"}"#, "a", "invalid_operation"),
        (r#"{"id":"a","type":"request","operation":"read","entity":"ghosts"}"#, "a", "model_not_found"),
    ];
    for (said, id, code) in rows {
        client.0.send(said.to_owned());
        let answer = client.0.next();
        assert_eq!(json!([answer["id"], answer["error"]["code"]]), json!([id, code]), "{said}");
        assert_eq!(answer["success"], false);
    }
    assert_eq!(client.data("read", &json!({})), json!([]));
}

#[test]
fn websocketspec_check_12_what_the_backend_refuses_is_told_in_its_words() {
    let origin = Origin::start(|request, stream| {
        let record: Value = serde_json::from_slice(&request.body).unwrap();
        let Some(status) = record["status"].as_u64() else { return false };
        let body = json!({"id": 1, "message": "Email is required"}).to_string();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
        std::io::Write::write_all(stream, format!("{head}{body}").as_bytes()).is_ok()
    });
    let proxy = scripted(&origin, "", &endpoint(""));
    let mut client = Client::open(proxy.address);
    let subscription = client.subscribe(&Value::Null);
    for (status, code) in [
        (422, "validation_error"),
        (400, "validation_error"),
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "create_error"),
        (409, "create_error"),
        (500, "create_error"),
        (503, "create_error"),
    ] {
        let answer = client.request("create", &json!({"data": {"status": status}}));
        let error = &answer["error"];
        assert_eq!(json!([error["code"], error["message"]]), json!([code, "Email is required"]), "{answer}");
        let details = if code == "validation_error" {
            json!({"id": 1, "message": "Email is required"})
        } else {
            json!({"status": status})
        };
        assert_eq!(error["details"], details, "{answer}");
    }
    let broken = client.fails("create", &json!({"data": {"status": null}}));
    assert_eq!(broken, (json!("create_error"), json!({"status": 502})));
    let created = client.data("create", &json!({"data": {"status": 201}}));
    assert_eq!(client.told(&subscription), told("create", created));
}

#[test]
fn websocketspec_check_12_a_backend_that_takes_too_long_is_told() {
    // It never answers.
    let origin = Origin::start(|_, _| true);
    let proxy = scripted(&origin, "", &format!("{}[calls]\ntimeout = \"300ms\"\n", endpoint("")));
    let mut client = Client::open(proxy.address);
    let created = client.fails("create", &json!({"data": {}}));
    assert_eq!(created, (json!("create_error"), json!({"status": 504})));
    assert_eq!(client.fails("read", &json!({})), (json!("read_error"), json!({"status": 504})));
    client.is_quiet();
    let calls = |outcome: &str| proxy.metric(&format!("restcast_calls_total{{outcome=\"{outcome}\"}}"));
    assert_eq!((calls("timed_out"), calls("busy")), (2.0, 0.0));
}

#[test]
fn one_subscription_more_than_may_be_is_a_hook_error() {
    let origin = Origin::json(200, "[]");
    let proxy = scripted(&origin, "", &endpoint("max_subscriptions = 2"));
    let mut client = Client::open(proxy.address);
    let first = client.subscribe(&Value::Null);
    client.subscribe(&Value::Null);
    let third = json!({"id": "t", "type": "subscription", "operation": "subscribe", "entity": "users"});
    let error = json!({"code": "hook_error", "message": "maximum subscriptions reached"});
    assert_eq!(client.ask(&third)["error"], error);
    client.unsubscribe(&first);
    client.subscribe(&Value::Null);
}

/// A request larger than a message may be ends the connection, since what else it says is not known.
#[test]
fn a_message_that_is_too_large_ends_the_connection() {
    let origin = Origin::json(200, "[]");
    let proxy = scripted(&origin, "", &endpoint("max_message = \"1KiB\""));
    let mut client = Client::open(proxy.address);
    client.say(&request("r", "create", &json!({"data": {"text": "x".repeat(2000)}})));
    assert_eq!(client.0.close_code(), 1009);
    assert_eq!(origin.requests().len(), 0);
}

/// Nothing is asked for that is compressed, but some backends do it all the same.
#[test]
fn an_answer_that_came_compressed_was_no_json() {
    let origin = Origin::start(|request, stream| {
        let size = if request.line.contains("/2 ") { 3_000 } else { 10 };
        let record = json!({"id": 1, "text": "x".repeat(size)}).to_string();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, record.as_bytes()).unwrap();
        let body = encoder.finish().unwrap();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        std::io::Write::write_all(stream, &[head.as_bytes(), &body].concat()).is_ok()
    });
    let proxy = scripted(&origin, "", &format!("{}[calls]\nmax_answer = \"1KiB\"\n", endpoint("")));
    let mut client = Client::open(proxy.address);
    let record = json!({"id": 1, "text": "xxxxxxxxxx"});
    assert_eq!(client.data("read", &json!({"record_id": 1})), record);
    let subscription = client.subscribe(&Value::Null);
    assert_eq!(client.data("update", &json!({"record_id": 1, "data": {}})), record);
    assert_eq!(client.told(&subscription), told("update", record));
    // It is bounded as it will be, not as it came.
    assert_eq!(client.fails("read", &json!({"record_id": 2})), (json!("read_error"), json!({"status": 502})));
}

/// More is an end of the connection to many clients; `websockets` for Python is one.
#[test]
fn a_frame_was_larger_than_clients_take() {
    let largest = Arc::new(AtomicUsize::new(950 * 1024));
    let length = Arc::clone(&largest);
    let origin = Origin::start(move |_, stream| {
        let body = json!({"t": "x".repeat(length.load(Ordering::Relaxed) - r#"{"t":""}"#.len())}).to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        std::io::Write::write_all(stream, format!("{head}{body}").as_bytes()).is_ok()
    });
    let proxy = scripted(&origin, "", &endpoint(""));
    let mut client = Client::open(proxy.address);
    let id = "i".repeat(65_000);
    client.say(&request(&id, "read", &json!({"record_id": "7"})));
    let frame = client.0.next_text();
    assert!(frame.contains(r#""success":true"#) && frame.len() < 1 << 20, "{}", frame.len());
    largest.fetch_add(1, Ordering::Relaxed);
    let answer = client.request("read", &json!({"record_id": "7"}));
    assert_eq!(answer["error"]["code"], "read_error");
    assert_eq!(answer["error"]["message"], "The backend's answer is too large");
}
