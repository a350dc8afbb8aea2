//! Whom the backend lets see what, where a route leaves that to the backend: a reader may see a record if a
//! GET of it with the reader's own credentials succeeds. Bookkeeping only; somebody else asks.
//!
//! A question is one credential's about one record. However many events and readers wait for it, it is asked
//! once ([`Access::ask`], [`Access::due`], [`Access::returned`]). It answers for what happened before it was
//! asked and for nothing after: when the record changes, it is asked again. What it said is remembered, so
//! that who could see a record hears that it is gone ([`Change::Deleted`]). So is what readers have loaded by
//! GETs of their own ([`Access::loaded`]), unless a later answer says that it is out of their sight.
//!
//! Questions are bounded in all and for each credential, and so is who waits for one; what finds no place is for nobody of that
//! credential. Memory of answers is bounded too; what is forgotten counts as never seen.

mod credentials;
mod line;
mod loaded;
mod question;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::recent::Recent;
pub use credentials::{Credentials, Keys};
use line::Line;
use loaded::Loaded;
pub use question::{Answer, Asked, Asking, Change, Due, Limits, Question, Ticket, Verdict};

#[derive(Debug, Clone, Copy)]
struct Decision {
    seen: bool,
    /// The last position before it was asked.
    asked: u64,
    at: Duration,
}

#[derive(Debug)]
struct Waiter<W> {
    /// `None`: positions have begun anew since.
    position: Option<u64>,
    change: Change,
    who: W,
}

#[derive(Debug)]
struct Open<W> {
    who: Arc<Credentials>,
    record: Arc<str>,
    since: Duration,
    /// When it was asked: the last position before, `None` where positions have begun anew since, and the time.
    asked: Option<(Option<u64>, Duration)>,
    waiting: Vec<Waiter<W>>,
    /// For these it was asked too early.
    again: Vec<Waiter<W>>,
}

impl<W> Open<W> {
    /// Waits for this answer, or the next one where the question was asked too early for it. Of a deletion
    /// any answer will do: it is told what could be seen before.
    fn join(&mut self, waiter: Waiter<W>, needed: u64) {
        let is_late =
            waiter.change != Change::Deleted && self.asked.is_some_and(|(asked, _)| asked < Some(needed));
        if is_late || !self.again.is_empty() {
            self.again.push(waiter);
        } else {
            self.waiting.push(waiter);
        }
    }

    /// Positions begin anew: it was asked before all of them.
    fn outlive(&mut self) {
        if let Some((asked, _)) = &mut self.asked {
            *asked = None;
        }
        self.waiting.iter_mut().chain(&mut self.again).for_each(|waiter| waiter.position = None);
    }
}

/// See the module's documentation. `W`: what waits for an answer.
#[derive(Debug)]
pub struct Access<W> {
    limits: Limits,
    keys: Keys,
    /// The last that was heard of.
    position: u64,
    decisions: Recent<u128, Decision>,
    /// The last change of each record.
    changes: Recent<u128, u64>,
    /// No change after it is forgotten, or was never heard of.
    horizon: u64,
    open: HashMap<u128, Open<W>>,
    line: Line,
    loaded: Loaded,
}

impl<W> Access<W> {
    /// Nothing is known. `keys` are those by which credentials were made.
    pub fn new(limits: Limits, keys: Keys) -> Self {
        Self {
            limits,
            keys,
            position: 0,
            decisions: Recent::new(limits.remembered),
            changes: Recent::new(limits.remembered),
            horizon: 0,
            open: HashMap::new(),
            line: Line::new(limits),
            loaded: Loaded::new(limits.remembered),
        }
    }

    /// What the backend said of a record to a GET of a reader's own that began at `began`. Answers no question:
    /// what is asked is told by what it says.
    pub fn loaded(&mut self, who: &Credentials, record: &str, answer: Answer, began: Duration) {
        let load = loaded::key(&self.keys, who, record);
        self.loaded.note(load, answer, began);
    }

    /// An event changed this record. To be called before anybody asks about the event.
    pub fn changed(&mut self, record: &str, position: u64) {
        self.position = self.position.max(position);
        let forgotten = self.changes.insert(self.keys.of(record), position);
        self.horizon = forgotten.into_values().fold(self.horizon, u64::max);
    }

    /// Events were lost before this position: whatever was answered, or asked, before may hold no longer.
    pub fn lost(&mut self, position: u64) {
        self.position = self.position.max(position);
        self.horizon = self.horizon.max(position);
    }

    /// Positions begin anew behind this one: nothing that was answered, loaded or asked before is about them.
    pub fn forget(&mut self, position: u64) {
        (self.position, self.horizon) = (position, position);
        self.decisions.clear();
        self.changes.clear();
        self.loaded.clear();
        self.open.values_mut().for_each(Open::outlive);
    }

