//! Readers that come and go on other threads while events are delivered.

use std::sync::Barrier;
use std::thread;

use super::*;

const READERS: usize = 4;
const ROUNDS: usize = 300;

fn positions(inbox: &Inbox) -> Vec<u64> {
    inbox.take().iter().map(|frame| frame.split(' ').next().unwrap().parse().unwrap()).collect()
}

/// What a reader got between joining and leaving is one run of positions: nothing twice, nothing left out.
#[test]
fn whoever_stays_for_a_while_gets_an_unbroken_run_of_events() {
    let hub = hub(10_000);
    let barrier = Arc::new(Barrier::new(READERS + 1));
    let still_here = Inbox::new();
    let _stays = join(&hub, &still_here, "all author");
    let threads: Vec<_> = (0..READERS)
        .map(|_| {
            let (hub, barrier) = (Arc::clone(&hub), Arc::clone(&barrier));
            thread::spawn(move || {
                barrier.wait();
                for _ in 0..ROUNDS {
                    let inbox = Inbox::new();
                    let subscriber = join(&hub, &inbox, "author author/1 all");
                    thread::yield_now();
                    drop(subscriber);
                    let got = positions(&inbox);
                    let expected: Vec<u64> =
                        got.first().map_or(vec![], |first| (*first..).take(got.len()).collect());
                    assert_eq!(got, expected);
                }
            })
        })
        .collect();
    barrier.wait();
    let mut delivered = 0;
    while threads.iter().any(|thread| !thread.is_finished()) && delivered < 1_000_000 {
        deliver(&hub, event("author", &["1"]));
        delivered += 1;
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(positions(&still_here), (1..=delivered).collect::<Vec<u64>>());
    assert_eq!((hub.connections(), hub.topics()), (1, 2));
}

#[test]
fn a_subscription_that_was_made_before_an_event_gets_it() {
    let hub = hub(10);
    let barrier = Arc::new(Barrier::new(2));
    let joining = {
        let (hub, barrier) = (Arc::clone(&hub), Arc::clone(&barrier));
        let round = move || {
            let inbox = Inbox::new();
            let _subscriber = join(&hub, &inbox, "author");
            barrier.wait();
            barrier.wait();
            positions(&inbox)
        };
        thread::spawn(move || (0..ROUNDS).map(|_| round()).collect::<Vec<_>>())
    };
    for _ in 0..ROUNDS {
        barrier.wait();
        deliver(&hub, event("author", &["1"]));
        barrier.wait();
    }
    let expected: Vec<Vec<u64>> = (1..=ROUNDS as u64).map(|round| vec![round]).collect();
    assert_eq!(joining.join().unwrap(), expected);
}

/// Filters that let everything through, each found in another place.
#[test]
fn whoever_changes_its_filter_all_the_time_misses_nothing() {
    let hub = hub(10);
    let barrier = Arc::new(Barrier::new(2));
    let inbox = Inbox::new();
    let changing = {
        let (hub, inbox, barrier) = (Arc::clone(&hub), Arc::clone(&inbox), Arc::clone(&barrier));
        thread::spawn(move || {
            let mut subscriber = join(&hub, &inbox, "author");
            barrier.wait();
            for round in 0..ROUNDS * 20 {
                let filter =
                    [r#"{"id":1}"#, r#"{"name":null}"#, r#"{"id":1.0,"name":null}"#, "null"][round % 4];
                subscriber.handle(filters::subscribe("author", filter));
            }
            subscriber
        })
    };
    barrier.wait();
    let mut delivered = 0;
    while !changing.is_finished() && delivered < 1_000_000 {
        deliver(&hub, event("author", &["1"]));
        delivered += 1;
    }
    let subscriber = changing.join().unwrap();
    assert_eq!(positions(&inbox), (1..=delivered).collect::<Vec<u64>>());
    drop(subscriber);
    assert_eq!((hub.connections(), hub.topics()), (0, 0));
}
