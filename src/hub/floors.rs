//! Up to where something was forgotten of topics that nothing is kept of any more.
//!
//! There is no end of such topics, so they share places, as many as there are: of one that shares its place with another
//! more counts as forgotten than was, and never less. Models, of which there are few, and records have places of their
//! own: otherwise a model that is seldom written would soon share the place of some record.

use std::hash::{BuildHasher as _, RandomState};

use crate::event::Topic;

/// Places; 8 bytes each.
const MODELS: u64 = 1 << 12;
const RECORDS: u64 = 1 << 16;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Floors {
    /// Of every topic.
    all: u64,
    /// Empty until something is forgotten.
    models: Vec<u64>,
    records: Vec<u64>,
    /// Nobody can choose names that share one place.
    hasher: RandomState,
}

impl Floors {
    /// All of every topic, up to this offset.
    pub(super) fn at(offset: u64) -> Self {
        Self { all: offset, ..Self::default() }
    }

    /// Nothing of the topic behind this was forgotten.
    pub(super) fn of(&self, topic: &Topic) -> u64 {
        if topic.as_room().is_some() {
            // No event is there, so none was.
            return self.all;
        }
        let (is_record, place) = self.place(topic);
        let places = if is_record { &self.records } else { &self.models };
        places.get(place).map_or(self.all, |floor| self.all.max(*floor))
    }

    /// The topic was forgotten up to this offset.
    pub(super) fn raise(&mut self, topic: &Topic, offset: u64) {
        let (is_record, place) = self.place(topic);
        let (places, count) =
            if is_record { (&mut self.records, RECORDS) } else { (&mut self.models, MODELS) };
        if places.is_empty() {
            *places = (0..count).map(|_| 0).collect();
        }
        if let Some(floor) = places.get_mut(place) {
            *floor = offset.max(*floor);
        }
    }

    /// Of whatever topic, nothing behind this was forgotten.
    pub(super) fn highest(&self) -> u64 {
        self.models.iter().chain(&self.records).copied().fold(self.all, u64::max)
    }

    fn place(&self, topic: &Topic) -> (bool, usize) {
        let is_record = topic.name().contains('/');
        let count = if is_record { RECORDS } else { MODELS };
        let place = self.hasher.hash_one(topic) % count;
        // It is far below what any machine counts to.
        (is_record, usize::try_from(place).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_of_one_topic_says_nothing_of_most_others() {
        let mut floors = Floors::at(5);
        let topic = |number: u64| Topic::parse(&format!("author/{number}"));
        for number in 1..=100 {
            floors.raise(&topic(number), 10 + number);
        }
        assert!((1..=100).all(|number| floors.of(&topic(number)) >= 10 + number));
        let others = (101..=200).filter(|number| floors.of(&topic(*number)) > 5).count();
        assert!(others < 10, "{others}");
        assert_eq!(floors.of(&Topic::parse("author")), 5, "records have places of their own");
        assert_eq!(floors.of(&Topic::room("/n", "r")), 5);
        floors.raise(&topic(1), 3);
        assert_eq!((floors.of(&topic(1)) >= 11, floors.highest()), (true, 110));
    }
}
