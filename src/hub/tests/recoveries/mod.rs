//! Readers that were away, and what they missed.

mod edges;

use std::thread;
use std::time::Duration;

use super::identities::user;
use super::*;
use crate::event::{Epoch, Operation, Outcome};
use crate::filter::{Deletes, Filter};
use crate::message::{Caught, Loss, Pick};

const LIMITS: HistoryLimits = HistoryLimits { size: 5, bytes: 1 << 20, age: Duration::from_mins(1) };
pub(super) const ROOM: usize = 1 << 24;

pub(super) fn epoch() -> Epoch {
    Epoch::new(7)
}

pub(super) fn keeping(limits: HistoryLimits) -> Arc<Hub> {
    let desk = desk("/ws", None, Arc::new(Plain::default()));
    Arc::new(Hub::new(vec![desk], 1000).keeping(limits, epoch()))
}

pub(super) fn at(offset: u64) -> Position {
    Position { epoch: epoch(), offset }
}

/// Subscribes to topics behind a position; what became of it, and what was missed.
fn come_back(hub: &Arc<Hub>, topics: &str, since: Position) -> (Caught, Vec<String>) {
    let mut subscriber = join(hub, &Inbox::new(), topics);
    catch_up(&mut subscriber, since)
}

pub(super) fn catch_up(subscriber: &mut Subscriber, since: Position) -> (Caught, Vec<String>) {
    let (caught, frames) = subscriber.catch_up(Some(since), Pick::All, ROOM);
    (caught, frames.iter().map(|frame| String::from_utf8_lossy(&frame.payload()).into_owned()).collect())
}

pub(super) fn caught(offset: u64, recovered: Result<(), Loss>) -> Caught {
    Caught { position: Some(at(offset)), recovered: Some(recovered) }
}

/// Topics, what was got last, and what is missed.
type Row<'a> = (&'a str, Position, Result<&'a [&'a str], Loss>);

#[test]
fn who_was_away_gets_exactly_what_it_missed_or_hears_why_not() {
    let hub = keeping(LIMITS);
    for model in ["a", "b", "a", "a", "c", "a", "a", "a"] {
        deliver(&hub, event(model, &["1"]));
    }
    let other = Position { epoch: Epoch::new(8), offset: 3 };
    let rows: &[Row<'_>] = &[
        ("a", at(8), Ok(&[])),
        ("a", at(7), Ok(&["8 a"])),
        ("a", at(2), Ok(&["3 a", "4 a", "6 a", "7 a", "8 a"])),
        ("a", at(1), Ok(&["3 a", "4 a", "6 a", "7 a", "8 a"])),
        ("a", at(0), Err(Loss::Expired)),
        ("a/1", at(6), Ok(&["7 a", "8 a"])),
        ("b", at(0), Ok(&["2 b"])),
        ("a c", at(4), Ok(&["5 c", "6 a", "7 a", "8 a"])),
        ("all", at(5), Ok(&["6 a", "7 a", "8 a"])),
        ("all", at(2), Err(Loss::Expired)),
        ("all a a/1", at(6), Ok(&["7 a", "8 a"])),
        ("nobody", at(0), Ok(&[])),
        ("a", at(9), Err(Loss::Ahead)),
        ("a", other, Err(Loss::UnknownEpoch)),
        ("a", Position::read("nonsense"), Err(Loss::UnknownEpoch)),
    ];
    for (topics, since, expected) in rows {
        let (caught_up, missed) = come_back(&hub, topics, *since);
        assert_eq!(caught_up, caught(8, expected.map(drop)), "{topics} since {since}");
        assert_eq!(missed, expected.unwrap_or_default(), "{topics} since {since}");
    }
}

#[test]
fn who_has_the_records_gets_the_last_write_of_each_alone() {
    let hub = keeping(HistoryLimits { size: 20, ..LIMITS });
    let writes: &[(&str, &[&str])] = &[
        ("a", &["1"]),
        ("a", &["2"]),
        ("b", &["1"]),
        ("a", &["1"]),
        ("a", &["1", "2"]),
        ("A", &["2"]),
        ("a", &["1"]),
        ("a", &[]),
    ];
    let whole = |model: &str, ids: &[&str]| {
        let mut event = event(model, ids);
        for item in &mut event.items {
            (item.record, item.partial) = (Json::parse("{}"), false);
        }
        event
    };
    for (model, ids) in writes {
        deliver(&hub, whole(model, ids));
    }
    deliver(&hub, Event { operation: Operation::Custom, ..whole("a", &["1"]) });
    deliver(&hub, Event { operation: Operation::Delete, ..event("a", &["1"]) });
    let mut subscriber = join(&hub, &Inbox::new(), "all");
    let (caught_up, frames) = subscriber.catch_up(Some(at(0)), Pick::Latest, ROOM);
    assert_eq!(told(&frames), ["3 b", "5 a", "6 A", "8 a", "9 a", "10 a"]);
    assert_eq!(caught_up, caught(10, Ok(())));
}

