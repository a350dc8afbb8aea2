//! Several processes on one log that can be away, lose entries, and forget.

use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::*;
use crate::broker::{Append, Head, Hear, Say, Talk};
use crate::event::{Epoch, Event, Json, Topic};
use crate::hub::{Desk, HistoryLimits, Lane, Profile, Sent, Subscriber};
use crate::identity::Identity;
use crate::message::{CloseReason, Command, Encode, Frame, Pick, Publication, Push, Rendering, Target};
use crate::metrics::Labels;

const SOON: Duration = Duration::from_secs(20);
const LIMITS: OutgoingLimits = OutgoingLimits { letters: 1000, bytes: 1 << 20 };

/// A server.
#[derive(Debug, Clone)]
struct Server(Arc<Mutex<State>>);

/// What becomes of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Slot {
    #[default]
    Open,
    /// The next are added, and then it breaks off, so that nobody hears of it.
    Deaf,
    /// None is taken.
    Full,
}

#[derive(Debug)]
struct State {
    epoch: u64,
    age: Option<Duration>,
    entries: Vec<Bytes>,
    /// Entries that it has forgotten.
    gone: usize,
    is_there: bool,
    slot: Slot,
    /// How often it was opened.
    opened: usize,
    /// Of every so many entries one is not told.
    skips: usize,
    live: broadcast::Sender<Entry>,
    talk: broadcast::Sender<Bytes>,
}

impl Server {
    fn new() -> Self {
        let (live, talk) = (broadcast::channel(16).0, broadcast::channel(64).0);
        let (epoch, entries) = (7, Vec::new());
        let state = State {
            epoch,
            age: None,
            entries,
            gone: 0,
            is_there: true,
            slot: Slot::default(),
            opened: 0,
            skips: 0,
            live,
            talk,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Every connection breaks off, and none is taken or all are.
    fn set_there(&self, is_there: bool) {
        let mut state = self.lock();
        state.is_there = is_there;
        (state.live, state.talk) = (broadcast::channel(16).0, broadcast::channel(64).0);
    }

    /// Somebody listens, and has taken all that is told.
    fn is_heard(&self) -> bool {
        let state = self.lock();
        !state.entries.is_empty() && state.live.is_empty()
    }

    fn check(&self) -> Result<MutexGuard<'_, State>, Away> {
        let state = self.lock();
        if state.is_there { Ok(state) } else { Err(Away("it is away".to_owned())) }
    }
}

#[derive(Debug)]
struct Reading(Server, broadcast::Receiver<Entry>);

#[async_trait]
impl Log for Server {
    fn name(&self) -> &'static str {
        "test"
    }

    async fn open(&self) -> Result<Opened, Away> {
        let mut state = self.check()?;
        state.opened += 1;
        let (first, last) = (state.gone as u64 + 1, state.entries.len() as u64);
        let head = Head { epoch: Epoch::new(state.epoch), first, last, age: state.age };
        let reader = Box::new(Reading(self.clone(), state.live.subscribe()));
        let talk = Talk { say: Box::new(self.clone()), hear: Box::new(Hearing(state.talk.subscribe())) };
        Ok(Opened { head, writer: Box::new(self.clone()), reader, talk })
    }
}

