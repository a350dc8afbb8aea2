//! Events of which the backend says who may see them: questions go out, and answers come back.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::line::Queued;
use super::reader::Reader;
use super::sight::{Sight, change};
use super::view::{Fate, Sighting, View};
use super::wishes::Wishes;
use super::{BATCH, Delivery, Hub, OutboxLimits, Why};
use crate::access::{
    Access, Answer, Asked, Asking, Change, Credentials, Due, Keys, Limits, Question, Ticket,
};
use crate::event::{Audience, Event, Payload, Position, Topic};
use crate::identity::Identity;

/// Nobody asks the backend any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody asks the backend any more")]
pub struct NotAsked;

/// Asks the backend.
pub trait Ask: Send + Sync + fmt::Debug {
    /// Sets out to ask, and does not wait. Whatever happens, [`Hub::returned`] is called for it, later and not
    /// from in here. No more are asked at a time than the limits say.
    ///
    /// # Errors
    /// It is not asked, and nobody will call for it.
    fn ask(&self, question: Question) -> Result<(), NotAsked>;
}

/// Of one event so many items are asked about for each credential; what is behind them is withheld
/// ([`Why::Full`]), so that a large write does not hold up those behind it.
const ITEMS: usize = 1024;

/// A view that waits for the answer about one of its items.
type Waiter = (Arc<View>, usize);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Views {
    access: Mutex<Access<Waiter>>,
    ask: Arc<dyn Ask>,
    /// Bytes of the events that wait, and how many may.
    held: (Arc<AtomicUsize>, usize),
}

impl Views {
    pub(super) fn new(limits: Limits, keys: Keys, ask: Arc<dyn Ask>) -> Self {
        let held = (Arc::default(), limits.bytes);
        Self { access: Mutex::new(Access::new(limits, keys)), ask, held }
    }

    fn lock(&self) -> MutexGuard<'_, Access<Waiter>> {
        // A panic under the lock would be a bug of its tables, which hold nothing half-done.
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event in the eyes of a credential.
    fn view(
        &self,
        sight: &Arc<Sight>,
        who: &Arc<Credentials>,
        now: Duration,
        delivery: &mut Delivery,
    ) -> Arc<View> {
        let view = Arc::new(View::new(Arc::clone(sight), Arc::clone(who)));
        let mut access = self.lock();
        let places = if sight.fits() { ITEMS } else { 0 };
        let mut is_full = false;
        let fates = sight.paths().iter().enumerate().take(places).map_while(|(item, path)| {
            if is_full {
                return None;
            }
            let Some(path) = path else { return Some(Fate::Withheld(Why::NoPath)) };
            let asking = Asking {
                who: Arc::clone(who),
                record: Arc::clone(path),
                position: sight.position(),
                change: sight.change(),
                fresh: sight.payload() == Payload::Refetch,
            };
            Some(match access.ask(asking, (Arc::clone(&view), item), now) {
                Asked::Known(verdict) => Fate::of(verdict, sight.change(), sight.payload(), None),
                Asked::Waits => Fate::Open,
                Asked::Full => {
                    // There is no place for those behind it either; but of deletions most are known.
                    is_full = sight.change() != Change::Deleted;
                    Fate::Withheld(Why::Full)
                }
            })
        });
        view.begin(fates.collect());
        let due = access.due(now);
        drop(access);
        self.follow(due, now, delivery, &|| ());
        view
    }

    /// An event that nobody gets; it changed its records all the same.
    pub(super) fn note(&self, event: &Event, position: Position) {
        if let Audience::Upstream(showing) = &event.audience {
            self.changed(change(event), &showing.paths, position.offset);
        }
    }

    /// Events were lost before this position: any record may have changed.
    pub(super) fn lost(&self, position: Position) {
        self.lock().lost(position.offset);
    }

    /// Positions begin anew behind this offset.
    pub(super) fn forget(&self, offset: u64) {
        self.lock().forget(offset);
    }

