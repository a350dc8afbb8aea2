//! The end of a connection whose client has its answer and still owes a part of its request.
//!
//! Closing on unread bytes is a reset, and that would overtake the answer (RFC 9112, section 9.6). So our
//! half of the connection ends at once, which tells the client, and what it still sends is read as long as
//! it comes.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

/// How long the rest of a request is waited for that was answered before its end.
pub(in super::super) const LINGER: Duration = Duration::from_secs(2);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Parting {
    due: AtomicBool,
    said: bool,
    /// Runs while nothing comes.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Parting {
    pub(super) fn begin(&self) {
        self.due.store(true, Ordering::Relaxed);
    }

    /// Whether our half is still to be ended.
    pub(super) fn is_due(&self) -> bool {
        !self.said && self.due.load(Ordering::Relaxed)
    }

    pub(super) fn said(&mut self) {
        self.said = true;
    }

    /// Something was read.
    pub(super) fn heard(&mut self) {
        self.silence = None;
    }

    /// Nothing was read: ready once it has been quiet for too long.
    pub(super) fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.said {
            return Poll::Pending;
        }
        self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER))).as_mut().poll(context)
    }
}
