//! What waits for one reader whose socket does not take it at once. Bounded; pure bookkeeping, the
//! transport does the writing.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// How much may wait for one reader.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// Frames.
    pub frames: usize,
    /// Bytes. A single frame that is larger is let through when nothing else waits.
    pub bytes: usize,
}

/// The frames that wait for one reader, oldest first; the first may be partly written.
#[derive(Debug)]
pub struct Outbox {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Of the oldest that wait, so many frames and bytes do not count against the limits.
    excused: (usize, usize),
    /// The first must leave, whatever happens to the others: a part of it has, or it is the greeting.
    begun: bool,
    limits: OutboxLimits,
}

/// The outbox cannot take one frame more: the reader is too slow.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Outbox {
    /// An empty outbox; it allocates nothing before the first frame waits.
    pub fn new(limits: OutboxLimits) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, excused: (0, 0), begun: false, limits }
    }

    /// An outbox in which `greeting` waits; nothing takes its place but [`replace`](Self::replace).
    pub fn greeting(greeting: Bytes, limits: OutboxLimits) -> Self {
        Self { bytes: greeting.len(), frames: VecDeque::from([greeting]), begun: true, ..Self::new(limits) }
    }

    /// How much may wait.
    pub fn limits(&self) -> OutboxLimits {
        self.limits
    }

    /// Takes all that waits, oldest first. For outboxes of which nothing is written in parts.
    pub fn take(&mut self) -> Vec<Bytes> {
        let limits = self.limits;
        std::mem::replace(self, Self::new(limits)).frames.into()
    }

    /// Puts back what was [taken](Self::take), before all that came since.
    pub fn give_back(&mut self, frames: Vec<Bytes>) {
        for frame in frames.into_iter().rev() {
            self.bytes += frame.len();
            self.frames.push_front(frame);
        }
    }

    /// What waits, oldest first.
    pub fn into_frames(self) -> impl Iterator<Item = Bytes> {
        self.frames.into_iter()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames that wait.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Bytes that wait.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// More than half of what may wait does.
    pub fn is_busy(&self) -> bool {
        self.frames.len() > self.limits.frames / 2 || self.bytes > self.limits.bytes / 2
    }

    /// Puts a frame behind those that wait. `written` of its bytes have left already.
    ///
    /// # Errors
    /// [`Full`], and the frame is not kept.
    pub fn push(&mut self, frame: &Bytes, written: usize) -> Result<(), Full> {
        let (excused_frames, excused_bytes) = self.excused;
        let bytes = self.bytes.saturating_sub(excused_bytes) + frame.len() - written.min(frame.len());
        let frames = self.frames.len().saturating_sub(excused_frames);
        let fits = frames < self.limits.frames && bytes <= self.limits.bytes;
        if !fits && !self.frames.is_empty() {
            return Err(Full);
        }
        self.push_unbounded(frame, written);
        Ok(())
    }

    /// What waits now counts no more against what may come behind it. For what a client missed, which is bounded
    /// otherwise: else the next event would find it full, and the client be closed for what it came back for.
    pub fn excuse(&mut self) {
        self.excused = (self.frames.len(), self.bytes);
    }

    /// Forgets what waits, but for the rest of a frame of which a part has left.
    pub fn abandon(&mut self) {
        self.frames.truncate(usize::from(self.begun));
        self.bytes = self.frames.iter().map(Bytes::len).sum();
        let (frames, bytes) = self.excused;
        self.excused = (frames.min(self.frames.len()), bytes.min(self.bytes));
    }

    /// Puts a frame behind what waits, whatever the limits. For what is bounded otherwise: the close frame,
    /// and answers to a client of which no more is read while the outbox [is busy](Self::is_busy).
    pub fn push_unbounded(&mut self, frame: &Bytes, written: usize) {
        let rest = frame.slice(written.min(frame.len())..);
        if self.frames.is_empty() {
            self.begun = written > 0;
        }
        self.bytes += rest.len();
        self.frames.push_back(rest);
    }

    /// Forgets everything, the rest of a frame too: nothing more will be written.
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Puts `instead` in place of all that waits.
    pub fn replace(&mut self, instead: Bytes) {
        *self = Self::greeting(instead, self.limits);
    }

    /// The next bytes to write, for one vectored write; returns how many slices were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(frame);
            filled += 1;
        }
        filled
    }

    /// `written` bytes have left. Gives the memory back when nothing waits any more.
    pub fn advance(&mut self, mut written: usize) {
        self.bytes = self.bytes.saturating_sub(written);
        self.excused.1 = self.excused.1.saturating_sub(written);
        while let Some(frame) = self.frames.front_mut() {
            if written < frame.len() {
                frame.advance(written);
                self.begun |= written > 0;
                return;
            }
            written -= frame.len();
            self.begun = false;
            self.frames.pop_front();
            self.excused.0 = self.excused.0.saturating_sub(1);
        }
        self.frames = VecDeque::new();
    }
}
