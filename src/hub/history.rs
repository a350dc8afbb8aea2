//! The last events of each topic, for readers that were away. Pure bookkeeping, under the hub's lock.
//!
//! Events stand in one log, in the order of their positions, and in a strand for each of their topics. A strand has
//! at most so many; the log at most so many bytes, and none that is older than it may be when another comes. What
//! is in no strand any more leaves the log once it is the oldest there.
//!
//! A strand knows up to where it has forgotten something, and so do those without one, about ([`Floors`]): a reader may hear
//! that something expired where nothing did, and never the other way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::floors::Floors;
use super::rendered::Rendered;
use crate::event::Topic;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Events of one topic; 0: nothing is kept at all.
    pub size: usize,
    /// Bytes of all events, about.
    pub bytes: usize,
    /// The age at which an event is forgotten, when the next one comes.
    pub age: Duration,
}

/// What an event costs beside what it holds, and so for each of its topics.
const ENTRY_BYTES: usize = 512;
const TOPIC_BYTES: usize = 128;

/// An event that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) offset: u64,
    pub(super) topics: Arc<[Topic]>,
    /// `None`: the backend says who may see it, and that is not asked later.
    pub(super) rendered: Option<Arc<Rendered>>,
    pub(super) time: SystemTime,
    bytes: usize,
}

impl Kept {
    pub(super) fn new(
        offset: u64,
        time: SystemTime,
        topics: Arc<[Topic]>,
        rendered: Option<Arc<Rendered>>,
    ) -> Self {
        let held = rendered.as_ref().map_or(0, |rendered| rendered.bytes_at_most());
        let names: usize = topics.iter().map(|topic| TOPIC_BYTES + topic.name().len()).sum();
        let bytes = ENTRY_BYTES + names + held;
        Self { offset, topics, rendered, time, bytes }
    }
}

/// What is not known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forgotten;

