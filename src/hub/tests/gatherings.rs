//! Events that come together: what they say to one reader leaves in one write.

use super::*;

/// A reader that notes what it is asked to do.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<String>>);

impl Noted {
    fn note(&self, what: &str, frame: &Frame) -> usize {
        let mut notes = self.0.lock().unwrap();
        notes.push(format!("{what} {}", String::from_utf8_lossy(&frame.payload())));
        notes.iter().rev().skip(1).take_while(|note| note.starts_with("gather")).count()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Lane for Noted {
    fn send(&self, frame: &Frame) -> Sent {
        self.note("send", frame);
        Sent::Written
    }

    fn gather(&self, frame: &Frame) -> Sent {
        if self.note("gather", frame) == 0 { Sent::Gathered } else { Sent::Queued }
    }

    fn flush(&self) {
        self.0.lock().unwrap().push("flush".to_owned());
    }

    fn close(&self, _: CloseReason) {}
}

fn reader(hub: &Arc<Hub>) -> (Arc<Noted>, Subscriber) {
    let noted = Arc::new(Noted::default());
    let lane = Arc::clone(&noted) as Arc<dyn Lane>;
    let mut subscriber = hub.attach(lane, profile(0, Identity::Anonymous)).unwrap();
    subscriber.handle(Command::subscribe(Topic::all()));
    (noted, subscriber)
}

#[test]
fn events_that_come_together_leave_each_reader_in_one_write() {
    let hub = hub(1000);
    let readers: Vec<_> = (0..BATCH + 3).map(|_| reader(&hub)).collect();
    hub.gather();
    for model in ["a", "b", "c"] {
        assert_eq!(deliver(&hub, event(model, &["1"])).reached, readers.len() as u64);
    }
    let pauses = AtomicUsize::new(0);
    hub.let_go(|| {
        pauses.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(pauses.into_inner(), 1);
    for (noted, _) in &readers {
        assert_eq!(noted.take(), ["gather 1 a", "gather 2 b", "gather 3 c", "flush"]);
    }
    deliver(&hub, event("d", &["1"]));
    hub.let_go(|| {});
    assert_eq!(readers[0].0.take(), ["send 4 d"], "one that comes alone does not wait");
}

#[test]
fn items_of_one_event_that_have_frames_of_their_own_leave_in_one_write() {
    let hub = Arc::new(Hub::new(vec![desk("/ws", None, Arc::new(ItemByItem))], 10));
    let (noted, _subscriber) = reader(&hub);
    deliver(&hub, event("author", &["1", "2", "3"]));
    assert_eq!(noted.take(), ["gather 1", "gather 2", "gather 3", "flush"]);
    deliver(&hub, event("author", &["4"]));
    assert_eq!(noted.take(), ["send 4"]);
}
