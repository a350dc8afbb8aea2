//! Mixed writes with random faults, and two hundred readers that stay, come and go or are too slow: no event
//! is missing or double, the counters add up, and the process holds no more at the end than before.
//!
//! As a test it runs for some seconds; `tests/soak` runs it for half an hour. `RESTCAST_TEST_SOAK` is the time
//! (`90s`, `30m`), and `RESTCAST_TEST_SEED` repeats what was planned in an earlier run.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "nothing here is counted beyond 32 bits"
)]

mod backend;
mod dice;
mod ledger;
mod line;
mod lives;
mod plan;
mod process;
mod rules;
mod told;
mod verdict;
mod watch;
mod writers;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch::{Sender, channel};
use tokio::task::JoinSet;

use self::dice::Dice;
use self::ledger::{Ledger, TIMEOUT};
use self::lives::Audience;
use self::process::Counters;
use self::told::Reading;
use self::watch::Watch;
use crate::harness::*;

const WRITERS: u64 = 16;
/// Of each writer, between two writes.
const PACE: Duration = Duration::from_millis(80);
const STAYING: u64 = 60;
const COMING_AND_GOING: u64 = 100;
const SLOW: u64 = 40;
const TOPICS: [&str; 5] = ["", "thing", "note", "thing/7", "thing/13"];

/// Small bounds, so that what is not given back is missed soon.
const TABLES: &str = r#"
[tap]
body_limit = "16KiB"
decoded_limit = "32KiB"
memory_limit = "1MiB"
queue_limit = 4096

[hub]
max_connections = 250
queue_frames = 64
queue_bytes = "64KiB"

[[route]]
path = "/w/{write}/things/{id}"
model = "thing"

[[route]]
path = "/w/{write}/notes/{id}"
model = "note"

[[route]]
path = "/w/{write}/secrets/{id}"
model = "secret"

[[endpoint]]
path = "/ws"
dialect = "flarchitect"

[[endpoint]]
path = "/events"
dialect = "canonical"
"#;

/// What a reader reads.
fn reading(dice: &mut Dice) -> Reading {
    Reading { canonical: dice.below(2) == 0, topic: dice.pick(&TOPICS) }
}

struct Soak {
    runtime: Runtime,
    /// The backend's own: it ends first.
    backend: Runtime,
    proxy: Proxy,
    ledger: Arc<Ledger>,
    audience: Arc<Audience>,
    stayers: JoinSet<()>,
    others: JoinSet<()>,
    writers: JoinSet<()>,
    /// To all but those who stay.
    stop: Sender<bool>,
    /// To those who stay.
    complete: Sender<bool>,
}

impl Soak {
    fn start(seed: u64) -> Self {
        let runtime =
            |threads| Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
        let (runtime, backend) = (runtime(2), runtime(1));
        let ledger = Arc::new(Ledger::new(seed));
        let listener = backend.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let upstream = listener.local_addr().unwrap();
        backend.spawn(backend::serve(listener, Arc::clone(&ledger)));
        let upstream =
            format!("servers = [\"http://{upstream}\"]\nread_timeout = \"{}s\"", TIMEOUT.as_secs());
        let proxy = Proxy::with_upstream(&upstream, TABLES);
        let audience = Arc::new(Audience::new(proxy.address, Arc::clone(&ledger)));
        let (stop, complete) = (channel(false).0, channel(false).0);
        let sets = [(); 3].map(|()| JoinSet::new());
        let [stayers, others, writers] = sets;
        Self { runtime, backend, proxy, ledger, audience, stayers, others, writers, stop, complete }
    }

