//! An event of which the backend says who may see it, and what can be made of it: the whole, parts of it, and
//! tombstones of its records. What several credentials get alike is rendered once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::Desk;
use super::rendered::Rendered;
use super::view::Fate;
use super::wishes::Wishes;
use crate::access::Change;
use crate::event::{self, Audience, Event, Item, Operation, Payload, Position, Showing, Topic};
use crate::message::Publication;

/// What an event holds for as long as somebody waits for an answer about it.
#[derive(Debug)]
struct Weight {
    all: Arc<AtomicUsize>,
    own: usize,
    fits: bool,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

/// What an event holds beside its records.
const EVENT_BYTES: usize = 512;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Sight {
    publication: Publication,
    topics: Arc<[Topic]>,
    showing: Arc<Showing>,
    desks: Arc<[Desk]>,
    whole: OnceLock<Arc<Rendered>>,
    gone: Vec<OnceLock<Arc<Rendered>>>,
    weight: Option<Weight>,
}

impl Sight {
    pub(super) fn new(
        mut publication: Publication,
        topics: Arc<[Topic]>,
        showing: Arc<Showing>,
        desks: Arc<[Desk]>,
    ) -> Self {
        if showing.payload == Payload::Refetch {
            // What the writer sent is not what a reader's own GET returns.
            publication.event.request_body = None;
        }
        let gone = vec![OnceLock::new(); publication.event.items.len()];
        Self { publication, topics, showing, desks, whole: OnceLock::new(), gone, weight: None }
    }

    /// Counts among `all`, in bytes, from now on; see [`fits`](Self::fits).
    pub(super) fn weigh(&mut self, all: &Arc<AtomicUsize>, limit: usize) {
        let event = &self.publication.event;
        let items = event.items.len().saturating_mul(size_of::<Item>());
        let own = self.bytes().saturating_add(items).saturating_add(EVENT_BYTES);
        let before = all.fetch_add(own, Ordering::Relaxed);
        // One alone always does, or it never would.
        let fits = before == 0 || before.saturating_add(own) <= limit;
        self.weight = Some(Weight { all: Arc::clone(all), own, fits });
    }

    /// There was room for it: it may wait.
    pub(super) fn fits(&self) -> bool {
        self.weight.as_ref().is_none_or(|weight| weight.fits)
    }

    pub(super) fn position(&self) -> u64 {
        self.publication.position.offset
    }

    pub(super) fn payload(&self) -> Payload {
        self.showing.payload
    }

    pub(super) fn paths(&self) -> &[Option<Arc<str>>] {
        &self.showing.paths
    }

    /// Also of what becomes of it.
    pub(super) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// What readers want of it. What the writer got must not tell readers anything of what they get by their
    /// own GET, so then a filter is not held against it.
    pub(super) fn wishes<'a>(&'a self, topics: &'a [Topic]) -> Wishes<'a> {
        match self.showing.payload {
            Payload::Record => Wishes::new(&self.publication, topics),
            Payload::Refetch => Wishes::unseen(&self.publication, topics),
        }
    }

    /// What it did to its records.
    pub(super) fn change(&self) -> Change {
        change(&self.publication.event)
    }

    pub(super) fn bytes(&self) -> usize {
        self.publication.event.bytes()
    }

    /// All of it, for whoever may see all of it.
    pub(super) fn whole(&self) -> Arc<Rendered> {
        let position = self.publication.position;
        Arc::clone(self.whole.get_or_init(|| self.render(position, self.publication.event.clone())))
    }

    fn render(&self, position: Position, event: Event) -> Arc<Rendered> {
        let time = self.publication.time;
        // Who gets it is settled.
        let event = Event { audience: Audience::Everyone, ..event };
        Arc::new(Rendered::new(Publication { position, time, event }, Arc::clone(&self.desks)))
    }

    /// What readers get for whom this becomes of the first items, and nothing of the others: ends first, so that whoever
    /// has the last of it has all.
    pub(super) fn shown(&self, fates: &[Fate]) -> Vec<Arc<Rendered>> {
        let gone = self.gone.iter().enumerate().zip(fates).filter(|(_, fate)| **fate == Fate::Gone);
        let gone = gone.map(|((item, slot), _)| Arc::clone(slot.get_or_init(|| self.tombstone(item))));
        let mut shown: Vec<_> = gone.collect();
        let are_all = fates.len() == self.publication.event.items.len();
        if are_all && fates.iter().all(|fate| *fate == Fate::Shown) && !fates.is_empty() {
            shown.push(self.whole());
            return shown;
        }
        let items = self.publication.event.items.iter().zip(fates);
        let items: Vec<Item> = items.filter_map(|(item, fate)| visible(item, fate)).collect();
        if !items.is_empty() {
            let event = Event { items, request_body: None, ..self.publication.event.clone() };
            shown.push(self.render(self.publication.position, event));
        }
        shown
    }

    fn tombstone(&self, item: usize) -> Arc<Rendered> {
        self.render(self.publication.position_of(0), tombstone(&self.publication.event, item))
    }
}

/// What an event did to its records.
pub(super) fn change(event: &Event) -> Change {
    match event.operation {
        Operation::Delete if event.outcome == event::Outcome::Certain => Change::Deleted,
        Operation::Read => Change::Unchanged,
        Operation::Create | Operation::Update | Operation::Delete | Operation::Custom => Change::Changed,
    }
}

/// What is left of an item.
fn visible(item: &Item, fate: &Fate) -> Option<Item> {
    match fate {
        Fate::Shown => Some(item.clone()),
        Fate::Changed => Some(Item { record: None, partial: false, ..item.clone() }),
        Fate::Fetched(record, partial) => {
            Some(Item { record: Some(record.clone()), partial: *partial, ..item.clone() })
        }
        Fate::Open | Fate::Gone | Fate::Withheld(_) => None,
    }
}

/// The deletion of an item's record, for whom an event takes it out of sight. That it was written to, and
/// how, is no longer their business.
pub(super) fn tombstone(event: &Event, item: usize) -> Event {
    let id = event.items.get(item).and_then(|item| item.id.clone());
    Event {
        operation: Operation::Delete,
        action: None,
        many: false,
        items: vec![Item { id, ..Item::default() }],
        http: None,
        request_body: None,
        outcome: event::Outcome::Certain,
        overlapping: false,
        ..event.clone()
    }
}
