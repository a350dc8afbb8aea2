//! What programs have real clients hear, and what these answer.

use super::clients::start;
use super::*;

/// Of a client's notice, by name.
const SHORTCUT: &str = r#"
[[endpoint.shortcut]]
name = "sync"
[[endpoint.shortcut.emit]]
event = "config_sync"
data = { type = "sync_required" }
to = { "/client" = ["client_{data.client_id}"] }
"#;

fn post(proxy: &Proxy, path: &str, body: &Value) -> Value {
    let headers = [("Content-Type", "application/json")];
    let path = format!("/api/socketio/{path}");
    let answer = request(proxy.admin, "POST", &path, &headers, body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(proxy: &Proxy, path: &str) -> Value {
    serde_json::from_slice(&request(proxy.admin, "GET", path, &[], b"").body).unwrap()
}

#[test]
fn programs_have_clients_hear_events_and_collect_what_they_answer() {
    let Some(node) = tools::node() else { return };
    let origin = Origin::json(200, ANSWER);
    let proxy = Proxy::with(origin.address, &format!("{CONFIG}{SHORTCUT}"));
    let ways = [json!(["websocket"]), json!(["polling"])];
    let clients = ways.map(|transports| {
        let namespaces = json!({"/client": token(&proxy, &["client_id=3"])});
        let client = start(&node, &proxy, &json!({"namespaces": namespaces, "transports": transports}));
        line(&client, &["/client", "\"connect\""]);
        client
    });
    let [socket, polls] = &clients;
    let to = |besides: &str| {
        let mut body = json!({"namespace": "/client", "event": "notice", "data": {"a": 1}, "ack": "10s"});
        let besides: Value = serde_json::from_str(besides).unwrap();
        body.as_object_mut().unwrap().extend(besides.as_object().unwrap().clone());
        post(&proxy, "emit", &body)
    };
    let said = to(r#"{"rooms":["clients","client_3"],"users":["7"]}"#);
    assert_eq!((&said["sent"], &said["acked"]), (&json!(2), &json!(2)), "{said}");
    for answer in said["answers"].as_array().unwrap() {
        assert_eq!(answer["answer"], json!([{"heard": "notice"}]), "{said}");
    }
    for client in &clients {
        assert_eq!(line(client, &["notice"]), json!(["/client", "event", "notice", {"a": 1}]));
    }
    // One of them by its id, and bytes as bytes.
    let one = &said["answers"][0]["connection"];
    let said =
        to(&format!(r#"{{"connections":[{one}],"event":"bytes","data":{{"b":{{"$binary":"AAEC"}}}}}}"#));
    assert_eq!(
        (&said["sent"], &said["acked"], &said["answers"][0]["connection"]),
        (&json!(1), &json!(1), one)
    );
    let find = || clients.iter().find(|client| count(client, &["bytes"]) > 0);
    let heard = eventually("one of them hears it", find);
    let bytes = json!({"b": {"type": "Buffer", "data": [0, 1, 2]}});
    assert_eq!(line(heard, &["bytes"]), json!(["/client", "event", "bytes", bytes]));
    assert_eq!(post(&proxy, "sync", &json!({"client_id": 4})), json!({"sent": 0}));
    assert_eq!(post(&proxy, "sync", &json!({"client_id": 3})), json!({"sent": 2}));
    line(socket, &["config_sync", "sync_required"]);
    line(polls, &["config_sync", "sync_required"]);

    let listed = get(&proxy, "/api/connections");
    assert_eq!(listed["connections"][0]["namespace"], "/client");
    assert_eq!(listed["connections"][0]["rooms"], json!(["client_3", "clients"]));
    let shown = &get(&proxy, "/state.json")["connections"]["newest"][0];
    assert_eq!((&shown["namespace"], &shown["room_count"]), (&json!("/client"), &json!(2)), "{shown}");
    for (series, value) in [
        (r#"restcast_namespace_connections{endpoint="/socket.io",namespace="/client"}"#, 2.0),
        (r#"restcast_emits_total{name="emit"}"#, 2.0),
        (r#"restcast_emits_total{name="sync"}"#, 2.0),
        (r#"restcast_acks_total{state="awaited"}"#, 3.0),
        (r#"restcast_acks_total{state="unawaited"}"#, 0.0),
    ] {
        assert_eq!(proxy.metric(series), value, "{series}");
    }
}

#[test]
fn who_does_not_answer_is_waited_for_no_longer_than_was_said() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = proxy();
    let namespaces = json!({"/client": token(&proxy, &["client_id=3"])});
    let client = start(&node, &proxy, &json!({"namespaces": namespaces, "mute": true}));
    line(&client, &["/client", "\"connect\""]);
    let emit = |ack: &str| {
        post(&proxy, "emit", &json!({"namespace": "/client", "event": "notice", "data": 1, "ack": ack}))
    };
    assert_eq!(emit("300ms"), json!({"sent": 1, "acked": 0, "answers": []}));
    // One that leaves meanwhile is not waited for either.
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| emit("60s"));
        eventually("it has heard it", || (count(&client, &["notice"]) == 2).then_some(()));
        drop(client);
        asked.join().unwrap()
    });
    assert_eq!(asked, json!({"sent": 1, "acked": 0, "answers": []}));
}

/// What one client says that others hear, with bytes in it and a placeholder for others that are not there.
#[test]
fn nobody_has_others_break_off_by_what_they_hear_of_it() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = proxy();
    let namespaces = json!({"/client": token(&proxy, &["client_id=3"])});
    let client = start(&node, &proxy, &json!({"namespaces": namespaces, "transports": ["websocket"]}));
    line(&client, &["/client", "\"connect\""]);
    let mut hostile = proxy.reader("/socket.io");
    assert!(hostile.next_text().starts_with("0{"));
    hostile.send(format!("40/admin,{}", json!({"token": admin(&proxy)})));
    assert!(hostile.next_text().starts_with("40/admin,"));
    let message = json!([{"$binary": "AAEC"}, {"_placeholder": true, "num": 7}]);
    for message in [message, json!("afterwards")] {
        hostile.send(format!("42/admin,{}", json!(["announce", {"message": message}])));
    }
    line(&client, &["announcement", "afterwards"]);
    assert_eq!(count(&client, &["\"disconnect\""]), 0, "{}", client.output());
}
