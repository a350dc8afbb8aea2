//! Realtime connections leave before the process stops: a few at a time, so that those who come back do not all come
//! at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::broker::Publisher;
use crate::config::Drain;
use crate::hub::{Hub, Leaving};
use crate::proxy::Sessions;

/// Between two groups that leave.
const TICK: Duration = Duration::from_millis(20);
/// For which so many are no crowd: fewer leave sooner.
const AT_LEAST_PER_SECOND: usize = 100;

/// How fast connections leave.
#[derive(Debug, Clone, Copy)]
struct Pace {
    total: usize,
    spread: Duration,
}

impl Pace {
    fn new(total: usize, drain: Drain) -> Self {
        let most = Duration::from_millis((total * 1000 / AT_LEAST_PER_SECOND) as u64);
        // Their last words take time, too.
        Self { total, spread: drain.spread.min(most).min(drain.timeout * 3 / 4) }
    }

    /// How many of `part` of them may be there still after this time.
    fn may_stay(self, part: usize, elapsed: Duration) -> usize {
        let left = self.spread.saturating_sub(elapsed).as_micros();
        let stay = (part as u128 * left).checked_div(self.spread.as_micros()).unwrap_or_default();
        usize::try_from(stay).unwrap_or(part)
    }
}

/// Who has them leave.
#[derive(Debug)]
pub(super) struct Departure<'a> {
    pub(super) hub: &'a Arc<Hub>,
    pub(super) sessions: &'a [Arc<Sessions>],
    pub(super) publisher: &'a Publisher,
}

impl Departure<'_> {
    /// Until all that are there now have been sent away. Those that wait for an answer are given time for it.
    pub(super) async fn run(&self, drain: Drain) {
        let mut readers = self.hub.leaving();
        let mut others: Vec<_> = self.others(Sessions::everybody);
        let (count, count_others, begun) = (readers.len(), others.len(), Instant::now());
        let pace = Pace::new(count + count_others, drain);
        tracing::info!(connections = pace.total, over = ?pace.spread, "realtime connections leave");
        while !readers.is_empty() || !others.is_empty() {
            sleep(TICK).await;
            let elapsed = begun.elapsed();
            for (sessions, sid) in others.drain(pace.may_stay(count_others, elapsed).min(others.len())..) {
                sessions.end(sid);
            }
            let gone = readers.len().saturating_sub(pace.may_stay(count, elapsed));
            let Some(rest) = self.go(readers, gone).await else { break };
            readers = rest;
        }
    }

    /// The same for those that have come since. No more come.
    pub(super) async fn finish(&self) {
        for (sessions, sid) in self.others(Sessions::retire) {
            sessions.end(sid);
        }
        let mut readers = self.hub.retire();
        while !readers.is_empty() {
            let count = readers.len();
            let Some(rest) = self.go(readers, count).await else { break };
            readers = rest;
            sleep(TICK).await;
        }
    }

    fn others(&self, which: impl Fn(&Sessions) -> Vec<Uuid>) -> Vec<(Arc<Sessions>, Uuid)> {
        let all = self.sessions.iter().map(|sessions| (sessions, which(sessions)));
        all.flat_map(|(sessions, all)| all.into_iter().map(|sid| (Arc::clone(sessions), sid))).collect()
    }

    /// In line with the events. `None`: nobody can say who has left.
    async fn go(&self, mut readers: Leaving, count: usize) -> Option<Leaving> {
        let (told, hears) = oneshot::channel();
        self.publisher.answer(Box::new(move || {
            readers.go(count);
            // Nobody hears it whose time is over.
            drop(told.send(readers));
        }));
        hears.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(spread: u64, timeout: u64) -> Drain {
        let [spread, timeout] = [spread, timeout].map(Duration::from_secs);
        Drain { delay: Duration::ZERO, spread, timeout }
    }

    fn pace(total: usize, spread: u64, timeout: u64) -> Pace {
        Pace::new(total, drain(spread, timeout))
    }

    #[test]
    fn a_bounded_share_leaves_each_second() {
        let pace = pace(10_000, 10, 30);
        let stay = |seconds| pace.may_stay(10_000, Duration::from_secs(seconds));
        assert_eq!([0, 1, 5, 9, 10, 11].map(stay), [10_000, 9000, 5000, 1000, 0, 0]);
        assert_eq!(pace.may_stay(400, Duration::from_secs(5)), 200, "those of each kind alike");
    }

    #[test]
    fn a_few_leave_sooner_and_all_within_the_timeout() {
        assert_eq!(pace(1, 10, 30).spread, Duration::from_millis(10));
        assert_eq!(pace(300, 10, 30).spread, Duration::from_secs(3));
        assert_eq!(pace(50_000, 60, 40).spread, Duration::from_secs(30));
        assert_eq!(pace(50_000, 0, 40).may_stay(50_000, Duration::ZERO), 0);
        assert_eq!(pace(0, 10, 40).may_stay(0, Duration::ZERO), 0);
    }
}
