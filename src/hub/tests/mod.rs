//! Who gets which event, as small scenes; then what scenes cannot say.

mod answers;
mod changes;
mod filters;
mod identities;
mod index;
mod outbox;
mod receipts;
mod shares;
mod tags;
mod threads;
mod views;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::event::{Audience, Json, Topic};
use crate::message::{Command, Group, Rendering, Target};

/// A reader that keeps what it gets.
#[derive(Debug)]
struct Inbox {
    frames: Mutex<Vec<String>>,
    closed: Mutex<Vec<CloseReason>>,
    /// What it says to the next frames.
    answer: Mutex<Sent>,
    meanwhile: Meanwhile,
}

/// Done once, while a frame is on its way to the reader.
#[derive(Default)]
struct Meanwhile(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Inbox {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            frames: Mutex::default(),
            closed: Mutex::default(),
            answer: Mutex::new(Sent::Written),
            meanwhile: Meanwhile::default(),
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.frames.lock().unwrap())
    }

    fn meanwhile(&self, action: impl FnOnce() + Send + 'static) {
        *self.meanwhile.0.lock().unwrap() = Some(Box::new(action));
    }
}

impl Lane for Inbox {
    fn send(&self, frame: &Frame) -> Sent {
        let action = self.meanwhile.0.lock().unwrap().take();
        if let Some(action) = action {
            action();
        }
        self.frames.lock().unwrap().push(String::from_utf8(frame.payload().to_vec()).unwrap());
        *self.answer.lock().unwrap()
    }

    fn close(&self, reason: CloseReason) {
        self.closed.lock().unwrap().push(reason);
    }
}

/// Says the position and the models; nothing about model `unsaid`.
#[derive(Debug, Default)]
struct Plain(AtomicUsize);

impl Encode for Plain {
    fn encode(&self, publication: &Publication) -> Rendering {
        self.0.fetch_add(1, Ordering::Relaxed);
        let event = &publication.event;
        if &*event.model == "unsaid" {
            return Rendering::Nothing;
        }
        Rendering::Whole(Frame::text(&format!("{} {}", publication.position.0, event.model)))
    }
}

/// Says each item's id in a frame of its own; nothing about id 0.
#[derive(Debug)]
struct ItemByItem;

impl Encode for ItemByItem {
    fn encode(&self, publication: &Publication) -> Rendering {
        let ids = publication.event.items.iter().map(|item| item.id.as_ref().map_or("", Json::as_str));
        Rendering::Each(ids.map(|id| (id != "0").then(|| Frame::text(id))).collect())
    }
}

fn desk(path: &str, app: Option<&str>, encode: Arc<dyn Encode>) -> Desk {
    Desk { path: Arc::from(path), app: app.map(Arc::from), namespace: None, encode, required: false }
}

fn profile(endpoint: usize, identity: Identity) -> Profile {
    Profile { id: Uuid::new_v4(), endpoint, identity, since: SystemTime::UNIX_EPOCH, address: None }
}

fn deliver(hub: &Hub, event: Event) -> Delivery {
    hub.deliver(event, SystemTime::UNIX_EPOCH, || {})
}

fn hub(max_connections: usize) -> Arc<Hub> {
    let desks = ["/one", "/two"].map(|path| desk(path, None, Arc::new(Plain::default())));
    Arc::new(Hub::new(desks.to_vec(), max_connections))
}

fn attach(hub: &Arc<Hub>, inbox: &Arc<Inbox>) -> Subscriber {
    hub.attach(Arc::clone(inbox) as Arc<dyn Lane>, profile(0, Identity::Anonymous)).unwrap()
}

fn join(hub: &Arc<Hub>, inbox: &Arc<Inbox>, topics: &str) -> Subscriber {
    let mut subscriber = attach(hub, inbox);
    for topic in topics.split_whitespace() {
        subscriber.handle(Command::subscribe(Topic::parse(topic)));
    }
    subscriber
}

/// Plays a scene: `NAME joins: TOPIC…`, `NAME leaves`, and `write MODEL ID… -> NAME…`, where each of the
/// named readers gets the event once and nobody else gets anything.
fn check(scene: &str) {
    let hub = hub(100);
    let mut readers: BTreeMap<String, (Arc<Inbox>, Subscriber)> = BTreeMap::new();
    let mut position = 0;
    for line in scene.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some((name, topics)) = line.split_once(" joins:") {
            let inbox = Inbox::new();
            let subscriber = join(&hub, &inbox, topics);
            readers.insert(name.to_owned(), (inbox, subscriber));
        } else if let Some(name) = line.strip_suffix(" leaves") {
            drop(readers.remove(name).unwrap());
        } else {
            position += 1;
            let (written, expected) = line.strip_prefix("write ").unwrap().split_once("->").unwrap();
            let mut words = written.split_whitespace();
            let model = words.next().unwrap();
            let delivery = deliver(&hub, event(model, &words.collect::<Vec<_>>()));
            let got = readers.iter().flat_map(|(name, (inbox, _))| {
                inbox.take().into_iter().map(move |frame| (name.clone(), frame))
            });
            let got: Vec<(String, String)> = got.collect();
            let expected: Vec<(String, String)> = expected
                .split_whitespace()
                .map(|name| (name.to_owned(), format!("{position} {model}")))
                .collect();
            assert_eq!(got, expected, "{line}");
            assert_eq!(delivery.delivered, [expected.len() as u64, 0], "{line}");
        }
    }
    drop(readers);
    assert_eq!((hub.connections(), hub.topics()), (0, 0), "nothing is left behind");
}

fn event(model: &str, ids: &[&str]) -> Event {
    let mut event = Event::sample(model, ids.first().copied().unwrap_or("0"));
    event.many = ids.len() > 1;
    event.items = ids.iter().flat_map(|id| Event::sample(model, id).items).collect();
    event
}

#[test]
fn readers_get_the_events_of_their_topics() {
    check(
        r#"
        write author 1 ->
        all joins: all
        empty joins:
        model joins: author
        shout joins: AUTHOR
        record joins: author/7
        other joins: author/8 book
        text joins: author/x-Y
        nobody joins: no-such-model
        write author 1 -> all model shout
        write author 7 -> all model record shout
        write author "7" -> all model record shout
        write author "x-Y" -> all model shout text
        write author "x-y" -> all model shout
        write book 7 -> all other
        write author 7 8 7 -> all model other record shout
        write author -> all model shout
        "#,
    );
}

#[test]
fn a_reader_of_several_topics_gets_an_event_once() {
    check(
        "
        ann joins: author/7 all author author/7 author
        bob joins: author
        write author 7 -> ann bob
        write book 7 -> ann
        write all 7 -> ann
        ",
    );
}

#[test]
fn readers_come_and_go_and_places_are_used_again() {
    check(
        "
        ann joins: author
        bob joins: author
        cat joins: author
        write author 1 -> ann bob cat
        bob leaves
        write author 1 -> ann cat
        dan joins: author
        eve joins: author
        write author 1 -> ann cat dan eve
        ann leaves
        cat leaves
        dan leaves
        eve leaves
        write author 1 ->
        ann joins: author
        write author 1 -> ann
        ",
    );
}

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
    assert_eq!(hub.close_all(CloseReason::Lagging), inboxes.len());
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
