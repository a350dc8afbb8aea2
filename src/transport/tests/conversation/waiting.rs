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