    /// Asks, or joins whoever has asked. `waiter` is told where it [waits](Asked::Waits).
    pub fn ask(&mut self, asking: Asking, waiter: W, now: Duration) -> Asked {
        let Asking { who, record, position, change, fresh } = asking;
        self.position = self.position.max(position);
        let key = self.keys.of(&(who.key(), &*record));
        let last_change = self.last_change(&record);
        let needed = if change == Change::Unchanged { last_change } else { position };
        let waiter = Waiter { position: Some(position), change, who: waiter };
        if let Some(open) = self.open.get_mut(&key) {
            if open.waiting.len() + open.again.len() >= self.limits.waiters {
                return Asked::Full;
            }
            open.join(waiter, needed);
            return Asked::Waits;
        }
        if change == Change::Deleted {
            let load = loaded::key(&self.keys, &who, &record);
            return Asked::Known(self.deleted(key, load, now));
        }
        if let Some(seen) = self.known(key, needed, now).filter(|_| !fresh) {
            let answer = if seen { Answer::Seen } else { Answer::Hidden };
            return Asked::Known(Verdict { answer, before: seen, superseded: last_change > position });
        }
        if !self.line.push(who.key(), key) {
            return Asked::Full;
        }
        let (waiting, again) = (vec![waiter], Vec::new());
        self.open.insert(key, Open { who, record, since: now, asked: None, waiting, again });
        Asked::Waits
    }

    fn last_change(&self, record: &str) -> u64 {
        let known = self.changes.get(&self.keys.of(record)).copied().unwrap_or_default();
        known.max(self.horizon)
    }

    /// What was answered after `needed`, and not too long ago.
    fn known(&self, key: u128, needed: u64, now: Duration) -> Option<bool> {
        let decision = self.decisions.get(&key)?;
        let is_good = decision.asked >= needed && now.saturating_sub(decision.at) < self.limits.ttl;
        is_good.then_some(decision.seen)
    }

    /// Whether the record could be seen, by the last answer or by a GET since that began no later than `until`.
    fn could_see(&self, key: u128, load: u128, until: Duration) -> bool {
        let decision = self.decisions.get(&key);
        let loaded = self.loaded.at(load).filter(|began| *began <= until);
        let since = |began: Duration| decision.is_none_or(|decision| decision.at <= began);
        decision.is_some_and(|decision| decision.seen) || loaded.is_some_and(since)
    }

    /// The record is gone: whether it could be seen is said once more.
    fn deleted(&mut self, key: u128, load: u128, now: Duration) -> Verdict {
        let before = self.could_see(key, load, now);
        self.decisions.remove(&key);
        if self.loaded.at(load).is_some() {
            // Others with the same token are still to be told. It answers no question: none was asked.
            self.decisions.insert(key, Decision { seen: false, asked: 0, at: now });
        }
        Verdict { answer: Answer::Hidden, before, superseded: false }
    }

    /// What is to be done now. To be called after each [`ask`](Self::ask) and [`returned`](Self::returned).
    pub fn due(&mut self, now: Duration) -> Due<W> {
        let mut due = Due { ask: Vec::new(), late: Vec::new() };
        while let Some(key) = self.line.pop() {
            let Some(open) = self.open.get_mut(&key) else { continue };
            if now.saturating_sub(open.since) > self.limits.patience {
                let told = self.settle(Ticket(key), Answer::Unclear, now);
                due.late.extend(told);
                continue;
            }
            open.asked = Some((Some(self.position), now));
            let (who, record) = (Arc::clone(&open.who), Arc::clone(&open.record));
            due.ask.push(Question { ticket: Ticket(key), who, record });
        }
        due
    }

    /// The answer to a question; returns who waited for it, in the order in which they asked.
    pub fn returned(&mut self, ticket: Ticket, answer: Answer, now: Duration) -> Vec<(W, Verdict)> {
        self.settle(ticket, answer, now)
    }

    fn settle(&mut self, Ticket(key): Ticket, answer: Answer, now: Duration) -> Vec<(W, Verdict)> {
        let Some(open) = self.open.remove(&key) else { return Vec::new() };
        self.line.done(open.who.key());
        let load = loaded::key(&self.keys, &open.who, &open.record);
        let before = self.could_see(key, load, open.asked.map_or(now, |(_, at)| at));
        if let (Answer::Seen | Answer::Hidden, Some((Some(asked), at))) = (answer, open.asked) {
            self.decisions.insert(key, Decision { seen: answer == Answer::Seen, asked, at });
        }
        let last_change = self.last_change(&open.record);
        let tell = |waiter: Waiter<W>| {
            let verdict = match waiter.change {
                Change::Deleted => self.deleted(key, load, now),
                Change::Changed | Change::Unchanged => {
                    Verdict { answer, before, superseded: Some(last_change) > waiter.position }
                }
            };
            (waiter.who, verdict)
        };
        let mut told: Vec<(W, Verdict)> = open.waiting.into_iter().map(tell).collect();
        if open.again.is_empty() {
            return told;
        }
        if self.line.push(open.who.key(), key) {
            let Open { who, record, again: waiting, .. } = open;
            let again = Vec::new();
            self.open.insert(key, Open { who, record, since: now, asked: None, waiting, again });
        } else {
            let unclear = Verdict { answer: Answer::Unclear, before: false, superseded: true };
            told.extend(open.again.into_iter().map(|waiter| (waiter.who, unclear)));
        }
        told
    }

    /// Questions that are asked, and those that wait to be.
    pub fn questions(&self) -> (usize, usize) {
        self.line.questions()
    }
}
