//! A broker between processes: what this one publishes goes into a log, and what comes out of that, from here and
//! elsewhere, goes to the hub. The server may be away at any time: nothing waits for it but what is to be published.
//!
//! Positions are the log's, so they are the same in every process. Nothing reaches this process's readers but by the
//! log, so all of them see one order.

mod outgoing;
mod oversize;
mod sequence;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::local::Local;
use super::nodes::{Doormen, Heard, Nodes, Report};
use super::{
    Arrived, Away, Broker, Entry, Follow, Head, Log, Opened, Parcel, Publisher, Reached, Receipt, Sender,
};
use crate::event::Epoch;
use crate::hub::Hub;
use crate::metrics::Metrics;
pub(super) use outgoing::Outgoing;
pub use outgoing::OutgoingLimits;
use sequence::Sequence;

/// Room for entries that have arrived and that the hub has not seen yet; more are left with the server.
const ARRIVED: u32 = 4096;
/// An entry takes one, and one more for each of its bytes that are so many.
const ROOM_BYTES: usize = 16 * 1024;
/// Entries that are asked for at once. Whoever is behind, and far away from its server, comes no nearer by less.
const RANGE: usize = 512;
/// Between two attempts to reach the server: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MOST_PAUSE: Duration = Duration::from_secs(5);
/// How often it is looked whether all is written.
const TICK: Duration = Duration::from_millis(20);

/// See the module's documentation.
#[derive(Debug)]
pub struct Remote {
    log: Arc<dyn Log>,
    local: Local,
    outgoing: Arc<Outgoing>,
    nodes: Arc<Nodes>,
    /// So many of the last entries are read at the start.
    history: u64,
    room: Arc<Semaphore>,
    is_there: AtomicBool,
    /// It took what was given to it last.
    takes: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Remote {
    /// `node`: as which this process writes; `history`: entries that it reads when it starts.
    pub fn new(
        log: Arc<dyn Log>,
        (hub, metrics): (Arc<Hub>, Arc<Metrics>),
        node: Uuid,
        limits: OutgoingLimits,
        history: u64,
    ) -> Self {
        let outgoing = Arc::new(Outgoing::new(node, limits));
        let (shared, told) = (Arc::clone(&outgoing), Arc::clone(&metrics));
        let nodes = Arc::new(Nodes::new((node, log.name()), Arc::clone(&hub), told, shared));
        let local = Local::new(hub, Arc::clone(&metrics));
        let room = Arc::new(Semaphore::new(ARRIVED as usize));
        let (is_there, takes) = (AtomicBool::new(false), AtomicBool::new(true));
        Self { log, local, outgoing, nodes, history, room, is_there, takes, metrics }
    }

    /// The same where these endpoints tell who comes and leaves.
    #[must_use]
    pub fn with_doormen(self, doormen: Doormen) -> Self {
        self.nodes.set_doormen(doormen);
        self
    }

    /// The server is there, and the hub has what it holds.
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// What waits to be published.
    pub fn waiting(&self) -> usize {
        self.outgoing.len() + self.nodes.untold()
    }

    /// The other nodes, and this one among them.
    pub fn nodes(&self) -> Arc<Nodes> {
        Arc::clone(&self.nodes)
    }

    /// Until all that was published before is in the log, whether or not the server is there; at `deadline` at the latest.
    /// Returns how much waits then.
    pub async fn finish(&self, publisher: &Publisher, deadline: Instant) -> usize {
        let is_through = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_through);
        publisher.answer(Box::new(move || told.store(true, Ordering::Release)));
        let is_done = || is_through.load(Ordering::Acquire) && self.waiting() == 0;
        while Instant::now() < deadline && !is_done() {
            sleep(TICK).await;
        }
        self.waiting()
    }

    /// Tells the others that this node goes; ends soon.
    pub async fn leave(&self) {
        self.nodes.leave().await;
    }

    /// Follows the log for ever; what arrives goes to `publisher`, whose broker this is.
    pub async fn run(&self, publisher: &Publisher) {
        tokio::select! {
            () = self.follow_for_ever(publisher) => {}
            () = self.nodes.keep_time() => {}
        }
    }

