//! RFC 6455, frame by frame.

use super::*;

/// The frame with which a connection ends after a client sent `sent`.
async fn check_ends(sent: &str, expected: &str) {
    check(&format!("{sent}\n< {expected}\n< end")).await;
}

#[tokio::test(start_paused = true)]
async fn messages_come_back_as_they_were() {
    check(
        "> 81 hello
         < text hello
         > 82 \\x00\\x01
         < binary \0\u{1}
         > 81
         < text
         > 81 gr\u{fc}\u{df}e
         < text gr\u{fc}\u{df}e",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_with_what_they_hold() {
    check(
        "> 89
         < pong
         > 89 abc
         < pong abc
         > 8a unasked
         > 81 still here
         < text still here",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn control_frames_may_come_between_fragments() {
    check(
        "> 01 a
         > 89 1
         < pong 1
         > 00 b
         > 8a
         > 00
         > 89 2
         < pong 2
         > 80 c
         < text abc
         > 02 a
         > 80 b
         < binary ab",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_character_may_be_cut_by_a_fragment() {
    check(
        "> 01 \\xc3
         > 80 \\xbc
         < text \u{fc}",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_protocol_is_told_and_ends_the_connection() {
    let long = "x".repeat(126);
    for broken in [
        "> raw 81 01 61",        // not masked
        "> c1 a",                // RSV1 without an extension
        "> a1 a",                // RSV2
        "> 91 a",                // RSV3
        &format!("> 89 {long}"), // a control frame over 125 bytes
        "> 09 a",                // a control frame in fragments
        "> 83 a",                // reserved data opcode
        "> 8b a",                // reserved control opcode
        "> 80 a",                // continues nothing
        "> 01 a\n> 81 b",        // a message inside of another
        "> 88 \\x03",            // half a close code
    ] {
        check_ends(broken, "close 1002 protocol error").await;
    }
}

#[tokio::test(start_paused = true)]
async fn text_that_is_not_utf8_is_told_and_ends_the_connection() {
    for broken in
        ["> 81 \\xff", "> 81 a\\xc3", "> 81 \\xed\\xa0\\x80", "> 01 \\xc3\n> 80 a", "> 88 \\x03\\xe8\\xff"]
    {
        check_ends(broken, "close 1007 not utf-8").await;
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_too_big_are_told_and_end_the_connection() {
    let (fits, half) = ("x".repeat(LIMITS.max_message), "x".repeat(LIMITS.max_message / 2));
    check(&format!("> 81 {fits}\n< text {fits}")).await;
    check(&format!("> 01 {half}\n> 80 {half}\n< text {fits}")).await;
    for broken in [
        format!("> 81 {fits}x"),
        format!("> 01 {half}\n> 00 {half}\n> 80 x"),
        // Announced only: nothing of it need come.
        "> raw 82 ff 7f ff ff ff ff ff ff ff 00 00 00 00".to_owned(),
    ] {
        check_ends(&broken, "close 1009 message too big").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_is_echoed() {
    for (sent, expected) in [
        ("", "close"),
        ("\\x03\\xe8", "close 1000"),
        ("\\x03\\xe9bye", "close 1001 bye"),
        ("\\x0b\\xb8", "close 3000"),
        ("\\x13\\x87own", "close 4999 own"),
    ] {
        check_ends(&format!("> 88 {sent}"), expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_with_a_code_that_must_not_be_sent_is_a_protocol_error() {
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
        let hub = hub();
        let mut client = Client::connect(&hub, 4096, LIMITS).await;
        client.send(0x88, &code.to_be_bytes()).await;
        let answer = client.next().await;
        assert!(answer.starts_with("close 1002 "), "{code}: {answer}");
        client.expect(&["end"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_come_with_the_request_are_read() {
    let hub = hub();
    let (stream, theirs) = tokio::io::duplex(4096);
    let mut early = masked(0x81, b"early");
    let late = early.split_off(3);
    let socket = Newcomer::on_websocket(theirs, early, Bytes::from(GREETING), LIMITS);
    let subscriber = hub.attach(socket.lane(), profile()).unwrap();
    let mut connection = JoinSet::new();
    connection.spawn(socket.run((echo(), Turn::default()), subscriber, Arc::new(Alone), ()));
    let mut client = Client { stream, connection };
    client.stream.write_all(&late).await.unwrap();
    client.bytes(GREETING.len()).await.unwrap();
    client.expect(&["text early"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_greeting_comes_before_events_and_before_a_close() {
    for (close, last) in [(None, "text two"), (Some(CloseReason::GoingAway), "close 1001 going away")] {
        let hub = hub();
        let (stream, theirs) = tokio::io::duplex(4096);
        let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
        let mut subscriber = hub.attach(socket.lane(), profile()).unwrap();
        subscriber.handle(Command::subscribe(Topic::all()));
        publish(&hub, "one");
        if let Some(reason) = close {
            hub.close_all(reason);
        }
        publish(&hub, "two");
        let running = socket.run((echo(), Turn::default()), subscriber, Arc::new(Alone), ());
        let mut client = Client::of(stream, running).await;
        client.expect(if close.is_some() { &[] } else { &["text one"] }).await;
        client.expect(&[last]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_takes_the_greetings_place() {
    let (mut stream, theirs) = tokio::io::duplex(4096);
    let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
    socket.refuse(Bytes::from_static(b"HTTP/1.1 503\r\n\r\n")).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "HTTP/1.1 503\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn events_of_every_length_are_whole_frames() {
    let limits = Limits { outbox: OutboxLimits { frames: 100, bytes: 1_000_000 }, ..LIMITS };
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let hub = hub();
        let mut client = Client::connect(&hub, 1000, limits).await;
        let text = "x".repeat(length);
        publish(&hub, &text);
        publish(&hub, "after");
        client.expect(&[format!("text {text}").trim_end(), "text after"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_event_follows_the_answer_to_a_close() {
    // The pipe is so narrow that the answer must wait, and its reader is still in the hub.
    let hub = hub();
    let mut client = Client::connect(&hub, 2, LIMITS).await;
    client.send(0x88, &1000u16.to_be_bytes()).await;
    tokio::task::yield_now().await;
    assert_eq!((hub.connections(), publish(&hub, "late").delivered), (1, vec![0]));
    client.expect(&["close 1000", "end"]).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_a_client_whose_connection_has_ended() {
    let hub = hub();
    let (mut stream, theirs) = tokio::io::duplex(4096);
    let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
    let lane = socket.lane();
    let subscriber = hub.attach(socket.lane(), profile()).unwrap();
    stream.shutdown().await.unwrap();
    socket.run((echo(), Turn::default()), subscriber, Arc::new(Alone), ()).await;
    // The hub may be on its way to this reader.
    assert_eq!(lane.send(&Frame::text("late")), crate::hub::Sent::Gone);
    drop(lane);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, GREETING);
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_after_our_close_do_nothing() {
    let hub = hub();
    let mut client = Client::connect(&hub, 4096, LIMITS).await;
    hub.lose(None);
    client.send(0x81, b"unheard").await;
    client.send(0x89, b"unheard").await;
    client.send(0x88, &1013u16.to_be_bytes()).await;
    client.expect(&["close 1013 events lost", "end"]).await;
    drop(client.stream);
    client.connection.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_ping_longer_than_a_message_may_be_was_too_big() {
    let mut client = Client::connect(&hub(), 4096, Limits { max_message: 10, ..LIMITS }).await;
    let payload = "p".repeat(125);
    client.send(0x89, payload.as_bytes()).await;
    client.send(0x82, &[b'x'; 10]).await;
    client.send(0x82, &[b'x'; 11]).await;
    client.expect(&[&format!("pong {payload}"), "binary xxxxxxxxxx", "close 1009 message too big"]).await;
}