#[test]
fn a_write_that_said_a_part_of_a_record_took_the_place_of_one_that_said_another() {
    let hub = keeping(HistoryLimits { size: 20, ..LIMITS });
    let with = |record: Option<&str>, partial, outcome| {
        let mut event = Event { outcome, ..event("a", &["1"]) };
        event.items[0].record = record.and_then(Json::parse);
        event.items[0].partial = partial;
        event
    };
    for (record, partial, outcome) in [
        (Some(r#"{"n":1}"#), false, Outcome::Certain),
        (Some(r#"{"n":2}"#), false, Outcome::Certain),
        (Some(r#"{"title":2}"#), true, Outcome::Certain),
        (Some(r#"{"body":2}"#), true, Outcome::Certain),
        (None, false, Outcome::Certain),
        (Some(r#"{"n":3}"#), false, Outcome::Uncertain),
    ] {
        deliver(&hub, with(record, partial, outcome));
    }
    let mut subscriber = join(&hub, &Inbox::new(), "all");
    let (_, frames) = subscriber.catch_up(Some(at(0)), Pick::Latest, ROOM);
    assert_eq!(told(&frames), ["2 a", "3 a", "4 a", "5 a", "6 a"]);
}

fn told(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(|frame| String::from_utf8_lossy(&frame.payload()).into_owned()).collect()
}

#[test]
fn without_a_history_nobody_is_told_a_position() {
    let hub = hub(10);
    deliver(&hub, event("a", &["1"]));
    let (caught, missed) = come_back(&hub, "a", Position::untold(0));
    let recovered = Some(Err(Loss::UnknownEpoch));
    assert_eq!((caught, missed), (Caught { position: None, recovered }, vec![]));
}

#[test]
fn after_events_were_lost_nobody_knows_what_came_before() {
    let hub = keeping(LIMITS);
    deliver(&hub, event("a", &["1"]));
    hub.lose(None);
    deliver(&hub, event("a", &["1"]));
    assert_eq!(come_back(&hub, "a", at(1)), (caught(3, Err(Loss::Expired)), vec![]));
    assert_eq!(come_back(&hub, "a", at(2)), (caught(3, Ok(())), vec!["3 a".to_owned()]));
}

#[test]
fn what_has_come_by_another_topic_does_not_come_again() {
    let hub = keeping(LIMITS);
    deliver(&hub, event("a", &["1"]));
    let inbox = Inbox::new();
    let mut subscriber = join(&hub, &inbox, "a");
    subscriber.catch_up(None, Pick::All, ROOM);
    for model in ["a", "b"] {
        deliver(&hub, event(model, &["1"]));
    }
    assert_eq!(inbox.take(), ["2 a"]);
    subscriber.handle(Command::subscribe(Topic::all()));
    assert_eq!(catch_up(&mut subscriber, at(0)).1, ["1 a", "3 b"]);
    deliver(&hub, event("b", &["1"]));
    assert_eq!(inbox.take(), ["4 b"]);
}

#[test]
fn what_was_missed_is_for_who_asks_now_and_by_its_filter() {
    let hub = Arc::new(Hub::new(vec![desk("/ws", None, Arc::new(ItemByItem))], 10).keeping(LIMITS, epoch()));
    let mut many = event("a", &["1", "2", "3"]);
    many.audience = Audience::User(Arc::from("ann"));
    deliver(&hub, many);
    deliver(&hub, event("a", &["2"]));
    let filter =
        Filter::from_map(&Json::parse(r#"{"id":2}"#).unwrap(), Deletes::Judge).unwrap().map(Arc::new);
    let rows = [
        (user("ann"), None, &["1", "2", "3", "2"][..]),
        (user("ann"), filter, &["2", "2"]),
        (user("ben"), None, &["2"]),
        (Identity::Anonymous, None, &["2"]),
    ];
    for (identity, filter, expected) in rows {
        let inbox = Inbox::new();
        let mut subscriber = hub.attach(inbox, profile(0, identity)).unwrap();
        subscriber.handle(Command::Subscribe { topic: Topic::model("a"), filter, tag: None });
        assert_eq!(catch_up(&mut subscriber, at(0)).1, expected);
    }
}

#[test]
fn more_than_may_wait_has_expired() {
    let hub = keeping(LIMITS);
    for _ in 0..4 {
        deliver(&hub, event("a", &["1"]));
    }
    let mut subscriber = join(&hub, &Inbox::new(), "a");
    let (caught_up, missed) = subscriber.catch_up(Some(at(0)), Pick::All, 10);
    assert_eq!((caught_up, missed), (caught(4, Err(Loss::Expired)), vec![]));
}

/// The offsets of frames of the model `a`.
fn offsets(frames: &[String]) -> Vec<u64> {
    frames.iter().map(|frame| frame.split(' ').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn who_comes_and_goes_under_writes_misses_nothing_and_gets_nothing_twice() {
    const EVENTS: u64 = 20_000;
    // A reader may be away all the time, on a machine that is busy.
    let hub = keeping(HistoryLimits { size: 20_000, bytes: 1 << 26, ..LIMITS });
    let writer = {
        let hub = Arc::clone(&hub);
        thread::spawn(move || (0..EVENTS).for_each(|_| drop(deliver(&hub, event("a", &["1"])))))
    };
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let hub = Arc::clone(&hub);
            thread::spawn(move || {
                let mut got: Vec<u64> = Vec::new();
                while got.last() != Some(&EVENTS) {
                    let inbox = Inbox::new();
                    let mut subscriber = join(&hub, &inbox, "a");
                    let since = at(got.last().copied().unwrap_or_default());
                    // What is sent meanwhile is held back by a real lane.
                    let (caught, missed) = catch_up(&mut subscriber, since);
                    assert_eq!(caught.recovered, Some(Ok(())));
                    got.extend(offsets(&missed));
                    thread::yield_now();
                    drop(subscriber);
                    got.extend(offsets(&inbox.take()));
                }
                got
            })
        })
        .collect();
    writer.join().unwrap();
    for reader in readers {
        let got = reader.join().unwrap();
        assert!(got.iter().copied().eq(1..=EVENTS), "{} of {EVENTS}", got.len());
    }
}

#[test]
fn who_is_sent_elsewhere_hears_up_to_where_it_got_everything() {
    let hub = keeping(LIMITS);
    let inboxes: Vec<_> = (0..9).map(|_| Inbox::new()).collect();
    let mut subscribers: Vec<_> = inboxes.iter().map(|inbox| attach(&hub, inbox)).collect();
    // One has not said what it wants.
    for subscriber in subscribers.iter_mut().take(8) {
        subscriber.handle(Command::subscribe(Topic::parse("author")));
    }
    let mut leaving = hub.retire();
    let refused = hub.attach(Inbox::new(), profile(0, Identity::Anonymous)).unwrap_err();
    assert_eq!(refused, AttachError::Closing);
    for rest in [6, 3, 0] {
        deliver(&hub, event("author", &["1"]));
        leaving.go(3);
        assert_eq!((leaving.len(), leaving.is_empty()), (rest, rest == 0));
    }
    let restart = |offset| CloseReason::Restart(at(offset));
    let told: Vec<_> = inboxes[..8].iter().map(|inbox| inbox.closed.lock().unwrap().clone()).collect();
    assert!(
        told.iter().all(|reasons| [1, 2, 3].iter().any(|offset| reasons == &[restart(*offset)])),
        "{told:?}"
    );
    let untold = inboxes[8].closed.lock().unwrap().clone();
    assert!(matches!(untold[..], [CloseReason::Restart(position)] if !position.is_told()), "{untold:?}");
}

#[test]
fn who_got_more_elsewhere_gets_what_comes_behind_that_where_others_have_the_same_events() {
    let hub = keeping(LIMITS);
    deliver(&hub, event("author", &["1"]));
    let come = |since| {
        let inbox = Inbox::new();
        let mut subscriber = attach(&hub, &inbox);
        subscriber.expect(Some(since));
        subscriber.handle(Command::subscribe(Topic::parse("author")));
        let (caught, missed) = subscriber.catch_up(Some(since), Pick::All, ROOM);
        assert!(missed.is_empty());
        (inbox, subscriber, caught)
    };
    assert_eq!(come(at(3)).2.recovered, Some(Err(Loss::Ahead)), "nobody else has events");
    hub.follow(true);
    let (inbox, subscriber, caught) = come(at(3));
    assert_eq!((caught.recovered, caught.position), (Some(Ok(())), Some(at(3))));
    for far in [at(u64::MAX), at(1_000_000)] {
        assert_eq!(come(far).2.recovered, Some(Err(Loss::Ahead)), "nobody is as far as that");
    }
    let before = hub.retire().len();
    for _ in 2..=5 {
        deliver(&hub, event("author", &["1"]));
    }
    assert_eq!((inbox.take(), before), (vec!["4 author".to_owned(), "5 author".to_owned()], 1));
    drop(subscriber);
}

#[test]
fn who_got_more_elsewhere_and_leaves_before_that_comes_is_not_told_to_go_back() {
    let hub = keeping(LIMITS);
    hub.follow(true);
    let inbox = Inbox::new();
    let mut subscriber = attach(&hub, &inbox);
    subscriber.expect(Some(at(3)));
    subscriber.handle(Command::subscribe(Topic::parse("author")));
    hub.retire().go(1);
    assert_eq!(*inbox.closed.lock().unwrap(), [CloseReason::Restart(at(3))]);
}
