//! From finished writes to the hub. The proxy hands over a job and goes on; one worker thread turns jobs
//! into events in the order in which they came and gives them to the broker.
//!
//! The queue between them is bounded. When it is full, or a bug of ours makes a job panic, the event is
//! lost, and since nobody may miss one unknowingly, every reader is then closed with "events lost" and
//! reloads when it is back.
//!
//! What clients and webhooks say to others goes the same way, in a room of its own beside that of the events, here and
//! where it waits for a broker: nobody can make them lost by talking. Where it is full, what is said is dropped and
//! counted.

mod kin;
mod local;
mod log;
mod memory;
mod nats;
mod nodes;
mod queue;
mod redis;
mod remote;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::{fmt, io, thread};

use uuid::Uuid;

use crate::event::{Event, Position};
use crate::message::Push;
use crate::metrics::Metrics;
pub use kin::{Bequest, Meeting, Reception, meet, receive};
pub use log::{Append, Away, Entry, Follow, Head, Hear, Log, Opened, Say, Talk};
pub use memory::Memory;
pub use nats::{Nats, Servers as NatsServers, Settings as NatsSettings, parse as parse_nats};
pub use nodes::{Ask, Doormen, Heard, Nodes, Report, Roll, Tell, TooMany};
use queue::Queue;
pub use redis::{Redis, RedisServers};
pub use remote::{OutgoingLimits, Remote};
pub use table::{Kind, LOGS, Open, Server};

/// What is carried to every hub.
#[derive(Debug, Clone)]
pub enum Parcel {
    /// For whoever subscribed to its topics.
    Event(Event),
    /// For connections by their address.
    Push(Push),
}

/// Carries parcels to every process, this one included.
pub trait Broker: Send + Sync + fmt::Debug {
    /// Sends a parcel on its way; returns how many readers of this process it reached. Called by one thread,
    /// in order.
    fn publish(&self, parcel: Parcel) -> u64;
    /// The same for what a client or a webhook says: where there is no room for it, it is dropped, and nothing is lost.
    fn tell(&self, parcel: Parcel) -> u64 {
        self.publish(parcel)
    }
    /// More parcels follow at once, and then [`flush`](Self::flush).
    fn gather(&self) {}
    /// No parcel follows at once: what was gathered leaves.
    fn flush(&self) {}
    /// Sends parcels on their way, and has the receipt told how many readers they reached: soon, where that has to be
    /// asked for.
    fn send(&self, parcels: Vec<Parcel>, receipt: Receipt) {
        let readers = parcels.into_iter().map(|parcel| self.publish(parcel)).sum();
        receipt(Reached { readers, nodes: None });
    }
    /// Something was lost before it could be published: every process tells its readers that nobody knows what came
    /// up to here.
    fn lose(&self);
    /// Something has come from elsewhere, or back.
    fn arrived(&self, _arrived: Arrived) {}
}

/// What a broker's log says, in its order.
#[derive(Debug)]
pub enum Arrived {
    /// It is followed from behind here on, and what came before is not known.
    Begin(Position),
    /// For readers, at this offset.
    Parcel(u64, Box<Parcel>, Sender),
    /// Nothing for readers is at this offset.
    Nothing(u64),
    /// Nobody knows what came up to this offset.
    Lost(u64),
}

/// The process that wrote a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Which it is.
    pub node: Uuid,
    /// By this number it wants to know how many readers are reached; `None`: it does not.
    pub asks: Option<u64>,
}

/// Makes the event of a finished write; what it costs is paid on the worker.
pub type Job = Box<dyn FnOnce() -> Option<Event> + Send>;

/// Makes what a client or a webhook says to others; on the worker.
pub type Word = Box<dyn FnOnce() -> Parcel + Send>;

/// How many readers parcels reached: one that several of them reached counts for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Of all nodes that have answered.
    pub readers: u64,
    /// Who has; `None`: there is this process alone.
    pub nodes: Option<Roll>,
}

/// Told what parcels reached.
pub type Receipt = Box<dyn FnOnce(Reached) + Send>;

/// Something to be done in line with the events that is none itself; what it costs is paid on the worker.
pub type Chore = Box<dyn FnOnce() + Send>;

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much waits to be published")]
pub struct QueueFull;

/// One word may wait for so many jobs: a word may go to every reader of presence, and those of one turn of the
/// worker are to be said before as many events have come as there is room for.
const JOBS_PER_WORD: usize = 64;
/// Of the jobs that wait, so many are done before what they say leaves: as many frames go out in one system call.
const JOBS_AT_ONCE: usize = 16;

enum Work {
    Job(Job),
    Word(Word),
    Parcels(Vec<Parcel>, Receipt),
    Note(Chore),
    Answer(Chore),
    Arrived(Vec<Arrived>, Room),
}

/// Whoever hands over what has arrived has so much less room until it is done.
pub type Room = Box<dyn Send>;

