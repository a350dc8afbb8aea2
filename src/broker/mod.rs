//! From finished writes to the hub. The proxy hands over a job and goes on; one worker thread turns jobs
//! into events in the order in which they came and gives them to the broker.
//!
//! The queue between them is bounded. When it is full the event is lost, and since nobody may miss one
//! unknowingly, every reader is then closed with "events lost" and reloads when it is back.

mod memory;
mod queue;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fmt, io, thread};

use crate::event::Event;
use crate::hub::Hub;
use crate::message::CloseReason;
use crate::metrics::Metrics;
pub use memory::Memory;
use queue::Queue;

/// Carries events to every process, this one included.
pub trait Broker: Send + Sync + fmt::Debug {
    /// Sends `event` on its way. Called by one thread, in order.
    fn publish(&self, event: Event);
}

/// Makes the event of a finished write; what it costs is paid on the worker.
pub type Job = Box<dyn FnOnce() -> Option<Event> + Send>;

/// The proxy's end of the queue. The worker ends when the last clone is gone and the queue is empty.
#[derive(Debug, Clone)]
pub struct Publisher {
    end: Arc<End>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct End {
    queue: Arc<Jobs>,
    lost: Arc<AtomicU64>,
}

struct Jobs(Queue<Job>);

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} jobs", self.0.len())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.queue.0.close();
    }
}

impl Publisher {
    /// Starts the worker, with room for `capacity` jobs.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(
        capacity: usize,
        broker: Arc<dyn Broker>,
        hub: Arc<Hub>,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Self, thread::JoinHandle<()>)> {
        let end = End { queue: Arc::new(Jobs(Queue::new(capacity))), lost: Arc::default() };
        let worker = Worker {
            jobs: Arc::clone(&end.queue),
            lost: Arc::clone(&end.lost),
            told: 0,
            broker,
            hub,
            metrics: Arc::clone(&metrics),
        };
        let thread = thread::Builder::new().name("restcast-hub".to_owned()).spawn(move || worker.run())?;
        Ok((Self { end: Arc::new(end), metrics }, thread))
    }

    /// Hands over a job; never waits.
    pub fn publish(&self, job: Job) {
        if !self.end.queue.0.push(job) {
            self.end.lost.fetch_add(1, Ordering::Release);
            self.metrics.event_lost();
        }
    }

    /// Jobs that wait.
    pub fn depth(&self) -> usize {
        self.end.queue.0.len()
    }
}

struct Worker {
    jobs: Arc<Jobs>,
    lost: Arc<AtomicU64>,
    told: u64,
    broker: Arc<dyn Broker>,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
}

impl Worker {
    fn run(mut self) {
        let mut batch = Vec::new();
        while self.jobs.0.take(&mut batch) {
            for job in batch.drain(..) {
                self.work(job);
            }
            self.tell_of_losses();
        }
    }

    /// A job that panics is a bug of ours; it costs its own event and nothing else.
    fn work(&self, job: Job) {
        match catch_unwind(AssertUnwindSafe(job)) {
            Ok(Some(event)) => self.broker.publish(event),
            Ok(None) => {}
            Err(_) => {
                self.metrics.tap_failed();
                self.lost.fetch_add(1, Ordering::Release);
            }
        }
    }

    fn tell_of_losses(&mut self) {
        let lost = self.lost.load(Ordering::Acquire);
        if lost != self.told {
            self.told = lost;
            let closed = self.hub.close_all(CloseReason::Lagging);
            self.metrics.readers_lag(closed);
        }
    }
}
