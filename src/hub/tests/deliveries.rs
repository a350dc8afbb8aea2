//! What one delivery does: batches, pauses, encoding, counting.

use super::*;

#[test]
fn events_reach_every_batch_of_readers_in_order() {
    let hub = hub(1000);
    let readers: Vec<_> = (0..BATCH * 3 + 7)
        .map(|_| {
            let inbox = Inbox::new();
            let subscriber = join(&hub, &inbox, "author all");
            (inbox, subscriber)
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(deliver(&hub, event("author", &["1"])).delivered, [readers.len() as u64, 0]);
    }
    for (inbox, _) in &readers {
        assert_eq!(inbox.take(), ["1 author", "2 author", "3 author"]);
    }
}

#[test]
fn an_event_is_encoded_once_for_each_encoder_that_has_readers() {
    let encoders = [Arc::new(Plain::default()), Arc::new(Plain::default()), Arc::new(Plain::default())];
    let table = encoders.iter().map(|encoder| desk("/ws", None, Arc::clone(encoder) as Arc<dyn Encode>));
    let hub = Arc::new(Hub::new(table.collect(), 100));
    let inbox = Inbox::new();
    let readers: Vec<Subscriber> = [0, 0, 2, 2, 2, 9]
        .into_iter()
        .map(|encoder| {
            let lane = Arc::clone(&inbox) as Arc<dyn Lane>;
            let mut subscriber = hub.attach(lane, profile(encoder, Identity::Anonymous)).unwrap();
            subscriber.handle(Command::subscribe(Topic::all()));
            subscriber
        })
        .collect();
    let calls = || encoders.each_ref().map(|encoder| encoder.0.load(Ordering::Relaxed));
    assert_eq!(deliver(&hub, event("author", &["1"])).delivered, [2, 0, 3]);
    assert_eq!(calls(), [1, 0, 1]);
    assert_eq!(deliver(&hub, event("unsaid", &["1"])).delivered, [0, 0, 0]);
    assert_eq!(calls(), [2, 0, 2], "an encoder that has no words is asked once too");
    drop(readers);
    deliver(&hub, event("author", &["1"]));
    assert_eq!(calls(), [2, 0, 2]);
}

#[test]
fn what_lanes_say_is_counted() {
    let hub = hub(100);
    let mut subscribers = Vec::new();
    for answer in [Sent::Written, Sent::Queued, Sent::Overflow, Sent::Gone, Sent::Written] {
        let inbox = Inbox::new();
        *inbox.answer.lock().unwrap() = answer;
        subscribers.push(join(&hub, &inbox, "author"));
    }
    assert_eq!(
        deliver(&hub, event("author", &["1"])),
        Delivery { delivered: vec![3, 0], reached: 3, overflowed: 1, hidden: 0, ..Delivery::default() }
    );
}

/// What is kept of a socket for a client that comes back would have a hole.
#[test]
fn behind_a_frame_that_was_too_much_the_others_of_its_event_were_told_to_nobody() {
    let hub = Arc::new(Hub::new(vec![desk("/ws", None, Arc::new(ItemByItem))], 10));
    for (answer, frames, overflowed) in [(Sent::Overflow, 3, 1), (Sent::Gone, 1, 0)] {
        let inbox = Inbox::new();
        let _subscriber = join(&hub, &inbox, "author");
        *inbox.answer.lock().unwrap() = answer;
        assert_eq!(deliver(&hub, event("author", &["1", "2", "3"])).overflowed, overflowed);
        assert_eq!(inbox.take().len(), frames);
    }
}

#[test]
fn readers_that_may_not_see_an_event_do_not_get_it() {
    let hub = hub(100);
    let (stranger, operator) = (Inbox::new(), Inbox::new());
    let mut subscribers = vec![attach(&hub, &stranger)];
    let lane = Arc::clone(&operator) as Arc<dyn Lane>;
    subscribers.push(hub.attach(lane, profile(1, Identity::Operator)).unwrap());
    for subscriber in &mut subscribers {
        subscriber.handle(Command::subscribe(Topic::all()));
        subscriber.handle(Command::subscribe(Topic::model("author")));
    }
    let mut secret = event("author", &["1"]);
    secret.audience = Audience::Authenticated;
    assert_eq!(
        deliver(&hub, secret),
        Delivery { delivered: vec![0, 1], reached: 1, overflowed: 0, hidden: 1, ..Delivery::default() }
    );
    assert_eq!((stranger.take().len(), operator.take().len()), (0, 1));
    deliver(&hub, event("author", &["1"]));
    assert_eq!((stranger.take().len(), operator.take().len()), (1, 1));
}

#[test]
fn there_is_a_pause_after_each_batch_of_readers_but_the_last() {
    for (readers, expected) in [(0, vec![]), (BATCH, vec![]), (2 * BATCH + 1, vec![BATCH, 2 * BATCH])] {
        let hub = hub(100);
        let inboxes: Vec<_> = (0..readers).map(|_| Inbox::new()).collect();
        let _subscribers: Vec<_> = inboxes.iter().map(|inbox| join(&hub, inbox, "author")).collect();
        let served = Mutex::new(0);
        let pauses = Mutex::new(Vec::new());
        hub.deliver(event("author", &["1"]), SystemTime::UNIX_EPOCH, || {
            *served.lock().unwrap() += inboxes.iter().filter(|inbox| !inbox.take().is_empty()).count();
            pauses.lock().unwrap().push(*served.lock().unwrap());
        });
        assert_eq!(pauses.into_inner().unwrap(), expected);
    }
}
