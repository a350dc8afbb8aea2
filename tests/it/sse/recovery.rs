//! Readers that were away.

use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

/// What is said of a recovery.
fn recovery(reader: &Events) -> (Option<bool>, Option<String>) {
    let said = reader.subscribed.json();
    (said["recovered"].as_bool(), said["reason"].as_str().map(ToOwned::to_owned))
}

#[test]
fn who_comes_back_with_its_last_id_gets_what_it_missed() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let mut reader = Events::connect(proxy.address, "/events?topic=author");
    assert_eq!(recovery(&reader), (None, None));
    let begin = reader.subscribed.id.clone().unwrap();
    write(&proxy, 2);
    assert_eq!(reader.event().0, 1);
    let (_, last) = reader.event();
    drop(reader);
    write(&proxy, 2);
    for (since, missed) in [(&last, 3..=4), (&begin, 1..=4)] {
        // As `EventSource` says it, and as a page does that keeps it itself.
        let query = format!("/events?topic=author&since={since}");
        let readers = [
            Events::resume(proxy.address, "/events?topic=author", since),
            Events::connect(proxy.address, &query),
            Events::resume(proxy.address, &query.replace(since.as_str(), "00c0ffee00c0ffee.3"), since),
        ];
        for mut reader in readers {
            assert_eq!(recovery(&reader), (Some(true), None));
            // It has not got yet what follows.
            assert_eq!(reader.subscribed.id.as_ref(), Some(since));
            for id in missed.clone() {
                assert_eq!(reader.event().0, id);
            }
            reader.expect_silence();
        }
    }
    assert_eq!(proxy.metric(r#"restcast_recoveries_total{outcome="recovered"}"#), 6.0);
}

#[test]
fn what_cannot_be_recovered_is_said_and_the_next_id_counts() {
    let origin = counting();
    let mut proxy = Proxy::with(origin.address, &TABLES.replace("[history]", "[history]\nsize = 3"));
    let mut reader = Events::connect(proxy.address, "/events?topic=author");
    write(&proxy, 4);
    assert_eq!([reader.event().0, reader.event().0, reader.event().0, reader.event().0], [1, 2, 3, 4]);
    let begin = reader.subscribed.id.unwrap();
    let epoch = begin.split('.').next().unwrap();
    let rows = [
        (begin.clone(), "expired"),
        (format!("{epoch}.500"), "ahead"),
        ("00c0ffee00c0ffee.3".to_owned(), "unknown epoch"),
        ("yesterday".to_owned(), "unknown epoch"),
    ];
    for (since, reason) in rows {
        let reader = Events::resume(proxy.address, "/events?topic=author", &since);
        assert_eq!(recovery(&reader), (Some(false), Some(reason.to_owned())), "{since}");
        let now = reader.subscribed.id.unwrap();
        let again = Events::resume(proxy.address, "/events?topic=author", &now);
        assert_eq!(recovery(&again), (Some(true), None), "{since}");
    }
    // A process that begins anew knows nothing of the former.
    let last = Events::connect(proxy.address, "/events").subscribed.id.unwrap();
    proxy.restart();
    let reader = Events::resume(proxy.address, "/events", &last);
    assert_eq!(recovery(&reader), (Some(false), Some("unknown epoch".to_owned())));
}

#[test]
fn what_is_missed_is_shown_to_whom_it_may_be_shown_now() {
    let (origin, jwt) = (counting(), crate::visibility::JWT);
    let route = "path = \"/api/authors/{id}\"\nvisibility = \"authenticated\"";
    let tables = TABLES.replace("path = \"/api/authors/{id}\"", route) + "auth = \"optional\"\n" + jwt;
    let proxy = Proxy::with(origin.address, &tables);
    let alice = admission::token("alice", 600);
    let bearer = format!("Bearer {alice}");
    let begin = Events::connect(proxy.address, "/events").subscribed.id.unwrap();
    write(&proxy, 2);
    let with = [("Last-Event-ID", begin.as_str()), ("Authorization", bearer.as_str())];
    let mut known = Events::connect_with(proxy.address, "/events", &with).unwrap();
    let mut unknown = Events::resume(proxy.address, "/events", &begin);
    assert_eq!((recovery(&known), recovery(&unknown)), ((Some(true), None), (Some(true), None)));
    assert_eq!((known.event().0, known.event().0), (1, 2));
    unknown.expect_silence();
}

#[test]
fn a_client_that_blinks_under_writes_gets_each_event_once_and_in_order() {
    const EVENTS: u64 = 3000;
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    let is_written = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Wire::connect(proxy.address);
            for _ in 0..EVENTS {
                writer.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").answer();
            }
            is_written.store(true, Ordering::SeqCst);
        });
        for target in ["/events?topic=author", "/events?topic=author&topic=all", "/events"] {
            let (address, is_written) = (proxy.address, &is_written);
            scope.spawn(move || {
                let blinks = blink(target, address, EVENTS);
                assert!(blinks > 20 && is_written.load(Ordering::SeqCst), "{blinks}");
            });
        }
    });
}

/// Reads the events of a client that comes and goes until all are there; how often it came back. It keeps what
/// `EventSource` does: the last id that it has read.
fn blink(target: &str, address: SocketAddr, events: u64) -> u64 {
    let mut reader = Events::connect(address, target);
    let mut last = reader.subscribed.id.clone().unwrap();
    let (mut id, mut blinks) = (0, 0);
    while id < events {
        // So many before it blinks, another number each time; sometimes none.
        for _ in 0..(id % 60).min(events - id) + u64::from(blinks % 2 == 0) {
            if id == events {
                break;
            }
            let (next, position) = reader.event();
            // Others may be the first to write.
            assert!(next == id + 1 || id == 0, "{target}: {next} behind {id} after {blinks} blinks");
            (id, last) = (next, position);
        }
        reader = Events::resume(address, target, &last);
        assert_eq!(recovery(&reader), (Some(true), None), "{target}");
        last = reader.subscribed.id.clone().unwrap();
        blinks += 1;
    }
    blinks
}
