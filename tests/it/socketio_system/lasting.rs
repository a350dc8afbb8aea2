//! Connections that change their transport, fall silent, break and come back: checks 15, 16 and 17.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::*;

const BURST: usize = 100;

/// Numbered writes one after the other until told to stop; gives how many there were.
fn write_on(system: &System, stop: &AtomicBool) -> u64 {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) || number < 20 {
        number += 1;
        assert_eq!(system.write("PUT", "platforms/1", &json!({"number": number})), 200);
    }
    number
}

/// What one client got while it went over to a WebSocket: the numbers of acks and of events, in their order.
fn got_meanwhile(clients: &mut Clients, who: &str, last: u64) -> (Vec<usize>, Vec<u64>) {
    let (mut acks, mut numbers) = (Vec::new(), Vec::new());
    while acks.len() < BURST || numbers.last() != Some(&last) {
        let (got, args) = clients.any(who);
        match (got.as_str(), args[0].as_str()) {
            ("ack", _) => acks.push(serde_json::from_value(args[0].clone()).unwrap()),
            ("event", Some("platform_update")) => numbers.push(args[1]["data"]["number"].as_u64().unwrap()),
            ("event", Some("heartbeat_ack")) => {}
            _ => panic!("{who} got {got} {args}"),
        }
    }
    (acks, numbers)
}

#[test]
fn socketio_check_15_nothing_is_lost_twice_or_out_of_order_while_a_client_goes_over_to_a_websocket() {
    let Some(mut system) = System::start() else { return };
    let names: Vec<String> = (0..4).map(|number| format!("client{number}")).collect();
    let mut clients = std::mem::replace(&mut system.clients, Clients::new(tools::node().unwrap().socketio()));
    let (token, url) = (system.token("client3"), system.url("/client"));
    let stop = AtomicBool::new(false);
    let last = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_on(&system, &stop));
        for who in &names {
            clients.open(who, &url, &json!({"auth": {"token": token}}));
            clients.tell(&json!({"who": who, "burst": BURST, "emit": ["heartbeat", {"client_id": 3}]}));
        }
        for who in &names {
            clients.upgraded(who);
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    for who in &names {
        clients.next(who, "connect");
        clients.greeted(who, "/client");
        let (acks, numbers) = got_meanwhile(&mut clients, who, last);
        assert_eq!(acks, (0..BURST).collect::<Vec<_>>(), "{who}");
        let first = numbers[0];
        assert_eq!(numbers, (first..=last).collect::<Vec<_>>(), "{who}");
        clients.is_quiet(who);
    }
}

/// An instance that looks for its clients so often.
fn impatient() -> Option<System> {
    let dialect = "dialect = \"socketio\"";
    let options = format!("{dialect}\nping_interval = \"1s\"\nping_timeout = \"1s\"");
    System::with(&[(dialect, &options)], Path::new("/nonexistent"))
}

/// The options of the connection that a handshake tells.
fn handshake(system: &System) -> Value {
    let answer = system.proxy.get("/socket.io/?EIO=4&transport=polling");
    assert_eq!(answer.status, 200);
    serde_json::from_str(answer.text().strip_prefix('0').unwrap()).unwrap()
}

#[test]
fn socketio_check_16_the_numbers_of_the_shipped_config_are_those_of_the_original() {
    let Some(system) = System::start() else { return };
    let mut open = handshake(&system);
    assert!(open["sid"].take().as_str().is_some_and(|sid| sid.len() >= 20));
    let expected = json!({
        "sid": null, "upgrades": ["websocket"], "pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": 1_000_000,
    });
    assert_eq!(open, expected);
}

#[test]
fn socketio_check_16_a_client_that_answers_pings_stays_by_either_transport() {
    let Some(mut system) = impatient() else { return };
    assert_eq!(
        json!([handshake(&system)["pingInterval"], handshake(&system)["pingTimeout"]]),
        json!([1000, 1000])
    );
    system.enter("upgraded", "/client", "client3", &json!({}));
    system.enter("polling", "/client", "client3", &json!({"transports": ["polling"]}));
    for who in ["upgraded", "polling"] {
        // More than interval and timeout together.
        eventually("three pings", || (system.clients.pings(who) >= 3).then_some(()));
        system.clients.is_quiet(who);
    }
}

#[test]
fn socketio_check_16_a_client_that_stops_answering_is_closed_when_the_timeout_is_over() {
    let Some(system) = impatient() else { return };
    let begun = Instant::now();
    let mut silent = Reader::connect(system.proxy.address, "/socket.io/?EIO=4&transport=websocket");
    assert!(silent.next_text().starts_with("0{"));
    silent.send(format!("40/client,{}", json!({"token": system.token("client3")})));
    assert!(silent.next_text().starts_with("40/client,"));
    assert!(silent.next_text().starts_with("42/client,[\"client_connected\""));
    assert_eq!(silent.next_text(), "2");
    silent.send("3");
    assert_eq!(silent.next_text(), "2");
    let pinged = Instant::now();
    assert!((pinged - begun).as_millis() >= 1900, "two intervals");
    silent.close_code();
    let waited = pinged.elapsed().as_millis();
    assert!((800..5000).contains(&waited), "{waited} ms");
}

#[test]
fn socketio_check_17_clients_come_back_by_themselves_when_the_proxy_is_restarted() {
    let Some(mut system) = System::start() else { return };
    system.enter("admin", "/admin", "owner", &json!({}));
    system.clients.upgraded("admin");
    system.enter("polling", "/client", "client3", &json!({"transports": ["polling"]}));
    system.proxy.restart();
    for (who, namespace) in [("admin", "/admin"), ("polling", "/client")] {
        let args = system.clients.next(who, "disconnect");
        assert_eq!(args[1], true, "it tries again: {args}");
        assert_ne!(args[0], "io server disconnect");
        system.clients.connected_again(who);
        system.clients.greeted(who, namespace);
    }
    assert_eq!(system.write("PUT", "platforms/1", &json!({})), 200);
    system.clients.event("admin", "platform_update");
    system.clients.event("polling", "platform_update");
}

#[test]
fn socketio_check_17_whom_the_server_sends_away_from_a_namespace_stays_away() {
    let Some(mut system) = System::start() else { return };
    let shared = json!({"forceNew": false});
    system.enter("admin", "/admin", "owner", &shared);
    system.enter("client", "/client", "client3", &shared);
    let answer = request(system.proxy.admin, "DELETE", "/api/connections?user_id=7", &[], b"");
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"closed":1}"#));
    assert_eq!(system.clients.next("admin", "disconnect"), json!(["io server disconnect", false]));
    system.clients.is_quiet("client");
}

#[test]
fn socketio_check_17_a_token_that_expires_ends_its_namespace_alone() {
    let changes = [("user_claim = \"user_id\"", "user_claim = \"user_id\"\nleeway = \"0s\"")];
    let Some(mut system) = System::with(&changes, Path::new("/nonexistent")) else { return };
    let shared = json!({"forceNew": false});
    system.enter("admin", "/admin", "owner", &shared);
    let (url, token) = (system.url("/client"), system.token_for("client3", 2));
    system.clients.open("client", &url, &json!({"forceNew": false, "auth": {"token": token}}));
    system.clients.next("client", "connect");
    system.clients.greeted("client", "/client");
    assert_eq!(system.clients.next("client", "disconnect"), json!(["io server disconnect", false]));
    system.clients.is_quiet("admin");
}