#[async_trait]
impl Say for Server {
    async fn say(&mut self, notes: &[Bytes]) -> Result<(), Away> {
        let state = self.check()?;
        for note in notes {
            drop(state.talk.send(note.clone()));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Hearing(broadcast::Receiver<Bytes>);

#[async_trait]
impl Hear for Hearing {
    async fn hear(&mut self) -> Result<Bytes, Away> {
        self.0.recv().await.map_err(|error| Away(error.to_string()))
    }
}

#[async_trait]
impl Append for Server {
    async fn append(&mut self, letters: &[(String, Bytes)]) -> Result<(), Away> {
        let mut state = self.check()?;
        if state.slot == Slot::Full {
            return Err(Away("it takes nothing".to_owned()));
        }
        for (_, bytes) in letters {
            state.entries.push(bytes.clone());
            let offset = state.entries.len() as u64;
            if state.skips == 0 || !state.entries.len().is_multiple_of(state.skips) {
                drop(state.live.send(Entry { offset, bytes: bytes.clone() }));
            }
        }
        if std::mem::take(&mut state.slot) == Slot::Deaf {
            Err(Away("it broke off".to_owned()))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Follow for Reading {
    async fn next(&mut self) -> Result<Entry, Away> {
        loop {
            match self.1.recv().await {
                Ok(entry) => return Ok(entry),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(error) => return Err(Away(error.to_string())),
            }
        }
    }

    async fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<Entry>, Away> {
        let state = self.0.check()?;
        let all = state.entries.iter().zip(1..).skip(state.gone);
        let wanted = all.filter(|(_, offset)| (from..=to).contains(offset)).take(count);
        Ok(wanted.map(|(bytes, offset)| Entry { offset, bytes: bytes.clone() }).collect())
    }
}

/// Says the position and the id.
#[derive(Debug)]
struct Plain;

impl Encode for Plain {
    fn encode(&self, Publication { position, event, .. }: &Publication) -> Rendering {
        let id = event.items[0].id.as_ref().unwrap().as_str();
        Rendering::Whole(Frame::text(&format!("{} {id}", position.offset)))
    }
}

/// A reader that keeps what it gets.
#[derive(Debug, Default)]
struct Inbox(Mutex<Vec<String>>);

impl Lane for Inbox {
    fn send(&self, frame: &Frame) -> Sent {
        self.0.lock().unwrap().push(String::from_utf8(frame.payload().to_vec()).unwrap());
        Sent::Written
    }

    fn close(&self, reason: CloseReason) {
        self.0.lock().unwrap().push(reason.text().into_owned());
    }
}

/// A process with one reader of everything.
struct Node {
    remote: Arc<Remote>,
    publisher: Publisher,
    hub: Arc<Hub>,
    task: tokio::task::JoinHandle<()>,
    inbox: Arc<Inbox>,
    subscriber: Option<Subscriber>,
}

impl Node {
    fn start(server: &Server, number: u128) -> Self {
        Self::with(server, number, LIMITS)
    }

    #[expect(clippy::disallowed_methods, reason = "it ends with the node")]
    fn with(server: &Server, number: u128, limits: OutgoingLimits) -> Self {
        let encode = Arc::new(Plain);
        let desk = Desk { path: Arc::from("/ws"), app: None, namespace: None, encode, required: false };
        let history = HistoryLimits { size: 10_000, bytes: 1 << 26, age: Duration::from_hours(1) };
        let hub = Arc::new(Hub::new(vec![desk], 10).keeping(history, Epoch::NONE));
        let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
        let log = Arc::new(server.clone());
        let parts = (Arc::clone(&hub), Arc::clone(&metrics));
        let remote = Arc::new(Remote::new(log, parts, Uuid::from_u128(number), limits, 100));
        let broker = Arc::clone(&remote) as Arc<dyn Broker>;
        let (publisher, _) = Publisher::start(1000, broker, metrics).unwrap();
        let (following, told) = (Arc::clone(&remote), publisher.clone());
        let task = tokio::spawn(async move { following.run(&told).await });
        let mut node = Self { remote, publisher, hub, task, inbox: Arc::default(), subscriber: None };
        node.join();
        node
    }

    /// A new reader comes.
    fn join(&mut self) {
        let (id, since) = (Uuid::nil(), SystemTime::UNIX_EPOCH);
        let profile = Profile { id, endpoint: 0, identity: Identity::Anonymous, since, address: None };
        self.inbox = Arc::default();
        let lane = Arc::clone(&self.inbox) as Arc<dyn Lane>;
        let mut subscriber = self.hub.attach(lane, profile).unwrap();
        subscriber.handle(Command::subscribe(Topic::all()));
        self.subscriber = Some(subscriber);
    }

    fn write(&self, id: u64) {
        self.publisher.publish(Box::new(move || Some(Event::sample("a", &id.to_string()))));
    }

    /// What its reader has got, once that holds of it.
    async fn hear(&self, what: impl Fn(&[String]) -> bool) -> Vec<String> {
        let heard = async {
            loop {
                let heard = self.inbox.0.lock().unwrap().clone();
                if what(&heard) {
                    return heard;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(SOON, heard).await;
        waited.unwrap_or_else(|_| panic!("it has {:?}", self.inbox.0.lock().unwrap()))
    }

    async fn is_there(&self) {
        let there = async {
            while !self.remote.is_there() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, there).await.expect("the broker is away");
    }

    /// It follows the log, and a new reader is there.
    async fn begin(&mut self) {
        let follows = async {
            while self
                .subscriber
                .as_mut()
                .and_then(|reader| reader.catch_up(None, Pick::All, 0).0.position)
                .is_none()
            {
                sleep(Duration::from_millis(5)).await;
                self.join();
            }
        };
        timeout(SOON, follows).await.expect("the broker is away");
        // The one that was there before has been told that something may be lost.
        self.join();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lines(ids: impl IntoIterator<Item = (u64, u64)>) -> Vec<String> {
    ids.into_iter().map(|(offset, id)| format!("{offset} {id}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_writes_reaches_the_readers_of_all_in_one_order() {
    let server = Server::new();
    server.lock().skips = 7;
    let mut nodes = [Node::start(&server, 1), Node::start(&server, 2)];
    for node in &mut nodes {
        node.begin().await;
    }
    for id in 1..=200 {
        nodes[usize::from(id % 3 == 0)].write(id);
    }
    // The last may be one that is not told; the next shows that it is missing.
    nodes[0].hear(|heard| heard.len() >= 196).await;
    nodes[1].write(201);
    let heard = nodes[0].hear(|heard| heard.len() == 201).await;
    assert_eq!(heard, nodes[1].hear(|heard| heard.len() == 201).await);
    let offsets = heard.iter().map(|line| line.split_once(' ').unwrap().0.parse::<u64>().unwrap());
    assert!(offsets.eq(1..=201), "{heard:?}");
}

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
    node.join();
    node.is_there().await;
    server.set_there(false);
    {
        let mut state = server.lock();
        (state.epoch, state.gone) = (8, 0);
        state.entries.clear();
    }
    server.set_there(true);
    node.hear(|heard| heard.last().is_some_and(|last| last == "events lost")).await;
    node.join();
    node.is_there().await;
    node.write(3);
    assert_eq!(node.hear(|heard| !heard.is_empty()).await, lines([(1, 3)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_goes_on_at_another_process_and_at_one_that_starts() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
    (1..=6).for_each(|id| node.write(id));
    node.hear(|heard| heard.len() == 6).await;
    let position = node.subscriber.as_mut().unwrap().catch_up(None, Pick::All, 0).0.position.unwrap();
    let since = crate::event::Position { offset: 2, ..position };
    drop(node);
    let mut other = Node::start(&server, 2);
    other.begin().await;
    let heard = async {
        loop {
            let (caught, frames) =
                other.subscriber.as_mut().unwrap().catch_up(Some(since), Pick::All, 1 << 16);
            // It may be reading yet.
            if caught.recovered == Some(Ok(())) && frames.len() == 4 {
                return frames;
            }
            other.join();
            sleep(Duration::from_millis(5)).await;
        }
    };
    let frames = timeout(SOON, heard).await.unwrap();
    let texts: Vec<_> =
        frames.iter().map(|frame| String::from_utf8(frame.payload().to_vec()).unwrap()).collect();
    assert_eq!(texts, lines((3..=6).zip(3..=6)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_waited_for_room_was_lost_where_writing_failed_meanwhile() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
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
    assert!(node.remote.is_there());
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
        let losses = entries.iter().filter(|letter| {
            matches!(
                super::super::wire::Letter::read(letter).unwrap().content,
                super::super::wire::Content::Lost
            )
        });
        assert_eq!((entries.len(), losses.count()), (expected, expected - 1), "{age:?}");
    }
}

#[test]
fn large_entries_take_more_room() {
    let room = |bytes: usize| room_for(&Entry { offset: 1, bytes: vec![0; bytes].into() });
    assert_eq!([0, 100, 20_000, 1 << 20].map(room), [1, 1, 2, 65]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_event_counted_as_not_delivered_for_ever() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
    node.write(1);
    node.hear(|heard| heard.len() == 1).await;
    let lag = || {
        let all = node.remote.metrics.render(0);
        let line = all.lines().find(|line| line.starts_with("restcast_broker_lag_events"));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    let is_read = async {
        while lag().as_deref() != Some("0") {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, is_read).await.unwrap_or_else(|_| panic!("{:?}", lag()));
}
