//! The answer to a subscription and the events that it is about, with a hub on another thread.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// Subscribes, unsubscribes, and answers.
#[derive(Debug)]
struct Following;

impl Conversation for Following {
    fn receive(&mut self, message: Message, _: Now, turn: &mut Turn) {
        let Message::Text(text) = message else { return };
        let topic = Topic::all();
        let command = if text == "on" { Command::subscribe(topic) } else { Command::unsubscribe(topic) };
        turn.commands.push(command);
        say(turn, &text);
    }
}

/// Ends the other thread, also if the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Events come from another thread all the time.
#[test]
fn an_event_came_before_the_answer_to_its_subscription() {
    const ROUNDS: usize = 300;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hub = hub();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                publish(&hub, "event");
                std::thread::yield_now();
            }
        });
        let _ending = Ending(&done);
        runtime.block_on(async {
            let (stream, theirs) = tokio::io::duplex(1 << 20);
            let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
            let subscriber = hub.attach(socket.lane(), profile()).unwrap();
            let running = socket.run((Box::new(Following), Turn::default()), subscriber, Arc::new(Alone), ());
            let mut client = Client::of(stream, running).await;
            for _ in 0..ROUNDS {
                client.send(0x81, b"on").await;
                client.expect(&["text on", "text event"]).await;
                client.send(0x81, b"off").await;
                while client.next().await != "text off" {}
            }
        });
    });
}

/// Subscribes anew with each message, and asks what it missed; notes in which of the task's turns.
#[derive(Debug, Default)]
struct Asking {
    turns: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<usize>>>,
}

impl Conversation for Asking {
    fn receive(&mut self, message: Message, _: Now, turn: &mut Turn) {
        let Message::Text(text) = message else { return };
        if text == "ask" {
            turn.call = Some(Call::Identify("0".to_owned()));
            return;
        }
        self.heard.lock().unwrap().push(self.turns.load(Ordering::Relaxed));
        turn.commands.push(Command::subscribe(Topic::all()));
        turn.since = Some(Position::untold(0));
        say(turn, &text);
    }

    fn returned(&mut self, _: Returned, _: Now, _: &mut Turn) {}
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asked_again_and_again_what_it_missed_let_nobody_else_have_a_turn() {
    const MESSAGES: usize = 20;
    for opening in [&[][..], &["ask"]] {
        let (mut stream, theirs) = tokio::io::duplex(1 << 20);
        let hub = hub();
        let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
        let subscriber = hub.attach(socket.lane(), profile()).unwrap();
        let returning = Asking::default();
        let (turns, heard) = (Arc::clone(&returning.turns), Arc::clone(&returning.heard));
        let office = Office::new();
        let backstage = Arc::clone(&office) as Arc<dyn Backstage>;
        let running = socket.run((Box::new(returning), Turn::default()), subscriber, backstage, ());
        let mut running = Box::pin(running);
        let counted = std::future::poll_fn(move |context| {
            turns.fetch_add(1, Ordering::Relaxed);
            running.as_mut().poll(context)
        });
        let words: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
        let said = opening.iter().copied().chain(words.iter().map(String::as_str));
        let said: Vec<u8> = said.flat_map(|word| masked(0x81, word.as_bytes())).collect();
        stream.write_all(&said).await.unwrap();
        let mut client = Client::of(stream, counted).await;
        // All that may wait for the answer does.
        tokio::time::sleep(Duration::from_millis(1)).await;
        office.answers.add_permits(opening.len());
        for word in &words {
            client.expect(&[&format!("text {word}")]).await;
        }
        let mut heard = heard.lock().unwrap().clone();
        heard.dedup();
        assert_eq!(heard.len(), MESSAGES, "{opening:?}");
    }
}
