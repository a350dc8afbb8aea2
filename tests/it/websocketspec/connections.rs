//! Who comes in, and how long a connection lasts.

use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::visibility::{JWT, SECRET, connect_with, now, sign};

fn token(user: &str) -> String {
    sign(SECRET, &json!({"sub": user, "exp": now() + 600}))
}

#[test]
fn websocketspec_check_16_a_token_is_needed_and_goes_to_the_backend() {
    let origin = Origin::json(200, "[]");
    let options = endpoint("auth = \"required\"\nforward_headers = [\"X-Tenant\"]");
    let proxy = scripted(&origin, "", &format!("{options}{JWT}"));
    for path in ["/ws", "/ws?token=bad"] {
        assert_eq!(connect_with(&proxy, path, &[]).err(), Some(401));
    }
    let bearer = format!("Bearer {}", token("ann"));
    let in_query = format!("/ws?token={}", token("ann"));
    let in_header = [("Authorization", bearer.as_str()), ("X-Tenant", "acme"), ("Cookie", "session=1")];
    for (path, headers) in [(in_query.as_str(), &[][..]), ("/ws", &in_header)] {
        let mut client = Client(connect_with(&proxy, path, headers).unwrap().0);
        assert_eq!(client.data("read", &json!({})), json!([]));
    }
    let requests = origin.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    }
    assert_eq!(requests[1].header("x-tenant"), Some("acme"));
    assert_eq!(requests[1].header("cookie"), Some("session=1"));
}

#[test]
fn websocketspec_check_16_a_missing_token_can_be_told_by_a_close_frame() {
    let origin = Origin::json(200, "[]");
    let options = endpoint("auth = \"required\"\nreject = \"close\"");
    let proxy = scripted(&origin, "", &format!("{options}{JWT}"));
    for query in ["", "?token=bad"] {
        assert_eq!(Reader::connect(proxy.address, &format!("/ws{query}")).close_code(), 1008);
    }
    let path = format!("/ws?token={}", token("ann"));
    Client(Reader::connect(proxy.address, &path)).is_quiet();
}

#[test]
fn an_expired_token_is_told_before_the_end() {
    let origin = Origin::json(200, "[]");
    let proxy = scripted(&origin, "", &format!("{}{JWT}", endpoint("auth = \"required\"")));
    let token = sign(SECRET, &json!({"sub": "ann", "exp": now() + 1}));
    let mut reader = Reader::connect(proxy.address, &format!("/ws?token={token}"));
    let told = reader.next();
    assert_eq!(told["error"], json!({"code": "unauthorized", "message": "Token expired"}));
    assert_eq!(reader.close_code(), 1008);
}

#[test]
fn websocketspec_check_17_a_ping_is_answered() {
    let proxy = scripted(&Origin::json(200, "[]"), "", &endpoint(""));
    let mut client = Client::open(proxy.address);
    let pong = client.ask(&json!({"id": "p", "type": "ping"}));
    assert_eq!(json!([pong["type"], pong["id"]]), json!(["pong", "p"]));
    assert_eq!(pong.as_object().unwrap().len(), 3, "{pong}");
    client.0.send(br#"{"id":"b","type":"ping"}"#.to_vec());
    assert_eq!(client.0.next()["id"], "b");
}

/// All times are a thousandth of the check's.
#[test]
fn websocketspec_check_18_an_idle_client_stays() {
    let origin = Origin::json(200, "[]");
    let tables = format!("{}[hub]\nping_interval = \"40ms\"\n", endpoint(""));
    let proxy = scripted(&origin, "", &tables);
    let mut client = Client::open(proxy.address);
    let mut pings = 0;
    while pings < 10 {
        // The library answers each by itself.
        match client.0.0.read().unwrap() {
            Message::Ping(_) => pings += 1,
            other => panic!("{other:?}"),
        }
    }
    client.say(&json!({"id": "p", "type": "ping"}));
    assert_eq!(client.0.next()["id"], "p");
}

#[test]
fn websocketspec_check_19_who_leaves_is_subscribed_to_nothing() {
    let Some(spec) = Spec::start() else { return };
    let count = || spec.proxy.metric("restcast_subscriptions{dialect=\"websocketspec\"}");
    let (mut ann, mut bob) = (spec.client(), spec.client());
    let subscription = ann.subscribe(&Value::Null);
    bob.subscribe(&Value::Null);
    bob.subscribe(&json!([{"column": "a", "operator": "eq", "value": 1}]));
    eventually("three subscriptions", || (count() == 3.0).then_some(()));
    drop(bob);
    eventually("hers alone", || (count() == 1.0).then_some(()));
    let created = spec.rest("POST", "", &json!({"a": 1}));
    assert_eq!(ann.told(&subscription), told("create", created));
    let metrics = request_metrics(&spec.proxy);
    let drops = metrics.lines().filter(|line| line.starts_with("restcast_drops"));
    assert!(drops.clone().all(|line| line.ends_with(" 0")), "{:?}", drops.collect::<Vec<_>>());
}

fn request_metrics(proxy: &Proxy) -> String {
    crate::http::request(proxy.admin, "GET", "/metrics", &[], b"").text()
}
