use std::sync::Mutex;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use super::*;
use crate::event::Json;
use crate::hub::{Desk, Hub, Lane, Profile, Sent, Subscriber};
use crate::identity::Identity;
use crate::message::{CloseReason, Encode, Frame, Publication, Push, Rendering, Target};
use crate::metrics::Labels;

/// No test waits that long unless it fails.
const DEADLINE: Duration = Duration::from_secs(10);

/// Tells a test what was published.
#[derive(Debug)]
struct Told {
    said: Mutex<std_mpsc::Sender<String>>,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
}

impl Broker for Told {
    fn publish(&self, parcel: Parcel) -> u64 {
        let said = match parcel {
            Parcel::Event(event) => event.model.to_string(),
            Parcel::Push(push) => push.message.as_str().to_owned(),
        };
        assert_ne!(said, "cursed", "a bug in the broker");
        self.said.lock().unwrap().send(said).unwrap();
        7
    }

    fn lose(&self) {
        self.metrics.readers_lag(self.hub.lose(None));
    }
}

/// A reader that only notes why it was closed.
#[derive(Debug, Default)]
struct Closed(Mutex<Vec<CloseReason>>);

impl Lane for Closed {
    fn send(&self, _: &Frame) -> Sent {
        Sent::Written
    }

    fn close(&self, reason: CloseReason) {
        self.0.lock().unwrap().push(reason);
    }
}

#[derive(Debug)]
struct Mute;

impl Encode for Mute {
    fn encode(&self, _: &Publication) -> Rendering {
        Rendering::Nothing
    }
}

struct Setup {
    publisher: Publisher,
    thread: thread::JoinHandle<()>,
    events: std_mpsc::Receiver<String>,
    reader: Arc<Closed>,
    metrics: Arc<Metrics>,
    _subscriber: Subscriber,
}

fn setup(capacity: usize) -> Setup {
    setup_with(capacity, |told| Arc::new(told))
}

fn setup_with(capacity: usize, broker: impl FnOnce(Told) -> Arc<dyn Broker>) -> Setup {
    let hub = Arc::new(Hub::new(
        vec![Desk {
            path: Arc::from("/ws"),
            app: None,
            namespace: None,
            encode: Arc::new(Mute),
            required: false,
        }],
        10,
    ));
    let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
    let (told, events) = std_mpsc::channel();
    let reader = Arc::new(Closed::default());
    let lane = Arc::clone(&reader) as Arc<dyn Lane>;
    let (id, since) = (Uuid::nil(), std::time::SystemTime::UNIX_EPOCH);
    let profile = Profile { id, endpoint: 0, identity: Identity::Anonymous, since, address: None };
    let subscriber = hub.attach(lane, profile).unwrap();
    let broker =
        broker(Told { said: Mutex::new(told), hub: Arc::clone(&hub), metrics: Arc::clone(&metrics) });
    let (publisher, thread) = Publisher::start(capacity, broker, Arc::clone(&metrics)).unwrap();
    Setup { publisher, thread, events, reader, metrics, _subscriber: subscriber }
}

impl Setup {
    fn publish(&self, model: &'static str) {
        self.publisher.publish(Box::new(move || Some(Event::sample(model, "1"))));
    }

    /// Puts a job that ends when the test says so, and waits until the worker is in it.
    fn block(&self) -> std_mpsc::Sender<()> {
        let (go, wait) = std_mpsc::channel::<()>();
        let (begun, started) = std_mpsc::channel();
        self.publisher.publish(Box::new(move || {
            begun.send(()).unwrap();
            wait.recv_timeout(DEADLINE).unwrap();
            None
        }));
        started.recv_timeout(DEADLINE).unwrap();
        go
    }

    fn next(&self) -> String {
        self.events.recv_timeout(DEADLINE).unwrap()
    }

