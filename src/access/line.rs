//! Which question is next. Credentials take turns, so that one whose answers are slow, or who has many
//! questions, holds up no other.

use std::collections::{HashMap, VecDeque};

use super::Limits;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Line {
    limits: Limits,
    of: HashMap<u128, Own>,
    /// Credentials with a question that may be asked now.
    ready: VecDeque<u128>,
    asked: usize,
    waiting: usize,
}

/// The questions of one credential.
#[derive(Debug, Default)]
struct Own {
    asked: usize,
    waiting: VecDeque<u128>,
    ready: bool,
}

impl Line {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, of: HashMap::new(), ready: VecDeque::new(), asked: 0, waiting: 0 }
    }

    /// Puts a question at the end of its credential's; `false`, without it, where too many are open.
    pub(super) fn push(&mut self, credential: u128, question: u128) -> bool {
        let limits = &self.limits;
        let (own_asked, own_waiting) =
            self.of.get(&credential).map_or((0, 0), |own| (own.asked, own.waiting.len()));
        let is_full = self.asked + self.waiting >= limits.at_once.saturating_add(limits.waiting)
            || own_asked + own_waiting >= limits.at_once_each.saturating_add(limits.waiting_each);
        if is_full {
            return false;
        }
        self.of.entry(credential).or_default().waiting.push_back(question);
        self.waiting += 1;
        self.make_ready(credential);
        true
    }

    /// The next question that may be asked.
    pub(super) fn pop(&mut self) -> Option<u128> {
        if self.asked >= self.limits.at_once {
            return None;
        }
        let credential = self.ready.pop_front()?;
        let own = self.of.get_mut(&credential)?;
        own.ready = false;
        let question = own.waiting.pop_front()?;
        own.asked += 1;
        self.asked += 1;
        self.waiting -= 1;
        self.make_ready(credential);
        Some(question)
    }

    /// A question of this credential was answered.
    pub(super) fn done(&mut self, credential: u128) {
        let Some(own) = self.of.get_mut(&credential) else { return };
        own.asked = own.asked.saturating_sub(1);
        self.asked = self.asked.saturating_sub(1);
        if own.asked == 0 && own.waiting.is_empty() {
            self.of.remove(&credential);
        } else {
            self.make_ready(credential);
        }
    }

    /// Questions that are asked, and those that wait to be.
    pub(super) fn questions(&self) -> (usize, usize) {
        (self.asked, self.waiting)
    }

    fn make_ready(&mut self, credential: u128) {
        let Some(own) = self.of.get_mut(&credential) else { return };
        if !own.ready && !own.waiting.is_empty() && own.asked < self.limits.at_once_each {
            own.ready = true;
            self.ready.push_back(credential);
        }
    }
}
