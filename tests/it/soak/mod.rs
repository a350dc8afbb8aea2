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
mod event;
mod ledger;
mod life;
mod line;
mod lives;
mod message;
mod plan;
mod process;
mod rules;
mod run;
mod told;
mod verdict;
mod watch;
mod writers;

use std::sync::atomic::Ordering;
use std::time::Duration;

use self::dice::Dice;
use self::event::Reading;
use self::process::Counters;
use self::run::Soak;
use self::watch::Watch;
use crate::harness::*;

const WRITERS: u64 = 16;
/// Of each writer, between two writes.
const PACE: Duration = Duration::from_millis(80);
const STAYING: u64 = 60;
const COMING_AND_GOING: u64 = 100;
const SLOW: u64 = 40;
const READERS: u64 = STAYING + COMING_AND_GOING + SLOW;
/// Of those who stay: the topics are dealt out in turn.
const READERS_OF_ALL: u64 = STAYING / TOPICS.len() as u64;
const TOPICS: [&str; 5] = ["", "thing", "note", "thing/7", "thing/13"];

/// Small bounds, so that what is not given back is missed soon.
const TABLES: &str = r#"
[tap]
body_limit = "16KiB"
decoded_limit = "32KiB"
memory_limit = "512KiB"
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
