//! What a poll takes from a connection.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

/// Whoever answers polls, one after the other.
pub(super) trait Sender: Send + Sync + Debug {
    /// The last one is over, and this of it was not delivered: it comes before all else in the next.
    fn returned(&self, frames: Vec<Bytes>);
}

/// See the module's documentation. However it ends, what is not [delivered](Self::delivered) goes back.
#[derive(Debug)]
pub struct Polled {
    sender: Arc<dyn Sender>,
    frames: Vec<Bytes>,
}

impl Polled {
    pub(super) fn new(sender: Arc<dyn Sender>, frames: Vec<Bytes>) -> Self {
        Self { sender, frames }
    }

    /// What there is to say.
    pub fn frames(&self) -> &[Bytes] {
        &self.frames
    }

    /// All of it has been said.
    pub fn delivered(mut self) {
        self.frames.clear();
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.sender.returned(std::mem::take(&mut self.frames));
    }
}
