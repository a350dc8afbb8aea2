//! The topics and readers of this process. Synchronous; delivering never blocks, and gives its caller a
//! pause between two batches of readers.
//!
//! One lock guards the table of topics. It is held to add or remove a reader and, while an event is
//! delivered, to copy the next few readers of a topic; never while a frame is written. So a topic with
//! ten thousand readers delays nobody who comes or goes.
//!
//! Order: events are delivered one at a time, each with a higher [`Position`] than the one before, and a
//! reader takes none twice, however many of its topics an event belongs to.

mod outbox;
mod readers;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{Event, Position, Topic};
use crate::identity::Identity;
use crate::message::{CloseReason, Command, Encode, Frame, Publication};
pub use outbox::{Full, Outbox, OutboxLimits};
use readers::{Entry, Readers};

/// Readers copied under one hold of the lock, and served between two pauses: that is some 0.2 ms.
const BATCH: usize = 32;

/// The way to one reader: takes frames without ever blocking.
pub trait Lane: Send + Sync + fmt::Debug {
    /// Writes the frame, or lets it wait in the reader's bounded queue.
    fn send(&self, frame: &Frame) -> Sent;
    /// Ends the connection, after what has been written so far.
    fn close(&self, reason: CloseReason);
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The socket took it at once.
    Written,
    /// It waits in the reader's queue.
    Queued,
    /// The queue was full; the lane closes the connection with [`CloseReason::Overflow`].
    Overflow,
    /// The connection is closed or closing.
    Gone,
}

/// What became of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Frames that left or wait, by encoder.
    pub delivered: Vec<u64>,
    /// Readers that were too slow and are closed.
    pub overflowed: u64,
    /// Readers that may not see it.
    pub hidden: u64,
}

/// One reader in the hub.
#[derive(Debug)]
struct Reader {
    lane: Arc<dyn Lane>,
    encoder: usize,
    identity: Identity,
    /// The last position it was offered: one event reaches it once, however many of its topics match.
    seen: AtomicU64,
}

#[derive(Debug, Default)]
struct Tables {
    connections: Readers,
    topics: HashMap<Topic, Readers>,
    closing: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Hub {
    tables: Mutex<Tables>,
    encoders: Vec<Arc<dyn Encode>>,
    position: AtomicU64,
    max_connections: usize,
}

/// The hub takes no connection more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// `max_connections` are there.
    #[error("too many realtime connections")]
    Full,
    /// The process is stopping.
    #[error("shutting down")]
    Closing,
}

impl Hub {
    /// A hub that renders with `encoders`, which readers name by their number, for up to
    /// `max_connections`.
    pub fn new(encoders: Vec<Arc<dyn Encode>>, max_connections: usize) -> Self {
        Self { tables: Mutex::default(), encoders, position: AtomicU64::new(0), max_connections }
    }

    /// Takes a reader; it gets nothing before it subscribes. It leaves when the [`Subscriber`] is dropped.
    pub fn attach(
        self: &Arc<Self>,
        lane: Arc<dyn Lane>,
        encoder: usize,
        identity: Identity,
    ) -> Result<Subscriber, AttachError> {
        let reader = Arc::new(Reader { lane, encoder, identity, seen: AtomicU64::new(0) });
        let mut tables = self.lock();
        if tables.closing {
            return Err(AttachError::Closing);
        }
        if tables.connections.len() >= self.max_connections {
            return Err(AttachError::Full);
        }
        let place = tables.connections.insert(Entry { reader: Arc::clone(&reader), since: 0 });
        drop(tables);
        Ok(Subscriber { hub: Arc::clone(self), reader, place, topics: Vec::new() })
    }

