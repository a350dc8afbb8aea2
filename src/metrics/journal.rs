//! What became of writes that gave no event with its record to everybody: each kind of it once, with how often
//! it happened and when last. Never a record, a path or anybody's name.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::Metrics;

/// Kinds that are kept; past it the one that happened longest ago is forgotten.
const MAX_NOTES: usize = 100;

/// One kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The route's number.
    pub route: usize,
    /// What became of the write.
    pub outcome: &'static str,
    /// Why, where that is known.
    pub reason: Option<&'static str>,
    /// How often since it was first noted.
    pub count: u64,
    /// When last.
    pub time: SystemTime,
}

/// See the module's documentation. The last one is at the end.
#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<Vec<Note>>);

impl Journal {
    fn lock(&self) -> MutexGuard<'_, Vec<Note>> {
        // Nothing under the lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: &Note) {
        let mut notes = self.lock();
        let kind = |note: &Note| (note.route, note.outcome, note.reason);
        let known = notes.iter().position(|known| kind(known) == kind(note));
        let before = match known {
            Some(index) => notes.remove(index).count,
            None => 0,
        };
        if notes.len() >= MAX_NOTES {
            notes.remove(0);
        }
        notes.push(Note { count: before + note.count, ..note.clone() });
    }
}

impl Metrics {
    /// A write gave no event with its record to everybody.
    pub fn noted(&self, note: &Note) {
        self.usage.journal.note(note);
    }

    /// What was noted, the last one first.
    pub fn notes(&self) -> Vec<Note> {
        self.usage.journal.lock().iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn note(route: usize, reason: Option<&'static str>, second: u64) -> Note {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        Note { route, outcome: "withheld", reason, count: 1, time }
    }

    #[test]
    fn each_kind_stands_there_once_and_the_last_one_at_the_end() {
        let journal = Journal::default();
        for (second, (route, reason)) in
            [(1, None), (2, None), (1, Some("no_owner")), (1, None)].into_iter().enumerate()
        {
            journal.note(&note(route, reason, second as u64));
        }
        let expected =
            vec![note(2, None, 1), note(1, Some("no_owner"), 2), Note { count: 2, ..note(1, None, 3) }];
        assert_eq!(*journal.lock(), expected);
    }

    #[test]
    fn what_happened_longest_ago_is_forgotten() {
        let journal = Journal::default();
        for route in 0..MAX_NOTES + 5 {
            journal.note(&note(route, None, 0));
        }
        let notes = journal.lock();
        assert_eq!((notes.len(), notes[0].route), (MAX_NOTES, 5));
    }
}
