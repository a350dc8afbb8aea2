//! Whom the records belong to that an event is about, where a route shows them to their owners alone.
//!
//! An answer that holds the record says it. One that does not, such as that to a DELETE, leaves what an
//! earlier answer said: a bounded table remembers it for each record. What it has forgotten, or what is in
//! doubt, is nobody's: such an event is withheld from every reader but operators.
//!
//! A write that moves a record from one owner to another is told to the new one, and the item names the old
//! one too: for it the record is gone. Only an answer that names the new owner, and no other write at the same
//! time, moves a record: one that names none may hold a part of the record only.
//!
//! Where a list holds one record several times, its last place says whose it is. What the places before hold is
//! for that owner alone, and only if they name the same: whoever else they name never had the record.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Outcome, Reason, Verdict};
use crate::event::{self, Audience, Event, Item, Json, Operation};
use crate::recent::Recent;
use crate::route::{Pointer, Route, Visibility};

/// Records in half of the table: with names of 256 bytes all of it is twenty megabytes, usually a few.
const MAX_RECORDS: usize = 32_768;

/// See the module's documentation.
#[derive(Debug)]
pub struct Owners {
    known: Mutex<Known>,
    /// A write was dropped before it was settled.
    lost: AtomicBool,
}

/// A write of which the owner is not settled yet. One that is dropped before it is may have moved any
/// record, so everything is forgotten.
#[derive(Debug)]
pub struct Unsettled {
    owners: Arc<Owners>,
    settled: bool,
}

impl Default for Owners {
    fn default() -> Self {
        Self::new(MAX_RECORDS)
    }
}

impl Owners {
    /// Remembers `max_records` at least, and twice as many at most.
    pub(super) fn new(max_records: usize) -> Self {
        let known = Known { hasher: RandomState::new(), records: Recent::new(max_records) };
        Self { known: Mutex::new(known), lost: AtomicBool::new(false) }
    }

    /// A write has ended.
    pub fn begin(self: &Arc<Self>) -> Unsettled {
        Unsettled { owners: Arc::clone(self), settled: false }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Each change is one insert or remove, so a panic leaves whole tables behind.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unsettled {
    /// Says whom an event of `route` belongs to. To be called in the order of the events, after what
    /// overlaps was marked.
    pub fn settle(mut self, route: &Route, verdict: &mut Verdict) {
        if let (Visibility::Owner { claim, field }, Some(event)) = (&route.visibility, &mut verdict.event) {
            let mut known = self.owners.lock();
            if self.owners.lost.swap(false, Ordering::SeqCst) {
                known.records.clear();
            }
            let owners = known.settle_all(field, event);
            for (item, (owner, was)) in event.items.iter_mut().zip(owners) {
                item.owner = owner;
                item.was = was;
            }
            event.audience = Audience::Owner(Arc::clone(claim));
        }
        self.settled = true;
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if !self.settled {
            // Not under the lock: this is the task of a request that found the queue full.
            self.owners.lost.store(true, Ordering::SeqCst);
        }
    }
}

impl Verdict {
    /// Notes where nobody but operators can get the event. `identities`: readers can prove who they are.
    pub fn note_withheld(&mut self, identities: bool) {
        let Some(event) = &self.event else { return };
        let is_nobodys = match &event.audience {
            Audience::Everyone => return,
            Audience::Owner(_) => event.items.iter().all(|item| item.owner.is_none()),
            Audience::Upstream(showing) => showing.paths.iter().all(Option::is_none),
            Audience::Authenticated | Audience::Roles(_) | Audience::User(_) => false,
        };
        let is_asked = matches!(event.audience, Audience::Upstream(_));
        if is_nobodys {
            self.reason = Some(if is_asked { Reason::NoPath } else { Reason::NoOwner });
        }
        if (is_nobodys || !(identities || is_asked)) && self.outcome != Outcome::Uncertain {
            self.outcome = Outcome::Withheld;
        }
    }
}

/// The last known owner of each record, as far back as it is remembered. A record is known by a hash of its
/// model, id and the field that says the owner, with keys that nobody outside knows.
///
/// Paths that name models may differ by case alone. Whether the backend takes these for one is not known, so the
/// last of them forgets the others.
#[derive(Debug)]
struct Known {
    hasher: RandomState,
    records: Recent<u64, Owned>,
}

/// Whose a record is, and whose it was if that is another.
type Settled = (Option<Arc<str>>, Option<Arc<str>>);

#[derive(Debug)]
struct Owned {
    owner: Arc<str>,
    /// A hash of the model as it was written.
    spelling: u64,
}

impl Known {
    /// Of each item.
    fn settle_all(&mut self, field: &Pointer, event: &Event) -> Vec<Settled> {
        let mut owners: HashMap<u64, Option<Arc<str>>> = HashMap::new();
        let settle = |item: &Item| {
            let id = item.id.as_ref().and_then(Json::scalar_text);
            let key = id.map(|id| self.hasher.hash_one((event.model.to_lowercase(), id, field.to_string())));
            if let Some(owner) = key.and_then(|key| owners.get(&key)) {
                return (item.owner.clone().filter(|said| Some(said) == owner.as_ref()), None);
            }
            let settled = self.settle(key, event, item);
            owners.extend(key.map(|key| (key, settled.0.clone())));
            settled
        };
        // From the end, so that the last place of a record comes first.
        let mut settled: Vec<Settled> = event.items.iter().rev().map(settle).collect();
        settled.reverse();
        settled
    }

    fn settle(&mut self, key: Option<u64>, event: &Event, item: &Item) -> Settled {
        let last = key.and_then(|key| self.find(key, &event.model));
        let said = match (&item.owner, &item.record) {
            (Some(owner), _) => Some(Arc::clone(owner)),
            (None, None) => last.clone(),
            // The record is shown and does not say whose it is.
            (None, Some(_)) => None,
        };
        // Of two writes at the same time nobody knows which holds: only what both say is believed.
        let is_moved = event.overlapping && item.record.is_none() && said != last;
        let owner = said.filter(|_| !is_moved);
        let is_write = matches!(event.operation, Operation::Create | Operation::Update);
        let is_told = is_write && item.owner.is_some() && owner.is_some();
        let was = last.filter(|last| is_told && Some(last) != owner.as_ref());
        if let Some(key) = key {
            self.note(key, event, owner.clone());
        }
        (owner, was)
    }

    fn note(&mut self, key: u64, event: &Event, owner: Option<Arc<str>>) {
        let is_gone = event.operation == Operation::Delete && event.outcome == event::Outcome::Certain;
        match owner {
            Some(owner) if !is_gone => {
                // A read may be older than the last write.
                if event.operation != Operation::Read {
                    let spelling = self.hasher.hash_one(&*event.model);
                    self.records.insert(key, Owned { owner, spelling });
                }
            }
            _ => self.records.remove(&key),
        }
    }

    fn find(&self, key: u64, model: &str) -> Option<Arc<str>> {
        let owned = self.records.get(&key)?;
        (owned.spelling == self.hasher.hash_one(model)).then(|| Arc::clone(&owned.owner))
    }
}
