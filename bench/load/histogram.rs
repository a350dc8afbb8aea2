//! Counts durations in buckets that are at most 0.8 % wide.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets for each doubling of the duration, as a power of two.
const PRECISION_BITS: u32 = 7;
const BUCKETS_PER_DOUBLING: u64 = 1 << PRECISION_BITS;
/// Doublings above the first linear stretch: up to about 19 hours of microseconds.
const DOUBLINGS: u64 = 30;

/// How often each duration occurred, in microseconds.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: Box<[AtomicU64]>,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = BUCKETS_PER_DOUBLING * (DOUBLINGS + 1);
        Self { buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Histogram {
    /// Counts one duration; one beyond the last bucket counts there.
    pub(crate) fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let index = usize::try_from(bucket_of(micros)).unwrap_or(usize::MAX);
        if let Some(bucket) = self.buckets.get(index).or(self.buckets.last()) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// Forgets everything, so that a warm-up does not count.
    pub(crate) fn clear(&self) {
        for bucket in &self.buckets {
            bucket.store(0, Relaxed);
        }
    }

    /// How many durations were counted.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// The duration, in microseconds, that `per_mille` of all durations do not exceed; `None`
    /// without any.
    pub(crate) fn quantile_micros(&self, per_mille: u64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = (count * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        let mut indexes = 0_u64..;
        self.buckets.iter().zip(&mut indexes).find_map(|(bucket, index)| {
            seen += bucket.load(Relaxed);
            (seen >= wanted).then(|| bucket_start(index))
        })
    }
}

/// The bucket of a value: linear up to two doublings' worth of buckets, then logarithmic.
fn bucket_of(micros: u64) -> u64 {
    let doublings = micros.max(1).ilog2().saturating_sub(PRECISION_BITS);
    u64::from(doublings) * BUCKETS_PER_DOUBLING + (micros >> doublings)
}

/// The smallest value of a bucket.
fn bucket_start(bucket: u64) -> u64 {
    let doublings = (bucket / BUCKETS_PER_DOUBLING).saturating_sub(1);
    (bucket - doublings * BUCKETS_PER_DOUBLING) << doublings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_starts_at_most_one_percent_below_its_values() {
        for micros in (0..100_000).chain([1 << 25, (1 << 30) + 12_345]) {
            let start = bucket_start(bucket_of(micros));
            assert!(start <= micros && (micros - start) * 100 <= micros, "{micros}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_list() {
        let histogram = Histogram::default();
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.quantile_micros(500), Some(50));
        assert_eq!(histogram.quantile_micros(990), Some(99));
    }
}
