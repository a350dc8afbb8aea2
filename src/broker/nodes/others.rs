//! Which other nodes are there: those that said so lately. Pure.

use std::collections::HashMap;

use tokio::time::{Duration, Instant};
use uuid::Uuid;

/// How often a node says that it is there.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// One that has said nothing for so long is gone.
pub(super) const GONE: Duration = Duration::from_secs(5);
/// Others that are known at most; what more of them say is not heard.
const MOST: usize = 255;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Others(HashMap<Uuid, Other>);

#[derive(Debug)]
struct Other {
    heard: Instant,
    is_settled: bool,
    /// It left a question unanswered, and has not been heard since it was asked.
    is_silent: bool,
}

impl Other {
    fn new(now: Instant) -> Self {
        Self { heard: now, is_settled: false, is_silent: false }
    }

    fn hear(&mut self, now: Instant) {
        (self.heard, self.is_silent) = (now, false);
    }
}

impl Others {
    /// One has said something; `false`: there are too many.
    pub(super) fn hear(&mut self, node: Uuid, now: Instant) -> bool {
        let is_known = self.0.contains_key(&node) || self.0.len() < MOST;
        if is_known {
            self.0.entry(node).or_insert_with(|| Other::new(now)).hear(now);
        }
        is_known
    }

    /// One knows what the others know, or not yet.
    pub(super) fn settle(&mut self, node: Uuid, is_settled: bool) {
        if let Some(other) = self.0.get_mut(&node) {
            other.is_settled = is_settled;
        }
    }

    pub(super) fn settled(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.0.iter().filter(|(_, other)| other.is_settled).map(|(node, _)| *node)
    }

    /// One has not answered what it was asked then. If it has said nothing else either, it is probably dead.
    pub(super) fn doubt(&mut self, node: Uuid, asked: Instant) {
        if let Some(other) = self.0.get_mut(&node) {
            other.is_silent |= other.heard <= asked;
        }
    }

    /// One has said that it goes; `false`: nobody knew it.
    pub(super) fn leave(&mut self, node: Uuid) -> bool {
        self.0.remove(&node).is_some()
    }

    /// Those that are gone since they were silent for too long.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Uuid> {
        let is_gone = |other: &Other| now.duration_since(other.heard) >= GONE;
        let gone: Vec<Uuid> =
            self.0.iter().filter(|(_, other)| is_gone(other)).map(|(node, _)| *node).collect();
        self.0.retain(|_, other| !is_gone(other));
        gone
    }

    /// Nobody could be heard until now, so nobody was silent.
    pub(super) fn excuse(&mut self, now: Instant) {
        self.0.values_mut().for_each(|other| other.hear(now));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.0.keys().copied()
    }

    /// All of them, and whether an answer is to be expected.
    pub(super) fn asked(&self) -> impl Iterator<Item = (Uuid, bool)> + '_ {
        self.0.iter().map(|(node, other)| (*node, !other.is_silent))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    #[test]
    fn one_that_is_silent_or_says_so_is_gone_once() {
        let (mut others, start) = (Others::default(), Instant::now());
        assert!(others.hear(A, start) && others.hear(B, start + BEAT));
        assert_eq!(others.expire(start + GONE), [A]);
        assert!(others.expire(start + GONE).is_empty());
        assert!(others.leave(B) && !others.leave(B) && !others.leave(A));
    }

    #[test]
    fn nobody_is_gone_since_nobody_could_be_heard() {
        let (mut others, start) = (Others::default(), Instant::now());
        others.hear(A, start);
        others.excuse(start + 2 * GONE);
        assert!(others.expire(start + 2 * GONE).is_empty());
        assert_eq!(others.expire(start + 3 * GONE), [A]);
    }

    #[test]
    fn one_that_leaves_a_question_unanswered_and_says_nothing_else_is_expected_to_say_nothing() {
        let (mut others, start) = (Others::default(), Instant::now());
        let asked = |others: &Others| others.asked().all(|(_, is_expected)| is_expected);
        others.hear(A, start + BEAT);
        others.doubt(A, start);
        assert!(asked(&others), "it was heard behind the question");
        others.doubt(A, start + BEAT);
        assert!(!asked(&others));
        others.hear(A, start + BEAT);
        assert!(asked(&others));
    }

    #[test]
    fn there_may_be_so_many() {
        let (mut others, start) = (Others::default(), Instant::now());
        assert!((0..MOST as u128).all(|node| others.hear(Uuid::from_u128(node), start)));
        assert!(!others.hear(Uuid::max(), start) && others.hear(A, start));
        assert_eq!(others.len(), MOST);
    }
}
