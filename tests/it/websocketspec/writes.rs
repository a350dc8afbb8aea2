//! Writing, and who hears of it.

use std::sync::mpsc::TryRecvError;

use super::*;

/// A backend that answers a write with the body that it was sent, and a DELETE with 204.
fn backend() -> Origin {
    Origin::start(|request, stream| {
        let answer = if request.line.starts_with("DELETE") {
            b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
        } else {
            let head = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n", request.body.len());
            [head.as_bytes(), &request.body].concat()
        };
        std::io::Write::write_all(stream, &answer).is_ok()
    })
}

#[test]
fn websocketspec_check_05_a_new_record_is_one_request_and_one_notification() {
    let origin = backend();
    let proxy = scripted(&origin, "", &endpoint(""));
    let (mut ann, mut bob) = (Client::open(proxy.address), Client::open(proxy.address));
    let subscription = ann.subscribe(&Value::Null);
    let record = json!({"id": 1, "name": "Ada", "nested": {"a": [1, 2.5, null]}});
    assert_eq!(bob.data("create", &json!({"data": record})), record);
    assert_eq!(ann.told(&subscription), told("create", record.clone()));
    ann.is_quiet();
    bob.is_quiet();
    let requests = origin.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].line, "POST /api/users HTTP/1.1");
    assert_eq!(serde_json::from_slice::<Value>(&requests[0].body).unwrap(), record);
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
}

#[test]
fn websocketspec_checks_06_and_07_writes_by_messages_and_by_rest_are_told_alike() {
    let Some(spec) = Spec::start() else { return };
    let (mut ann, mut bob) = (spec.client(), spec.client());
    let subscription = ann.subscribe(&json!([]));
    let by_rest = spec.rest("POST", "", &json!({"name": "Ada"}));
    assert_eq!(ann.told(&subscription), told("create", json!({"id": 1, "name": "Ada"})));
    assert_eq!(by_rest["id"], 1);
    let by_message = bob.data("create", &json!({"data": {"name": "Bea"}}));
    assert_eq!(by_message, json!({"id": 2, "name": "Bea"}));
    assert_eq!(ann.told(&subscription), told("create", by_message));

    let changed = bob.data("update", &json!({"record_id": "2", "data": {"age": 20}}));
    assert_eq!(changed, json!({"id": 2, "name": "Bea", "age": 20}));
    assert_eq!(ann.told(&subscription), told("update", changed));
    spec.rest("PATCH", "/1", &json!({"age": 36}));
    assert_eq!(ann.told(&subscription), told("update", json!({"id": 1, "name": "Ada", "age": 36})));

    assert_eq!(bob.data("delete", &json!({"record_id": "2"})), json!({"deleted": true}));
    assert_eq!(ann.told(&subscription), told("delete", json!({"id": 2})));
    spec.rest("DELETE", "/1", &Value::Null);
    assert_eq!(ann.told(&subscription), told("delete", json!({"id": 1})));
    let missing = bob.fails("delete", &json!({"record_id": "2"}));
    assert_eq!(missing, (json!("delete_error"), json!({"status": 404})));
    ann.is_quiet();
}

#[test]
fn websocketspec_check_08_the_writer_hears_the_answer_first_and_then_of_its_write_once() {
    let Some(spec) = Spec::start() else { return };
    let mut client = spec.client();
    let subscription = client.subscribe(&Value::Null);
    for number in 0..50 {
        let created = client.data("create", &json!({"data": {"number": number}}));
        assert_eq!(client.told(&subscription), told("create", created.clone()));
        let deleted = client.data("delete", &json!({"record_id": created["id"]}));
        assert_eq!(deleted, json!({"deleted": true}));
        assert_eq!(client.told(&subscription), told("delete", json!({"id": created["id"]})));
    }
    client.is_quiet();
}

/// Their notifications come behind the answer to which they belong, and never between it and its request.
#[test]
fn many_writes_at_once_are_answered_and_told_in_their_order() {
    let Some(spec) = Spec::start() else { return };
    let mut client = spec.client();
    let subscription = client.subscribe(&Value::Null);
    for number in 0..20 {
        client.say(&request(&number.to_string(), "create", &json!({"data": {"number": number}})));
    }
    let (mut answered, mut told) = (0, 0);
    while told < 20 {
        let message = client.0.next();
        if message["type"] == "response" {
            assert_eq!(message["id"], answered.to_string());
            answered += 1;
        } else {
            assert_eq!(message["subscription_id"], json!(subscription));
            assert_eq!(message["data"]["number"], told);
            assert!(told < answered, "{message} came before its answer");
            told += 1;
        }
    }
    client.is_quiet();
}

#[test]
fn websocketspec_check_14_each_frame_is_one_document() {
    let origin = backend();
    let proxy = scripted(&origin, "", &endpoint(""));
    let mut client = Client::open(proxy.address);
    let subscription = client.subscribe(&Value::Null);
    let records: Vec<Value> = (0..200).map(|id| json!({"id": id})).collect();
    assert_eq!(proxy.send("POST", "/api/users", &json!(records).to_string()).status, 201);
    for record in &records[..] {
        assert_eq!(client.told(&subscription), told("create", record.clone()));
    }
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let proxy = &proxy;
            scope.spawn(move || {
                for number in 0..50 {
                    proxy.send("PUT", &format!("/api/users/{}", writer * 50 + number), r#"{"a":"\n"}"#);
                }
            });
        }
    });
    for _ in 0..200 {
        assert_eq!(client.told(&subscription), told("update", json!({"a": "\n"})));
    }
    client.is_quiet();
}

/// A client knows its subscription by the answer: what came before would be nobody's to it, and what comes behind
/// the end of a subscription too.
#[test]
fn a_subscription_is_answered_before_its_first_notification_and_after_its_last() {
    let origin = backend();
    let proxy = scripted(&origin, "", &endpoint(""));
    let mut client = Client::open(proxy.address);
    let (going_on, is_over) = std::sync::mpsc::channel::<()>();
    let is_over = std::sync::Mutex::new(is_over);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (proxy, is_over) = (&proxy, &is_over);
            scope.spawn(move || {
                let goes_on = || is_over.lock().unwrap().try_recv() == Err(TryRecvError::Empty);
                while goes_on() {
                    proxy.send("PUT", &format!("/api/users/{writer}"), "{}");
                }
            });
        }
        // Gone too if this fails.
        let _going_on = going_on;
        for _ in 0..300 {
            let subscription = client.subscribe(&Value::Null);
            client.told(&subscription);
            client.say(&json!({
                "id": "u", "type": "subscription", "operation": "unsubscribe",
                "subscription_id": subscription,
            }));
            while client.0.next()["id"] != "u" {}
            client.is_quiet();
        }
    });
}
