//! Looks at the process while the soak runs, says how it goes, and judges what it held.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::life::Audience;
use super::process::{Counters, Holding};
use crate::harness::eventually;

/// As an ordinary test.
const SHORT: Duration = Duration::from_secs(10);
/// From here on, memory is judged by its course; a shorter run is still filling its pools.
const LONG: Duration = Duration::from_mins(5);
/// mimalloc keeps freed pages for each thread, and kernels count what was touched once.
const SHORT_GROWTH_KIB: u64 = 32 * 1024;
/// Of the last third's median over that of the second.
const LONG_GROWTH_PERCENT: u64 = 15;

/// See the module's documentation.
pub struct Watch {
    process: u32,
    begun: Instant,
    length: Duration,
    next_line: Instant,
    /// Before the first reader came.
    first: Holding,
    samples: Vec<Holding>,
}

/// From `RESTCAST_TEST_SEED`, else another one each time.
pub fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 % 1_000_000_000;
    let given = std::env::var("RESTCAST_TEST_SEED").ok();
    given.map_or_else(now, |seed| {
        seed.parse().unwrap_or_else(|_| panic!("RESTCAST_TEST_SEED is no number: {seed}"))
    })
}

fn length() -> Duration {
    let Ok(text) = std::env::var("RESTCAST_TEST_SOAK") else { return SHORT };
    let unit = if text.ends_with('m') { 60 } else { 1 };
    let number = text.trim_end_matches(['m', 's']).parse::<u64>();
    Duration::from_secs(unit * number.unwrap_or_else(|_| panic!("RESTCAST_TEST_SOAK is no time: {text}")))
}

impl Watch {
    pub fn start(process: u32) -> Self {
        let now = Instant::now();
        let first = Holding::of(process);
        Self { process, begun: now, length: length(), next_line: now, first, samples: Vec::new() }
    }

    pub fn goes_on(&self) -> bool {
        self.begun.elapsed() < self.length
    }

    /// One sample, and now and then a line.
    pub fn look(&mut self, audience: &Audience, counters: impl Fn() -> Counters) {
        std::thread::park_timeout(Duration::from_millis(500));
        self.samples.push(Holding::of(self.process));
        if Instant::now() >= self.next_line {
            self.next_line = Instant::now() + (self.length / 30).max(Duration::from_secs(3));
            self.say(audience, &counters());
        }
    }

    fn say(&self, audience: &Audience, counters: &Counters) {
        let count = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
        let Holding { rss_kib, threads, files } = Holding::of(self.process);
        let outcomes = super::rules::Ending::COUNTED.map(|(_, name)| {
            format!("{name} {}", counters.sum("restcast_captures_total", &format!("\"{name}\"")))
        });
        let line = format!(
            "soak {:>5} s: {} writes, {} events, {} frames; readers: {} came, {} left, {} too slow; \
             RSS {rss_kib} KiB, {files} files, {threads} threads; {}\n",
            self.begun.elapsed().as_secs(),
            audience.ledger.len(),
            audience.told.len(),
            count(&audience.frames),
            count(&audience.come),
            count(&audience.gone),
            count(&audience.too_slow),
            outcomes.join(", "),
        );
        drop(std::io::stderr().write_all(line.as_bytes()));
    }

    /// Everybody has left, the backend too: what was opened for them is closed.
    pub fn finish(&self, audience: &Audience, counters: &Counters) {
        self.say(audience, counters);
        let first = self.first.files;
        eventually("files are closed", || (Holding::of(self.process).files <= first).then_some(()));
    }

    /// The samples of one third of the time, by one of their numbers, in its order.
    fn third(&self, third: usize, number: fn(&Holding) -> u64) -> Vec<u64> {
        let size = self.samples.len() / 3;
        let mut numbers: Vec<u64> = self.samples[size * third..][..size].iter().map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// What the process held more and more of.
    pub fn faults(&self) -> Vec<String> {
        let rss = [0, 1, 2].map(|third| self.third(third, |held| held.rss_kib));
        let threads = [0, 1, 2].map(|third| *self.third(third, |held| held.threads).last().unwrap());
        let medians = rss.each_ref().map(|third| third[third.len() / 2]);
        let ranges = rss.each_ref().map(|third| (third[0], third[third.len() - 1]));
        let said =
            format!("RSS in KiB by thirds: medians {medians:?}, ranges {ranges:?}; threads {threads:?}");
        drop(writeln!(std::io::stderr(), "soak: {said}"));
        let [first, second, third] = medians;
        let most = if self.length < LONG {
            first + SHORT_GROWTH_KIB
        } else {
            second + second * LONG_GROWTH_PERCENT / 100
        };
        let grows = third > most || threads[1..].iter().any(|count| *count > threads[0]);
        if grows { vec![said] } else { Vec::new() }
    }
}
