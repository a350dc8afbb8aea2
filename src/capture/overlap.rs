//! Writes to one record that were under way at the same time. Their answers may end in another order than
//! the backend stored them, so the record of the last one need not be what the backend holds.
//!
//! The interval of a write begins when its request is handed to the backend, and ends when its answer does
//! and before the writer can have all of it. Two writes whose intervals do not meet happened in the order
//! of their answers, given a backend that answers after it has stored. Of two that meet, the one whose
//! event comes later is marked and gives no record: readers then ask the backend, and since they do it
//! after both answers, they get what holds. The earlier one keeps its record, since the later one follows
//! and takes it back; if none follows, the later one has failed and changed nothing. (Or its answer was
//! lost. Then the backend may even store it after the interval, and nothing can be said but that.)
//!
//! So nobody needs to know what is under way. Requests only tick a clock, and the worker that reads the
//! answers, in the order of the events, keeps the last end of each record's writes: a write overlaps with an
//! earlier event of its record exactly if that one's answer ended after its own request had begun. Ids are
//! needed only there, where all of them are known, whether from a path or from an answer.
//!
//! The table is bounded ([`Recent`]). A write that began before the last end that is forgotten is marked, since
//! nothing proves that it stands alone; that needs as many records written during one request.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Outcome, Verdict};
use crate::event::{Event, Item, Operation, folded};
use crate::recent::Recent;

/// Records in half of the table: all of it is two megabytes.
const MAX_RECORDS: usize = 32_768;

/// See the module's documentation.
#[derive(Debug)]
pub struct Overlaps {
    clock: AtomicU64,
    /// When the last write ended of which nobody will hear.
    lost: AtomicU64,
    ends: Mutex<Ends>,
}

/// When a request was handed to the backend.
#[derive(Debug, Clone, Copy)]
pub struct Begun(u64);

/// From a request to the end of its answer. One that is dropped and not settled was a write of which
/// nobody will hear: what was under way with it is marked.
#[derive(Debug)]
pub struct Interval {
    overlaps: Arc<Overlaps>,
    begun: Begun,
    ended: u64,
    settled: bool,
}

impl Default for Overlaps {
    fn default() -> Self {
        Self::new(MAX_RECORDS)
    }
}

impl Overlaps {
    /// Remembers `max_records` at least, and twice as many at most.
    pub(super) fn new(max_records: usize) -> Self {
        let known = Recent::new(max_records);
        let ends = Mutex::new(Ends { hasher: RandomState::new(), known, forgotten: 0 });
        Self { clock: AtomicU64::new(0), lost: AtomicU64::new(0), ends }
    }

    /// A request is handed to the backend. Costs an addition.
    pub fn begin(&self) -> Begun {
        Begun(self.tick())
    }

    /// Its answer has ended. Costs an addition.
    pub fn end(self: &Arc<Self>, begun: Begun) -> Interval {
        Interval { overlaps: Arc::clone(self), begun, ended: self.tick(), settled: false }
    }

    /// Each moment is later than whatever is known to have happened before.
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        // Each change is one insert, so a panic leaves whole tables behind.
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interval {
    /// Marks what overlaps with a write that was settled before. To be called in the order of the events.
    pub fn settle(mut self, verdict: &mut Verdict) {
        let mut ends = self.overlaps.lock();
        let lost = self.overlaps.lost.load(Ordering::SeqCst);
        verdict.mark_overlapping(|event, item| ends.last(event, item).max(lost) > self.begun.0);
        if let Some(event) = &verdict.event {
            ends.note(event, self.ended);
        }
        self.settled = true;
    }
}

impl Drop for Interval {
    fn drop(&mut self) {
        if !self.settled {
            // Not under the lock: this is the task of a request that found the queue full.
            self.overlaps.lost.fetch_max(self.ended, Ordering::SeqCst);
        }
    }
}

impl Verdict {
    /// Takes the records of those items, and what was asked for, that another write was changing at the same time.
    pub fn mark_overlapping(&mut self, is_overlapping: impl Fn(&Event, &Item) -> bool) {
        let Some(event) = &mut self.event else { return };
        let marks: Vec<bool> = event.items.iter().map(|item| is_overlapping(event, item)).collect();
        event.overlapping = marks.contains(&true);
        if event.overlapping {
            event.request_body = None;
        }
        for (item, _) in event.items.iter_mut().zip(marks).filter(|(_, marked)| *marked) {
            item.record = None;
            item.partial = false;
        }
        if event.overlapping && self.outcome == Outcome::Event {
            self.outcome = Outcome::Overlapping;
        }
    }
}

/// When the last write to each record ended, as far back as it is remembered. A record is known by a hash
/// of its model, whatever its case, and id: two that have the same one would only be marked without need. A write that does not
/// name all of its records stands under its model, and counts for each of them.
#[derive(Debug)]
struct Ends {
    hasher: RandomState,
    known: Recent<u64, u64>,
    /// Ends up to here may be missing.
    forgotten: u64,
}

impl Ends {
    fn last(&self, event: &Event, item: &Item) -> u64 {
        let model = self.find(self.model(event));
        let record = self.record(event, item).map_or(0, |record| self.find(record));
        model.max(record).max(self.forgotten)
    }

    fn find(&self, key: u64) -> u64 {
        self.known.get(&key).copied().unwrap_or_default()
    }

    fn note(&mut self, event: &Event, ended: u64) {
        if event.operation == Operation::Read {
            return;
        }
        // What a create did not name is new, and nobody else can have written it.
        let all_named = !event.many && event.items.iter().all(|item| item.id.is_some());
        let unnamed = event.operation != Operation::Create && !all_named;
        if unnamed {
            self.insert(self.model(event), ended);
        }
        for item in &event.items {
            if let Some(record) = self.record(event, item) {
                self.insert(record, ended);
            }
        }
    }

    fn insert(&mut self, key: u64, ended: u64) {
        let last = ended.max(self.find(key));
        let forgotten = self.known.insert(key, last);
        self.forgotten = forgotten.into_values().fold(self.forgotten, u64::max);
    }

    fn model(&self, event: &Event) -> u64 {
        self.hasher.hash_one((folded(&event.model), None::<&str>))
    }

    /// The same for an id from a path and from a body, whatever its type there.
    fn record(&self, event: &Event, item: &Item) -> Option<u64> {
        let id = item.id.as_ref()?.scalar()?;
        Some(self.hasher.hash_one((folded(&event.model), Some(&*id))))
    }
}
