//! What clients say to pushes that ask them to.

use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::hub::receipts::{Answers, TooMany};
use crate::message::Receipt;

/// A hub with some readers, each with its inbox.
struct Scene {
    hub: Arc<Hub>,
    readers: Vec<(Arc<Inbox>, Subscriber)>,
}

impl Scene {
    fn new(count: usize) -> Self {
        let hub = hub(100);
        let reader = |_| {
            let inbox = Inbox::new();
            let subscriber = attach(&hub, &inbox);
            (inbox, subscriber)
        };
        let readers = (0..count).map(reader).collect();
        Self { hub, readers }
    }

    fn push(&self, number: u64) -> u64 {
        let push = Push { receipt: Some(number), ..Push::new(Target::default(), Json::parse("{}").unwrap()) };
        self.hub.push(&push, SystemTime::UNIX_EPOCH, || {}).reached
    }

    fn collect(&self, number: u64) -> Receiver<Answers> {
        let (sender, collected) = channel();
        self.hub.collect(number, Box::new(move |answers| sender.send(answers).unwrap()));
        collected
    }

    fn answer(&self, reader: usize, number: u64, answer: &str) -> bool {
        self.readers[reader].1.answer(Receipt { number, answer: Json::parse(answer).unwrap() })
    }
}

#[test]
fn answers_are_collected_until_all_have_come_and_each_counts_once() {
    let scene = Scene::new(2);
    let number = scene.hub.ask_for_receipts().unwrap();
    assert_eq!(scene.push(number), 2);
    // One that comes before everybody has been sent it.
    assert!(scene.answer(1, number, "[1]"));
    assert!(!scene.answer(1, number, "[1]"), "it has answered");
    let collected = scene.collect(number);
    assert!(collected.try_recv().is_err());
    assert!(!scene.answer(0, number + 1, "[]"), "nobody asked that");
    assert!(scene.answer(0, number, "[]"));
    let answers = collected.try_recv().unwrap();
    assert_eq!((answers.sent, answers.acked), (2, 2));
    let from = |at: usize| scene.readers[at].1.id();
    let json = |text| Json::parse(text).unwrap();
    assert_eq!(answers.answers, [(from(1), json("[1]")), (from(0), json("[]"))]);
    assert!(!scene.answer(0, number, "[]"), "nobody waits any more");
}

#[test]
fn who_was_not_sent_it_is_not_asked() {
    let mut scene = Scene::new(3);
    *scene.readers[0].0.answer.lock().unwrap() = Sent::Gone;
    let number = scene.hub.ask_for_receipts().unwrap();
    assert_eq!(scene.push(number), 2);
    let late = (Inbox::new(), attach(&scene.hub, &Inbox::new()));
    scene.readers.push(late);
    assert!(!scene.answer(0, number, "[]"));
    assert!(!scene.answer(3, number, "[]"));
    let collected = scene.collect(number);
    assert!(scene.answer(1, number, "[]"));
    // Who has left answers nothing.
    drop(scene.readers.remove(2));
    let answers = collected.try_recv().unwrap();
    assert_eq!((answers.sent, answers.acked), (2, 1));
}

#[test]
fn what_has_come_is_collected_when_the_time_is_over() {
    let scene = Scene::new(2);
    for is_sent_in_time in [true, false] {
        let number = scene.hub.ask_for_receipts().unwrap();
        scene.push(number);
        assert!(scene.answer(0, number, "[]"));
        let early = is_sent_in_time.then(|| scene.collect(number));
        scene.hub.time_is_over(number);
        let collected = early.unwrap_or_else(|| scene.collect(number));
        let answers = collected.try_recv().unwrap();
        assert_eq!((answers.sent, answers.acked), (2, 1), "{is_sent_in_time}");
        assert!(!scene.answer(1, number, "[]"));
    }
}

#[test]
fn nobody_is_waited_for_where_nobody_was_reached() {
    let scene = Scene::new(0);
    let number = scene.hub.ask_for_receipts().unwrap();
    scene.push(number);
    assert_eq!(scene.collect(number).try_recv(), Ok(Answers::default()));
}

#[test]
fn pushes_that_wait_are_bounded_and_so_are_answers() {
    let scene = Scene::new(8);
    let numbers: Vec<u64> = (0..64).map(|_| scene.hub.ask_for_receipts().unwrap()).collect();
    assert_eq!(scene.hub.ask_for_receipts(), Err(TooMany));
    scene.hub.give_up(numbers[0]);
    let number = scene.hub.ask_for_receipts().unwrap();
    scene.push(number);
    let collected = scene.collect(number);
    let large = format!("[\"{}\"]", "x".repeat(60_000));
    for reader in 0..8 {
        assert!(scene.answer(reader, number, if reader == 7 { "[7]" } else { &large }));
    }
    let answers = collected.try_recv().unwrap();
    assert_eq!((answers.acked, answers.answers.len()), (8, 5), "four large ones, and the small one");
}
