//! How fast a client may talk: a bucket of tokens, one for each message, that fills by itself. No clock.

use std::time::Duration;

/// How many messages a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run; at least one.
    pub per_second: u32,
    /// At once, after a silence; at least one.
    pub burst: u32,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is read.
    Taken,
    /// It is dropped.
    Dropped,
    /// It is dropped, and so were as many as the bucket holds since it was last full: the client goes on.
    Flood,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    /// How long it takes until it is full, as of `at`.
    lacks: Duration,
    at: Duration,
    dropped: u32,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, lacks: Duration::ZERO, at: Duration::ZERO, dropped: 0 }
    }

    /// A message came at this age of the connection.
    pub(super) fn take(&mut self, age: Duration) -> Verdict {
        self.lacks = self.lacks.saturating_sub(age.saturating_sub(self.at));
        self.at = self.at.max(age);
        if self.lacks.is_zero() {
            self.dropped = 0;
        }
        let token = Duration::from_secs(1) / self.rate.per_second.max(1);
        let lacks = self.lacks + token;
        if lacks <= token * self.rate.burst.max(1) {
            self.lacks = lacks;
            return Verdict::Taken;
        }
        self.dropped = self.dropped.saturating_add(1);
        if self.dropped > self.rate.burst { Verdict::Flood } else { Verdict::Dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MILLISECONDS: MESSAGES -> TAKEN DROPPED FLOOD`, in order.
    fn check(rate: Rate, rows: &str) {
        let mut bucket = Bucket::new(rate);
        for row in rows.trim().lines().map(str::trim) {
            let (at, rest) = row.split_once(": ").unwrap();
            let (messages, expected) = rest.split_once(" -> ").unwrap();
            let age = Duration::from_millis(at.parse().unwrap());
            let mut counts = [0; 3];
            for _ in 0..messages.parse().unwrap() {
                counts[bucket.take(age) as usize] += 1;
            }
            assert_eq!(counts.map(|count| count.to_string()).join(" "), expected, "{row}");
        }
    }

    #[test]
    fn a_burst_is_taken_then_the_rate_and_a_flood_is_told_from_a_slip() {
        check(
            Rate { per_second: 10, burst: 5 },
            "0: 7 -> 5 2 0
             99: 1 -> 0 1 0
             100: 2 -> 1 1 0
             350: 3 -> 2 1 0
             350: 2 -> 0 0 2
             400: 1 -> 1 0 0
             400: 1 -> 0 0 1
             899: 1 -> 1 0 0
             1100: 6 -> 5 1 0
             60000: 6 -> 5 1 0",
        );
    }

    #[test]
    fn one_by_one_is_a_rate_too_and_time_never_goes_back() {
        check(
            Rate { per_second: 1, burst: 1 },
            "5000: 2 -> 1 1 0
             1000: 1 -> 0 0 1
             5999: 1 -> 0 0 1
             6000: 2 -> 1 1 0",
        );
    }

    #[test]
    fn whoever_keeps_to_the_rate_never_loses_a_message() {
        let mut bucket = Bucket::new(Rate { per_second: 100, burst: 1 });
        for number in 0..10_000 {
            assert_eq!(bucket.take(Duration::from_millis(10 * number)), Verdict::Taken, "{number}");
        }
    }
}
