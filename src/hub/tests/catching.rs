//! What happens while a reader catches up.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::filters::filter;
use super::recoveries::{ROOM, at, catch_up, caught, epoch, keeping};
use super::*;
use crate::event::Epoch;
use crate::message::{Loss, Pick};

const LIMITS: HistoryLimits = HistoryLimits { size: 20, bytes: 1 << 26, age: Duration::from_mins(1) };

/// Says what [`Plain`] says; once, something is done first.
#[derive(Debug, Default)]
struct Interrupted(Meanwhile);

impl Interrupted {
    fn hub(self: &Arc<Self>) -> Arc<Hub> {
        let desk = desk("/ws", None, Arc::clone(self) as Arc<dyn Encode>);
        Arc::new(Hub::new(vec![desk], 10).keeping(LIMITS, epoch()))
    }

    fn meanwhile(&self, action: impl FnOnce() + Send + 'static) {
        *self.0.0.lock().unwrap() = Some(Box::new(action));
    }
}

impl Encode for Interrupted {
    fn encode(&self, publication: &Publication) -> Rendering {
        let action = self.0.0.lock().unwrap().take();
        if let Some(action) = action {
            action();
        }
        Plain::default().encode(publication)
    }
}

#[test]
fn events_are_delivered_while_a_reader_is_told_what_it_missed() {
    let encode = Arc::new(Interrupted::default());
    let hub = encode.hub();
    deliver(&hub, event("a", &["1"]));
    let inbox = Inbox::new();
    let mut subscriber = join(&hub, &inbox, "a");
    let (tell, told) = mpsc::channel();
    let (writer, is_done) = (Arc::clone(&hub), Arc::new(AtomicBool::new(false)));
    let done = Arc::clone(&is_done);
    encode.meanwhile(move || {
        thread::spawn(move || {
            deliver(&writer, event("a", &["1"]));
            tell.send(()).unwrap();
        });
        done.store(told.recv_timeout(Duration::from_secs(5)).is_ok(), Ordering::Relaxed);
    });
    assert_eq!(catch_up(&mut subscriber, at(0)), (caught(1, Ok(())), vec!["1 a".to_owned()]));
    assert!(is_done.load(Ordering::Relaxed), "the next event waited for a reader that catches up");
    assert_eq!(inbox.take(), ["2 a"]);
}

#[test]
fn so_much_is_looked_through_for_one_filter_and_no_more() {
    let hub = keeping(LIMITS);
    for _ in 0..5 {
        let mut large = event("a", &["1"]);
        large.items[0].record = Json::parse(&format!(r#"{{"n":"{}"}}"#, "n".repeat(1 << 20)));
        deliver(&hub, large);
    }
    let since = |offset: u64, filters: &str| {
        let mut subscriber = attach(&hub, &Inbox::new());
        let topic = Topic::parse("a");
        subscriber.handle(Command::Subscribe { topic, filter: filter(filters), tag: None });
        subscriber.catch_up(Some(at(offset)), Pick::All, ROOM).0.recovered.unwrap()
    };
    assert_eq!(since(0, r#"{"n":"no"}"#), Err(Loss::Expired), "nothing passes, and all is read for it");
    assert_eq!(since(2, r#"{"n":"no"}"#), Ok(()));
    assert_eq!(since(0, "null"), Ok(()), "nothing is read");
}

#[test]
fn a_position_never_has_the_offset_of_one_epoch_and_the_name_of_the_next() {
    let encode = Arc::new(Interrupted::default());
    let hub = encode.hub();
    hub.follow(true);
    for _ in 0..20 {
        deliver(&hub, event("a", &["1"]));
    }
    let mut subscriber = join(&hub, &Inbox::new(), "a");
    let (adopter, next) = (Arc::clone(&hub), Position { epoch: Epoch::new(8), offset: 10 });
    encode.meanwhile(move || {
        adopter.adopt(next);
    });
    let (caught_up, _) = catch_up(&mut subscriber, at(19));
    assert_eq!(caught_up.position, Some(at(20)));
    // Whoever comes back with it hears that it missed something.
    let inbox = Inbox::new();
    let mut again = attach(&hub, &inbox);
    again.expect(caught_up.position);
    again.handle(Command::subscribe(Topic::parse("a")));
    assert_eq!(catch_up(&mut again, at(20)).0.recovered, Some(Err(Loss::UnknownEpoch)));
    deliver(&hub, event("a", &["1"]));
    assert_eq!(inbox.take(), ["11 a"]);
}

#[test]
fn who_is_ahead_of_one_topic_misses_nothing_of_the_next() {
    let hub = keeping(LIMITS);
    hub.follow(true);
    deliver(&hub, event("post", &["1"]));
    let inbox = Inbox::new();
    let mut subscriber = attach(&hub, &inbox);
    let mut subscribe = |topic: &str, since: Option<Position>| {
        subscriber.expect(since);
        subscriber.handle(Command::subscribe(Topic::parse(topic)));
        subscriber.catch_up(since, Pick::All, ROOM).0
    };
    assert_eq!(subscribe("post", Some(at(4))), caught(4, Ok(())));
    assert_eq!(subscribe("comment", None).position, Some(at(1)));
    assert_eq!(subscribe("author", Some(at(3))), caught(3, Ok(())));
    for model in ["author", "comment", "post", "post", "author", "comment"] {
        deliver(&hub, event(model, &["1"]));
    }
    assert_eq!(inbox.take(), ["3 comment", "5 post", "6 author", "7 comment"]);
}

#[test]
fn who_is_ahead_of_one_topic_alone_is_sent_elsewhere_from_where_it_has_all_of_them() {
    let hub = keeping(LIMITS);
    hub.follow(true);
    let inbox = Inbox::new();
    let mut subscriber = attach(&hub, &inbox);
    subscriber.expect(Some(at(4)));
    subscriber.handle(Command::subscribe(Topic::parse("post")));
    subscriber.expect(None);
    subscriber.handle(Command::subscribe(Topic::parse("comment")));
    deliver(&hub, event("comment", &["1"]));
    hub.retire().go(1);
    assert_eq!(*inbox.closed.lock().unwrap(), [CloseReason::Restart(at(1))]);
    assert_eq!(inbox.take(), ["1 comment"]);
}

#[test]
fn what_took_the_place_of_a_topic_that_is_ahead_is_ahead_too() {
    let hub = keeping(LIMITS);
    hub.follow(true);
    let inbox = Inbox::new();
    let mut subscriber = attach(&hub, &inbox);
    subscriber.expect(Some(at(2)));
    for (leave, enter) in [("nothing", "post"), ("post", "all")] {
        let enter = vec![(Topic::parse(enter), None)];
        subscriber.handle(Command::Swap { leave: vec![Topic::parse(leave)], enter });
        subscriber.expect(None);
    }
    for _ in 0..3 {
        deliver(&hub, event("post", &["1"]));
    }
    assert_eq!(inbox.take(), ["3 post"]);
}
