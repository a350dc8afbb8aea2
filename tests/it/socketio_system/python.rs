//! `python-socketio`: check 3, and what else its client does.

use super::*;

const ADMIN: &str = "py/admin";
const CLIENT: &str = "py/client";

/// A system whose clients are Python's.
fn start() -> Option<System> {
    let mut system = System::start()?;
    system.clients = Clients::new(tools::python()?.socketio());
    Some(system)
}

fn open(system: &mut System, namespaces: &[&str], user: &str, transports: &Value) {
    let order = json!({
        "open": "py", "url": system.url(""), "namespaces": namespaces, "auth": {"token": system.token(user)},
        "transports": transports,
    });
    system.clients.tell(&order);
}

fn ask(system: &mut System, namespace: &str, event: &Value) {
    system.clients.tell(&json!({"who": "py", "namespace": namespace, "emit": event, "ack": true}));
}

#[test]
fn socketio_check_03_the_python_client_is_greeted() {
    let Some(mut system) = start() else { return };
    for (transports, last) in
        [(Value::Null, "websocket"), (json!(["polling"]), "polling"), (json!(["websocket"]), "websocket")]
    {
        open(&mut system, &["/admin"], "owner", &transports);
        system.clients.next(ADMIN, "connect");
        let greeting = system.clients.greeted(ADMIN, "/admin");
        assert_eq!(greeting, json!({"user_id": 7, "role": "owner", "permissions": ["all"]}));
        assert_eq!(system.clients.next("py", "open"), json!([last]));
        system.clients.tell(&json!({"who": "py", "close": true}));
        system.clients.next(ADMIN, "disconnect");
    }
}

#[test]
fn the_python_client_hears_events_gets_acks_and_comes_back() {
    let Some(mut system) = start() else { return };
    open(&mut system, &["/client"], "client3", &Value::Null);
    system.clients.next(CLIENT, "connect");
    assert_eq!(system.clients.greeted(CLIENT, "/client")["client_id"], 3);
    ask(&mut system, "/client", &json!(["heartbeat", {"client_id": 3}]));
    system.clients.event(CLIENT, "heartbeat_ack");
    assert_eq!(system.clients.next(CLIENT, "ack"), json!([]));
    assert_eq!(system.write("PUT", "platforms/1", &json!({"note": "é"})), 200);
    assert_eq!(system.clients.event(CLIENT, "platform_update")["data"]["note"], "é");

    system.proxy.restart();
    let reason = system.clients.next(CLIENT, "disconnect");
    assert!(reason[0].as_str().unwrap().starts_with("transport "), "{reason}");
    system.clients.connected_again(CLIENT);
    system.clients.greeted(CLIENT, "/client");
    assert_eq!(system.write("PUT", "platforms/1", &json!({"note": "ü"})), 200);
    assert_eq!(system.clients.event(CLIENT, "platform_update")["data"]["note"], "ü");
}

#[test]
fn the_python_client_begins_anew_when_its_connection_has_broken_off() {
    let Some(mut system) = start() else { return };
    open(&mut system, &["/client"], "client3", &json!(["websocket"]));
    let former = system.clients.next(CLIENT, "connect");
    system.clients.greeted(CLIENT, "/client");
    system.clients.next("py", "open");
    for number in 0..3 {
        system.clients.tell(&json!({"who": "py", "break": true}));
        let reason = system.clients.next(CLIENT, "disconnect");
        assert!(reason[0].as_str().unwrap().starts_with("transport "), "{reason}");
        assert_ne!(system.clients.next(CLIENT, "connect")[0], former[0], "another socket");
        system.clients.greeted(CLIENT, "/client");
        assert_eq!(system.write("PUT", "platforms/1", &json!({"number": number})), 200);
        let update = system.clients.next(CLIENT, "event");
        assert_eq!(update[1]["data"]["number"], number);
        assert_eq!(update.as_array().unwrap().len(), 2, "no offset: {update}");
    }
    let readers = || system.proxy.metric(r#"restcast_connections{dialect="socketio"}"#);
    eventually("the former are gone", || (readers() == 1.0).then_some(()));
}

#[test]
fn the_python_client_is_told_why_it_may_not_come_in() {
    let Some(mut system) = start() else { return };
    open(&mut system, &["/admin"], "client3", &Value::Null);
    let refusal = json!([{"message": "Admin access required", "data": {"code": "forbidden"}}]);
    assert_eq!(system.clients.next(ADMIN, "connect_error"), refusal);
    system.clients.next("py", "failed");
}