    /// Ends the worker; returns why the reader was closed, and the drops as the metrics show them.
    fn end(self) -> (Vec<CloseReason>, String) {
        drop(self.publisher);
        self.thread.join().unwrap();
        let metrics = self.metrics.render(0);
        let closed = self.reader.0.lock().unwrap().clone();
        let drops = metrics.lines().filter(|line| line.starts_with("restcast_drops_total{"));
        let drops = drops.filter(|line| !line.ends_with(" 0")).collect::<Vec<_>>().join("; ");
        (closed, drops.replace("restcast_drops_total", ""))
    }
}

#[test]
fn jobs_become_events_in_the_order_in_which_they_came() {
    let setup = setup(100);
    let go = setup.block();
    for model in ["a", "b", "c"] {
        setup.publish(model);
    }
    setup.publisher.publish(Box::new(|| None));
    setup.publish("d");
    assert_eq!(setup.publisher.depth(), 5);
    go.send(()).unwrap();
    assert_eq!([setup.next(), setup.next(), setup.next(), setup.next()], ["a", "b", "c", "d"]);
    assert_eq!(setup.end(), (vec![], String::new()));
}

#[test]
fn a_full_queue_loses_events_and_tells_every_reader_once() {
    let setup = setup(2);
    let go = setup.block();
    for model in ["a", "b", "lost", "lost"] {
        setup.publish(model);
    }
    go.send(()).unwrap();
    assert_eq!([setup.next(), setup.next()], ["a", "b"]);
    setup.publish("c");
    assert_eq!(setup.next(), "c");
    let (closed, drops) = setup.end();
    assert_eq!(closed, [CloseReason::Lagging]);
    assert_eq!(closed[0].code(), 1013);
    assert_eq!(drops, r#"{reason="queue_full"} 2; {reason="reader_lags"} 1"#);
}

#[test]
fn parcels_stand_in_line_with_jobs_and_tell_whom_they_reached() {
    let setup = setup(2);
    let go = setup.block();
    let parcel = || Parcel::Push(Push::new(Target::default(), Json::parse("1").unwrap()));
    let (told, reached) = std_mpsc::channel();
    setup.publish("a");
    setup.publisher.send(vec![parcel()], Box::new(move |readers| told.send(readers).unwrap())).unwrap();
    let refused = setup.publisher.send(vec![parcel()], Box::new(|_| panic!("it had no room")));
    assert_eq!(refused, Err(QueueFull));
    go.send(()).unwrap();
    assert_eq!([setup.next(), setup.next()], ["a", "1"]);
    assert_eq!(reached.recv_timeout(DEADLINE).unwrap(), Reached { readers: 7, nodes: None });
    assert_eq!(setup.end(), (vec![], String::new()), "who sent it knows, so no reader is closed");
}

#[test]
fn words_of_clients_take_no_room_from_events_and_close_nobody() {
    // Room for one word.
    let setup = setup(2);
    let go = setup.block();
    let push = |text: &'static str| Push::new(Target::default(), Json::parse(text).unwrap());
    setup.publish("a");
    for text in ["1", "2", "3"] {
        setup.publisher.tell(Box::new(move || Parcel::Push(push(text))));
    }
    setup.publish("b");
    go.send(()).unwrap();
    assert_eq!([setup.next(), setup.next(), setup.next()], ["a", "1", "b"]);
    setup.publisher.tell(Box::new(|| Parcel::Event(Event::sample("cursed", "1"))));
    setup.publish("c");
    assert_eq!(setup.next(), "c");
    let (closed, drops) = setup.end();
    assert_eq!(closed, []);
    assert_eq!(drops, r#"{reason="tap_failed"} 1; {reason="words_full"} 2"#);
}

#[test]
fn answers_are_told_by_the_worker_and_find_room_whatever_waits() {
    let setup = setup(2);
    let go = setup.block();
    let (tell, told) = std_mpsc::channel();
    let answer = |tell: &std_mpsc::Sender<Option<String>>| {
        let tell = tell.clone();
        setup.publisher.answer(Box::new(move || {
            tell.send(thread::current().name().map(ToOwned::to_owned)).unwrap();
        }));
    };
    answer(&tell);
    answer(&tell);
    setup.publish("a");
    setup.publish("b");
    answer(&tell);
    go.send(()).unwrap();
    assert_eq!([setup.next(), setup.next()], ["a", "b"], "answers take no room");
    for _ in 0..3 {
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("restcast-hub"));
    }
    setup.publisher.answer(Box::new(|| panic!("a bug behind an answer")));
    let (closed, drops) = setup.end();
    assert_eq!(closed, [CloseReason::Lagging], "nobody knows what they would have got");
    assert_eq!(drops, r#"{reason="reader_lags"} 1; {reason="tap_failed"} 1"#);
}

/// Tells a test what it is asked to do.
#[derive(Debug)]
struct Gathers(Told);

impl Broker for Gathers {
    fn publish(&self, parcel: Parcel) -> u64 {
        self.0.publish(parcel)
    }

    fn gather(&self) {
        self.0.said.lock().unwrap().send("(".to_owned()).unwrap();
    }

    fn flush(&self) {
        self.0.said.lock().unwrap().send(")".to_owned()).unwrap();
    }

    fn lose(&self) {
        self.0.lose();
    }
}

#[test]
fn jobs_that_waited_together_are_gathered_a_few_at_a_time() {
    let setup = setup_with(100, |told| Arc::new(Gathers(told)));
    let go = setup.block();
    for _ in 0..=JOBS_AT_ONCE {
        setup.publish("a");
    }
    go.send(()).unwrap();
    let Setup { publisher, thread, events, .. } = setup;
    drop(publisher);
    thread.join().unwrap();
    let all: String = events.try_iter().collect();
    assert_eq!(all, format!(")({})a)", "a".repeat(JOBS_AT_ONCE)), "the first had nothing to say");
}

#[test]
fn a_job_or_broker_that_panics_does_not_end_the_worker() {
    let setup = setup(10);
    setup.publisher.publish(Box::new(|| panic!("a bug in the tap")));
    setup.publish("a");
    assert_eq!(setup.next(), "a");
    setup.publish("cursed");
    setup.publish("b");
    assert_eq!(setup.next(), "b");
    let (closed, drops) = setup.end();
    assert_eq!(closed, [CloseReason::Lagging, CloseReason::Lagging], "their events are lost");
    assert_eq!(drops, r#"{reason="reader_lags"} 2; {reason="tap_failed"} 2"#);
}

#[test]
fn notes_stand_in_line_and_are_dropped_where_events_need_the_room() {
    let setup = setup(2);
    let go = setup.block();
    let (told, notes) = std_mpsc::channel();
    let note = |word: &'static str| {
        let told = told.clone();
        setup.publisher.note(Box::new(move || told.send(word).unwrap()));
    };
    note("kept");
    note("dropped");
    setup.publish("a");
    go.send(()).unwrap();
    assert_eq!(setup.next(), "a");
    assert_eq!(notes.try_iter().collect::<Vec<_>>(), ["kept"]);
    setup.publisher.note(Box::new(|| panic!("a bug of ours")));
    setup.publish("b");
    assert_eq!(setup.next(), "b");
    assert_eq!(setup.end(), (vec![], r#"{reason="tap_failed"} 1"#.to_owned()), "no event is lost");
}

#[test]
fn the_worker_does_what_waits_and_ends_with_the_last_publisher() {
    let setup = setup(10);
    let go = setup.block();
    let other = setup.publisher.clone();
    setup.publish("a");
    other.publish(Box::new(|| Some(Event::sample("b", "1"))));
    let Setup { publisher, thread, events, .. } = setup;
    drop((publisher, other));
    go.send(()).unwrap();
    thread.join().unwrap();
    assert_eq!(events.try_iter().collect::<Vec<_>>(), ["a", "b"]);
}
