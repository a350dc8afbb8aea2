//! The topics and readers of this process. Synchronous; delivering never blocks, and gives its caller a
//! pause between two batches of readers.
//!
//! One lock guards the table of topics. It is held to add or remove a reader and, while an event is
//! delivered, to copy the next few readers of a topic; never while a frame is written. So a topic with
//! ten thousand readers delays nobody who comes or goes.
//!
//! Each reader has a lock of its own over who it is and what it wants, held from deciding on a frame to writing
//! it (`reader.rs`). Locks are taken in this order: a reader's line, its standing, the tables; that of the
//! questions to the backend with none of the first two.
//!
//! Order: events are delivered one at a time, each with a higher [`Position`](crate::event::Position) than the one before, and a
//! reader takes none twice, however many of its topics an event belongs to.
//!
//! Readers with filters are found by the values that their filters need (`index.rs`), so an event costs what
//! it reaches, not the filters that exist. Whoever is found is asked, once, for all of its subscriptions.

mod census;
mod crowd;
mod delivery;
mod floors;
mod gathering;
mod history;
mod index;
mod lane;
mod leaving;
mod legacy;
mod line;
mod meant;
mod missed;
mod outbox;
mod pushes;
mod reader;
mod readers;
mod receipts;
mod rendered;
mod sample;
mod sight;
mod subscriber;
mod tables;
#[cfg(test)]
mod tests;
mod view;
mod views;
mod why;
mod wishes;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::access::Keys;
use crate::event::{Audience, Epoch, Event, Topic};
use crate::message::{CloseReason, Encode, Publication};
pub use census::{Counts, Page, Resident, Tally};
pub use crowd::{Crowd, Shares, Whose};
pub use delivery::Delivery;
use delivery::Offering;
use gathering::Gathering;
pub use history::HistoryLimits;
use history::Kept;
use index::Cursor;
pub use lane::{Lane, Sent};
pub use leaving::Leaving;
pub use legacy::{Estate, Heirloom, Legacy};
pub use outbox::{Full, Outbox, OutboxLimits};
pub use reader::Profile;
use reader::Reader;
use readers::{Entry, Found};
use receipts::Receipts;
pub use receipts::{Answers, Collect, TooMany};
use rendered::Rendered;
pub use sample::{Sample, spread};
use sight::Sight;
pub use subscriber::Subscriber;
use tables::Tables;
pub use view::Sighting;
pub use views::{Ask, NotAsked};
use views::{Showings, Views};
pub use why::Why;

/// Readers copied under one hold of the lock, and served between two pauses: that is some 0.2 ms.
const BATCH: usize = 32;

/// One endpoint as the hub knows it; readers name it by its number.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Its path.
    pub path: Arc<str>,
    /// The application that it belongs to.
    pub app: Option<Arc<str>>,
    /// The namespace of its dialect, if that has several: each is a desk of its own.
    pub namespace: Option<Arc<str>>,
    /// What it speaks.
    pub encode: Arc<dyn Encode>,
    /// Who has not said who it is has not come in yet, and is not meant by anything.
    pub required: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Hub {
    tables: Mutex<Tables>,
    desks: Arc<[Desk]>,
    /// Of the positions that it gives.
    epoch: AtomicU64,
    /// The last offset. It changes with the tables locked, but for pushes.
    position: AtomicU64,
    max_connections: usize,
    /// What may wait for one reader behind a question.
    line: OutboxLimits,
    /// Where some event asks the backend.
    views: Option<Views>,
    /// By which credentials are known.
    keys: Keys,
    /// Readers that have credentials.
    asked_for: AtomicUsize,
    receipts: Receipts,
    gathering: Arc<Gathering>,
    /// Others may have events sooner.
    follows: AtomicBool,
}

/// The hub takes no connection more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// `max_connections` are there.
    #[error("too many realtime connections")]
    Full,
    /// The address or the user has its share of them.
    #[error("too many connections of one client")]
    TooMany(Whose),
    /// The process is stopping.
    #[error("shutting down")]
    Closing,
}

impl Hub {
    /// A hub for the readers of these endpoints, up to `max_connections`.
    pub fn new(desks: Vec<Desk>, max_connections: usize) -> Self {
        Self {
            tables: Mutex::default(),
            desks: desks.into(),
            epoch: AtomicU64::new(Epoch::NONE.number()),
            position: AtomicU64::new(0),
            max_connections,
            // Nothing waits before it asks.
            line: OutboxLimits { frames: 0, bytes: 0 },
            views: None,
            keys: Keys::default(),
            asked_for: AtomicUsize::new(0),
            receipts: Receipts::default(),
            gathering: Arc::default(),
            follows: AtomicBool::new(false),
        }
    }

    /// The same with a share of the connections for each address and user.
    #[must_use]
    pub fn sharing(self, shares: Shares) -> Self {
        let mut tables = self.lock();
        (tables.crowd, tables.away) = (Crowd::new(shares), Crowd::new(shares));
        drop(tables);
        self
    }

    /// What each address and user may have.
    pub fn shares(&self) -> Shares {
        self.lock().crowd.shares
    }

