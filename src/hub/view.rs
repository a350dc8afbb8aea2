//! One event in the eyes of one credential: what the backend says of each of its records, and what the
//! readers with that credential get of it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::reader::Reader;
use super::sight::Sight;
use super::{Delivery, Why};
use crate::access::{Answer, Change, Credentials, Verdict};
use crate::event::{Json, Payload};
use crate::hub::rendered::Rendered;
use crate::identity::{Identity, User};

/// What a reader's own GET said.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Whether it succeeded.
    pub answer: Answer,
    /// The record that it returned, where one could be read.
    pub record: Option<Json>,
    /// That may hold only some of its fields.
    pub partial: bool,
}

impl Sighting {
    /// Nobody knows.
    pub fn unclear() -> Self {
        Self { answer: Answer::Unclear, record: None, partial: false }
    }
}

/// What becomes of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The backend is asked.
    Open,
    /// It is shown as the event has it.
    Shown,
    /// It is shown without its record: that may not be what could be seen.
    Changed,
    /// It is shown with this record.
    Fetched(Json, bool),
    /// It could be seen and cannot any more.
    Gone,
    /// It is not shown.
    Withheld(Why),
}

impl Fate {
    pub(super) fn of(
        verdict: Verdict,
        change: Change,
        payload: Payload,
        sighting: Option<&Sighting>,
    ) -> Self {
        match (verdict.answer, change) {
            (Answer::Unclear, _) => Self::Withheld(Why::Unclear),
            // The event is the tombstone.
            (Answer::Hidden, Change::Deleted) if verdict.before => Self::Shown,
            (Answer::Hidden, _) if verdict.before => Self::Gone,
            (Answer::Hidden, _) => Self::Withheld(Why::Hidden),
            (Answer::Seen, _) => match (payload, sighting) {
                (Payload::Refetch, Some(Sighting { record: Some(record), partial, .. })) => {
                    Self::Fetched(record.clone(), *partial)
                }
                (Payload::Refetch, _) => Self::Changed,
                (Payload::Record, _) if verdict.superseded => Self::Changed,
                (Payload::Record, _) => Self::Shown,
            },
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct View {
    sight: Arc<Sight>,
    who: Arc<Credentials>,
    state: Mutex<State>,
    /// What its readers get, in this order.
    settled: OnceLock<Settled>,
}

#[derive(Debug, Default)]
struct State {
    /// There was no place for those behind them. None any more once all is settled: there may be as many views as readers.
    items: Vec<Fate>,
    /// Items that are asked about.
    open: usize,
    readers: Vec<Arc<Reader>>,
}

#[derive(Debug)]
struct Settled {
    shown: Vec<Arc<Rendered>>,
    /// Why something is withheld, if anything is.
    why: Option<Why>,
}

impl View {
    pub(super) fn new(sight: Arc<Sight>, who: Arc<Credentials>) -> Self {
        Self { sight, who, state: Mutex::default(), settled: OnceLock::new() }
    }

    /// Says what became of the items when they were asked about, up to the last of which anything is known; to be called
    /// once and before any answer.
    pub(super) fn begin(&self, items: Vec<Fate>) {
        let mut state = self.lock();
        state.open = items.iter().filter(|fate| **fate == Fate::Open).count();
        state.items = items;
        self.settle(&mut state);
    }

    /// The answer for one item. Returns the readers that waited for it, if it was the last.
    pub(super) fn answer(
        &self,
        item: usize,
        verdict: Verdict,
        sighting: Option<&Sighting>,
    ) -> Vec<Arc<Reader>> {
        let mut state = self.lock();
        let fate = Fate::of(verdict, self.sight.change(), self.sight.payload(), sighting);
        let slot = state.items.get_mut(item).filter(|slot| **slot == Fate::Open);
        if let Some(slot) = slot {
            *slot = fate;
            state.open -= 1;
        }
        self.settle(&mut state);
        if self.is_settled() { std::mem::take(&mut state.readers) } else { Vec::new() }
    }

    fn settle(&self, state: &mut State) {
        if state.open > 0 || self.is_settled() {
            return;
        }
        let is_cut = state.items.len() < self.sight.paths().len();
        let why = state.items.iter().find_map(|fate| match fate {
            Fate::Withheld(why) => Some(*why),
            Fate::Open | Fate::Shown | Fate::Changed | Fate::Fetched(..) | Fate::Gone => None,
        });
        let why = why.or(is_cut.then_some(Why::Full));
        let items = std::mem::take(&mut state.items);
        self.settled.get_or_init(|| Settled { shown: self.sight.shown(&items), why });
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.get().is_some()
    }

    /// A reader waits for the answer; `false`: it is there.
    pub(super) fn join(&self, reader: &Arc<Reader>) -> bool {
        let mut state = self.lock();
        let waits = !self.is_settled();
        if waits {
            state.readers.push(Arc::clone(reader));
        }
        waits
    }

    /// Sends a reader what it gets and still wants, unless it is somebody else by now than it was when the backend was asked.
    /// What the backend said to a token holds for the next one of the same user that says the same; where that says
    /// something else, the user may have missed something, and is told so.
    pub(super) fn show(&self, reader: &Reader, was: &Identity, delivery: &mut Delivery) {
        let Some(settled) = self.settled.get() else { return };
        let standing = reader.standing();
        if standing.credentials.as_ref() != Some(&self.who) && !was.is_renewed(&standing.identity) {
            delivery.withhold(Why::Changed);
            let is_user = |user: &User| standing.identity.user().is_some_and(|now| now.id == user.id);
            if was.user().is_some_and(is_user) {
                delivery.give_up(reader);
            }
            return;
        }
        if let Some(why) = settled.why {
            delivery.withhold(why);
        }
        let wishes = self.sight.wishes(self.sight.topics());
        for rendered in &settled.shown {
            let wishes = rendered.wishes_like(&wishes);
            rendered.show(reader, &standing, (&wishes, &wishes.of(&standing)), delivery);
        }
    }

    /// What it holds while it waits.
    pub(super) fn bytes(&self) -> usize {
        self.sight.bytes()
    }

    /// For how many items it has room.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.lock().items.capacity()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
