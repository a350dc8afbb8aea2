//! Readers that catch up while others are told, and what a part of an event says of where it stands.

use std::sync::mpsc;

use super::*;
use crate::event::Item;

/// Says the model of an event; of one called `slow` it says that it begins, and goes on when it is let.
#[derive(Debug)]
struct Slow(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

impl Encode for Slow {
    fn encode(&self, publication: &Publication) -> Rendering {
        let model = &*publication.event.model;
        if model == "slow" {
            self.0.send(()).unwrap();
            let waited = self.1.lock().unwrap().recv_timeout(Duration::from_secs(20));
            waited.expect("the other event is delivered meanwhile");
        }
        Rendering::Whole(Frame::text(model))
    }
}

#[test]
fn an_event_waited_until_a_reader_had_caught_up() {
    let ((begins, begun), (let_go, lets)) = (mpsc::channel(), mpsc::channel());
    let hub = Hub::new(vec![desk("/ws", None, Arc::new(Slow(begins, Mutex::new(lets))))], 10);
    let hub = Arc::new(hub.keeping(LIMITS, epoch()));
    deliver(&hub, event("slow", &["1"]));
    let (inbox, other) = (Inbox::new(), Inbox::new());
    let mut subscriber = join(&hub, &inbox, "slow all");
    let _other = join(&hub, &other, "fast");
    let caught_up = thread::scope(|scope| {
        let catching = scope.spawn(|| catch_up(&mut subscriber, at(0)));
        begun.recv().unwrap();
        deliver(&hub, event("fast", &["1"]));
        let_go.send(()).unwrap();
        catching.join().unwrap()
    });
    assert_eq!(caught_up, (caught(1, Ok(())), vec!["slow".to_owned()]));
    assert_eq!((inbox.take(), other.take()), (vec!["fast".to_owned()], vec!["fast".to_owned()]));
}

/// Says what became of each item, and where whoever has that stands.
#[derive(Debug)]
struct Placed;

impl Encode for Placed {
    fn encode(&self, publication: &Publication) -> Rendering {
        let event = &publication.event;
        let said = |(place, item): (usize, &Item)| {
            let (id, at) = (item.id.as_ref().unwrap().as_str(), publication.position_of(place).offset);
            Some(Frame::text(&format!("{} {id} at {at}", event.operation.name())))
        };
        Rendering::Each(event.items.iter().enumerate().map(said).collect())
    }
}

#[test]
fn who_lost_the_connection_before_it_heard_of_all_ends_of_a_write_missed_the_others() {
    let hub = Arc::new(Hub::new(vec![desk("/ws", None, Arc::new(Placed))], 10).keeping(LIMITS, epoch()));
    let come = || {
        let inbox = Inbox::new();
        let mut subscriber = hub.attach(Arc::clone(&inbox) as _, profile(0, user("ann"))).unwrap();
        subscriber.handle(Command::subscribe(Topic::all()));
        (inbox, subscriber)
    };
    deliver(&hub, event("a", &["9"]));
    let (inbox, _subscriber) = come();
    for (ids, said) in [
        (&["1", "2", "3"][..], &["delete 1 at 1", "delete 3 at 1", "update 2 at 1"][..]),
        (&["1", "2"], &["delete 1 at 2", "update 2 at 3"]),
        (&["1"], &["delete 1 at 4"]),
    ] {
        let mut moved = event("a", ids);
        moved.audience = Audience::Owner(Arc::from("sub"));
        for (number, item) in moved.items.iter_mut().enumerate() {
            // Every second one stays ann's.
            let was = (number % 2 == 0).then(|| Arc::from("ann"));
            (item.owner, item.was) = (Some(Arc::from(if was.is_some() { "bob" } else { "ann" })), was);
        }
        deliver(&hub, moved);
        assert_eq!(inbox.take(), said);
        for (number, text) in said.iter().enumerate() {
            let since = text.rsplit(' ').next().unwrap().parse().unwrap();
            let missed = catch_up(&mut come().1, at(since)).1;
            assert!(
                said.iter().skip(number + 1).all(|text| missed.contains(&(*text).to_owned())),
                "{missed:?}"
            );
        }
    }
}

#[test]
fn where_a_reader_stands_is_said_behind_what_it_has_got_and_before_what_comes() {
    const EVENTS: u64 = 20_000;
    let hub = keeping(LIMITS);
    let inbox = Inbox::new();
    let subscriber = join(&hub, &inbox, "a all");
    let writer = {
        let hub = Arc::clone(&hub);
        thread::spawn(move || (0..EVENTS).for_each(|_| drop(deliver(&hub, event("a", &["1"])))))
    };
    let mut last = 0;
    while last < EVENTS {
        subscriber.settled(|here| {
            if let Some(position) = here.position {
                inbox.frames.lock().unwrap().push(format!("{} here", position.offset));
            }
        });
        for told in inbox.take() {
            let (offset, what) = told.split_once(' ').unwrap();
            let offset: u64 = offset.parse().unwrap();
            assert_eq!(offset, if what == "here" { last } else { last + 1 }, "{told} behind {last}");
            last = offset;
        }
        thread::yield_now();
    }
    writer.join().unwrap();
    subscriber.settled(|here| assert_eq!(here.position, Some(at(EVENTS))));
    attach(&hub, &Inbox::new()).settled(|here| assert_eq!(here.position, None, "it wants nothing"));
}
