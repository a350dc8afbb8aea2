//! Servers that are away, take nothing, forget or begin anew.

use super::*;
use crate::broker::wire::{Content, Letter};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_away_events_wait_and_nothing_is_told_twice() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
    server.set_there(false);
    (1..=5).for_each(|id| node.write(id));
    assert_eq!(node.inbox.0.lock().unwrap().len(), 0);
    server.set_there(true);
    assert_eq!(node.hear(|heard| heard.len() == 5).await, lines((1..=5).zip(1..=5)));
    // It takes some, and nobody hears that it did.
    server.lock().slot = Slot::Deaf;
    node.write(6);
    node.write(7);
    let heard = node.hear(|heard| heard.last().is_some_and(|last| last.ends_with(" 7"))).await;
    let ids: Vec<&str> = heard.iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_had_no_room_while_the_server_was_away_is_told_to_all_as_lost() {
    let server = Server::new();
    let mut other = Node::start(&server, 2);
    let mut node = Node::with(&server, 1, OutgoingLimits { letters: 2, ..LIMITS });
    node.begin().await;
    other.begin().await;
    server.set_there(false);
    let (done, is_done) = std::sync::mpsc::channel();
    (1..=4).for_each(|id| node.write(id));
    node.publisher.publish(Box::new(move || {
        done.send(()).unwrap();
        None
    }));
    is_done.recv_timeout(SOON).unwrap();
    server.set_there(true);
    let expected = [lines([(1, 1), (2, 2)]), vec!["events lost".to_owned()]].concat();
    for node in [&node, &other] {
        assert_eq!(node.hear(|heard| heard.len() == 3).await, expected);
    }
}

/// A few clients that talked all the time filled the room of the events while the server was away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_talked_made_events_be_lost_on_every_node() {
    let server = Server::new();
    let mut other = Node::start(&server, 2);
    let mut node = Node::with(&server, 1, OutgoingLimits { letters: 16, ..LIMITS });
    node.begin().await;
    other.begin().await;
    server.set_there(false);
    let word = || Parcel::Push(Push::new(Target::default(), Json::string("hello")));
    for _ in 0..50 {
        // So many as there is room for in front of the worker.
        (0..10).for_each(|_| node.publisher.tell(Box::new(word)));
        let (done, is_done) = std::sync::mpsc::channel();
        node.publisher.answer(Box::new(move || done.send(()).unwrap()));
        is_done.recv_timeout(SOON).unwrap();
    }
    (1..=16).for_each(|id| node.write(id));
    server.set_there(true);
    for node in [&node, &other] {
        let heard = node.hear(|heard| heard.last().is_some_and(|last| last.ends_with(" 16"))).await;
        let expected = (1..=16).map(|id| format!("{} {id}", id + 2));
        assert_eq!(
            heard,
            [r#""hello""#; 2].map(str::to_owned).into_iter().chain(expected).collect::<Vec<_>>()
        );
    }
    let metrics = node.remote.metrics.render(0);
    assert!(!metrics.contains("restcast_drops_total{reason=\"words_full\"} 0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_log_has_forgotten_or_begun_anew_readers_are_told() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
    node.write(1);
    node.hear(|heard| heard.len() == 1).await;
    server.set_there(false);
    // What others write meanwhile is forgotten before this one is back.
    let letters: Vec<Bytes> = (2..=9).map(|_| Bytes::from_static(b"{}")).collect();
    server.lock().entries.extend(letters);
    server.lock().gone = 8;
    server.set_there(true);
    node.hear(|heard| heard.last().is_some_and(|last| last == "events lost")).await;
    // Whoever comes before all of it is read hears of it too.
    node.is_there().await;
    node.join();
    server.set_there(false);
    {
        let mut state = server.lock();
        (state.epoch, state.gone) = (8, 0);
        state.entries.clear();
    }
    server.set_there(true);
    node.hear(|heard| heard.last().is_some_and(|last| last == "events lost")).await;
    node.is_there().await;
    node.join();
    node.write(3);
    assert_eq!(node.hear(|heard| !heard.is_empty()).await, lines([(1, 3)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_waited_for_room_was_lost_where_writing_failed_meanwhile() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
    // Until then it holds all of it, to see that nothing is under way.
    node.is_there().await;
    let room = usize::try_from(ARRIVED).unwrap();
    assert_eq!(node.remote.room.forget_permits(room), room);
    node.write(1);
    let is_heard = async {
        loop {
            if server.is_heard() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, is_heard).await.expect("it does not listen");
    server.lock().slot = Slot::Deaf;
    node.write(2);
    let is_away = async {
        while node.remote.is_there() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, is_away).await.expect("it writes on");
    node.remote.room.add_permits(room);
    assert_eq!(node.hear(|heard| heard.len() == 2).await, lines([(1, 1), (2, 2)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_while_the_broker_was_away_was_dropped_at_the_end() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
    server.set_there(false);
    let is_away = async {
        while node.remote.is_there() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, is_away).await.expect("it is there");
    let late = || Instant::now() + Duration::from_hours(1);
    let nothing = timeout(SOON, node.remote.finish(&node.publisher, late())).await;
    assert_eq!(nothing.expect("nothing waits for it"), 0);
    node.write(1);
    let soon = Instant::now() + Duration::from_millis(100);
    assert_eq!(node.remote.finish(&node.publisher, soon).await, 1);
    let finish = async {
        tokio::join!(node.remote.finish(&node.publisher, late()), async { server.set_there(true) }).0
    };
    assert_eq!(timeout(SOON, finish).await.expect("it is not written"), 0);
    assert_eq!(server.lock().entries.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_let_everybody_in_and_took_nothing_was_tried_ten_times_a_second() {
    let server = Server::new();
    server.lock().slot = Slot::Full;
    let node = Node::start(&server, 1);
    by_the_wall(|| node.hub.position().is_some()).await;
    node.remote.publish(Parcel::Event(Event::sample("a", "1")));
    // Time goes on by itself.
    sleep(Duration::from_mins(1)).await;
    let opened = server.lock().opened;
    assert!((2..40).contains(&opened), "{opened} times");
    // It was not there and away by turns either.
    assert!(!node.remote.is_there());
    let all = node.remote.metrics.render(0);
    let breaks = all.lines().find_map(|line| line.strip_prefix("restcast_broker_breaks_total "));
    assert!(["0", "1"].contains(&breaks.unwrap()), "{breaks:?}");
    server.lock().slot = Slot::Open;
    sleep(2 * MOST_PAUSE).await;
    by_the_wall(|| node.remote.is_there()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_took_that_was_none_any_more_was_told_to_nobody() {
    for (age, expected) in [(None, 1), (Some(Duration::ZERO), 1), (Some(Duration::from_hours(1)), 2)] {
        let server = Server::new();
        let mut node = Node::start(&server, 1);
        node.begin().await;
        node.write(1);
        node.hear(|heard| heard.len() == 1).await;
        server.set_there(false);
        {
            let mut state = server.lock();
            (state.epoch, state.age) = (8, age);
            state.entries.clear();
        }
        server.set_there(true);
        node.is_there().await;
        node.write(2);
        let is_written = async {
            while server.lock().entries.len() < expected {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, is_written).await.expect("too little is written");
        let entries = server.lock().entries.clone();
        let losses =
            entries.iter().filter(|letter| matches!(Letter::read(letter).unwrap().content, Content::Lost));
        assert_eq!((entries.len(), losses.count()), (expected, expected - 1), "{age:?}");
    }
}