    async fn follow_for_ever(&self, publisher: &Publisher) {
        let mut sequence = Sequence::new(self.history);
        let (mut pause, mut told, mut taken) = (FIRST_PAUSE, None, None);
        loop {
            let away = match self.log.open().await {
                Ok(opened) => {
                    let begun = Instant::now();
                    let (has_written, away) =
                        self.follow(opened, (&mut sequence, &mut taken), publisher).await;
                    // It may let everybody in, and take nothing.
                    if has_written || begun.elapsed() >= MOST_PAUSE {
                        pause = FIRST_PAUSE;
                    }
                    away
                }
                Err(away) => away,
            };
            self.is_away(away, &mut told);
            sleep(pause.mul_f64(rand_share())).await;
            pause = (pause * 2).min(MOST_PAUSE);
        }
    }

    /// Until the connection breaks off; whether something was written by then, and why.
    async fn follow(
        &self,
        opened: Opened,
        (sequence, taken): (&mut Sequence, &mut Option<Taken>),
        publisher: &Publisher,
    ) -> (bool, Away) {
        let (mut has_written, has_read) = (false, AtomicBool::new(false));
        let Opened { head, mut writer, mut reader, talk } = opened;
        if taken.take_if(|taken| taken.is_lost_in(head)).is_some() {
            tracing::error!("another server took events while this log had begun already: they are lost");
            self.outgoing.lose();
        }
        let room = self.room(1).await;
        hand_over(sequence.open(head).into_iter().collect(), room, publisher);
        let read = async {
            self.fill(&mut *reader, sequence, head.last, publisher).await?;
            // Whoever comes before the hub has all of it would be sent away again.
            drop(self.room(ARRIVED as usize).await);
            has_read.store(true, Ordering::Relaxed);
            if self.takes.load(Ordering::Relaxed) {
                self.is_back();
            }
            loop {
                let entry = reader.next().await?;
                self.take(entry, &mut *reader, sequence, publisher).await?;
            }
        };
        let write = async {
            loop {
                let letters = self.outgoing.next(writer.largest()).await;
                let written = writer.append(&letters).await;
                self.takes.store(written.is_ok(), Ordering::Relaxed);
                written?;
                *taken = Some(Taken { epoch: head.epoch, at: Instant::now() });
                if has_read.load(Ordering::Relaxed) {
                    self.is_back();
                }
                self.outgoing.written(letters.len());
                self.metrics.broker_waiting(self.outgoing.len());
                has_written = true;
                self.metrics.broker_published(letters.len());
            }
        };
        let talk = async { Err(self.nodes.talk(talk).await) };
        let ended: Result<Infallible, Away> =
            tokio::select! { ended = read => ended, ended = write => ended, ended = talk => ended };
        self.nodes.end();
        let Err(away) = ended;
        (has_written, away)
    }

    async fn take(
        &self,
        entry: Entry,
        reader: &mut dyn Follow,
        sequence: &mut Sequence,
        publisher: &Publisher,
    ) -> Result<(), Away> {
        self.metrics.broker_lag(sequence.lag(entry.offset));
        if entry.offset > sequence.offset() + 1 {
            self.fill(reader, sequence, entry.offset - 1, publisher).await?;
        }
        let room = self.room(room_for(&entry)).await;
        hand_over(sequence.read(&entry).unwrap_or_default().into_iter().collect(), room, publisher);
        self.metrics.broker_lag(sequence.lag(entry.offset));
        Ok(())
    }

    /// Reads what is between the last entry that was read and this offset, and says what is not there any more.
    async fn fill(
        &self,
        reader: &mut dyn Follow,
        sequence: &mut Sequence,
        to: u64,
        publisher: &Publisher,
    ) -> Result<(), Away> {
        while sequence.offset() < to {
            let from = sequence.offset() + 1;
            let entries = reader.range(from, to, RANGE).await?;
            let room = self.room(entries.iter().map(room_for).sum()).await;
            let mut arrived = Vec::new();
            for entry in &entries {
                arrived.extend(sequence.miss(entry.offset - 1));
                arrived.extend(sequence.read(entry).unwrap_or_default());
            }
            if entries.is_empty() {
                arrived.extend(sequence.miss(to));
            }
            hand_over(arrived, room, publisher);
            self.metrics.broker_lag(sequence.lag(to));
        }
        Ok(())
    }

    /// Waits until the hub has so much room. To be had before they count as read: whoever reads may be
    /// ended while it waits, and nothing that was read may be lost.
    async fn room(&self, room: usize) -> Option<OwnedSemaphorePermit> {
        let room = u32::try_from(room).unwrap_or(ARRIVED).min(ARRIVED);
        // `None`: it was closed, which nobody does.
        Arc::clone(&self.room).acquire_many_owned(room).await.ok()
    }

