//! A write outlives its writer.
//!
//! pingora ends an exchange as soon as the client hangs up, while the backend goes on and commits: the
//! write would have happened and nobody would hear of it. So once a captured request has been read to its
//! end, the connection is *held*: a FIN or a reset becomes silence on reading, and writing goes nowhere.
//! The exchange then ends by itself, within the upstream's timeouts; one that would never end, such as a
//! stream of events, is left after twice so long a time.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Hold {
    held: AtomicBool,
    gone: bool,
    /// How long a held exchange may go on without its client.
    patience: Duration,
    /// Runs since the client left.
    left: Option<Pin<Box<Sleep>>>,
}

impl Hold {
    pub(super) fn new(patience: Duration) -> Self {
        Self { held: AtomicBool::new(false), gone: false, patience, left: None }
    }

    pub(super) fn begin(&self) {
        self.held.store(true, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.held.store(false, Ordering::Relaxed);
    }

    fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether the exchange goes on without its client, which takes no more bytes.
    pub(super) fn is_alone(&self) -> bool {
        self.gone && self.is_held()
    }

    /// The client has left: ready at once, or where that must not be noticed, when patience is at its end.
    pub(super) fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_held() {
            return Poll::Ready(());
        }
        let patience = self.patience;
        self.left.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience))).as_mut().poll(context)
    }

    /// Turns a failed write of a held connection into a successful one to nowhere.
    pub(super) fn sink<T>(&mut self, result: Poll<io::Result<T>>, instead: T) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) && self.is_held() {
            self.gone = true;
            return Poll::Ready(Ok(instead));
        }
        result
    }
}
