//! The answer to a subscription and the events that it is about, with a hub on another thread.

use std::sync::atomic::{AtomicBool, Ordering};

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
