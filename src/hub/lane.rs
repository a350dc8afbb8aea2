//! The way to one reader, as a transport has it.

use std::fmt;

use crate::message::{CloseReason, Frame};

/// The way to one reader: takes frames without ever blocking.
pub trait Lane: Send + Sync + fmt::Debug {
    /// Writes the frame, or lets it wait in the reader's bounded queue.
    fn send(&self, frame: &Frame) -> Sent;
    /// The same for a frame behind which more may follow at once: they leave together with the next
    /// [`flush`](Self::flush), or before.
    fn gather(&self, frame: &Frame) -> Sent {
        self.send(frame)
    }
    /// Writes what was [gathered](Self::gather).
    fn flush(&self) {}
    /// Keeps back what is sent from now on, until the client has been answered: its own [`Subscriber`](super::Subscriber) has just
    /// changed who it is or what it wants, and whoever handles the subscriber answers.
    fn hold(&self) {}
    /// Ends the connection, after what has been written so far.
    fn close(&self, reason: CloseReason);
    /// Ends it behind all that waits; `false`: its client is being answered, and nothing was done.
    fn retire(&self, reason: CloseReason) -> bool {
        self.close(reason);
        true
    }
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The socket took it at once.
    Written,
    /// It waits in the reader's queue.
    Queued,
    /// It waits for a [`flush`](Lane::flush), as the first that does.
    Gathered,
    /// The queue was full; the lane closes the connection with [`CloseReason::Overflow`].
    Overflow,
    /// The connection is closed or closing.
    Gone,
}
