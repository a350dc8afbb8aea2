//! How an event goes to readers, and what became of it.

use std::borrow::Borrow;
use std::sync::Arc;

use super::gathering::Gathering;
use super::line::{Queued, Waiting};
use super::meant::Meant;
use super::reader::Reader;
use super::readers::Found;
use super::rendered::{Rendered, Told};
use super::views::Showings;
use super::wishes::Wishes;
use super::{Sent, Why};
use crate::event::Topic;
use crate::message::{CloseReason, Frame};

/// What became of one event or push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Frames that left or wait, by endpoint.
    pub delivered: Vec<u64>,
    /// Readers that got something.
    pub reached: u64,
    /// Readers that were too slow and are closed.
    pub overflowed: u64,
    /// Readers that may not see it.
    pub hidden: u64,
    /// Readers for whom too much waited, and that are closed.
    pub lagged: u64,
    /// Readers that do not get it, or a part of it, by [`Why`].
    pub withheld: [u64; Why::ALL.len()],
    /// Where more events follow at once.
    pub(super) gathering: Option<Arc<Gathering>>,
}

/// An event of which it is known who may see it, on its way to all of them, also to those for whom it waits.
#[derive(Debug)]
pub(super) struct Passage {
    pub(super) rendered: Arc<Rendered>,
    /// Those of the event.
    pub(super) topics: Arc<[Topic]>,
}

impl Passage {
    /// What it holds while it waits, about.
    pub(super) fn bytes(&self) -> usize {
        self.rendered.bytes() + size_of_val(&*self.topics)
    }
}

impl Drop for Passage {
    /// It is through.
    fn drop(&mut self) {
        self.rendered.forget_variants();
    }
}

/// An event on its way to readers.
pub(super) enum Offering<'a> {
    /// Who may see it is known.
    Settled(Arc<Passage>),
    /// The backend is asked.
    Asked(Showings<'a>),
}

impl Offering<'_> {
    pub(super) fn settled(rendered: Arc<Rendered>, topics: &Arc<[Topic]>) -> Self {
        Self::Settled(Arc::new(Passage { rendered, topics: Arc::clone(topics) }))
    }

    /// What readers with filters want of it, before anybody is asked who may see it.
    pub(super) fn wishes<'w>(&'w self, topics: &'w [Topic]) -> Wishes<'w> {
        match self {
            Self::Settled(passage) => passage.rendered.wishes(topics),
            Self::Asked(showings) => showings.wishes(topics),
        }
    }

    /// Sends a reader what it may see and wants, once.
    pub(super) fn offer(&self, found: &Found, wishes: &Wishes<'_>, delivery: &mut Delivery) {
        if !found.reader.is_first(wishes.position()) {
            return;
        }
        match self {
            Self::Settled(passage) => {
                let is_next = found.reader.line.is_empty()
                    || delivery.is_next(&found.reader, Waiting::Event(Arc::clone(passage)));
                if is_next {
                    passage.rendered.offer(found, wishes, delivery);
                }
            }
            Self::Asked(_) if wishes.at(found, &found.reader.standing()).is_nothing() => {}
            Self::Asked(showings) => showings.offer(&found.reader, delivery),
        }
    }
}

impl Delivery {
    pub(super) fn withhold(&mut self, why: Why) {
        if let Some(count) = self.withheld.get_mut(why as usize) {
            *count += 1;
        }
    }

    /// Hands the frame of a push to a reader, if it is still meant when its turn comes.
    pub(super) fn push(&mut self, reader: &Reader, frame: &Frame, meant: &Meant) {
        if reader.line.is_empty() || self.is_next(reader, Waiting::Push(frame.clone(), meant.clone())) {
            self.pass(reader, frame, meant);
        }
    }

    /// The same when its turn has come.
    pub(super) fn pass(&mut self, reader: &Reader, frame: &Frame, meant: &Meant) {
        let standing = reader.standing();
        if meant.takes(reader, &standing) {
            self.write(reader, std::iter::once(frame));
        } else {
            self.withhold(Why::Changed);
        }
    }

    /// Whether nothing is before it; else it waits in the reader's line.
    fn is_next(&mut self, reader: &Reader, waiting: Waiting) -> bool {
        match reader.line.push_behind(waiting) {
            Queued::Free => return true,
            Queued::Waits => reader.line.drain(reader, self),
            Queued::Full => self.give_up(reader),
            Queued::Closed => {}
        }
        false
    }

    /// Too much waits for the reader.
    pub(super) fn give_up(&mut self, reader: &Reader) {
        reader.lane.close(CloseReason::Lagging);
        self.lagged += 1;
    }
}

impl Told for Delivery {
    /// Hands frames to a reader, up to the first that nobody takes any more.
    fn write<F: Borrow<Frame>>(&mut self, reader: &Reader, frames: impl Iterator<Item = F>) {
        let (mut count, mut frames) = (0, frames.peekable());
        let (mut is_gathered, mut is_full) = (false, false);
        while let Some(frame) = frames.next() {
            // The last of several frames takes the others along.
            let sent = if self.gathering.is_some() || is_gathered || frames.peek().is_some() {
                reader.lane.gather(frame.borrow())
            } else {
                reader.lane.send(frame.borrow())
            };
            is_gathered |= sent == Sent::Gathered;
            match sent {
                Sent::Written | Sent::Queued | Sent::Gathered => count += 1,
                // It is closed for it; but what a client may come back for has to be whole.
                Sent::Overflow => is_full = true,
                Sent::Gone => break,
            }
        }
        self.overflowed += u64::from(is_full);
        match &self.gathering {
            Some(gathering) if is_gathered => gathering.add(&reader.lane),
            None if is_gathered => reader.lane.flush(),
            Some(_) | None => {}
        }
        self.reached += u64::from(count > 0);
        self.delivered.iter_mut().skip(reader.endpoint).take(1).for_each(|sum| *sum += count);
    }

    fn hide(&mut self) {
        self.hidden += 1;
    }
}
