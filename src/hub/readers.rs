//! The readers of one topic, at places that do not move while an event is on its way through them.

use std::sync::Arc;

use super::reader::Reader;

/// A reader at its place, with the position after which it came: earlier events are not its business.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) reader: Arc<Reader>,
    pub(super) since: u64,
    /// It is to be asked whether it wants an event.
    pub(super) is_filtered: bool,
}

/// A reader as it stood when it was looked up.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) reader: Arc<Reader>,
    pub(super) since: u64,
    is_filtered: bool,
    changes: u64,
}

impl Found {
    fn new(entry: &Entry) -> Self {
        let Entry { reader, since, is_filtered } = entry;
        let changes = reader.changes();
        Self { reader: Arc::clone(reader), since: *since, is_filtered: *is_filtered, changes }
    }

    /// It has no filter, and has not left since. To be called with its standing locked.
    pub(super) fn wants_all(&self) -> bool {
        !self.is_filtered && self.reader.changes() == self.changes
    }
}

/// A slab: a reader keeps its place until it leaves, and a free place is taken again.
#[derive(Debug, Default)]
pub(super) struct Readers {
    places: Vec<Option<Entry>>,
    free: Vec<usize>,
}

impl Readers {
    pub(super) fn insert(&mut self, entry: Entry) -> usize {
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.places.get_mut(place)
        {
            *slot = Some(entry);
            return place;
        }
        self.places.push(Some(entry));
        self.places.len() - 1
    }

    pub(super) fn remove(&mut self, place: usize) {
        if let Some(slot) = self.places.get_mut(place)
            && slot.take().is_some()
        {
            self.free.push(place);
        }
    }

    /// The reader at `place` is to be asked.
    pub(super) fn doubt(&mut self, place: usize) {
        if let Some(Some(entry)) = self.places.get_mut(place) {
            entry.is_filtered = true;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Copies the readers of up to `count` places from `from` on into `batch`; returns where to go on, or
    /// `None` at the end.
    pub(super) fn batch(&self, from: usize, count: usize, batch: &mut Vec<Found>) -> Option<usize> {
        let end = (from + count).min(self.places.len());
        batch.extend(self.places.get(from..end)?.iter().flatten().map(Found::new));
        (end < self.places.len()).then_some(end)
    }
}