    fn is_back(&self) {
        if !self.is_there.swap(true, Ordering::Relaxed) {
            tracing::info!(broker = self.log.name(), "the broker is there");
            self.metrics.broker(true);
        }
    }

    /// `told`: why it was away at last.
    fn is_away(&self, away: Away, told: &mut Option<Away>) {
        let was_there = self.is_there.swap(false, Ordering::Relaxed);
        if was_there {
            self.metrics.broker(false);
        }
        let name = self.log.name();
        if was_there || told.as_ref() != Some(&away) {
            tracing::warn!(broker = name, error = %away, "the broker is away");
        } else {
            tracing::debug!(broker = name, error = %away, "the broker is still away");
        }
        *told = Some(away);
    }
}

impl Broker for Remote {
    fn publish(&self, parcel: Parcel) -> u64 {
        self.put(parcel, None);
        0
    }

    fn tell(&self, parcel: Parcel) -> u64 {
        if !self.outgoing.push_word(parcel) {
            self.metrics.word_dropped();
        }
        0
    }

    /// The log brings them to every node, and each says how many it reached.
    fn send(&self, parcels: Vec<Parcel>, receipt: Receipt) {
        let told = Box::new(move |heard: Heard| {
            receipt(Reached { readers: heard.reached(), nodes: Some(heard.roll) });
        });
        let asks = self.nodes.expect(parcels.len(), told);
        for parcel in parcels {
            self.put(parcel, asks);
        }
    }

    fn gather(&self) {
        self.local.gather();
    }

    fn flush(&self) {
        self.local.flush();
    }

    /// Every process is to know, this one included.
    fn lose(&self) {
        self.outgoing.lose();
    }

    fn arrived(&self, arrived: Arrived) {
        match arrived {
            Arrived::Begin(position) => self.local.adopt(position),
            Arrived::Parcel(offset, parcel, sender) => self.deliver(offset, *parcel, sender),
            Arrived::Nothing(offset) => self.local.skip(offset),
            Arrived::Lost(offset) => self.local.lose(Some(offset)),
        }
    }
}

impl Remote {
    fn put(&self, parcel: Parcel, asks: Option<u64>) {
        if !self.outgoing.push(parcel, asks) {
            self.metrics.broker_full();
        }
        self.metrics.broker_waiting(self.outgoing.len());
    }

    fn deliver(&self, offset: u64, mut parcel: Parcel, Sender { node, asks }: Sender) {
        let wanted = match &mut parcel {
            Parcel::Push(push) => push.receipt.take().map(|number| (push, number)),
            Parcel::Event(_) => None,
        };
        // By its sender's number clients would answer a question of this node's.
        let asked = wanted.map(|(push, number)| {
            push.receipt = self.local.ask_for_receipts();
            (number, push.receipt)
        });
        let reached = self.local.deliver(Some(offset), parcel);
        match asked {
            Some((number, Some(here))) => self.nodes.collect(node, number, here),
            Some((number, None)) => self.nodes.report(node, number, Report::Reached(reached)),
            None => {}
        }
        if let Some(number) = asks {
            self.nodes.report(node, number, Report::Reached(reached));
        }
    }
}

fn hand_over(arrived: Vec<Arrived>, room: Option<OwnedSemaphorePermit>, publisher: &Publisher) {
    if !arrived.is_empty() {
        publisher.arrive(arrived, Box::new(room));
    }
}

/// The last that the server took of this process.
#[derive(Debug, Clone, Copy)]
struct Taken {
    epoch: Epoch,
    at: Instant,
}

impl Taken {
    /// It was taken when this log had begun, by a server that did not know that yet. Whoever was told of this log then
    /// has never heard of it.
    fn is_lost_in(self, head: Head) -> bool {
        self.epoch != head.epoch && head.age.is_some_and(|age| age > self.at.elapsed())
    }
}

fn room_for(entry: &Entry) -> usize {
    1 + entry.bytes.len() / ROOM_BYTES
}

/// From a half to one, so that not all processes come back at the same moment.
fn rand_share() -> f64 {
    let chance = u16::try_from(Uuid::new_v4().as_u128() & 0xFFFF).unwrap_or_default();
    f64::midpoint(f64::from(chance) / f64::from(u16::MAX), 1.0)
}
