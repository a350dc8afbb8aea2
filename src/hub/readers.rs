//! The readers of one topic, at places that do not move while an event is on its way through them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::reader::Reader;

/// Places that are passed under one hold of the lock, where most are free: that is some 0.001 ms.
const PASSED: usize = 1024;

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

/// A slab: a reader keeps its place until it leaves, and a free place is taken again: the first, so that those behind
/// the last reader can be given up.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// The last one is taken.
    places: Vec<Option<Entry>>,
    free: BTreeSet<usize>,
}

impl Readers {
    pub(super) fn insert(&mut self, entry: Entry) -> usize {
        if let Some(place) = self.free.pop_first()
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
            self.free.insert(place);
        }
        while self.places.pop_if(|last| last.is_none()).is_some() {
            self.free.remove(&self.places.len());
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

    /// Copies up to `count` readers from the place `from` on into `batch`; returns where to go on, or `None` at the
    /// end. Of many free places it passes only so many at once, and may find fewer.
    pub(super) fn batch(&self, from: usize, count: usize, batch: &mut Vec<Found>) -> Option<usize> {
        let full = batch.len().saturating_add(count);
        let mut end = from;
        for place in self.places.get(from..)?.iter().take(PASSED) {
            if batch.len() == full {
                break;
            }
            batch.extend(place.as_ref().map(Found::new));
            end += 1;
        }
        (end < self.places.len()).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::SystemTime;

    use uuid::Uuid;

    use super::*;
    use crate::hub::{Lane, OutboxLimits, Profile, Sent};
    use crate::identity::Identity;
    use crate::message::{CloseReason, Frame};

    #[derive(Debug)]
    struct Nowhere;

    impl Lane for Nowhere {
        fn send(&self, _: &Frame) -> Sent {
            Sent::Gone
        }

        fn close(&self, _: CloseReason) {}
    }

    fn entry() -> Entry {
        let (id, identity) = (Uuid::nil(), Identity::Anonymous);
        let profile = Profile { id, endpoint: 0, identity, since: SystemTime::UNIX_EPOCH, address: None };
        let reader = Reader::new(Arc::new(Nowhere), profile, OutboxLimits { frames: 0, bytes: 0 });
        Entry { reader: Arc::new(reader), since: 0, is_filtered: false }
    }

    /// How often the lock is taken to find them all, and how many there are.
    fn rounds(readers: &Readers) -> (usize, usize) {
        let (mut batch, mut next, mut rounds) = (Vec::new(), Some(0), 0);
        while let Some(from) = next {
            let before = batch.len();
            next = readers.batch(from, 32, &mut batch);
            assert!(batch.len() <= before + 32);
            rounds += 1;
        }
        (rounds, batch.len())
    }

    fn crowd(count: usize) -> Readers {
        let (mut readers, entry) = (Readers::default(), entry());
        (0..count).for_each(|place| assert_eq!(readers.insert(entry.clone()), place));
        readers
    }

    #[test]
    fn after_a_peak_the_places_of_those_who_left_are_not_gone_through_one_by_one() {
        let mut readers = crowd(10_000);
        assert_eq!(rounds(&readers), (10_000_usize.div_ceil(32), 10_000));
        // The last one stays.
        (0..9999).for_each(|place| readers.remove(place));
        assert_eq!(rounds(&readers), (10, 1));
        let mut readers = crowd(10_000);
        // The first one stays.
        (1..10_000).for_each(|place| readers.remove(place));
        assert_eq!((rounds(&readers), readers.len()), ((1, 1), 1));
        assert_eq!([readers.insert(entry()), readers.insert(entry())], [1, 2]);
    }

    #[test]
    fn a_place_is_nobody_elses_until_it_is_left() {
        let (mut readers, mut there, entry) = (Readers::default(), BTreeSet::new(), entry());
        let mut random = 7_u64;
        for step in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // First more come than go, and then the other way round.
            let comes = (random >> 33) % 100 < if step < 10_000 { 60 } else { 40 };
            let place = usize::try_from(random >> 40).unwrap() % (there.len() + 1);
            if comes {
                assert!(there.insert(readers.insert(entry.clone())));
            } else if let Some(place) = there.iter().nth(place).copied() {
                there.remove(&place);
                readers.remove(place);
                readers.remove(place);
            }
            assert_eq!(readers.len(), there.len());
        }
        assert_eq!(rounds(&readers).1, there.len());
        for place in there {
            readers.remove(place);
        }
        assert_eq!(rounds(&readers), (1, 0));
    }
}