    fn begin(&mut self) {
        let seed = self.ledger.seed;
        let guard = self.runtime.handle().clone();
        let _inside = guard.enter();
        for number in 0..STAYING {
            let reading =
                Reading { canonical: number % 2 == 0, topic: TOPICS[number as usize / 2 % TOPICS.len()] };
            let audience = Arc::clone(&self.audience);
            self.stayers.spawn(lives::stay(audience, reading, number == 0, self.complete.subscribe()));
        }
        eventually("those who stay are there", || {
            (self.audience.come.load(Ordering::Relaxed) == STAYING).then_some(())
        });
        for number in 0..COMING_AND_GOING + SLOW {
            let (audience, stop) = (Arc::clone(&self.audience), self.stop.subscribe());
            // Numbers of writes are smaller.
            let dice = Dice::of(seed, (1 << 40) + number);
            if number < SLOW {
                self.others.spawn(lives::come_and_dawdle(audience, dice, stop));
            } else {
                self.others.spawn(lives::come_and_go(audience, dice, stop));
            }
        }
        for _ in 0..WRITERS {
            let (ledger, stop) = (Arc::clone(&self.ledger), self.stop.subscribe());
            self.writers.spawn(writers::run(self.proxy.address, ledger, stop, PACE));
        }
    }

    /// Whoever panicked says so here.
    fn look(&mut self) {
        for set in [&mut self.stayers, &mut self.others, &mut self.writers] {
            while let Some(ended) = set.try_join_next() {
                ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            }
        }
    }

    fn join(&mut self, what: &str, pick: fn(&mut Self) -> &mut JoinSet<()>) {
        eventually(what, || {
            self.look();
            pick(self).is_empty().then_some(())
        });
    }

    fn counters(&self) -> Counters {
        Counters::of(self.proxy.admin)
    }

    fn connections(&self) -> u64 {
        self.counters().sum("restcast_connections{", "")
    }

    /// Ends the writes, then the readers that do not stay, and waits until all is told.
    fn settle(&mut self) {
        self.stop.send_replace(true);
        self.join("the writers end", |soak| &mut soak.writers);
        self.join("readers leave", |soak| &mut soak.others);
        // What a writer left behind ends with the backend's timeout at the latest.
        let mut before = 0;
        eventually("all captures have ended", || {
            let captures = self.counters().captures();
            let is_quiet = std::mem::replace(&mut before, captures) == captures;
            std::thread::park_timeout(TIMEOUT * 3 / 2);
            is_quiet.then_some(())
        });
        let fence = self.ledger.len() as u32;
        let write = writers::write(self.proxy.address, None, &self.ledger, true);
        drop(self.runtime.block_on(write));
        eventually("the last write is told", || {
            self.look();
            self.audience.told.with(|all| all.last().is_some_and(|entry| entry.write == fence)).then_some(())
        });
    }
}

/// What is wrong at the end.
fn faults(soak: &Soak, counters: &Counters) -> Vec<String> {
    let told = &soak.audience.told;
    let (mut faults, tally) = told.with(|all| verdict::judge(&soak.ledger, all));
    faults.extend(verdict::count(counters, &tally, told.len(), soak.ledger.len()));
    let slow = soak.audience.too_slow.load(Ordering::Relaxed);
    let counted = counters.drops("reader_too_slow");
    if counted != slow {
        faults.push(format!("{counted} readers were counted as too slow, and {slow} were closed"));
    }
    faults
}

#[test]
fn nothing_is_lost_or_doubled_or_kept() {
    let seed = watch::seed();
    let mut soak = Soak::start(seed);
    let mut watch = Watch::start(soak.proxy.process.child.id());
    soak.begin();
    while watch.goes_on() {
        soak.look();
        watch.look(&soak.audience, || soak.counters());
    }
    soak.settle();
    eventually("the others have left", || (soak.connections() == STAYING).then_some(()));
    soak.complete.send_replace(true);
    soak.join("those who stay have everything", |soak| &mut soak.stayers);
    eventually("all have left", || (soak.connections() == 0).then_some(()));

    let counters = soak.counters();
    let mut faults = faults(&soak, &counters);
    soak.backend.shutdown_background();
    watch.finish(&soak.audience, &counters);
    faults.extend(watch.faults());
    let first: Vec<_> = faults.iter().take(20).map(String::as_str).collect();
    assert!(faults.is_empty(), "seed {seed}: {} faults, the first:\n{}", faults.len(), first.join("\n"));
}
