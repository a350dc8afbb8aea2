//! Readers that come and go, also while an event is on its way, and the end of all.

use super::*;

#[test]
fn places_do_not_pile_up_as_readers_come_and_go() {
    let hub = hub(3);
    for _ in 0..100 {
        let inbox = Inbox::new();
        let readers: Vec<Subscriber> = (0..3).map(|_| join(&hub, &inbox, "author")).collect();
        assert_eq!(readers[0].topics(), 1);
    }
    let tables = hub.lock();
    assert_eq!((tables.connections.len(), tables.topics.len()), (0, 0));
    assert!(tables.connections.batch(0, 100, &mut Vec::new()).is_none(), "more than three places");
}

#[test]
fn a_reader_that_comes_while_an_event_is_on_its_way_gets_only_later_ones() {
    let hub = hub(100);
    let (first, late) = (Inbox::new(), Inbox::new());
    let _first = join(&hub, &first, "author");
    let come = {
        let (hub, late) = (Arc::clone(&hub), Arc::clone(&late));
        let kept = Arc::new(Mutex::new(None));
        let place = Arc::clone(&kept);
        first.meanwhile(move || *place.lock().unwrap() = Some(join(&hub, &late, "author all author/1")));
        kept
    };
    deliver(&hub, event("author", &["1"]));
    assert_eq!(late.take(), [""; 0]);
    deliver(&hub, event("author", &["1"]));
    assert_eq!(late.take(), ["2 author"]);
    assert_eq!(first.take(), ["1 author", "2 author"]);
    drop(come.lock().unwrap().take());
    assert_eq!(hub.connections(), 1);
}

#[test]
fn a_reader_that_takes_a_leavers_place_while_an_event_is_on_its_way_does_not_get_it() {
    let hub = hub(100);
    let inboxes: Vec<_> = (0..=BATCH).map(|_| Inbox::new()).collect();
    let mut subscribers: Vec<_> = inboxes.iter().map(|inbox| join(&hub, inbox, "author")).collect();
    let last = Mutex::new(subscribers.pop());
    let late = Inbox::new();
    let kept = Arc::new(Mutex::new(None));
    inboxes[0].meanwhile({
        let (hub, late, kept) = (Arc::clone(&hub), Arc::clone(&late), Arc::clone(&kept));
        move || {
            drop(last.lock().unwrap().take());
            *kept.lock().unwrap() = Some(join(&hub, &late, "author"));
        }
    });
    assert_eq!(deliver(&hub, event("author", &["1"])).delivered[0], BATCH as u64);
    assert_eq!((inboxes[BATCH].take().len(), late.take().len()), (0, 0));
    deliver(&hub, event("author", &["1"]));
    assert_eq!(late.take(), ["2 author"]);
}

#[test]
fn no_more_connections_than_allowed_are_taken() {
    let hub = hub(2);
    let inbox = Inbox::new();
    let try_attach = || hub.attach(Arc::clone(&inbox) as Arc<dyn Lane>, profile(0, Identity::Anonymous));
    let (one, two) = (try_attach().unwrap(), try_attach().unwrap());
    assert_eq!(try_attach().unwrap_err(), AttachError::Full);
    drop(one);
    let three = try_attach().unwrap();
    assert_eq!(try_attach().unwrap_err(), AttachError::Full);
    drop((two, three));
    assert_eq!(hub.connections(), 0);
}

#[test]
fn closing_all_reaches_every_reader_and_only_going_away_is_for_good() {
    let hub = hub(1000);
    let inboxes: Vec<_> = (0..=(BATCH * 2)).map(|_| Inbox::new()).collect();
    // A connection that has not subscribed to anything is closed too.
    let subscribers: Vec<_> = inboxes.iter().map(|inbox| attach(&hub, inbox)).collect();
    assert_eq!(hub.lose(None), inboxes.len());
    let late = Inbox::new();
    let _late = attach(&hub, &late);
    drop(subscribers);
    assert_eq!(hub.close_all(CloseReason::GoingAway), 1);
    for inbox in &inboxes {
        assert_eq!(*inbox.closed.lock().unwrap(), [CloseReason::Lagging]);
    }
    assert_eq!(*late.closed.lock().unwrap(), [CloseReason::GoingAway]);
    let refused = hub.attach(late, profile(0, Identity::Anonymous)).unwrap_err();
    assert_eq!(refused, AttachError::Closing);
}
