//! What a client says while an answer is awaited.

use super::*;

#[tokio::test(start_paused = true)]
async fn messages_wait_while_an_answer_is_awaited_and_events_still_arrive() {
    let mut setup = Setup::new(Expiry::Close).await;
    for word in ["one", "ask 0", "two", "ask 999", "three"] {
        setup.say(word).await;
    }
    setup.client.expect(&["text one"]).await;
    publish(&setup.hub, "event");
    setup.client.expect(&["text event"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody", "text two"]).await;
    publish(&setup.hub, "another");
    setup.client.expect(&["text another"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text somebody", "text three"]).await;
}

#[tokio::test(start_paused = true)]
async fn more_messages_than_may_wait_are_read_later_and_lose_nothing() {
    let mut setup = Setup::new(Expiry::Close).await;
    let words: Vec<String> = (0..3 * LIMITS.waiting).map(|number| number.to_string()).collect();
    setup.say("ask 0").await;
    for word in &words {
        setup.say(word).await;
    }
    setup.say("ask 999").await;
    setup.office.answers.add_permits(2);
    setup.client.expect(&["text nobody"]).await;
    for word in &words {
        setup.client.expect(&[&format!("text {word}")]).await;
    }
    setup.client.expect(&["text somebody"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_was_not_answered_while_an_answer_was_awaited() {
    let mut setup = Setup::new(Expiry::Close).await;
    setup.say("ask 0").await;
    setup.client.send(0x89, b"there?").await;
    setup.client.expect(&["pong there?"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody"]).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_answer_is_not_taken_for_dead() {
    let mut setup = Setup::new(Expiry::Close).await;
    setup.say("ask 0").await;
    setup.client.expect(&["ping", "ping", "ping", "ping"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody"]).await;
}

/// Where all answers leave at once, nothing else has the connection look again.
#[tokio::test(start_paused = true)]
async fn what_a_client_said_behind_as_much_as_may_wait_was_left_unread() {
    let mut setup = Setup::new(Expiry::Close).await;
    let words: Vec<String> = (0..3 * LIMITS.waiting).map(|number| number.to_string()).collect();
    let said: Vec<u8> = words.iter().flat_map(|word| masked(0x81, word.as_bytes())).collect();
    setup.say("ask 0").await;
    setup.client.stream.write_all(&said).await.unwrap();
    // All that may wait does.
    tokio::time::sleep(Duration::from_millis(1)).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody"]).await;
    for word in &words {
        setup.client.expect(&[&format!("text {word}")]).await;
    }
}

/// Asks again as long as it is answered, and says much each time.
#[derive(Debug)]
struct Insatiable {
    left: usize,
}

impl Conversation for Insatiable {
    fn receive(&mut self, _: Message, _: Now, _: &mut Turn) {}

    fn returned(&mut self, _: Returned, _: Now, turn: &mut Turn) {
        say(turn, &self.left.to_string().repeat(1000));
        self.left -= 1;
        turn.call = (self.left > 0).then(|| Call::Identify("0".to_owned()));
    }
}

/// One that reads nothing by itself.
async fn insatiable(left: usize) -> (Client, Arc<Office>) {
    let (hub, office) = (hub(), Office::new());
    let (stream, theirs) = tokio::io::duplex(64);
    let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
    let subscriber = hub.attach(socket.lane(), profile()).unwrap();
    let turn = Turn { call: Some(Call::Identify("0".to_owned())), ..Turn::default() };
    let backstage = Arc::clone(&office) as Arc<dyn Backstage>;
    let running = socket.run((Box::new(Insatiable { left }), turn), subscriber, backstage, ());
    let client = Client::of(stream, running).await;
    office.answers.add_permits(64);
    (client, office)
}

#[tokio::test(start_paused = true)]
async fn answers_to_a_client_that_read_none_piled_up() {
    let (mut client, office) = insatiable(9).await;
    tokio::time::sleep(PING_INTERVAL / 2).await;
    // A half of what may wait is 5,000 bytes; one answer more is there, and waits for its turn.
    assert_eq!(office.aheads.lock().unwrap().len(), 7, "asked for");
    assert_eq!(office.answers.available_permits(), 64 - 7, "and answered");
    for number in (1..=9).rev() {
        client.expect(&[&format!("text {}", number.to_string().repeat(1000))]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_an_answer_waiting_is_dead_in_time() {
    let (mut client, _) = insatiable(9).await;
    let start = tokio::time::Instant::now();
    client.ended().await;
    assert!(start.elapsed() <= PING_INTERVAL * 4, "took {:?}", start.elapsed());
}
