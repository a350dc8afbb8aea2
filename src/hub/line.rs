//! What waits for one reader behind an event that the backend was asked about: each reader's events keep
//! their order, and nobody else waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::delivery::Passage;
use super::meant::Meant;
use super::reader::Reader;
use super::view::View;
use super::{Delivery, OutboxLimits};
use crate::identity::Identity;
use crate::message::Frame;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Line {
    /// Changed with the queue locked. Only the thread that delivers events puts anything into the queue, so
    /// that one finds it unset has nothing before it.
    waits: AtomicBool,
    queue: Mutex<Queue>,
    limits: OutboxLimits,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Waiting>,
    bytes: usize,
    /// It was full once: the reader is closed, and nothing comes behind that.
    closed: bool,
}

/// One event or push. What of it the reader gets is decided when its turn comes: it may be somebody else by
/// then, or want something else.
#[derive(Debug)]
pub(super) enum Waiting {
    /// Who may see it is known.
    Event(Arc<Passage>),
    /// The backend is asked, for whom the reader was then.
    Asked(Arc<View>, Identity),
    /// For those who are meant.
    Push(Frame, Meant),
}

impl Waiting {
    fn bytes(&self) -> usize {
        match self {
            Self::Event(passage) => passage.bytes(),
            Self::Asked(view, _) => view.bytes(),
            Self::Push(frame, _) => frame.wire().len(),
        }
    }

    /// Sends the reader what it gets of it now.
    fn show(&self, reader: &Reader, delivery: &mut Delivery) {
        match self {
            Self::Event(passage) => passage.rendered.offer_late(reader, &passage.topics, delivery),
            Self::Asked(view, identity) => view.show(reader, identity, delivery),
            Self::Push(frame, meant) => delivery.pass(reader, frame, meant),
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queued {
    /// It waits.
    Waits,
    /// Nothing is before it.
    Free,
    /// There is no room; from now on nothing more is taken.
    Full,
    /// The reader is closed.
    Closed,
}

impl Line {
    /// What may wait for one reader is the same whatever it waits for.
    pub(super) fn new(limits: OutboxLimits) -> Self {
        Self { waits: AtomicBool::new(false), queue: Mutex::default(), limits }
    }

    /// Nothing has to be looked at before a frame is sent.
    pub(super) fn is_empty(&self) -> bool {
        !self.waits.load(Ordering::Acquire)
    }

    /// Something is still to be sent: of a line that was full once nothing is.
    pub(super) fn holds_something(&self) -> bool {
        !self.is_empty() && !self.lock().entries.is_empty()
    }

    /// Puts an entry behind what waits, if anything does.
    pub(super) fn push_behind(&self, entry: Waiting) -> Queued {
        let mut queue = self.lock();
        if queue.entries.is_empty() && !queue.closed {
            return Queued::Free;
        }
        self.push(&mut queue, entry)
    }

    /// Puts an event behind what waits. It leaves with the next [`drain`](Self::drain) after it is settled.
    pub(super) fn push_asked(&self, view: &Arc<View>, identity: Identity) -> Queued {
        let mut queue = self.lock();
        let queued = self.push(&mut queue, Waiting::Asked(Arc::clone(view), identity));
        // Under the lock: whoever empties the queue at this moment would unset it behind us.
        self.waits.store(true, Ordering::Release);
        queued
    }

    fn push(&self, queue: &mut Queue, entry: Waiting) -> Queued {
        if queue.closed {
            return Queued::Closed;
        }
        let bytes = queue.bytes + entry.bytes();
        let fits = queue.entries.len() < self.limits.frames && bytes <= self.limits.bytes;
        if !fits && !queue.entries.is_empty() {
            *queue = Queue { closed: true, ..Queue::default() };
            return Queued::Full;
        }
        queue.bytes = bytes;
        queue.entries.push_back(entry);
        Queued::Waits
    }

    /// Sends what no longer waits for an answer.
    pub(super) fn drain(&self, reader: &Reader, delivery: &mut Delivery) {
        let mut queue = self.lock();
        while let Some(entry) = queue.entries.front() {
            if matches!(entry, Waiting::Asked(view, _) if !view.is_settled()) {
                return;
            }
            let Some(entry) = queue.entries.pop_front() else { return };
            queue.bytes = queue.bytes.saturating_sub(entry.bytes());
            entry.show(reader, delivery);
        }
        // A closed line stays one that is not empty, so that whatever comes is looked at here.
        if !queue.closed {
            queue.entries = VecDeque::new();
            self.waits.store(false, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic of an encoder costs the entry that was taken out; the others are whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
