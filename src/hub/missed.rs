//! A reader that was away catches up with what it missed.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

use super::history::{Forgotten, History, HistoryLimits, Kept};
use super::reader::{Reader, Standing};
use super::rendered::Told;
use super::subscriber::Subscription;
use super::tables::Tables;
use super::{Hub, Subscriber};
use crate::event::{Epoch, Event, Item, Operation, Outcome, Position, Strength};
use crate::message::{Caught, CloseReason, Frame, Loss, Pick};

/// So many bytes of records are read to find what one reader missed, however little of that it wants. 3.7 MB of them in
/// 900 events were looked through in 1.7 ms, for one filter or for 96.
const LOOKED_MAX: usize = 4 << 20;

/// The frames that a reader missed of one event.
#[derive(Debug)]
pub(super) struct Missed(Vec<Frame>);

impl Told for Missed {
    fn write<F: Borrow<Frame>>(&mut self, _: &Reader, frames: impl Iterator<Item = F>) {
        self.0.extend(frames.map(|frame| frame.borrow().clone()));
    }

    fn hide(&mut self) {}
}

impl Subscriber {
    /// Its client does not ask what it missed of what it subscribed to just now, and is not told so later.
    pub fn settle(&mut self) {
        for held in &mut self.reader().standing().subscriptions {
            held.is_fresh = false;
        }
    }

    /// What became of the subscriptions since the last call, and the frames that the client missed of them since it
    /// got the event at `since`, or what it is to have of that: to be sent behind the answer, and before what is
    /// [held](super::Lane::hold). If they have more than so many bytes they count as expired, and so if too much is to
    /// be looked through for them.
    pub fn catch_up(
        &mut self,
        since: Option<Position>,
        pick: Pick,
        bytes_max: usize,
    ) -> (Caught, Vec<Frame>) {
        let missed = since.map(|since| {
            let frames = self.missed(since, (pick, bytes_max))?;
            if bytes(&frames) > bytes_max { Err(Loss::Expired) } else { Ok(frames) }
        });
        let mut standing = self.reader().standing();
        let fresh = standing.subscriptions.iter_mut().filter(|held| held.is_fresh);
        let certain = fresh.map(|held| {
            held.is_fresh = false;
            held.floor()
        });
        // Of where offsets began anew since then nothing is known, and the client hears that when it comes back with it.
        let position = match certain.reduce(first) {
            Some(position) => position.is_told().then_some(position),
            None => self.hub().position(),
        };
        let position = position.map(|position| match since {
            Some(since) if matches!(missed, Some(Ok(_))) && since.epoch == position.epoch => {
                Position { offset: since.offset.max(position.offset), ..position }
            }
            _ => position,
        });
        let (recovered, frames) = match missed {
            None => (None, Vec::new()),
            Some(Ok(frames)) => (Some(Ok(())), frames),
            Some(Err(loss)) => (Some(Err(loss)), Vec::new()),
        };
        (Caught { position, recovered }, frames)
    }

    /// Tells up to where everything that is for its client has been handed to its lane, if that is known just now. No
    /// event comes between that and what is sent meanwhile.
    pub fn settled(&self, tell: impl FnOnce(Caught)) {
        let standing = self.reader().standing();
        let is_known = self.reader().line.is_empty();
        // It may have got more elsewhere, of all that it wants.
        let elsewhere = standing.subscriptions.iter().map(|held| held.since).min();
        let position = elsewhere.filter(|_| is_known).and_then(|elsewhere| {
            let Position { epoch, offset } = self.hub().settled()?;
            Some(Position { epoch, offset: offset.max(elsewhere) })
        });
        tell(Caught { position, recovered: None });
    }

    /// Ends behind what is more than `bytes_max`, unless some of it is left out again. It may take its time, and
    /// events are offered to the reader meanwhile: nobody but this subscriber changes who it is or what it wants.
    fn missed(&self, since: Position, (pick, bytes_max): (Pick, usize)) -> Result<Vec<Frame>, Loss> {
        // Nobody else changes it, and its lane is on hold. So events go on meanwhile, to this reader too.
        let mut standing = self.reader().standing().copy();
        if !standing.subscriptions.iter().any(|held| held.is_fresh) {
            // It asks behind what it is told live already, and what it has of that nobody knows.
            return Err(Loss::Expired);
        }
        let is_expected = self.ahead == Some(since);
        let events = self.hub().missed(&standing, since, is_expected)?;
        // Nobody can say now what the backend would have said then.
        let rendered = events.iter().map(|kept| Some((kept.rendered.as_ref()?, &kept.topics)));
        let events: Vec<_> = rendered.collect::<Option<_>>().ok_or(Loss::Expired)?;
        for held in standing.subscriptions.iter_mut().filter(|held| held.is_fresh) {
            held.catching = Some(since.offset);
        }
        // Of several subscriptions to one topic each is told by itself, in frames of its own.
        let is_tagged = standing.subscriptions.iter().any(|held| held.tag.is_some());
        let is_conflated = pick == Pick::Latest && !is_tagged;
        let is_read = standing.subscriptions.iter().any(Subscription::reads);
        let (mut told, mut sum, mut looked) = (Vec::new(), 0, 0);
        for (rendered, topics) in &events {
            looked += size_of_val(&***topics) + if is_read { rendered.bytes() } else { 0 };
            if looked > LOOKED_MAX {
                return Err(Loss::Expired);
            }
            let mut missed = Missed(Vec::new());
            rendered.tell_missed(self.reader(), &standing, topics, &mut missed);
            sum += bytes(&missed.0);
            if !missed.0.is_empty() {
                told.push((rendered.event(), missed.0));
            }
            if sum > bytes_max && !is_conflated {
                break;
            }
        }
        if is_conflated {
            told = latest(told);
        }
        Ok(told.into_iter().flat_map(|(_, frames)| frames).collect())
    }
}

