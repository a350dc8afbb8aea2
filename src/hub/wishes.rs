//! What readers with filters want of one event. Its records are read when the first such reader may match,
//! and once.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::reader::Standing;
use super::readers::Found;
use super::subscriber::Subscription;
use crate::event::Topic;
use crate::filter::{Key, Known, Record};
use crate::message::Publication;

/// What the readers of an event are looked up by.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Those of all its records, each once.
    pub(super) keys: Vec<Key>,
    /// It has a record that was changed and is not shown.
    pub(super) has_changed: bool,
    /// It has a record that is gone, or is for some.
    pub(super) has_deleted: bool,
}

/// Which items of an event a reader wants.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Also where it has none.
    All,
    /// Each item by its place.
    Items(Vec<bool>),
}

impl Wanted {
    pub(super) fn has(&self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Items(items) => items.get(place).is_some_and(|wanted| *wanted),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Items(items) if !items.contains(&true))
    }
}

/// See the module's documentation.
pub(super) struct Wishes<'a> {
    publication: &'a Publication,
    /// Where the event stands, whatever is told of it there.
    position: u64,
    topics: &'a [Topic],
    /// Records are shown as the event has them.
    is_seen: bool,
    /// Of what readers were away for.
    is_missed: bool,
    names: OnceCell<HashSet<&'a Topic>>,
    records: OnceCell<Vec<Record<'a>>>,
    signs: OnceCell<Signs>,
}

impl<'a> Wishes<'a> {
    /// `topics` are those of the event.
    pub(super) fn new(publication: &'a Publication, topics: &'a [Topic]) -> Self {
        let (names, records, signs) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let position = publication.position.offset;
        Self { publication, position, topics, is_seen: true, is_missed: false, names, records, signs }
    }

    /// The same of an event whose records readers do not see as it has them.
    pub(super) fn unseen(publication: &'a Publication, topics: &'a [Topic]) -> Self {
        Self { is_seen: false, ..Self::new(publication, topics) }
    }

    /// What readers want of it by the subscriptions that are [catching up](super::Subscriber::catch_up), and do not
    /// have by the others.
    pub(super) fn missed(self) -> Self {
        Self { is_missed: true, ..self }
    }

    /// The same of what was made of that event.
    pub(super) fn of_another<'b>(&'b self, publication: &'b Publication) -> Wishes<'b> {
        let (position, is_missed) = (self.position, self.is_missed);
        Wishes { position, is_missed, ..Wishes::new(publication, self.topics) }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn records(&self) -> &[Record<'a>] {
        let event = &self.publication.event;
        let read = if self.is_seen { Record::of } else { Record::unseen };
        self.records.get_or_init(|| event.items.iter().map(|item| read(item, event.operation)).collect())
    }

    pub(super) fn signs(&self) -> &Signs {
        self.signs.get_or_init(|| {
            let records = self.records();
            let has = |known: Known| records.iter().any(|record| record.known() == known);
            // For whom it was taken from, it is gone.
            let is_taken = self.publication.event.items.iter().any(|item| item.was.is_some());
            let mut keys: Vec<Key> = records.iter().flat_map(Record::keys).collect();
            keys.sort_unstable();
            keys.dedup();
            Signs { keys, has_changed: has(Known::Changed), has_deleted: is_taken || has(Known::Deleted) }
        })
    }

    /// What the reader that was found there wants.
    pub(super) fn at(&self, found: &Found, standing: &Standing) -> Wanted {
        if found.wants_all() { Wanted::All } else { self.of(standing) }
    }

    /// The subscriptions of a reader to topics of the event.
    pub(super) fn met<'s>(&self, standing: &'s Standing) -> impl Iterator<Item = &'s Subscription> {
        self.held(standing, self.is_missed)
    }

    fn held<'s>(&self, standing: &'s Standing, is_missed: bool) -> impl Iterator<Item = &'s Subscription> {
        let topics = self.names.get_or_init(|| self.topics.iter().collect());
        let position = self.position();
        let counts =
            move |held: &&Subscription| if is_missed { held.missed(position) } else { held.since < position };
        standing.subscriptions.iter().filter(counts).filter(move |held| topics.contains(&held.topic))
    }

    /// Whether a subscription of those lets an item through.
    pub(super) fn passes(&self, subscription: &Subscription, place: usize) -> bool {
        let record = || self.records().get(place);
        subscription
            .filter
            .as_ref()
            .is_none_or(|filter| record().is_some_and(|record| filter.matches(record)))
    }

    /// What a reader wants by all of its subscriptions to topics of the event.
    pub(super) fn of(&self, standing: &Standing) -> Wanted {
        if !self.is_missed {
            return self.wanted(self.held(standing, false));
        }
        // What has a tag is told to each subscription; of anything else it has got what the others want.
        let others = self.wanted(self.held(standing, false).filter(|held| held.tag.is_none()));
        match (self.wanted(self.held(standing, true)), others) {
            (wanted, Wanted::Items(others)) if !others.contains(&true) => wanted,
            (_, Wanted::All) => Wanted::Items(Vec::new()),
            (wanted, Wanted::Items(others)) => {
                Wanted::Items(others.iter().enumerate().map(|(at, has)| !has && wanted.has(at)).collect())
            }
        }
    }

    fn wanted<'s>(&self, subscriptions: impl Iterator<Item = &'s Subscription>) -> Wanted {
        let mut wanted = vec![false; self.publication.event.items.len()];
        for subscription in subscriptions {
            let Some(filter) = &subscription.filter else { return Wanted::All };
            let undecided = wanted.iter_mut().zip(self.records()).filter(|(wanted, _)| !**wanted);
            undecided.for_each(|(wanted, record)| *wanted = filter.matches(record));
        }
        Wanted::Items(wanted)
    }
}
