//! When the keys of an issuer are asked for, and how long they count. Times are on any clock that never
//! goes back, counted from whenever it began.
//!
//! The next document is due before the last one is over. A token of a key that nobody knows asks for one
//! too, but no more often than once in an interval, so that whoever makes tokens up cannot make this process
//! a nuisance to the issuer. After a failure nothing is asked for until a pause is over that grows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::document::{KeySet, MAX_KID_BYTES, PublishedKey};

/// Retired keys and unknown ones that are remembered; above, the oldest is forgotten.
const MAX_REMEMBERED: usize = 64;

/// How long what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// A document is fresh for so long unless its answer says otherwise.
    pub fresh: Duration,
    /// The least and the most that an answer can say.
    pub bounds: (Duration, Duration),
    /// A key that is no longer published counts for so long.
    pub overlap: Duration,
    /// Keys count for so long past their time while no document can be had.
    pub stale: Duration,
    /// Between two documents that were asked for because of an unknown key, and the longest pause after
    /// failures.
    pub interval: Duration,
    /// A key is not asked for again for so long once it was not found.
    pub unknown: Duration,
}

impl Policy {
    /// All follows from how long a document is fresh. For five minutes: from one minute to an hour if the
    /// answer says so, five minutes of overlap, an hour without the issuer, one unknown key in 30 seconds
    /// and each once in a minute.
    pub fn new(fresh: Duration) -> Self {
        let minute = Duration::from_mins(1);
        Self {
            fresh,
            bounds: (fresh.min(minute), fresh.max(Duration::from_hours(1))),
            overlap: fresh,
            stale: fresh.saturating_mul(12),
            interval: (fresh / 10).min(minute / 2),
            unknown: (fresh / 5).min(minute),
        }
    }

    /// The pause after that many failures, one at least; `chance`: from 0 to `u32::MAX`, so that several
    /// processes do not come back at once.
    fn pause(&self, failures: u32, chance: u32) -> Duration {
        let longest = (self.interval / 30).saturating_mul(1 << failures.saturating_sub(1).min(16));
        let longest = longest.min(self.interval);
        longest / 2 + (longest / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) key: Arc<PublishedKey>,
    /// `None`: it is published.
    until: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The next document is due at that time.
    Idle(Duration),
    /// One is wanted now, for the sake of this key.
    Asked(Option<String>),
    /// One is on its way, for the sake of this key.
    UnderWay(Option<String>),
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Cache {
    policy: Policy,
    state: State,
    keys: Vec<Held>,
    /// Until when they count without another document; `None`: there are none.
    usable_until: Option<Duration>,
    failures: u32,
    /// When an unknown key was last asked for.
    asked_at: Option<Duration>,
    /// Keys that were asked for and not found, and until when that is remembered.
    unknown: VecDeque<(String, Duration)>,
}

impl Cache {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            state: State::Idle(Duration::ZERO),
            keys: Vec::new(),
            usable_until: None,
            failures: 0,
            asked_at: None,
            unknown: VecDeque::new(),
        }
    }

    /// Forgets what does not count any more.
    pub(super) fn advance(&mut self, now: Duration) {
        self.keys.retain(|held| held.until.is_none_or(|until| until > now));
        self.unknown.retain(|(_, until)| *until > now);
        if self.usable_until.is_some_and(|until| until <= now) {
            self.keys.clear();
            self.usable_until = None;
        }
    }

    pub(super) fn keys(&self) -> &[Held] {
        &self.keys
    }

    /// Those of the last document.
    pub(super) fn published(&self) -> Vec<Arc<PublishedKey>> {
        let published = self.keys.iter().filter(|held| held.until.is_none());
        published.map(|held| Arc::clone(&held.key)).collect()
    }

    /// A document came, and is not too old.
    pub(super) fn is_loaded(&self) -> bool {
        self.usable_until.is_some()
    }