    /// Gives `event` the next position and offers it to the readers of its topics, with a `pause` after each
    /// batch of them but the last. Must not be called by two threads at once: the order of the calls is the
    /// order of the events.
    pub fn deliver(&self, event: Event, pause: impl Fn()) -> Delivery {
        let position = Position(self.position.fetch_add(1, Ordering::Relaxed) + 1);
        let mut delivery = Delivery { delivered: vec![0; self.encoders.len()], ..Delivery::default() };
        if self.topics() == 0 {
            return delivery;
        }
        let topics = event.topics();
        let publication = Publication { position, event };
        let frames = vec![OnceCell::new(); self.encoders.len()];
        for topic in &topics {
            let mut next = Some(0);
            let mut batch = Vec::new();
            while let Some(from) = next {
                batch.clear();
                next = self.lock().topics.get(topic).and_then(|r| r.batch(from, BATCH, &mut batch));
                for entry in batch.iter().filter(|entry| entry.since < position.0) {
                    self.offer(&entry.reader, &publication, &frames, &mut delivery);
                }
                if next.is_some() {
                    pause();
                }
            }
        }
        delivery
    }

    fn offer(
        &self,
        reader: &Reader,
        publication: &Publication,
        frames: &[OnceCell<Option<Frame>>],
        delivery: &mut Delivery,
    ) {
        let position = publication.position.0;
        if reader.seen.fetch_max(position, Ordering::Relaxed) >= position {
            return;
        }
        if !reader.identity.may_read(&publication.event.audience) {
            delivery.hidden += 1;
            return;
        }
        let (Some(frame), Some(encoder)) = (frames.get(reader.encoder), self.encoders.get(reader.encoder))
        else {
            return;
        };
        let Some(frame) = frame.get_or_init(|| encoder.encode(publication)) else { return };
        match reader.lane.send(frame) {
            Sent::Written | Sent::Queued => {
                delivery.delivered.iter_mut().skip(reader.encoder).take(1).for_each(|count| *count += 1);
            }
            Sent::Overflow => delivery.overflowed += 1,
            Sent::Gone => {}
        }
    }

    /// Closes every connection; returns how many there were. With [`CloseReason::GoingAway`] no new one
    /// is taken.
    pub fn close_all(&self, reason: CloseReason) -> usize {
        let mut lanes = Vec::new();
        let mut tables = self.lock();
        tables.closing |= reason == CloseReason::GoingAway;
        let mut next = Some(0);
        while let Some(from) = next {
            next = tables.connections.batch(from, BATCH, &mut lanes);
        }
        drop(tables);
        for entry in &lanes {
            entry.reader.lane.close(reason);
        }
        lanes.len()
    }

    /// Connections that are attached.
    pub fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    /// Topics that have readers.
    pub fn topics(&self) -> usize {
        self.lock().topics.len()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic under the lock leaves whole tables behind: each change is one insert or remove.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader's own handle; dropping it leaves the hub.
#[derive(Debug)]
pub struct Subscriber {
    hub: Arc<Hub>,
    reader: Arc<Reader>,
    place: usize,
    topics: Vec<(Topic, usize)>,
}

impl Subscriber {
    /// Does what the client asks.
    pub fn handle(&mut self, command: Command) {
        match command {
            Command::Subscribe(topic) => self.subscribe(topic),
        }
    }

    fn subscribe(&mut self, topic: Topic) {
        if self.topics.iter().any(|(held, _)| *held == topic) {
            return;
        }
        let mut tables = self.hub.lock();
        // An event that is being delivered at this moment came before the subscription.
        let entry =
            Entry { reader: Arc::clone(&self.reader), since: self.hub.position.load(Ordering::Relaxed) };
        let place = tables.topics.entry(topic.clone()).or_default().insert(entry);
        drop(tables);
        self.topics.push((topic, place));
    }

    /// Topics it is subscribed to.
    pub fn topics(&self) -> usize {
        self.topics.len()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut tables = self.hub.lock();
        tables.connections.remove(self.place);
        for (topic, place) in self.topics.drain(..) {
            let empty = tables.topics.get_mut(&topic).is_some_and(|readers| {
                readers.remove(place);
                readers.len() == 0
            });
            if empty {
                tables.topics.remove(&topic);
            }
        }
    }
}
