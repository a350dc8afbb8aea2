//! From finished writes to the hub. The proxy hands over a job and goes on; one worker thread turns jobs
//! into events in the order in which they came and gives them to the broker.
//!
//! The queue between them is bounded. When it is full the event is lost, and since nobody may miss one
//! unknowingly, every reader is then closed with "events lost" and reloads when it is back.

mod memory;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::sync::mpsc;

use crate::event::Event;
use crate::hub::Hub;
use crate::message::CloseReason;
use crate::metrics::Metrics;
pub use memory::Memory;

/// Carries events to every process, this one included.
pub trait Broker: Send + Sync + fmt::Debug {
    /// Sends `event` on its way. Called by one thread, in order.
    fn publish(&self, event: Event);
}

/// Makes the event of a finished write; what it costs is paid on the worker.
pub type Job = Box<dyn FnOnce() -> Option<Event> + Send>;

/// The proxy's end of the queue.
#[derive(Debug, Clone)]
pub struct Publisher {
    queue: mpsc::Sender<Job>,
    lost: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

impl Publisher {
    /// Starts the worker. It ends when the last publisher is gone and the queue is empty.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(
        capacity: usize,
        broker: Arc<dyn Broker>,
        hub: Arc<Hub>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (queue, jobs) = mpsc::channel(capacity);
        let lost = Arc::new(AtomicU64::new(0));
        let publisher = Self { queue, lost: Arc::clone(&lost), metrics: Arc::clone(&metrics) };
        let worker = Worker { jobs, broker, hub, lost, told: 0, metrics };
        let thread = thread::Builder::new().name("restcast-hub".to_owned()).spawn(move || worker.run())?;
        Ok((publisher, thread))
    }

    /// Hands over a job; never waits.
    pub fn publish(&self, job: Job) {
        if self.queue.try_send(job).is_err() {
            self.lost.fetch_add(1, Ordering::Release);
            self.metrics.event_lost();
        }
    }

    /// Jobs that wait.
    pub fn depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

struct Worker {
    jobs: mpsc::Receiver<Job>,
    broker: Arc<dyn Broker>,
    hub: Arc<Hub>,
    lost: Arc<AtomicU64>,
    told: u64,
    metrics: Arc<Metrics>,
}

impl Worker {
    fn run(mut self) {
        while let Some(job) = self.jobs.blocking_recv() {
            if let Some(event) = job() {
                self.broker.publish(event);
            }
            self.tell_of_losses();
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
