//! Puts all of them together, and ends them one after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch::{Sender, channel};
use tokio::task::JoinSet;

use super::dice::Dice;
use super::event::Reading;
use super::ledger::{Ledger, TIMEOUT};
use super::life::Audience;
use super::process::Counters;
use super::*;

pub struct Soak {
    runtime: Runtime,
    /// The backend's own: it ends first.
    pub backend: Runtime,
    pub proxy: Proxy,
    pub ledger: Arc<Ledger>,
    pub audience: Arc<Audience>,
    pub stayers: JoinSet<()>,
    others: JoinSet<()>,
    writers: JoinSet<()>,
    /// To all but those who stay.
    stop: Sender<bool>,
    /// To those who stay.
    pub complete: Sender<bool>,
}

impl Soak {
    pub fn start(seed: u64) -> Self {
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

    pub fn begin(&mut self) {
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
    pub fn look(&mut self) {
        for set in [&mut self.stayers, &mut self.others, &mut self.writers] {
            while let Some(ended) = set.try_join_next() {
                ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            }
        }
    }

    pub fn join(&mut self, what: &str, pick: fn(&mut Self) -> &mut JoinSet<()>) {
        // Longer than they wait themselves, since they know better what for.
        let end = Instant::now() + 3 * DEADLINE;
        while !pick(self).is_empty() {
            assert!(Instant::now() < end, "waited in vain: {what}");
            std::thread::park_timeout(Duration::from_millis(20));
            self.look();
        }
    }

    pub fn counters(&self) -> Counters {
        Counters::of(self.proxy.admin)
    }

    pub fn connections(&self) -> u64 {
        self.counters().sum("restcast_connections{", "")
    }

    /// Ends the writes, then the readers that do not stay, and waits until all is told.
    pub fn settle(&mut self) {
        self.stop.send_replace(true);
        self.join("the writers end", |soak| &mut soak.writers);
        self.join("readers leave", |soak| &mut soak.others);
        // Those that the backend heard of are known. The others end at once, or with a timeout.
        let (known, mut before) = (self.ledger.heard(), 0);
        eventually("all captures have ended", || {
            let captures = self.counters().captures();
            let is_quiet = std::mem::replace(&mut before, captures) == captures;
            std::thread::park_timeout(TIMEOUT * 3 / 2);
            (is_quiet && captures >= known).then_some(())
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
