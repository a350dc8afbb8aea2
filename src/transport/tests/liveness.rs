//! Who is still there, and how long an end may take.

use tokio::time::Instant;

use super::script::Script;
use super::*;

const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_is_closed_after_two() {
    let start = Instant::now();
    let mut client = Client::connect(&hub(), 4096, LIMITS).await;
    client.expect(&["ping"]).await;
    assert_eq!(start.elapsed(), PING_INTERVAL);
    client.expect(&["ping"]).await;
    assert_eq!(start.elapsed(), PING_INTERVAL * 2);
    client.expect(&["close 1001 no pong", "end"]).await;
    assert_eq!(start.elapsed(), PING_INTERVAL * 3);
    client.ended().await;
    assert_eq!(start.elapsed(), PING_INTERVAL * 3 + CLOSE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn whatever_a_peer_says_shows_that_it_is_there() {
    for (first, payload, answer) in [(0x8A, "", None), (0x81, "hello", Some("text hello"))] {
        let mut client = Client::connect(&hub(), 4096, LIMITS).await;
        for _ in 0..10 {
            client.expect(&["ping", "ping"]).await;
            client.send(first, payload.as_bytes()).await;
            client.expect(answer.as_slice()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_goes_on_reading_is_not_silent() {
    let hub = hub();
    let mut client = Client::connect(&hub, 16, LIMITS).await;
    for _ in 0..10 {
        publish(&hub, &"x".repeat(400));
    }
    // It never sends anything, and takes far longer than two intervals for what waits.
    let start = Instant::now();
    for _ in 0..402 * 10 / 16 {
        tokio::time::sleep(PING_INTERVAL / 2).await;
        client.bytes(16).await.expect("closed although it reads");
    }
    assert!(start.elapsed() > PING_INTERVAL * 100);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_at_all_is_closed() {
    let hub = hub();
    let start = Instant::now();
    let mut client = Client::connect(&hub, 64, LIMITS).await;
    publish(&hub, &"x".repeat(400));
    client.ended().await;
    assert!(start.elapsed() <= PING_INTERVAL * 4, "took {:?}", start.elapsed());
    assert_eq!(hub.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_ping_does_not_close_a_reader_whose_queue_is_just_full() {
    let hub = hub();
    let limits = Limits { outbox: OutboxLimits { frames: 2, bytes: 10_000 }, ..LIMITS };
    let mut client = Client::connect(&hub, 64, limits).await;
    let long = "x".repeat(100);
    for _ in 0..2 {
        publish(&hub, &long);
    }
    tokio::time::sleep(PING_INTERVAL + CLOSE_TIMEOUT).await;
    let event = format!("text {long}");
    client.expect(&[&event, &event, "ping"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_our_close_is_cut_off() {
    let hub = hub();
    let mut client = Client::connect(&hub, 4096, LIMITS).await;
    let start = Instant::now();
    hub.close_all(CloseReason::GoingAway);
    client.expect(&["close 1001 going away", "end"]).await;
    assert_eq!(start.elapsed(), CLOSE_TIMEOUT);
    client.ended().await;
    assert_eq!(hub.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_hang_up_after_the_closes_is_cut_off() {
    for sent in [masked(0x88, &[]), masked(0xF1, b"broken")] {
        let hub = hub();
        let mut client = Client::connect(&hub, 4096, LIMITS).await;
        let start = Instant::now();
        client.stream.write_all(&sent).await.unwrap();
        client.ended().await;
        assert_eq!(start.elapsed(), CLOSE_TIMEOUT);
        assert_eq!(hub.connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_floods_after_an_error_is_cut_off() {
    let hub = hub();
    let mut client = Client::connect(&hub, 4096, LIMITS).await;
    let start = Instant::now();
    client.send(0xF1, b"broken").await;
    let waste = [0; 512];
    while client.stream.write_all(&waste).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(start.elapsed() <= CLOSE_TIMEOUT + Duration::from_millis(200));
    client.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_leaves_the_hub_at_once() {
    let hub = hub();
    let client = Client::connect(&hub, 4096, LIMITS).await;
    let start = Instant::now();
    let Client { stream, mut connection } = client;
    drop(stream);
    connection.join_next().await.unwrap().unwrap();
    assert_eq!((start.elapsed(), hub.connections()), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_does_not_shut_down_is_dropped() {
    let hub = hub();
    let (script, stream) = Script::new();
    script.grant(usize::MAX, usize::MAX);
    script.refuse_shutdown();
    let start = Instant::now();
    let mut connection = serve(stream, &hub, LIMITS);
    let ending = tokio::time::timeout(FOREVER, connection.join_next());
    ending.await.expect("the connection never ends").unwrap().unwrap();
    assert_eq!(start.elapsed(), PING_INTERVAL * 3 + CLOSE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_breaks_on_a_direct_write_ends_the_connection() {
    let hub = hub();
    let (script, stream) = Script::new();
    script.grant(usize::MAX, usize::MAX);
    let mut connection = serve(stream, &hub, LIMITS);
    tokio::task::yield_now().await;
    script.break_off();
    assert_eq!(publish(&hub, "lost").delivered, [0]);
    connection.join_next().await.unwrap().unwrap();
    assert_eq!(hub.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_token_expires_is_closed_then_and_pinged_before() {
    for (pings, size, waits) in [(0, 4096, ""), (2, 4096, ""), (0, 64, "x")] {
        let hub = hub();
        let start = Instant::now();
        let until = start + PING_INTERVAL * pings + PING_INTERVAL / 2;
        let (stream, theirs) = tokio::io::duplex(size);
        let ann = user(until - start);
        let mut client = Client::greeted(stream, serve_as(ann, theirs, &hub, LIMITS)).await;
        for _ in 0..pings {
            client.expect(&["ping"]).await;
            client.send(0x8A, b"").await;
        }
        // One that reads nothing is told too, behind what has begun to leave.
        if !waits.is_empty() {
            publish(&hub, &waits.repeat(400));
            tokio::time::sleep_until(until + CLOSE_TIMEOUT / 2).await;
            client.next().await;
        }
        client.expect(&["close 1008 Token expired"]).await;
        // Of the real clock some time has gone meanwhile.
        assert!(start.elapsed() + PING_INTERVAL / 4 >= until - start);
        client.ended().await;
        assert!(start.elapsed() <= PING_INTERVAL * (pings + 1) + CLOSE_TIMEOUT);
        assert_eq!(hub.connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_expired_already_closes_at_once() {
    let hub = hub();
    let (stream, theirs) = tokio::io::duplex(4096);
    let start = Instant::now();
    let ann = user(Duration::ZERO);
    let mut client = Client::greeted(stream, serve_as(ann, theirs, &hub, LIMITS)).await;
    client.expect(&["close 1008 Token expired"]).await;
    assert!(start.elapsed() < PING_INTERVAL);
}