/// The proxy's end of the queue. The worker ends when the last clone is gone and the queue is empty.
#[derive(Debug, Clone)]
pub struct Publisher {
    end: Arc<End>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct End(Arc<Jobs>);

struct Jobs(Queue<Work>);

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} jobs", self.0.len())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.0.close();
    }
}

impl Publisher {
    /// Starts the worker. `capacity` jobs may wait, and as many be taken and not done yet; words beside them,
    /// one for every 64 jobs.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(
        capacity: usize,
        broker: Arc<dyn Broker>,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Self, thread::JoinHandle<()>)> {
        let jobs = Arc::new(Jobs(Queue::new(capacity, (capacity / JOBS_PER_WORD).max(1))));
        let worker = Worker { jobs: Arc::clone(&jobs), broker, metrics: Arc::clone(&metrics) };
        let thread = thread::Builder::new().name("restcast-hub".to_owned()).spawn(move || worker.run())?;
        Ok((Self { end: Arc::new(End(jobs)), metrics }, thread))
    }

    /// Hands over a job; never waits.
    pub fn publish(&self, job: Job) {
        if !self.end.0.0.push(Work::Job(job)) {
            self.metrics.event_lost();
        }
    }

    /// Hands over what a client or a webhook says; never waits. Where too much of that waits already it is
    /// dropped, and no reader but those that it was for misses anything.
    pub fn tell(&self, word: Word) {
        if !self.end.0.0.offer_aside(Work::Word(word)) {
            self.metrics.word_dropped();
        }
    }

    /// Hands over what is ready, all of it or nothing; never waits.
    ///
    /// # Errors
    /// There is no room, and nobody has missed anything: whoever sent it knows.
    pub fn send(&self, parcels: Vec<Parcel>, receipt: Receipt) -> Result<(), QueueFull> {
        if self.end.0.0.offer(Work::Parcels(parcels, receipt)) { Ok(()) } else { Err(QueueFull) }
    }

    /// Hands over something worth knowing that nobody misses; never waits. It is dropped where the queue is half full:
    /// the rest of the room is for events.
    pub fn note(&self, note: Chore) {
        self.end.0.0.try_offer(Work::Note(note));
    }

    /// Hands over what readers wait for; never waits, and is never refused: no more of them may exist at a
    /// time than questions are asked.
    pub fn answer(&self, answer: Chore) {
        self.end.0.0.admit(Work::Answer(answer));
    }

    /// Hands over what came from a broker; never waits, and is never refused: its bound is the `room` that it holds.
    pub fn arrive(&self, arrived: Vec<Arrived>, room: Room) {
        self.end.0.0.admit(Work::Arrived(arrived, room));
    }

    /// Jobs that wait.
    pub fn depth(&self) -> usize {
        self.end.0.0.len()
    }
}

struct Worker {
    jobs: Arc<Jobs>,
    broker: Arc<dyn Broker>,
    metrics: Arc<Metrics>,
}

impl Worker {
    fn run(self) {
        let mut batch = Vec::new();
        let mut told = 0;
        while let Some(refused) = self.jobs.0.take(&mut batch) {
            let (mut jobs, mut failed) = (batch.drain(..), 0);
            while jobs.len() > 0 {
                failed += self.work_at_once(jobs.by_ref().take(JOBS_AT_ONCE));
            }
            drop(jobs);
            // What was refused came behind this batch, so its readers are closed in the right place.
            if failed > 0 || refused != told {
                told = refused;
                self.broker.lose();
            }
        }
    }

    /// Does some jobs; returns how many failed. One that comes alone says at once what it says.
    fn work_at_once(&self, jobs: impl ExactSizeIterator<Item = Work>) -> usize {
        if jobs.len() > 1 {
            self.broker.gather();
        }
        let failed = jobs.filter_map(|job| self.work(job)).count();
        self.broker.flush();
        failed
    }

    /// Does one job. A panic is a bug of ours, and costs its own event and nothing else: what it leaves
    /// behind is whole, since a job owns what it reads. A word that fails is dropped like one without room, and
    /// a note costs nobody an event.
    fn work(&self, work: Work) -> Option<Failed> {
        let is_missed = !matches!(work, Work::Word(_) | Work::Note(_));
        let done = catch_unwind(AssertUnwindSafe(|| match work {
            Work::Job(job) => {
                if let Some(event) = job() {
                    self.broker.publish(Parcel::Event(event));
                }
            }
            Work::Word(word) => {
                self.broker.tell(word());
            }
            Work::Parcels(parcels, receipt) => {
                if parcels.len() > 1 {
                    self.broker.gather();
                }
                self.broker.send(parcels, receipt);
            }
            Work::Note(chore) | Work::Answer(chore) => chore(),
            Work::Arrived(all, room) => {
                if all.len() > 1 {
                    self.broker.gather();
                }
                for arrived in all {
                    self.broker.arrived(arrived);
                }
                drop(room);
            }
        }));
        done.err()?;
        self.metrics.tap_failed();
        is_missed.then_some(Failed)
    }
}

/// A job panicked, and its event is lost.
struct Failed;