    fn changed(&self, change: Change, paths: &[Option<Arc<str>>], position: u64) {
        if change != Change::Unchanged {
            let mut access = self.lock();
            paths.iter().flatten().for_each(|path| access.changed(path, position));
        }
    }

    fn follow(&self, due: Due<Waiter>, now: Duration, delivery: &mut Delivery, pause: &dyn Fn()) {
        let Due { mut ask, mut late } = due;
        loop {
            for ((view, item), verdict) in late.drain(..) {
                release(view.answer(item, verdict, None), delivery, pause);
            }
            let refused: Vec<Ticket> = ask.drain(..).filter_map(|question| self.refused(question)).collect();
            if refused.is_empty() {
                return;
            }
            // A question that nobody asks must not keep its place, nor what waits for it.
            let mut access = self.lock();
            let told = refused.into_iter().flat_map(|ticket| access.returned(ticket, Answer::Unclear, now));
            late.extend(told.collect::<Vec<_>>());
            let next = access.due(now);
            drop(access);
            ask = next.ask;
            late.extend(next.late);
        }
    }

    fn refused(&self, question: Question) -> Option<Ticket> {
        let ticket = question.ticket;
        self.ask.ask(question).is_err().then_some(ticket)
    }
}

/// Sends readers what waited for an answer, with a pause before each batch of them.
fn release(readers: Vec<Arc<Reader>>, delivery: &mut Delivery, pause: &dyn Fn()) {
    for (count, reader) in readers.into_iter().enumerate() {
        if count % BATCH == 0 {
            pause();
        }
        reader.line.drain(&reader, delivery);
    }
}

/// One event on its way to readers of which the backend says who may see it.
pub(super) struct Showings<'a> {
    views: &'a Views,
    sight: Arc<Sight>,
    now: Duration,
    /// One for each credential.
    seen: RefCell<HashMap<Arc<Credentials>, Arc<View>>>,
}

impl<'a> Showings<'a> {
    pub(super) fn new(views: &'a Views, mut sight: Sight, time: SystemTime) -> Self {
        let (held, limit) = &views.held;
        sight.weigh(held, *limit);
        views.changed(sight.change(), sight.paths(), sight.position());
        Self { views, sight: Arc::new(sight), now: since_epoch(time), seen: RefCell::default() }
    }

    pub(super) fn wishes<'w>(&'w self, topics: &'w [Topic]) -> Wishes<'w> {
        self.sight.wishes(topics)
    }

    /// Sends a reader what it may see, once that is known.
    pub(super) fn offer(&self, reader: &Arc<Reader>, delivery: &mut Delivery) {
        let standing = reader.standing();
        if standing.identity == Identity::Operator {
            let whole = self.sight.whole();
            let wishes = whole.wishes(self.sight.topics());
            whole.show(reader, &standing, (&wishes, &wishes.of(&standing)), delivery);
            return;
        }
        let Some(who) = standing.credentials.clone() else {
            delivery.withhold(Why::Hidden);
            return;
        };
        // What the backend says of it is asked of the reader once more when it is shown.
        let identity = standing.identity.clone();
        drop(standing);
        let known = self.seen.borrow().get(&who).cloned();
        let view = known.unwrap_or_else(|| {
            let view = self.views.view(&self.sight, &who, self.now, delivery);
            self.seen.borrow_mut().insert(who, Arc::clone(&view));
            view
        });
        match reader.line.push_asked(&view, identity) {
            Queued::Full => delivery.give_up(reader),
            Queued::Waits if view.join(reader) => {}
            Queued::Waits | Queued::Free | Queued::Closed => reader.line.drain(reader, delivery),
        }
    }
}

impl Hub {
    /// The backend is asked, by `ask`, for events that say so. `line`: what may wait for one reader meanwhile;
    /// one for whom more would is closed with [`CloseReason::Lagging`](crate::message::CloseReason::Lagging).
    #[must_use]
    pub fn asking(mut self, limits: Limits, line: OutboxLimits, ask: Arc<dyn Ask>) -> Self {
        self.views = Some(Views::new(limits, self.keys.clone(), ask));
        self.line = line;
        self
    }

