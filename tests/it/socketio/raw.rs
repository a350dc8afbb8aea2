//! Requests as no client sends them (`protocols.md`, section 4.1.2).

use tokio_tungstenite::tungstenite::Message;

use super::*;

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

fn fault(code: u8, message: &str) -> Value {
    json!({"code": code, "message": message})
}

#[test]
fn what_is_wrong_with_a_request_is_told_as_the_original_does() {
    let (origin, proxy) = proxy();
    let rows = [
        ("GET", "/socket.io/?EIO=4", 400, fault(0, "Transport unknown")),
        ("GET", "/socket.io/?EIO=4&transport=carrier-pigeon", 400, fault(0, "Transport unknown")),
        ("GET", "/socket.io/?EIO=4&transport=polling&sid=nobody", 400, fault(1, "Session ID unknown")),
        ("POST", POLLING, 400, fault(2, "Bad handshake method")),
        ("GET", "/socket.io/?EIO=4&transport=websocket", 400, fault(3, "Bad request")),
        ("GET", "/socket.io/?EIO=3&transport=polling", 400, fault(5, "Unsupported protocol version")),
        ("PUT", POLLING, 405, fault(3, "Bad request")),
    ];
    for (method, path, status, body) in rows {
        let answer = request(proxy.address, method, path, &[], b"");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/json")),
            "{path}"
        );
        assert_eq!(serde_json::from_str::<Value>(&answer.text()).unwrap(), body, "{path}");
    }
    assert!(origin.requests().is_empty(), "nothing of it is the backend's");
}

#[test]
fn a_websocket_that_is_opened_by_hand_needs_no_query() {
    let (_origin, proxy) = proxy();
    for path in ["/socket.io", "/socket.io/", "/socket.io/?EIO=4&transport=websocket"] {
        let mut reader = proxy.reader(path);
        let open = reader.next_text();
        let told: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        assert_eq!((&told["upgrades"], &told["pingInterval"]), (&json!([]), &json!(25000)), "{path}");
        reader.send("40/nowhere,");
        assert!(reader.next_text().starts_with("44/nowhere,{"));
    }
}

#[test]
fn pages_of_other_origins_come_in_only_where_they_are_listed_or_none_is() {
    let tables = CONFIG
        .replace("dialect = \"socketio\"", "dialect = \"socketio\"\norigins = [\"https://app.example\"]");
    let origin = Origin::json(200, ANSWER);
    let open = Proxy::with(origin.address, CONFIG);
    let listed = Proxy::with(origin.address, &tables);
    let ask = |proxy: &Proxy, method: &str, origin: &str| {
        let answer = request(proxy.address, method, POLLING, &[("Origin", origin)], b"");
        let header = |name| answer.header(name).unwrap_or_default().to_owned();
        let credentials = header("access-control-allow-credentials");
        (answer.status, header("access-control-allow-origin"), credentials)
    };
    let told = |status, origin: &str, credentials: &str| (status, origin.to_owned(), credentials.to_owned());
    for (method, status) in [("GET", 200), ("OPTIONS", 204)] {
        assert_eq!(ask(&listed, method, "https://app.example"), told(status, "https://app.example", "true"));
        assert_eq!(ask(&listed, method, "https://evil.example"), told(403, "", ""));
        assert_eq!(ask(&open, method, "https://any.example"), told(status, "https://any.example", ""));
    }
}

/// The same proxy with these limits for each client.
fn limited(limits: &str) -> (Origin, Proxy) {
    let origin = Origin::json(200, ANSWER);
    let proxy = Proxy::with(origin.address, &format!("{CONFIG}\n[limits]\n{limits}"));
    (origin, proxy)
}

#[test]
fn connections_that_enter_no_namespace_count_for_their_address() {
    let (_origin, proxy) = limited("connections_per_address = 2");
    let reader = proxy.reader("/socket.io/?EIO=4&transport=websocket");
    assert_eq!(proxy.get(POLLING).status, 200);
    let refused = proxy.get(POLLING);
    assert_eq!(refused.status, 429);
    assert_eq!(serde_json::from_str::<Value>(&refused.text()).unwrap(), fault(3, "Too many connections"));
    drop(reader);
    eventually("a place is free", || (proxy.get(POLLING).status == 200).then_some(()));
}

#[test]
fn messages_count_for_their_connection_whatever_namespace_they_are_for() {
    let (_origin, proxy) = limited("messages_per_second = 1\nmessage_burst = 6");
    let open = || {
        let mut reader = proxy.reader("/socket.io/");
        reader.next_text();
        for _ in 0..4 {
            reader.send("40/nowhere,");
            assert!(reader.next_text().starts_with("44/nowhere,{"));
        }
        reader.send("40");
        assert!(reader.next_text().starts_with("40{"));
        reader
    };
    let too_fast = r#"42["error",{"message":"Rate limit exceeded"}]"#;
    // Slow enough that one or two may be given back.
    let drop_one = |reader: &mut Reader| loop {
        reader.send(r#"421["unknown"]"#);
        if reader.next_text() == too_fast {
            break;
        }
    };
    for connect in ["40/nowhere,", "40/admin,", "40/client,"] {
        let mut reader = open();
        drop_one(&mut reader);
        let code = loop {
            reader.send(connect);
            match reader.0.read().unwrap() {
                Message::Text(text) => assert!(text.starts_with("44/"), "{text}"),
                Message::Close(Some(frame)) => break u16::from(frame.code),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(code, 1008, "{connect}");
    }
    let mut reader = open();
    drop_one(&mut reader);
    // Whoever goes on leaves the namespace, and who goes on then is closed.
    loop {
        reader.send(r#"421["unknown"]"#);
        match &*reader.next_text() {
            "41" => break,
            other => assert!(other == too_fast || other.starts_with("431["), "{other}"),
        }
    }
    for _ in 0..3 {
        reader.send(r#"42["unknown"]"#);
    }
    match reader.0.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1008),
        other => panic!("{other:?}"),
    }
}
