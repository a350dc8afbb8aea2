//! Clients that were away, and come back with all that they missed (`recovery`).

use std::time::{Duration, Instant};

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
    echoing_with(options, "")
}

/// The same with more tables.
fn echoing_with(options: &str, tables: &str) -> (Origin, Proxy) {
    let origin = Origin::start(|request, stream| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        std::io::Write::write_all(stream, format!("{head}{body}").as_bytes()).is_ok()
    });
    let endpoint = "dialect = \"socketio\"\n";
    let config = CONFIG.replace(endpoint, &format!("{endpoint}{options}"));
    let proxy = Proxy::with(origin.address, &format!("{config}\n{tables}"));
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
fn a_client_whose_token_expired_while_it_was_away_hears_nothing_of_what_it_missed() {
    let Some(node) = tools::node() else { return };
    let config = CONFIG
        .replace("[auth.jwt]", "[auth.jwt]\nleeway = \"0s\"")
        .replace("dialect = \"socketio\"", "dialect = \"socketio\"\nrecovery = \"60s\"");
    let origin = Origin::json(200, ANSWER);
    let proxy = Proxy::with(origin.address, &config);
    let valid = Duration::from_secs(8);
    let token = token_for(&proxy, &["role=admin"], &format!("{}s", valid.as_secs()));
    let expired = Instant::now() + valid;
    let wanted = json!({"namespaces": {"/admin": token}, "away": true});
    let client = node.client("socketio.js", &[&format!("http://{}", proxy.address), &wanted.to_string()]);
    line(&client, &["admin_connected"]);
    leave(&client);
    write(&proxy);
    eventually("it has expired", || (Instant::now() > expired).then_some(()));
    client.signal("USR2");
    assert_eq!(line(&client, &["refused"])[3]["code"], "expired_token");
    assert_eq!(count(&client, &["platform_update"]), 0, "{}", client.output());
    eventually("nobody is there", || {
        (proxy.metric(r#"restcast_connections{dialect="socketio"}"#) == 0.0).then_some(())
    });
}

/// Its connections break off in every stage, by polling and on the way to a WebSocket and behind it.
#[test]
fn a_client_on_a_bad_network_hears_each_write_once_and_in_order() {
    let Some(node) = tools::node() else { return };
    for (transports, flaky) in
        [(json!(["polling", "websocket"]), 15), (json!(["polling"]), 5), (json!(["websocket"]), 5)]
    {
        let (_origin, proxy) = echoing("recovery = \"60s\"\n");
        let wanted =
            json!({"namespaces": {"/admin": admin(&proxy)}, "transports": transports, "flaky": flaky});
        let client = node.client("socketio.js", &[&format!("http://{}", proxy.address), &wanted.to_string()]);
        line(&client, &["admin_connected"]);
        let mut written = 0;
        // Slower than what may wait for it fills.
        while connects(&client).len() < 60 || written < 300 {
            update(&proxy, written);
            written += 1;
            assert!(written < 50_000, "it does not come back: {transports}");
            eventually("it keeps up", || (heard(&client).len() + 100 > written).then_some(()));
        }
        let all: Vec<String> = (0..written).map(|number| number.to_string()).collect();
        // One that begins anew has missed something.
        eventually("it hears all", || (heard(&client).last() == all.last()).then_some(()));
        assert!(heard(&client) == all, "{transports}: {}", client.output());
        let connects = connects(&client);
        assert!(connects[1..].iter().all(|again| again[4] == true), "{transports}: {connects:?}");
        assert_eq!(count(&client, &["admin_connected"]), 1, "{transports}");
        drop(client);
        eventually("nobody is there", || {
            (proxy.metric(r#"restcast_drops_total{reason="reader_too_slow"}"#) == 0.0).then_some(())
        });
    }
}

#[test]
fn what_a_client_was_asked_and_has_not_answered_it_is_asked_again() {
    let Some(node) = tools::node() else { return };
    let (_origin, proxy) = echoing("recovery = \"60s\"\n");
    let emit = |event: &str, ack: &str| {
        let body = json!({"namespace": "/admin", "event": event, "data": 1, "ack": ack}).to_string();
        let headers = [("Content-Type", "application/json")];
        let answer = request(proxy.admin, "POST", "/api/socketio/emit", &headers, body.as_bytes());
        serde_json::from_slice::<Value>(&answer.body).unwrap()
    };
    let client = start(&node, &proxy);
    line(&client, &["subscribed"]);
    assert_eq!(emit("answered", "10s")["acked"], 1);
    leave(&client);
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| emit("while_it_is_away", "30s"));
        client.signal("USR2");
        asked.join().unwrap()
    });
    assert_eq!((&asked["sent"], &asked["acked"]), (&json!(1), &json!(1)), "{asked} {}", client.output());
    assert_eq!(count(&client, &["while_it_is_away"]), 1);
    assert_eq!(count(&client, &["\"answered\""]), 1, "it has answered that");

    let wanted = json!({"namespaces": {"/admin": admin(&proxy)}, "away": true, "mute": true});
    let mute = node.client("socketio.js", &[&format!("http://{}", proxy.address), &wanted.to_string()]);
    line(&mute, &["admin_connected"]);
    assert_eq!(emit("unanswered", "300ms")["sent"], 2);
    line(&mute, &["unanswered"]);
    leave(&mute);
    mute.signal("USR2");
    eventually("it is asked again", || (count(&mute, &["unanswered"]) == 2).then_some(()));
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

/// What it was told of where it was: recovered, and why not.
fn followed(client: &Process) -> Vec<(Value, Value)> {
    let lines = client.output();
    let told = lines.lines().filter(|line| line.contains("\"event\",\"position\""));
    let told = told.map(|line| serde_json::from_str::<Value>(line).unwrap()[3].take());
    told.map(|mut told| (told["recovered"].take(), told["reason"].take())).collect()
}

/// Without `recovery`, and so at any node: it says itself what it got last.
#[test]
fn a_client_that_says_what_it_got_last_misses_nothing_and_hears_nothing_twice() {
    let Some(node) = tools::node() else { return };
    let (_origin, mut proxy) = echoing_with("", "[history]\n");
    let wanted = json!({"namespaces": {"/admin": admin(&proxy)}, "away": true, "follow": true});
    let client = node.client("socketio.js", &[&format!("http://{}", proxy.address), &wanted.to_string()]);
    eventually("it is told where it is", || (followed(&client).len() == 1).then_some(()));
    for round in 0..3 {
        let first = round * 4;
        update(&proxy, first);
        eventually("it is heard", || (heard(&client).len() == first + 1).then_some(()));
        leave(&client);
        (1..=2).for_each(|number| update(&proxy, first + number));
        client.signal("USR2");
        eventually("it is told what became of it", || (followed(&client).len() == round + 2).then_some(()));
        update(&proxy, first + 3);
        let all: Vec<String> = (0..first + 4).map(|number| number.to_string()).collect();
        eventually(&format!("{all:?}"), || (heard(&client) == all).then_some(()));
    }
    leave(&client);
    proxy.restart();
    client.signal("USR2");
    eventually("it is told that nobody knows", || (followed(&client).len() == 5).then_some(()));
    let nothing = (Value::Null, Value::Null);
    let recovered = (json!(true), Value::Null);
    let lost = (json!(false), json!("unknown epoch"));
    let expected = [nothing, recovered.clone(), recovered.clone(), recovered, lost];
    assert_eq!(followed(&client), expected);
    assert!(connects(&client).iter().all(|connect| connect[4] == false), "it is another socket each time");
}