/// One topic.
#[derive(Debug, Default)]
struct Strand {
    kept: VecDeque<Arc<Kept>>,
    /// Nothing behind this offset was forgotten.
    floor: u64,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct History {
    limits: HistoryLimits,
    log: VecDeque<Arc<Kept>>,
    bytes: usize,
    /// None is empty.
    strands: HashMap<Topic, Strand>,
    /// The same for topics without a strand.
    floors: Floors,
}

impl Default for History {
    /// One that keeps nothing.
    fn default() -> Self {
        Self::new(HistoryLimits { size: 0, bytes: 0, age: Duration::ZERO })
    }
}

impl History {
    pub(super) fn new(limits: HistoryLimits) -> Self {
        Self { limits, log: VecDeque::new(), bytes: 0, strands: HashMap::new(), floors: Floors::default() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.limits.size > 0
    }

    /// Keeps an event, if any are.
    pub(super) fn push_if_on(&mut self, kept: impl FnOnce() -> Kept) {
        if self.is_on() {
            self.push(kept());
        }
    }

    /// Keeps an event; offsets grow.
    fn push(&mut self, kept: Kept) {
        let now = kept.time;
        let kept = Arc::new(kept);
        for topic in kept.topics.iter() {
            let floors = &self.floors;
            let new = || Strand { floor: floors.of(topic), ..Strand::default() };
            let strand = self.strands.entry(topic.clone()).or_insert_with(new);
            strand.kept.push_back(Arc::clone(&kept));
            if strand.kept.len() > self.limits.size {
                strand.floor = strand.kept.pop_front().map_or(strand.floor, |oldest| oldest.offset);
            }
        }
        self.bytes += kept.bytes;
        self.log.push_back(kept);
        self.shrink(now);
    }

    fn shrink(&mut self, now: SystemTime) {
        while let Some(oldest) = self.log.front() {
            let is_old = now.duration_since(oldest.time).is_ok_and(|age| age > self.limits.age);
            if self.bytes <= self.limits.bytes && !is_old && Arc::strong_count(oldest) > 1 {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.log.pop_front() else { return };
        self.bytes -= oldest.bytes;
        for topic in oldest.topics.iter() {
            let Some(strand) = self.strands.get_mut(topic) else { continue };
            if strand.kept.front().is_some_and(|front| front.offset == oldest.offset) {
                strand.kept.pop_front();
                strand.floor = oldest.offset;
            }
            if strand.kept.is_empty() {
                self.floors.raise(topic, strand.floor);
                self.strands.remove(topic);
            }
        }
    }

    /// Forgets all: what came up to this offset is not known.
    pub(super) fn clear(&mut self, offset: u64) {
        *self = Self { floors: Floors::at(offset), ..Self::new(self.limits) };
    }

    /// What came to a topic behind `from` and not behind `to`, in its order.
    pub(super) fn between(&self, topic: &Topic, from: u64, to: u64) -> Result<Vec<Arc<Kept>>, Forgotten> {
        let strand = self.strands.get(topic);
        if from < strand.map_or_else(|| self.floors.of(topic), |strand| strand.floor) {
            return Err(Forgotten);
        }
        let Some(Strand { kept, .. }) = strand else { return Ok(Vec::new()) };
        let begin = kept.partition_point(|kept| kept.offset <= from);
        let end = kept.partition_point(|kept| kept.offset <= to);
        Ok(kept.range(begin..end.max(begin)).cloned().collect())
    }

    /// All that is kept, and what is known to be forgotten: of topics without a strand, and of those that have one.
    pub(super) fn whole(&self) -> (Vec<Arc<Kept>>, u64, Vec<(Topic, u64)>) {
        let floors = self.strands.iter().map(|(topic, strand)| (topic.clone(), strand.floor));
        (self.log.iter().cloned().collect(), self.floors.highest(), floors.collect())
    }

    /// Begins with what another one kept, in its order, and with what was forgotten there.
    pub(super) fn begin(&mut self, kept: Vec<Kept>, floor: u64, floors: Vec<(Topic, u64)>) {
        self.clear(floor);
        for kept in kept {
            self.push(kept);
        }
        for (topic, floor) in floors {
            match self.strands.get_mut(&topic) {
                Some(strand) => strand.floor = strand.floor.max(floor),
                None => self.floors.raise(&topic, floor),
            }
        }
    }

    /// Events that are kept, and their bytes, about.
    #[cfg(test)]
    fn size(&self) -> (usize, usize) {
        (self.log.len(), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HistoryLimits = HistoryLimits { size: 3, bytes: 1 << 20, age: Duration::from_mins(1) };

    fn topic(name: &str) -> Topic {
        Topic::parse(name)
    }

    fn kept(offset: u64, second: u64, topics: &str) -> Kept {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        Kept::new(offset, time, topics.split(' ').map(topic).collect(), None)
    }

    /// The history after these events: their topics, one a second, from offset 1.
    fn history(limits: HistoryLimits, events: &[&str]) -> History {
        let mut history = History::new(limits);
        for (offset, topics) in (1..).zip(events) {
            history.push(kept(offset, offset, topics));
        }
        history
    }

    fn missed(history: &History, name: &str, from: u64) -> Result<Vec<u64>, Forgotten> {
        let kept = history.between(&topic(name), from, u64::MAX)?;
        Ok(kept.iter().map(|kept| kept.offset).collect())
    }

    #[test]
    fn what_came_behind_an_offset_is_known_as_long_as_it_is_kept() {
        let history = history(LIMITS, &["a", "b", "a", "a", "b", "a"]);
        let rows = [
            ("a", 6, Ok(vec![])),
            ("a", 5, Ok(vec![6])),
            ("a", 3, Ok(vec![4, 6])),
            ("a", 1, Ok(vec![3, 4, 6])),
            ("a", 0, Err(Forgotten)),
            ("b", 0, Ok(vec![2, 5])),
            ("b", 4, Ok(vec![5])),
            ("c", 0, Ok(vec![])),
        ];
        for (name, from, expected) in rows {
            assert_eq!(missed(&history, name, from), expected, "{name} from {from}");
        }
        let some = history.between(&topic("a"), 1, 4).unwrap();
        assert_eq!(some.iter().map(|kept| kept.offset).collect::<Vec<_>>(), [3, 4]);
        assert!(history.between(&topic("a"), 6, 4).unwrap().is_empty());
    }

    #[test]
    fn what_is_too_old_is_forgotten_when_the_next_comes() {
        let mut history = history(LIMITS, &["a", "a b"]);
        history.push(kept(3, 62, "c"));
        assert_eq!((missed(&history, "a", 1), missed(&history, "a", 0)), (Ok(vec![2]), Err(Forgotten)));
        history.push(kept(4, 63, "c"));
        assert_eq!(missed(&history, "a", 1), Err(Forgotten), "nothing is left, and that is known");
        assert_eq!(missed(&history, "a", 2), Ok(vec![]));
        assert_eq!(missed(&history, "never", 1), Ok(vec![]), "nothing of it was forgotten");
    }

    #[test]
    fn bytes_are_bounded_and_what_no_topic_keeps_costs_nothing() {
        let limits = HistoryLimits { bytes: 4 * (ENTRY_BYTES + TOPIC_BYTES + 1), ..LIMITS };
        let mut history = history(limits, &["a", "b", "c", "d", "e"]);
        assert_eq!(history.size(), (4, limits.bytes));
        assert_eq!((missed(&history, "a", 0), missed(&history, "b", 0)), (Err(Forgotten), Ok(vec![2])));
        for offset in 6..100 {
            history.push(kept(offset, 10, "a"));
        }
        assert_eq!(history.size().0, 3);
        assert_eq!(history.strands.len(), 1);
        history.push(kept(100, 200, "z"));
        assert_eq!((history.size(), history.strands.len()), ((1, ENTRY_BYTES + TOPIC_BYTES + 1), 1));
    }

    #[test]
    fn what_was_lost_is_not_known() {
        let mut history = history(LIMITS, &["a", "a"]);
        history.clear(5);
        assert_eq!((missed(&history, "a", 4), missed(&history, "a", 5)), (Err(Forgotten), Ok(vec![])));
        history.push(kept(6, 6, "a"));
        assert_eq!((missed(&history, "a", 4), missed(&history, "a", 5)), (Err(Forgotten), Ok(vec![6])));
    }

    #[test]
    fn a_history_of_size_zero_keeps_nothing() {
        let mut history = History::new(HistoryLimits { size: 0, ..LIMITS });
        history.push_if_on(|| kept(1, 1, "a"));
        assert_eq!(history.size(), (0, 0));
    }

    #[test]
    fn what_another_one_kept_is_known_and_no_more() {
        let events = ["a", "b", "a", "a", "b", "a"];
        let old = history(LIMITS, &events);
        let (log, floor, floors) = old.whole();
        let again = |kept: &Arc<Kept>| Kept::new(kept.offset, kept.time, Arc::clone(&kept.topics), None);
        let mut new = History::new(LIMITS);
        new.begin(log.iter().map(again).collect(), floor, floors.clone());
        for name in ["a", "b", "c"] {
            for from in 0..=6 {
                assert_eq!(missed(&new, name, from), missed(&old, name, from), "{name} from {from}");
            }
        }
        // One that keeps less.
        let mut less = History::new(HistoryLimits { size: 1, ..LIMITS });
        less.begin(log.iter().map(again).collect(), floor, floors);
        assert_eq!((missed(&less, "a", 3), missed(&less, "a", 4)), (Err(Forgotten), Ok(vec![6])));
    }
}
