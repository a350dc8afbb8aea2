//! A stream that takes as many bytes as a test says, and keeps one waker as a socket does.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Arc;

/// The test's side.
#[derive(Debug, Clone, Default)]
pub(super) struct Script(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Bytes that writes may still take, and flushes that may still pass them on.
    room: usize,
    flushes: usize,
    taken: Vec<u8>,
    written: Vec<u8>,
    /// The last task that had to wait for room; an earlier one is forgotten, as by a socket.
    writer: Option<Waker>,
    broken: bool,
    stuck: bool,
}

/// The connection's side.
#[derive(Debug)]
pub(super) struct Scripted(Script);

impl Script {
    pub(super) fn new() -> (Self, Scripted) {
        let script = Self::default();
        (script.clone(), Scripted(script))
    }

    /// Lets the stream take so many bytes and do so many flushes more, and wakes who waits for it.
    pub(super) fn grant(&self, room: usize, flushes: usize) {
        let mut state = self.lock();
        state.room = state.room.saturating_add(room);
        state.flushes = state.flushes.saturating_add(flushes);
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }

    pub(super) fn refuse_shutdown(&self) {
        self.lock().stuck = true;
    }

    pub(super) fn break_off(&self) {
        self.lock().broken = true;
    }

    /// What has been passed on.
    pub(super) fn written(&self) -> Vec<u8> {
        self.lock().written.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl AsyncRead for Scripted {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.lock().broken {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        } else {
            Poll::Pending
        }
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        let count = bytes.len().min(state.room);
        if state.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if count == 0 {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        if state.room != usize::MAX {
            state.room -= count;
        }
        state.taken.extend(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if state.taken.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if state.flushes == 0 {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.flushes -= 1;
        let mut taken = std::mem::take(&mut state.taken);
        state.written.append(&mut taken);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if state.stuck {
            state.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}