    /// By which credentials of readers are made.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Some event may ask the backend.
    pub fn may_ask(&self) -> bool {
        self.views.is_some()
    }

    /// The answer to a question, at `time`: readers that waited for it get what they may see, with a `pause`
    /// before each batch of them. To be called by the thread that [delivers](Self::deliver).
    pub fn returned(
        &self,
        ticket: Ticket,
        sighting: &Sighting,
        time: SystemTime,
        pause: impl Fn(),
    ) -> Delivery {
        let mut delivery = self.nothing_delivered();
        let Some(views) = &self.views else { return delivery };
        let now = since_epoch(time);
        let mut access = views.lock();
        let told = access.returned(ticket, sighting.answer, now);
        let due = access.due(now);
        drop(access);
        // The next questions first: they need not wait for frames to be written.
        views.follow(due, now, &mut delivery, &pause);
        for ((view, item), verdict) in told {
            release(view.answer(item, verdict, Some(sighting)), &mut delivery, &pause);
        }
        delivery
    }

    /// Some reader is there of whom the backend is asked what it may see.
    pub fn asks(&self) -> bool {
        self.may_ask() && self.asked_for.load(Ordering::Relaxed) > 0
    }

    /// What the backend said of the records at these paths to a GET of somebody's own, which began at `began`.
    /// Readers with the same credentials who lose sight of one hear that it is gone.
    pub fn loaded(&self, who: &Credentials, records: &[String], answer: Answer, began: SystemTime) {
        let Some(views) = &self.views else { return };
        let mut access = views.lock();
        for record in records {
            access.loaded(who, record, answer, since_epoch(began));
        }
    }

    /// Questions that are asked at this moment, and those that wait to be.
    pub fn questions(&self) -> (usize, usize) {
        self.views.as_ref().map_or((0, 0), |views| views.lock().questions())
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Operation, Showing};
    use crate::message::Publication;

    #[derive(Debug)]
    struct Nobody;

    impl Ask for Nobody {
        fn ask(&self, _: Question) -> Result<(), NotAsked> {
            Ok(())
        }
    }

    /// A large write in the eyes of somebody; so many questions find a place.
    fn view(operation: Operation, places: usize) -> Arc<View> {
        let mut event = Event { operation, ..Event::sample("note", "1") };
        event.items = vec![event.items.remove(0); 10_000];
        let paths = (0..10_000).map(|id| Some(Arc::from(format!("/x/{id}")))).collect();
        let showing = Arc::new(Showing { payload: Payload::Record, paths });
        let publication = Publication { position: Position::untold(1), time: UNIX_EPOCH, event };
        let sight = Arc::new(Sight::new(publication, Arc::default(), showing, Arc::default()));
        let time = Duration::from_secs(9);
        let limits = Limits {
            ttl: time,
            at_once: places,
            at_once_each: places,
            waiting: 0,
            waiting_each: 0,
            waiters: 10,
            bytes: usize::MAX,
            patience: time,
            remembered: 10,
        };
        let keys = Keys::default();
        let who = Arc::new(Credentials::new(&keys, http::HeaderMap::new(), None));
        let views = Views::new(limits, keys, Arc::new(Nobody));
        views.view(&sight, &who, Duration::ZERO, &mut Delivery::default())
    }

    #[test]
    fn a_large_write_costs_each_credential_what_is_asked_about_and_no_more() {
        // (operation, places, items that something is remembered of)
        let rows = [
            (Operation::Update, 9999, ITEMS),
            (Operation::Update, 3, 3),
            // All is known at once.
            (Operation::Update, 0, 0),
            (Operation::Delete, 9999, 0),
        ];
        for (operation, places, expected) in rows {
            let view = view(operation, places);
            assert_eq!(view.room() / 8, expected / 8, "{operation:?} with {places} places");
        }
    }
}
