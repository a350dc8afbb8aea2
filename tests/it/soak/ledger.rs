//! What was done with each write, as its writer and the backend know it.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::plan::Plan;
use crate::harness::DEADLINE;

/// `upstream.read_timeout`.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// What became of a write so far.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    begun: Instant,
    /// How often the backend got its head.
    pub heads: u8,
    /// How often it got all of it.
    pub wholes: u8,
    /// The test itself was so slow with the answer that restcast may have given up.
    pub late: bool,
    /// What the writer was answered.
    pub status: Option<u16>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { heads, wholes, late, status, .. } = self;
        write!(
            f,
            "the backend got its head {heads} times and all of it {wholes} times, late: {late}, answered {status:?}"
        )
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Ledger {
    pub seed: u64,
    seen: Mutex<Vec<(bool, Seen)>>,
    changed: Notify,
}

impl Ledger {
    pub fn new(seed: u64) -> Self {
        Self { seed, seen: Mutex::default(), changed: Notify::new() }
    }

    /// The next write. `plain`: nothing happens with it.
    pub fn begin(&self, plain: bool) -> Plan {
        let seen = Seen { begun: Instant::now(), heads: 0, wholes: 0, late: false, status: None };
        let mut all = self.seen.lock().unwrap();
        all.push((plain, seen));
        self.plan_of(plain, all.len() as u64 - 1)
    }

    fn plan_of(&self, plain: bool, number: u64) -> Plan {
        if plain { Plan::plain(number) } else { Plan::of(self.seed, number) }
    }

    pub fn plan(&self, number: u64) -> Plan {
        let (plain, _) = self.seen.lock().unwrap()[number as usize];
        self.plan_of(plain, number)
    }

    /// How many writes there are.
    pub fn len(&self) -> u64 {
        self.seen.lock().unwrap().len() as u64
    }

    /// How many of them the backend heard of.
    pub fn heard(&self) -> u64 {
        self.seen.lock().unwrap().iter().filter(|(_, seen)| seen.heads > 0).count() as u64
    }

    pub fn seen(&self, number: u64) -> Seen {
        self.seen.lock().unwrap()[number as usize].1
    }

    pub fn note(&self, number: u64, note: impl FnOnce(&mut Seen)) -> Seen {
        let mut all = self.seen.lock().unwrap();
        let (_, seen) = &mut all[number as usize];
        note(seen);
        let seen = *seen;
        drop(all);
        self.changed.notify_waiters();
        seen
    }

    /// The backend is done with it.
    pub fn done(&self, number: u64) {
        self.note(number, |seen| seen.late |= seen.begun.elapsed() > TIMEOUT / 2);
    }

    /// Waits until the backend has come so far, or longer than it may take.
    pub async fn until(&self, number: u64, is_there: impl Fn(Seen) -> bool) {
        let there = async {
            loop {
                let changed = self.changed.notified();
                if is_there(self.seen(number)) {
                    return;
                }
                changed.await;
            }
        };
        // It may never come: the connection that restcast took for it may be dead.
        drop(tokio::time::timeout(DEADLINE / 10, there).await);
    }
}
