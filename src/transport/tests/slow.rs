//! Readers that are slow, and clients that do not read their answers.

use std::thread;

use tokio::time::timeout;

use super::*;
use crate::hub::Lane as _;
use crate::transport::link::Link;
use crate::transport::wire::Wire as _;

const SOON: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_closed_and_the_others_go_on() {
    let hub = hub();
    let limits = Limits { outbox: OutboxLimits { frames: 5, bytes: 10_000 }, ..LIMITS };
    let mut slow = Client::connect(&hub, 64, limits).await;
    let mut quick = Client::connect(&hub, 64, limits).await;
    let mut overflowed = 0;
    for number in 0..100 {
        overflowed += publish(&hub, &format!("event number {number}")).overflowed;
        quick.expect(&[&format!("text event number {number}")]).await;
    }
    assert_eq!(overflowed, 1);
    // What had left, the rest of what had begun to leave, and the reason: nothing is cut in two.
    let mut number = 0;
    loop {
        let frame = slow.next().await;
        if frame == "close 1013 reader too slow" {
            break;
        }
        assert_eq!(frame, format!("text event number {number}"));
        number += 1;
    }
    assert!((3..=9).contains(&number), "{number} events in a pipe of 64 bytes");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_catches_up_misses_nothing() {
    let hub = hub();
    let mut client = Client::connect(&hub, 64, LIMITS).await;
    for round in 0..20 {
        for number in 0..90 {
            publish(&hub, &format!("{round} {number}"));
        }
        for number in 0..90 {
            client.expect(&[&format!("text {round} {number}")]).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_came_back_for_much_was_closed_at_the_next_event() {
    let kept = HistoryLimits { size: 100, bytes: 1 << 20, age: FOREVER };
    let hub = Arc::new(Arc::into_inner(hub()).unwrap().keeping(kept, Epoch::new(1)));
    for number in 1..=20 {
        publish(&hub, &number.to_string());
    }
    let limits = Limits { outbox: OutboxLimits { frames: 5, bytes: 10_000 }, ..LIMITS };
    let (stream, theirs) = tokio::io::duplex(64);
    let since = Position { epoch: Epoch::new(1), offset: 0 };
    let connection = serve_since(Some(since), Identity::Anonymous, theirs, &hub, limits);
    let mut client = Client::greeted(stream, connection).await;
    for number in 21..=25 {
        assert_eq!(publish(&hub, &number.to_string()).overflowed, 0, "{number}");
    }
    for number in 1..=25 {
        client.expect(&[&format!("text {number}")]).await;
    }
}

/// Whoever finds the link busy waits to be woken, and who writes what was gathered wakes nobody.
#[tokio::test]
async fn a_client_was_not_heard_where_much_was_being_gathered_for_it() {
    let (stream, _client) = tokio::io::duplex(4096);
    let link = Link::silent(stream, OutboxLimits { frames: 5, bytes: 10_000 });
    for _ in 0..3 {
        link.gather(&Frame::text("event"));
    }
    assert!(!link.is_quiet());
    assert!(!link.is_busy());
    assert!(link.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn answers_come_between_events_and_never_inside_of_one() {
    let hub = hub();
    let mut client = Client::connect(&hub, 50, LIMITS).await;
    let (mut events, mut pongs) = (0, 0);
    for number in 0..50 {
        publish(&hub, &format!("an event that does not fit {number}"));
        client.send(0x89, format!("{number}").as_bytes()).await;
        while events + pongs < number {
            match client.next().await.split_once(' ').unwrap() {
                ("text", text) => {
                    assert_eq!(text, format!("an event that does not fit {events}"));
                    events += 1;
                }
                (_, text) => {
                    assert_eq!(text, pongs.to_string());
                    pongs += 1;
                }
            }
        }
    }
    assert!(events > 10 && pongs > 10, "{events} events, {pongs} pongs");
}

/// Sends messages until the server takes no more; returns how many it took whole.
async fn flood(client: &mut Client, message: &[u8]) -> usize {
    let frame = masked(0x81, message);
    let mut count = 0;
    while count < 10_000 {
        let mut left = frame.as_slice();
        while !left.is_empty() {
            match timeout(SOON, client.stream.write(left)).await {
                Ok(written) => left = &left[written.unwrap()..],
                Err(_) => return count,
            }
        }
        count += 1;
    }
    panic!("the server reads for ever");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answers_is_not_read_either() {
    for (frames, bytes, message) in [
        (1000, 5000, "x".repeat(100)),
        // Many small messages: their number counts.
        (20, 1_000_000, "x".to_owned()),
        (1, 1_000_000, "x".to_owned()),
        // Two of them are more than may wait.
        (1000, 1000, "x".repeat(700)),
    ] {
        let limits = Limits { outbox: OutboxLimits { frames, bytes }, ..LIMITS };
        let mut client = Client::connect(&hub(), 256, limits).await;
        let count = flood(&mut client, message.as_bytes()).await;
        assert!(count < 200, "{count} messages of {} bytes were read", message.len());
        let expected = format!("text {message}");
        for _ in 0..count {
            client.expect(&[&expected]).await;
        }
    }
}

#[test]
fn nothing_is_lost_between_the_hubs_thread_and_the_connections_task() {
    const EVENTS: usize = 3000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let limits = Limits { outbox: OutboxLimits { frames: EVENTS, bytes: 10_000_000 }, ..LIMITS };
    let hub = hub();
    let client = async {
        let mut client = Client::connect(&hub, 100, limits).await;
        let publisher = {
            let hub = Arc::clone(&hub);
            thread::spawn(move || {
                for number in 0..EVENTS {
                    assert_eq!(publish(&hub, &format!("event {number}")).delivered, [1]);
                }
            })
        };
        for number in 0..EVENTS {
            client.expect(&[&format!("text event {number}")]).await;
        }
        publisher.join().unwrap();
    };
    runtime.block_on(async { timeout(Duration::from_secs(20), client).await }).expect("a wake-up was lost");
}
