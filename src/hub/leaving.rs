//! The process stops, and its readers go elsewhere: one after the other, each with the position up to which it got
//! everything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Hub;
use super::reader::Reader;
use crate::event::Position;
use crate::message::CloseReason;

/// Readers that are to go, in an order by chance.
#[derive(Debug)]
pub struct Leaving {
    hub: Arc<Hub>,
    readers: VecDeque<Arc<Reader>>,
}

impl Hub {
    /// No reader is taken from now on. Gives those that are there.
    pub fn retire(self: &Arc<Self>) -> Leaving {
        self.lock().closing = true;
        self.leaving()
    }

    /// Those that are there, but for such as share a connection: they go with that.
    pub fn leaving(self: &Arc<Self>) -> Leaving {
        let all = self.lock().everybody();
        let is_alone = |reader: &Arc<Reader>| {
            self.desks.get(reader.endpoint).is_some_and(|desk| desk.namespace.is_none())
        };
        let mut readers: Vec<_> = all.into_iter().map(|found| found.reader).filter(is_alone).collect();
        // Names are made by chance.
        readers.sort_unstable_by_key(|reader| reader.id);
        Leaving { hub: Arc::clone(self), readers: readers.into() }
    }

    /// Closes every connection; returns how many there were. With [`CloseReason::GoingAway`] no new one
    /// is taken.
    pub fn close_all(&self, reason: CloseReason) -> usize {
        let mut tables = self.lock();
        tables.closing |= reason == CloseReason::GoingAway;
        let all = tables.everybody();
        drop(tables);
        super::close(&all, reason)
    }
}

impl Leaving {
    /// How many have not gone.
    pub fn len(&self) -> usize {
        self.readers.len()
    }

    /// All have gone.
    pub fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    /// Sends the next `count` away. Who waits for an answer is asked again later. To be called by the thread that
    /// delivers, between two events: what came up to now was given to everybody.
    pub fn go(&mut self, count: usize) {
        for reader in self.readers.drain(..count.min(self.readers.len())).collect::<Vec<_>>() {
            if !self.hub.dismiss(&reader) {
                self.readers.push_back(reader);
            }
        }
    }
}

impl Hub {
    /// `false`: something waits for the reader that is no frame yet.
    fn dismiss(&self, reader: &Reader) -> bool {
        // Nobody else puts anything there.
        if reader.line.holds_something() {
            return false;
        }
        let standing = reader.standing();
        // It may have got more elsewhere, of all that it wants.
        let elsewhere = standing.subscriptions.iter().map(|held| held.since).min();
        let offset = self.position.load(Ordering::Relaxed).max(elsewhere.unwrap_or_default());
        // Who wants nothing yet, or has not been heard, may still have missed something.
        let epoch = if standing.subscriptions.is_empty() { Position::untold(0).epoch } else { self.epoch() };
        reader.lane.retire(CloseReason::Restart(Position { epoch, offset }))
    }
}
