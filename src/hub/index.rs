//! The readers of one topic, found by what they want: those without a filter, those whose filter needs a
//! certain value in a certain field, and the others.

use std::collections::HashMap;

use super::readers::{Entry, Found, Readers};
use super::wishes::Signs;
use crate::filter::{Filter, Key, Known};

/// Keys of an event that are looked up under one hold of the lock: that is some 0.02 ms.
const LOOKUPS: usize = 512;

/// Where an entry stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    section: Section,
    at: usize,
}

#[derive(Debug, Clone, Copy)]
enum Section {
    /// Those without a filter.
    All,
    /// Those that nothing but their filter itself can tell.
    Rest,
    /// Those that want each record that was changed and is not shown; whoever is in the rest is not here.
    Changed,
    /// The same for records that are gone.
    Deleted,
    /// Those whose filter needs this key.
    Key(Key),
}

/// How a filter can be looked up; worked out before the lock is taken.
#[derive(Debug)]
pub(super) struct Ways {
    keys: Vec<Vec<Key>>,
    besides: Vec<Section>,
}

impl Ways {
    pub(super) fn of(filter: &Filter) -> Self {
        let besides = [(Known::Changed, Section::Changed), (Known::Deleted, Section::Deleted)].into_iter();
        let besides = besides.filter(|(known, _)| filter.takes_each(*known));
        Self { keys: filter.keys(), besides: besides.map(|(_, section)| section).collect() }
    }
}

/// Where the copying of readers goes on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    /// 0 is those without a filter.
    section: usize,
    at: usize,
}

impl Cursor {
    /// Only readers with filters are left.
    pub(super) fn needs_signs(self) -> bool {
        self.section > 0
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Index {
    all: Readers,
    /// Subscriptions; one may stand in several places.
    subscriptions: usize,
    /// Most topics have no such readers.
    filtered: Option<Box<Filtered>>,
}

impl Index {
    /// Puts `entry` where the events that its filter may let through find it. A filter that can be looked up
    /// in several ways goes where the fewest are: of `published = true` and `post_id = 7` that is soon the
    /// second.
    pub(super) fn insert(&mut self, entry: &Entry, ways: Option<Ways>) -> Vec<Place> {
        self.subscriptions += 1;
        let sections = ways.map_or_else(|| vec![Section::All], |ways| self.choose(ways));
        let place = |section| Place { section, at: self.section(section).insert(entry.clone()) };
        sections.into_iter().map(place).collect()
    }

    fn choose(&self, ways: Ways) -> Vec<Section> {
        let at_key = |key: &Key| self.filtered.as_ref()?.keys.get(key);
        let crowd = |keys: &Vec<Key>| -> usize { keys.iter().filter_map(at_key).map(Readers::len).sum() };
        let Some(keys) = ways.keys.into_iter().min_by_key(crowd) else { return vec![Section::Rest] };
        keys.into_iter().map(Section::Key).chain(ways.besides).collect()
    }

    fn section(&mut self, section: Section) -> &mut Readers {
        match section {
            Section::All => &mut self.all,
            Section::Rest => &mut self.filtered.get_or_insert_default().rest,
            Section::Changed => &mut self.filtered.get_or_insert_default().changed,
            Section::Deleted => &mut self.filtered.get_or_insert_default().deleted,
            Section::Key(key) => self.filtered.get_or_insert_default().keys.entry(key).or_default(),
        }
    }

    /// Nothing stays of what becomes empty.
    pub(super) fn remove(&mut self, places: &[Place]) {
        self.subscriptions = self.subscriptions.saturating_sub(1);
        for place in places {
            self.section(place.section).remove(place.at);
            if let (Section::Key(key), Some(filtered)) = (place.section, &mut self.filtered)
                && filtered.keys.get(&key).is_some_and(|readers| readers.len() == 0)
            {
                filtered.keys.remove(&key);
            }
        }
        self.filtered.take_if(|filtered| filtered.is_empty());
    }

    /// Whoever stands there is to be asked what it wants, even if it had no filter.
    pub(super) fn doubt(&mut self, places: &[Place]) {
        for place in places {
            self.section(place.section).doubt(place.at);
        }
    }

    /// What is there; what was left while an event is on its way counts until it is through.
    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.len() == 0 && self.filtered.is_none()
    }

    /// Copies up to `count` readers from `from` on into `batch`; returns where to go on, or `None` at the end.
    /// Those with filters come last, by the `signs` of the event.
    pub(super) fn batch(
        &self,
        from: Cursor,
        signs: Option<&Signs>,
        count: usize,
        batch: &mut Vec<Found>,
    ) -> Option<Cursor> {
        let Some(signs) = signs else {
            let next = self.all.batch(from.at, count, batch).map(|at| Cursor { at, ..from });
            return next.or_else(|| self.filtered.as_ref().map(|_| Cursor { section: 1, at: 0 }));
        };
        let filtered = self.filtered.as_ref()?;
        let (mut cursor, end) = (from, FIRST_KEY + signs.keys.len());
        for _ in 0..LOOKUPS {
            if batch.len() >= count || cursor.section >= end {
                break;
            }
            let readers = filtered.section(cursor.section, signs);
            let next = readers.and_then(|readers| readers.batch(cursor.at, count - batch.len(), batch));
            let Some(at) = next else {
                cursor = Cursor { section: cursor.section + 1, at: 0 };
                continue;
            };
            cursor.at = at;
            break;
        }
        (cursor.section < end).then_some(cursor)
    }
}

/// The section of an event's first key.
const FIRST_KEY: usize = 4;

#[derive(Debug, Default)]
struct Filtered {
    rest: Readers,
    changed: Readers,
    deleted: Readers,
    /// None is empty.
    keys: HashMap<Key, Readers>,
}

impl Filtered {
    fn section(&self, number: usize, signs: &Signs) -> Option<&Readers> {
        match number {
            0 => None,
            1 => Some(&self.rest),
            2 => signs.has_changed.then_some(&self.changed),
            3 => signs.has_deleted.then_some(&self.deleted),
            _ => self.keys.get(signs.keys.get(number - FIRST_KEY)?),
        }
    }

    fn is_empty(&self) -> bool {
        self.rest.len() + self.changed.len() + self.deleted.len() == 0 && self.keys.is_empty()
    }
}
