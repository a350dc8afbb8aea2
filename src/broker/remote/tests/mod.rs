//! Several processes on one log that can be away, lose entries, and forget.

mod away;
mod there;

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

/// Waits by the clock on the wall, which the hub's thread goes by; a runtime's that is paused stands still meanwhile.
#[expect(clippy::disallowed_methods, reason = "the test ends it")]
async fn by_the_wall(what: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !what() {
        assert!(begun.elapsed() < SOON, "it has not come");
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
}

fn lines(ids: impl IntoIterator<Item = (u64, u64)>) -> Vec<String> {
    ids.into_iter().map(|(offset, id)| format!("{offset} {id}")).collect()
}
