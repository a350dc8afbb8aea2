//! Clients that were away, and come back with all that they missed (`recovery`).

use super::*;

fn start(node: &Node, proxy: &Proxy) -> Process {
    let wanted = json!({
        "namespaces": {"/admin": admin(proxy)},
        "away": true,
        "emit": [["/admin", "subscribe_entity_updates", {"entity_type": "platform", "entity_id": 1}]],
    });
    node.client("socketio.js", &[&format!("http://{}", proxy.address), &wanted.to_string()])
}

/// The names that records had, as they were heard.
fn heard(client: &Process) -> Vec<String> {
    let lines = client.output();
    let updates = lines.lines().filter(|line| line.contains("platform_update"));
    updates.map(|line| serde_json::from_str::<Value>(line).unwrap()[3]["data"]["name"].to_string()).collect()
}

fn connects(client: &Process) -> Vec<Value> {
    let lines = client.output();
    let connects = lines.lines().filter(|line| line.contains("\"connect\""));
    connects.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A backend that says what was written.
fn echoing(options: &str) -> (Origin, Proxy) {
    let origin = Origin::start(|request, stream| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        std::io::Write::write_all(stream, format!("{head}{body}").as_bytes()).is_ok()
    });
    let endpoint = "dialect = \"socketio\"\n";
    let proxy = Proxy::with(origin.address, &CONFIG.replace(endpoint, &format!("{endpoint}{options}")));
    (origin, proxy)
}

fn update(proxy: &Proxy, number: usize) {
    let headers = [("Content-Type", "application/json"), ("Authorization", "Bearer somebody")];
    let body = format!(r#"{{"id":1,"name":{number}}}"#);
    assert_eq!(request(proxy.address, "PUT", "/api/platforms/1", &headers, body.as_bytes()).status, 200);
}

fn leave(client: &Process) {
    let before = count(client, &["\"disconnect\""]);
    client.signal("USR2");
    eventually("it is away", || (count(client, &["\"disconnect\""]) > before).then_some(()));
}

#[test]
fn a_client_that_was_away_misses_nothing_and_hears_nothing_twice() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = echoing("recovery = \"60s\"\n");
    let client = start(&node, &proxy);
    line(&client, &["subscribed"]);
    for round in 0..3 {
        let first = round * 4;
        update(&proxy, first);
        eventually("it is heard", || (heard(&client).len() == first + 1).then_some(()));
        leave(&client);
        // In both of its rooms, and once each.
        (1..=2).for_each(|number| update(&proxy, first + number));
        client.signal("USR2");
        update(&proxy, first + 3);
        let all: Vec<String> = (0..first + 4).map(|number| number.to_string()).collect();
        eventually(&format!("{all:?}"), || (heard(&client) == all).then_some(()));
    }
    let connects = connects(&client);
    assert_eq!(connects[0][4], false);
    for again in &connects[1..] {
        assert_eq!((&again[3], &again[4]), (&connects[0][3], &json!(true)), "the same socket");
        assert_ne!(again[2], connects[0][2], "another connection");
    }
    assert_eq!(count(&client, &["admin_connected"]), 1, "it has not come in anew");
}

#[test]
fn a_client_that_was_away_for_too_long_begins_anew() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = echoing("recovery = \"1s\"\n");
    let client = start(&node, &proxy);
    line(&client, &["subscribed"]);
    update(&proxy, 0);
    eventually("it is heard", || (heard(&client).len() == 1).then_some(()));
    leave(&client);
    update(&proxy, 1);
    let readers = || proxy.metric(r#"restcast_connections{dialect="socketio"}"#);
    eventually("its place is given away", || (readers() == 0.0).then_some(()));
    client.signal("USR2");
    eventually("it is in anew", || (count(&client, &["admin_connected"]) == 2).then_some(()));
    assert_eq!(connects(&client)[1][4], false);
    update(&proxy, 2);
    eventually("it hears what comes", || (heard(&client) == ["0", "2"]).then_some(()));
}

#[test]
fn events_have_no_further_argument_where_nobody_comes_back() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = echoing("");
    let client = start(&node, &proxy);
    line(&client, &["subscribed"]);
    leave(&client);
    client.signal("USR2");
    eventually("it is in anew", || (count(&client, &["admin_connected"]) == 2).then_some(()));
    assert_eq!(connects(&client)[1][4], false);
}