    /// Takes a reader; it gets nothing before it subscribes. It leaves when the [`Subscriber`] is dropped.
    pub fn attach(
        self: &Arc<Self>,
        lane: Arc<dyn Lane>,
        profile: Profile,
    ) -> Result<Subscriber, AttachError> {
        let (address, user) = (profile.address, profile.identity.user().map(|user| user.id.clone()));
        let reader = Arc::new(Reader::new(lane, profile, self.line));
        let mut tables = self.lock();
        if tables.closing {
            return Err(AttachError::Closing);
        }
        if !self.has_room(&tables) {
            return Err(AttachError::Full);
        }
        tables.crowd.enter(address, user.as_deref()).map_err(AttachError::TooMany)?;
        let place =
            tables.connections.insert(Entry { reader: Arc::clone(&reader), since: 0, is_filtered: false });
        drop(tables);
        Ok(Subscriber::new(Arc::clone(self), reader, place, user))
    }

    /// Gives `event` the next position and offers it at `time` to the readers of its topics, with a `pause`
    /// after each batch of them but the last. Must not be called by two threads at once: the order of the
    /// calls is the order of the events.
    pub fn deliver(&self, event: Event, time: SystemTime, pause: impl Fn()) -> Delivery {
        self.deliver_at(None, event, time, pause)
    }

    /// The same for an event that stands at this offset in the log of a broker; `None`: the hub counts itself.
    pub fn deliver_at(
        &self,
        offset: Option<u64>,
        event: Event,
        time: SystemTime,
        pause: impl Fn(),
    ) -> Delivery {
        let mut delivery = self.nothing_delivered();
        let topics: Arc<[Topic]> = event.topics().into();
        let Some((offering, position)) = self.enter(offset, event, time, &topics) else { return delivery };
        let wishes = offering.wishes(&topics);
        for topic in topics.iter() {
            let mut next = Some(Cursor::default());
            let mut batch = Vec::new();
            while let Some(from) = next {
                batch.clear();
                let signs = from.needs_signs().then(|| wishes.signs());
                let tables = self.lock();
                next = tables.topics.get(topic).and_then(|index| index.batch(from, signs, BATCH, &mut batch));
                drop(tables);
                for entry in batch.iter().filter(|entry| entry.since < position) {
                    offering.offer(entry, &wishes, &mut delivery);
                }
                if next.is_some() {
                    pause();
                }
            }
        }
        while !self.lock().end(BATCH) {}
        delivery
    }

    /// The event at its position, which is kept; `None`: nobody is there. Whoever subscribes at the same time finds
    /// it among what is kept, or will get it.
    fn enter(
        &self,
        offset: Option<u64>,
        event: Event,
        time: SystemTime,
        topics: &Arc<[Topic]>,
    ) -> Option<(Offering<'_>, u64)> {
        let desks = Arc::clone(&self.desks);
        let mut tables = self.lock();
        let position = self.advance(offset);
        let is_heard = tables.begin();
        if let (Some(views), Audience::Upstream(showing)) = (&self.views, &event.audience) {
            tables.history.push_if_on(|| Kept::new(position.offset, time, Arc::clone(topics), None));
            drop(tables);
            if !is_heard {
                // Whoever comes next must not be judged by what held before.
                views.note(&event, position);
                return None;
            }
            let showing = Arc::clone(showing);
            let publication = Publication { position, time, event };
            let sight = Sight::new(publication, Arc::clone(topics), showing, desks);
            return Some((Offering::Asked(Showings::new(views, sight, time)), position.offset));
        }
        let rendered = Arc::new(Rendered::new(Publication { position, time, event }, desks));
        let kept = || Kept::new(position.offset, time, Arc::clone(topics), Some(Arc::clone(&rendered)));
        tables.history.push_if_on(kept);
        is_heard.then(|| (Offering::settled(rendered, topics), position.offset))
    }

    /// More events follow at once: what is sent to readers from now on may wait for
    /// [`let_go`](Self::let_go), which must come soon. Both are called by the thread that delivers.
    pub fn gather(&self) {
        self.gathering.begin();
    }

    /// Writes what was [gathered](Self::gather), with a `pause` as [`deliver`](Self::deliver) has it.
    pub fn let_go(&self, pause: impl Fn()) {
        self.gathering.end(pause);
    }

    fn nothing_delivered(&self) -> Delivery {
        let gathering = self.gathering.is_on().then(|| Arc::clone(&self.gathering));
        Delivery { delivered: vec![0; self.desks.len()], gathering, ..Delivery::default() }
    }

    /// Connections that are attached.
    pub fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    /// Topics that have readers.
    pub fn topics(&self) -> usize {
        self.lock().topics.len()
    }

    fn has_room(&self, tables: &Tables) -> bool {
        tables.connections.len().saturating_sub(tables.absent) < self.max_connections
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic under the lock leaves whole tables behind: each change is one insert or remove.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how many there were.
fn close(readers: &[Found], reason: CloseReason) -> usize {
    for found in readers {
        found.reader.lane.close(reason);
    }
    readers.len()
}
