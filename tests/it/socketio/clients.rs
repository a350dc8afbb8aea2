//! What real clients see.

use super::*;

/// `null`: as the client has them by itself.
const TRANSPORTS: [&str; 3] = ["null", r#"["websocket"]"#, r#"["polling"]"#];

fn url(proxy: &Proxy) -> String {
    format!("http://{}", proxy.address)
}

pub(super) fn start(node: &Node, proxy: &Proxy, wanted: &Value) -> Process {
    node.client("socketio.js", &[&url(proxy), &wanted.to_string()])
}

fn start_python(python: &Python, proxy: &Proxy, wanted: &Value) -> Process {
    python.client("socketio.py", &[&url(proxy), &wanted.to_string()])
}

/// It is in, has joined a second room that an event is for, and hears each write once.
fn hears_each_write_once(client: &Process, proxy: &Proxy) {
    line(client, &["/admin", "connect"]);
    assert_eq!(
        line(client, &["admin_connected"]),
        json!(["/admin", "event", "admin_connected", {"user_id": 7}])
    );
    assert_eq!(
        line(client, &["subscribed"]),
        json!(["/admin", "event", "subscribed", {"room": "platform_1"}])
    );
    let ack = json!(["/admin", "ack", "subscribe_entity_updates", "platform_1"]);
    assert_eq!(line(client, &["ack"]), ack);
    for number in 1..=3 {
        write(proxy);
        eventually("the write is heard", || (count(client, &["platform_update"]) == number).then_some(()));
    }
    let told = json!({"platform_id": 1, "data": serde_json::from_str::<Value>(ANSWER).unwrap()});
    assert_eq!(line(client, &["platform_update"]), json!(["/admin", "event", "platform_update", told]));
}

fn wanted(proxy: &Proxy, transports: &str) -> Value {
    json!({
        "namespaces": {"/admin": admin(proxy)},
        "transports": serde_json::from_str::<Value>(transports).unwrap(),
        "emit": [["/admin", "subscribe_entity_updates", {"entity_type": "platform", "entity_id": 1}]],
    })
}

#[test]
fn a_client_of_javascript_connects_by_every_transport_and_hears_each_write_once() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = proxy();
    for transports in TRANSPORTS {
        let client = start(&node, &proxy, &wanted(&proxy, transports));
        hears_each_write_once(&client, &proxy);
    }
    // One that polled and vanished may come back until its ping would have been due.
    eventually("they are gone", || {
        (proxy.metric(r#"restcast_connections{dialect="socketio"}"#) <= 1.0).then_some(())
    });
    assert_eq!(proxy.metric(r#"restcast_deliveries_total{dialect="socketio"}"#), 9.0);
}

#[test]
fn a_client_of_python_connects_by_every_transport_and_hears_each_write_once() {
    let Some(python) = tools::python() else { return };
    let (_origin, proxy) = proxy();
    for transports in TRANSPORTS {
        let client = start_python(&python, &proxy, &wanted(&proxy, transports));
        hears_each_write_once(&client, &proxy);
    }
}

#[test]
fn two_namespaces_of_a_page_share_one_connection_and_a_refused_one_does_not_end_the_other() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = proxy();
    let token = token(&proxy, &["role=admin", "user_id=7", "client_id=3"]);
    let namespaces = json!({"/admin": token, "/client": token, "/nowhere": token});
    let client = start(&node, &proxy, &json!({ "namespaces": namespaces }));
    let (one, other) =
        (line(&client, &["/admin", "\"connect\""]), line(&client, &["/client", "\"connect\""]));
    assert_eq!(one[2], other[2], "one connection");
    assert_eq!(line(&client, &["/nowhere"])[2], "Invalid namespace");
    eventually("both are readers", || {
        (proxy.metric(r#"restcast_connections{dialect="socketio"}"#) == 2.0).then_some(())
    });
    write(&proxy);
    line(&client, &["/admin", "platform_update"]);
    line(&client, &["/client", "platform_update"]);
    assert_eq!(count(&client, &["platform_update"]), 2);
}

#[test]
fn who_shows_no_good_token_hears_why_and_nothing_else() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let (_origin, proxy) = proxy();
    let theirs = token(&proxy, &["client_id=3"]);
    for (token, code) in [("bad", "invalid_token"), ("", "missing_token"), (&*theirs, "forbidden")] {
        let wanted = json!({"namespaces": {"/admin": token}});
        for client in [start(&node, &proxy, &wanted), start_python(&python, &proxy, &wanted)] {
            let refused = line(&client, &["refused"]);
            assert_ne!(refused[2], "");
            assert_eq!(refused[3]["code"], code);
            write(&proxy);
            assert_eq!(count(&client, &["platform_update"]) + count(&client, &["\"connect\""]), 0);
        }
    }
}

#[test]
fn what_is_said_during_an_upgrade_is_answered_once_and_in_order() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = proxy();
    let wanted = json!({"namespaces": {"/admin": admin(&proxy)}, "burst": 100});
    // Sometimes the client is in before it has gone over, and sometimes not.
    for _ in 0..3 {
        let client = start(&node, &proxy, &wanted);
        let acks = line(&client, &["acks"]);
        assert_eq!(acks[2], json!((0..100).collect::<Vec<_>>()));
        assert_eq!(acks[3], "websocket");
    }
}

#[test]
fn clients_come_back_by_themselves_after_a_restart() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let (_origin, mut proxy) = proxy();
    let clients: Vec<Process> = TRANSPORTS
        .iter()
        .flat_map(|transports| {
            let transports: Value = serde_json::from_str(transports).unwrap();
            let wanted = json!({"namespaces": {"/admin": admin(&proxy)}, "transports": transports});
            [start(&node, &proxy, &wanted), start_python(&python, &proxy, &wanted)]
        })
        .collect();
    for client in &clients {
        line(client, &["admin_connected"]);
    }
    proxy.restart();
    for client in &clients {
        line(client, &["disconnect"]);
        eventually("it is in again", || (count(client, &["admin_connected"]) == 2).then_some(()));
    }
    write(&proxy);
    for client in &clients {
        line(client, &["platform_update"]);
    }
}

#[test]
fn clients_go_over_to_a_process_that_takes_the_place_of_theirs() {
    let Some(node) = tools::node() else { return };
    let (origin, folder) = (Origin::json(200, ANSWER), Folder::new());
    let socket = folder.path().join("run/upgrade.sock");
    let server = format!("upgrade_socket = \"{}\"", socket.display());
    let mut proxy =
        Proxy::with_server(&server, &format!("servers = [\"http://{}\"]", origin.address), CONFIG);
    let start = |transports: &&str| start(&node, &proxy, &wanted(&proxy, transports));
    let clients: Vec<Process> = TRANSPORTS.iter().map(start).collect();
    for client in &clients {
        line(client, &["subscribed"]);
    }
    let new = Process::start(restcast().args(["serve", "--upgrade", "--config"]).arg(&proxy.config));
    eventually("it waits for the sockets", || socket.exists().then_some(()));
    proxy.process.signal("QUIT");
    for client in &clients {
        line(client, &["disconnect"]);
        eventually("it is in again", || (count(client, &["admin_connected"]) == 2).then_some(()));
    }
    assert!(proxy.process.wait().success(), "{}", proxy.process.output());
    proxy.process = new;
    write(&proxy);
    for client in &clients {
        line(client, &["platform_update"]);
        assert_eq!(count(client, &["platform_update"]), 1, "{}", client.output());
    }
}

#[test]
fn an_announcement_reaches_each_socket_of_the_rooms_that_it_is_for_once() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = proxy();
    let theirs = token(&proxy, &["client_id=3"]);
    let client = start(&node, &proxy, &json!({"namespaces": {"/client": theirs, "/": ""}}));
    line(&client, &["\"/client\"", "\"connect\""]);
    line(&client, &["\"/\"", "\"connect\""]);
    let emit = json!([
        ["/admin", "subscribe_entity_updates", {"entity_type": "platform", "entity_id": 1}],
        ["/admin", "announce", {"message": "hello"}],
        ["/admin", "announce", {"message": "nobody", "target": "nowhere"}],
        ["/admin", "announce", {"message": "last"}],
    ]);
    let speaker = start(&node, &proxy, &json!({"namespaces": {"/admin": admin(&proxy)}, "emit": emit}));
    for (listener, namespace) in [(&client, "\"/client\""), (&client, "\"/\""), (&speaker, "\"/admin\"")] {
        line(listener, &[namespace, "announcement", "last"]);
        assert_eq!(count(listener, &[namespace, "announcement"]), 2, "{}", listener.output());
    }
}