    /// The last document that was asked for did not come.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// A token needs a key that is not here. Whether a document is on its way that may have it: then it is
    /// worth waiting for.
    pub(super) fn want(&mut self, kid: Option<&str>, now: Duration) -> bool {
        let due = match self.state {
            State::Asked(_) | State::UnderWay(_) => return true,
            State::Idle(due) => due,
        };
        // After a failure the pause is kept, whoever asks.
        let may = if self.failures > 0 || !self.is_loaded() { due <= now } else { self.may_ask(kid, now) };
        if may {
            self.state = State::Asked(kid.map(ToOwned::to_owned));
        }
        may
    }

    fn may_ask(&mut self, kid: Option<&str>, now: Duration) -> bool {
        let is_plausible = kid.is_none_or(|kid| kid.len() <= MAX_KID_BYTES);
        let is_remembered = self.unknown.iter().any(|(known, _)| Some(known.as_str()) == kid);
        let is_soon = self.asked_at.is_some_and(|at| now < at.saturating_add(self.policy.interval));
        let may = is_plausible && !is_remembered && !is_soon;
        if may {
            self.asked_at = Some(now);
        }
        may
    }

    /// `None`: a document is to be fetched now, and [`Self::loaded`] or [`Self::failed`] will be called.
    /// Otherwise how long there is nothing to do, unless somebody asks.
    pub(super) fn begin(&mut self, now: Duration) -> Option<Duration> {
        let kid = match &mut self.state {
            State::Idle(due) if *due > now => return Some(due.saturating_sub(now)),
            State::Idle(_) => None,
            State::Asked(kid) | State::UnderWay(kid) => kid.take(),
        };
        self.state = State::UnderWay(kid);
        None
    }

    /// A document came. `lifetime`: what its answer says.
    pub(super) fn loaded(&mut self, set: KeySet, lifetime: Option<Duration>, now: Duration) {
        let (least, most) = self.policy.bounds;
        let fresh = lifetime.unwrap_or(self.policy.fresh).clamp(least, most);
        let missed = self.finish(now.saturating_add(fresh / 5 * 4));
        self.failures = 0;
        self.advance(now);
        self.usable_until = Some(now.saturating_add(fresh).saturating_add(self.policy.stale));
        let published: Vec<Arc<PublishedKey>> = set.keys.into_iter().map(Arc::new).collect();
        let until = now.saturating_add(self.policy.overlap);
        let mut retired: Vec<Held> = std::mem::take(&mut self.keys);
        retired.retain(|held| !published.contains(&held.key));
        for held in &mut retired {
            held.until.get_or_insert(until);
        }
        // Those that were published last are the last ones to be forgotten.
        retired.sort_by_key(|held| std::cmp::Reverse(held.until));
        retired.truncate(MAX_REMEMBERED);
        self.keys = published.into_iter().map(|key| Held { key, until: None }).collect();
        self.keys.extend(retired);
        let missed = missed.filter(|kid| !self.keys.iter().any(|held| held.key.kid.as_ref() == Some(kid)));
        if let Some(kid) = missed {
            if self.unknown.len() >= MAX_REMEMBERED {
                self.unknown.pop_front();
            }
            self.unknown.push_back((kid, now.saturating_add(self.policy.unknown)));
        }
    }

    /// None came. `chance`: any number.
    pub(super) fn failed(&mut self, now: Duration, chance: u32) {
        self.failures = self.failures.saturating_add(1);
        self.asked_at = None;
        // Nothing is known of the key that it was for.
        drop(self.finish(now.saturating_add(self.policy.pause(self.failures, chance))));
        self.advance(now);
    }

    /// The key for whose sake it was.
    fn finish(&mut self, due: Duration) -> Option<String> {
        match std::mem::replace(&mut self.state, State::Idle(due)) {
            State::Idle(_) => None,
            State::Asked(kid) | State::UnderWay(kid) => kid,
        }
    }
}
