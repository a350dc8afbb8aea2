//! Many readers, slow ones, and the end of the process.

use std::time::{Duration, Instant};

use super::*;

const TOO_SLOW: &str = "restcast_drops_total{reason=\"reader_too_slow\"}";
const CONNECTIONS: &str = "restcast_connections{dialect=\"sse\"}";

#[test]
fn a_thousand_readers_get_each_event_and_come_back_at_different_times() {
    const READERS: usize = 1000;
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut readers: Vec<Events> =
        (0..READERS).map(|_| Events::connect(proxy.address, "/events?topic=author")).collect();
    assert_eq!(proxy.metric(CONNECTIONS), 1000.0);
    write(&proxy, 3);
    for reader in &mut readers {
        assert_eq!((reader.event().0, reader.event().0, reader.event().0), (1, 2, 3));
    }
    let mut pauses: Vec<u64> = readers.iter().map(|reader| reader.subscribed.retry.unwrap()).collect();
    pauses.sort_unstable();
    // In no quarter of the time comes back much more than a quarter of them.
    for quarter in 0..4 {
        let within = 1000 * (quarter + 1)..1000 * (quarter + 2);
        let count = pauses.iter().filter(|pause| within.contains(*pause)).count();
        assert!((150..350).contains(&count), "{count} in {within:?}");
    }
    drop(readers);
    eventually("all of them are gone", || (proxy.metric(CONNECTIONS) == 0.0).then_some(()));
    assert_eq!(proxy.metric(r#"restcast_subscriptions{dialect="sse"}"#), 0.0);
}

#[test]
fn a_stuck_reader_slows_nobody_and_is_closed() {
    let body = format!(r#"{{"id":1,"filler":"{}"}}"#, "x".repeat(100_000));
    let origin = Origin::json(201, &body);
    let hub = "[hub]\nqueue_frames = 8\nqueue_bytes = \"512KiB\"\n";
    let proxy = Proxy::with(origin.address, &format!("{hub}{TABLES}"));
    let mut stuck = Events::connect(proxy.address, "/events");
    let mut reader = Events::connect(proxy.address, "/events");
    let mut writer = Wire::connect(proxy.address);
    let (mut slowest, mut written) = (Duration::ZERO, 0);
    while proxy.metric(TOO_SLOW) == 0.0 {
        let begun = Instant::now();
        writer.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").answer();
        slowest = slowest.max(begun.elapsed());
        assert_eq!(reader.event().0, 1);
        written += 1;
        assert!(written < 500, "the stuck reader is never too slow");
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // What had left for it is whole, and then it is told why there is no more: it may come back with its last id.
    assert_eq!(stuck.end(), json!({ "code": 1013, "reason": "reader too slow" }));
    assert_eq!(proxy.metric(TOO_SLOW), 1.0);
    write(&proxy, 1);
    assert_eq!(reader.event().0, 1);
    eventually("it is gone", || (proxy.metric(CONNECTIONS) == 1.0).then_some(()));
}

#[test]
fn a_reader_that_is_killed_is_noticed() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut kept = Events::connect(proxy.address, "/events");
    let [hung_up, reset] = [0, 1].map(|_| Events::connect(proxy.address, "/events"));
    drop(hung_up);
    reset.wire.reset();
    eventually("they are gone", || (proxy.metric(CONNECTIONS) == 1.0).then_some(()));
    write(&proxy, 1);
    assert_eq!(kept.event().0, 1);
}

#[test]
fn sigterm_ends_each_stream_with_a_word_and_the_process_ends_well() {
    let origin = counting();
    let mut proxy = Proxy::with(origin.address, TABLES);
    let mut readers: Vec<Events> = (0..5).map(|_| Events::connect(proxy.address, "/events")).collect();
    write(&proxy, 1);
    proxy.process.signal("TERM");
    for reader in &mut readers {
        assert_eq!(reader.event().0, 1);
        let end = reader.end();
        assert_eq!(end["code"], 1012);
        assert!(end["reason"].as_str().unwrap().starts_with("service restart; since="), "{end}");
    }
    drop(readers);
    assert!(proxy.process.wait().success(), "{}", proxy.process.output());
    assert!(!proxy.process.output().contains("before all was done"));
}

#[test]
fn who_comes_while_the_process_stops_is_not_told_to_stay_away() {
    let (backend, seen, go_on) = crate::wire::waiting("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut proxy = Proxy::with(backend, TABLES);
    let mut idle = Wire::connect(proxy.address);
    assert_eq!(
        idle.send("HEAD /events HTTP/1.1\r\nHost: h\r\n\r\n").head().0,
        "HTTP/1.1 405 Method Not Allowed"
    );
    let mut busy = Wire::connect(proxy.address);
    busy.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    seen.recv_timeout(DEADLINE).unwrap();
    let mut reader = Events::connect(proxy.address, "/events");
    proxy.process.signal("TERM");
    reader.end();
    // A connection that a browser has kept. At a 503 `EventSource` would give up.
    let told = idle.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n").rest();
    if !told.is_empty() {
        assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
        assert!(told.contains("event: close\ndata: {\"code\":1012,\"reason\":\"service restart"), "{told}");
    }
    go_on.send(()).unwrap();
    assert_eq!(busy.answer().status, 200);
    assert!(proxy.process.wait().success());
}
