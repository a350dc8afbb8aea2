//! What a process leaves to the one that takes its place: where its hub stands, and what it keeps. And how readers come
//! to one that has not got yet what they have.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::history::Kept;
use super::rendered::Rendered;
use super::{Hub, Subscriber};
use crate::event::{Event, Position, Topic};
use crate::message::Publication;

/// What a hub holds, as it stood between two events.
#[derive(Debug)]
pub struct Estate {
    position: Position,
    floor: u64,
    floors: Vec<(Topic, u64)>,
    kept: Vec<Arc<Kept>>,
}

/// The same, on its way to another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legacy {
    /// Of the last event.
    pub position: Position,
    /// Up to here something may have been forgotten of topics that nothing is kept of.
    pub floor: u64,
    /// Up to where something was forgotten of the others.
    pub floors: Vec<(Topic, u64)>,
}

/// What is kept at an offset.
#[derive(Debug)]
pub enum Heirloom<E> {
    /// What was written.
    Event(E),
    /// Something that only the backend can show; of these topics.
    Hidden(Vec<Topic>),
}

impl Estate {
    /// But for the events.
    pub fn legacy(&self) -> Legacy {
        Legacy { position: self.position, floor: self.floor, floors: self.floors.clone() }
    }

    /// The events: offset, when the hub got it, and what it is.
    pub fn kept(&self) -> impl Iterator<Item = (u64, SystemTime, Heirloom<&Event>)> {
        self.kept.iter().map(|kept| {
            let what = kept.rendered.as_ref().map_or_else(
                || Heirloom::Hidden(kept.topics.to_vec()),
                |rendered| Heirloom::Event(rendered.event()),
            );
            (kept.offset, kept.time, what)
        })
    }
}

impl Hub {
    /// All that it holds. To be called by the thread that delivers.
    pub fn estate(&self) -> Estate {
        let tables = self.lock();
        let position = Position { epoch: self.epoch(), offset: self.position.load(Ordering::Relaxed) };
        let (kept, floor, floors) = tables.history.whole();
        drop(tables);
        Estate { position, floor, floors, kept }
    }

    /// Goes on where another one stood. Before there are readers. Where nothing is kept here, nobody is told positions
    /// either; where nothing was kept there, those of this one begin.
    pub fn inherit(&self, legacy: Legacy, kept: Vec<(u64, SystemTime, Heirloom<Event>)>) {
        let Legacy { position, floor, floors } = legacy;
        let mut tables = self.lock();
        self.position.store(position.offset, Ordering::Relaxed);
        if !tables.history.is_on() {
            return;
        }
        if !position.is_told() {
            tables.history.clear(position.offset);
            return;
        }
        self.epoch.store(position.epoch.number(), Ordering::Relaxed);
        let kept = kept.into_iter().map(|(offset, time, what)| match what {
            Heirloom::Hidden(topics) => Kept::new(offset, time, topics.into(), None),
            Heirloom::Event(event) => {
                let topics = event.topics().into();
                let publication = Publication { position: Position { offset, ..position }, time, event };
                let rendered = Arc::new(Rendered::new(publication, Arc::clone(&self.desks)));
                Kept::new(offset, time, topics, Some(rendered))
            }
        });
        tables.history.begin(kept.collect(), floor, floors);
    }

    /// The last offset.
    pub fn offset(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Others have the same events, and perhaps sooner: a reader that comes from there may have got some that are not
    /// here yet.
    pub fn follow(&self, follows: bool) {
        self.follows.store(follows, Ordering::Relaxed);
    }
}

/// How far ahead of a hub one that has the same events may be. A client that claims more is told that it is ahead.
const MOST_AHEAD: u64 = 100_000;

impl Subscriber {
    /// It is about to subscribe, and got the event at `since` last: of what it subscribes to until this is said again, what
    /// comes up to there it has got elsewhere. Without effect where it is not ahead.
    pub fn expect(&mut self, since: Option<Position>) {
        let hub = self.hub();
        let is_known = |since: &Position| since.is_told() && since.epoch == hub.epoch();
        let is_ahead = |since: &Position| {
            (1..=MOST_AHEAD).contains(&since.offset.saturating_sub(hub.offset()))
                && hub.follows.load(Ordering::Relaxed)
        };
        self.ahead = since.filter(is_known).filter(is_ahead);
    }
}