/// From which on nothing of both is missed; untold where offsets began anew between them.
fn first(one: Position, other: Position) -> Position {
    if one.epoch == other.epoch {
        Position { offset: one.offset.min(other.offset), ..one }
    } else {
        Position::untold(0)
    }
}

fn bytes(frames: &[Frame]) -> usize {
    frames.iter().map(|frame| frame.wire().len()).sum()
}

/// Without the writes of a record that a later one of the same takes the place of: one that says the whole record, or that
/// it is gone. What writes several stays: which of them the reader was told of is not known here.
fn latest<T>(told: Vec<(&Event, T)>) -> Vec<(&Event, T)> {
    let mut written = HashSet::new();
    let mut is_latest = |event: &Event| {
        let [item @ Item { id: Some(id), .. }] = event.items.as_slice() else { return true };
        if event.operation == Operation::Custom {
            return true;
        }
        let record = (event.model.to_lowercase(), id.scalar_text());
        let is_whole = event.operation == Operation::Delete || item.strength() == Strength::Record;
        if is_whole && event.outcome == Outcome::Certain {
            return written.insert(record);
        }
        !written.contains(&record)
    };
    let mut latest: Vec<_> = told.into_iter().rev().filter(|(event, _)| is_latest(event)).collect();
    latest.reverse();
    latest
}

impl Hub {
    /// The same with the last events of each topic, for readers that were away; `epoch` is one that was not there
    /// before.
    #[must_use]
    pub fn keeping(mut self, limits: HistoryLimits, epoch: Epoch) -> Self {
        if limits.size > 0 {
            self.epoch = AtomicU64::new(epoch.number());
            self.lock().history = History::new(limits);
        }
        self
    }

    /// The next position, or one that is said. Where something is kept at it, to be called with the tables locked.
    pub(super) fn advance(&self, to: Option<u64>) -> Position {
        let offset = match to {
            Some(offset) => self.position.fetch_max(offset, Ordering::Relaxed).max(offset),
            None => self.position.fetch_add(1, Ordering::Relaxed) + 1,
        };
        Position { epoch: self.epoch(), offset }
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch::read(self.epoch.load(Ordering::Relaxed))
    }

    /// Nobody knows what came up to this offset, or up to now: every reader is closed with [`CloseReason::Lagging`], and
    /// nothing is recovered from before. Returns how many there were.
    pub fn lose(&self, offset: Option<u64>) -> usize {
        let mut tables = self.lock();
        let position = self.advance(offset);
        tables.history.clear(position.offset);
        self.lost(position, tables)
    }

    /// The log of a broker is followed from behind this position on, and what came before is not known. Returns how
    /// many readers were closed for it.
    pub fn adopt(&self, position: Position) -> usize {
        self.views.iter().for_each(|views| views.forget(position.offset));
        let mut tables = self.lock();
        // Who keeps nothing tells no position either. Nobody finds the offset of one epoch beside the other.
        self.epoch.store(Epoch::NONE.number(), Ordering::SeqCst);
        self.position.store(position.offset, Ordering::SeqCst);
        if tables.history.is_on() {
            self.epoch.store(position.epoch.number(), Ordering::SeqCst);
        }
        tables.history.clear(position.offset);
        self.lost(position, tables)
    }

    /// Nothing for readers stands at this offset of a broker's log.
    pub fn skip(&self, offset: u64) {
        let _tables = self.lock();
        self.advance(Some(offset));
    }

    fn lost(&self, position: Position, tables: MutexGuard<'_, Tables>) -> usize {
        // Whoever comes from now on has missed nothing.
        let all = tables.everybody();
        drop(tables);
        if let Some(views) = &self.views {
            views.lost(position);
        }
        super::close(&all, CloseReason::Lagging)
    }

    /// The last position, `None`: clients are told none. Whoever looks at something from now on, and follows from
    /// there, misses nothing of it. Asked by every GET of a route, so it waits for nobody.
    pub fn position(&self) -> Option<Position> {
        let epoch = || Epoch::read(self.epoch.load(Ordering::SeqCst));
        let position = Position { epoch: epoch(), offset: self.position.load(Ordering::SeqCst) };
        (position.is_told() && position.epoch == epoch()).then_some(position)
    }

    /// The same if everything up to there was handed to its readers.
    fn settled(&self) -> Option<Position> {
        let tables = self.lock();
        if tables.delivering { None } else { self.position() }
    }

    /// What came to topics of fresh subscriptions behind `since`, and before they counted.
    /// `is_expected`: what comes up to there is not offered to the reader.
    fn missed(
        &self,
        standing: &Standing,
        since: Position,
        is_expected: bool,
    ) -> Result<Vec<Arc<Kept>>, Loss> {
        let mut events = BTreeMap::new();
        for held in standing.subscriptions.iter().filter(|held| held.is_fresh) {
            // Under the lock for one topic at a time; what came behind `held.since` is not missed.
            let tables = self.lock();
            if !since.is_told() || [held.epoch, self.epoch()] != [since.epoch; 2] {
                return Err(Loss::UnknownEpoch);
            }
            if since.offset > self.position.load(Ordering::Relaxed) {
                return if is_expected { Ok(Vec::new()) } else { Err(Loss::Ahead) };
            }
            let kept = tables.history.between(&held.topic, since.offset, held.since);
            drop(tables);
            let kept = kept.map_err(|Forgotten| Loss::Expired)?;
            events.extend(kept.into_iter().map(|kept| (kept.offset, kept)));
        }
        Ok(events.into_values().collect())
    }
}
