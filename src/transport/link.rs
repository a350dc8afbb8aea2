//! The write side of one connection, shared by the hub's worker and the connection's own task.
//!
//! The rule: whoever has a frame tries the socket first, under the connection's lock and with a waker that
//! does nothing. Only what the socket does not take waits in the outbox, and then the connection's task is
//! woken and writes it when the socket is ready. A direct write is tried only while nothing waits: a waker
//! that does nothing would otherwise replace the task's own.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::hub::{Full, Lane, Outbox, OutboxLimits, Sent};
use crate::message::{CloseReason, Frame};

/// Waiting frames that go out in one system call.
const SLICES: usize = 16;

/// Any byte stream of a client.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug + 'static> Stream for S {}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Link<S>(Mutex<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    stream: S,
    outbox: Outbox,
    /// The stream took bytes into its own buffer and could not pass all of them on.
    unflushed: bool,
    state: State,
    task: Option<Waker>,
    progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Frames are taken.
    Open,
    /// A close frame is the last one in the outbox, or has left.
    Closing(CloseReason),
    /// The socket is broken.
    Gone,
}

impl<S: Stream> Link<S> {
    /// `first` waits until the connection's task runs, and everything else behind it.
    pub(super) fn new(stream: S, first: Bytes, limits: OutboxLimits) -> Self {
        let mut outbox = Outbox::new(limits);
        outbox.push_last(&first);
        Self(Mutex::new(Inner {
            stream,
            outbox,
            unflushed: false,
            state: State::Open,
            task: None,
            progress: false,
        }))
    }

    /// Makes the current task the one that is woken when there is something to write.
    pub(super) fn register(&self, task: &Waker) {
        let mut inner = self.lock();
        if !inner.task.as_ref().is_some_and(|held| held.will_wake(task)) {
            inner.task = Some(task.clone());
        }
    }

    /// Puts `instead` in place of all that waits.
    pub(super) fn replace(&self, instead: Bytes) {
        let mut inner = self.lock();
        inner.outbox.abandon();
        inner.outbox.push_last(&instead);
    }

    pub(super) fn state(&self) -> State {
        self.lock().state
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().outbox.len()
    }

    /// Whether the peer took bytes since the last call.
    pub(super) fn take_progress(&self) -> bool {
        std::mem::take(&mut self.lock().progress)
    }

    /// Writes what waits; ready when nothing does.
    pub(super) fn poll_drain(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_drain(context)
    }

    pub(super) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_read(context, buffer)
    }

    pub(super) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_shutdown(context)
    }

    /// Sends bytes that are whole frames already: the codec's PONGs and its answer to a close.
    pub(super) fn send_control(&self, frames: &[u8]) {
        let mut inner = self.lock();
        if inner.state == State::Open {
            inner.send(&Bytes::copy_from_slice(frames));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        // Nothing that can panic runs under the lock but the stream itself; what it left is only closed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Stream> Lane for Link<S> {
    fn send(&self, frame: &Frame) -> Sent {
        let mut inner = self.lock();
        if inner.state == State::Open { inner.send(frame.websocket()) } else { Sent::Gone }
    }

    fn close(&self, reason: CloseReason) {
        let mut inner = self.lock();
        if inner.state == State::Open {
            inner.close(reason);
        }
    }
}

impl<S: Stream> Inner<S> {
    fn send(&mut self, bytes: &Bytes) -> Sent {
        if !self.outbox.is_empty() || self.unflushed {
            return self.queue(bytes, 0);
        }
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_write(&mut context, bytes) {
            Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => self.fail(),
            Poll::Ready(Ok(written)) if written < bytes.len() => self.queue(bytes, written),
            Poll::Ready(Ok(_)) => match Pin::new(&mut self.stream).poll_flush(&mut context) {
                Poll::Ready(Ok(())) => Sent::Written,
                Poll::Ready(Err(_)) => self.fail(),
                Poll::Pending => {
                    self.unflushed = true;
                    self.wake();
                    Sent::Queued
                }
            },
            Poll::Pending => self.queue(bytes, 0),
        }
    }

    fn queue(&mut self, bytes: &Bytes, written: usize) -> Sent {
        let first = self.outbox.is_empty() && !self.unflushed;
        match self.outbox.push(bytes, written) {
            Ok(()) => {
                if first {
                    self.wake();
                }
                Sent::Queued
            }
            Err(Full) => {
                self.close(CloseReason::Overflow);
                Sent::Overflow
            }
        }
    }

    fn close(&mut self, reason: CloseReason) {
        self.outbox.abandon();
        self.outbox.push_last(Frame::close(reason).websocket());
        self.state = State::Closing(reason);
        self.wake();
    }

    fn fail(&mut self) -> Sent {
        self.state = State::Gone;
        self.wake();
        Sent::Gone
    }

    fn wake(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.outbox.slices(&mut slices);
            let slices = slices.get(..filled).unwrap_or_default();
            let written = match Pin::new(&mut self.stream).poll_write_vectored(context, slices) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            self.outbox.advance(written);
            self.progress = true;
            self.unflushed = true;
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(result) => {
                    result?;
                    self.progress = true;
                }
                Poll::Pending => return Poll::Pending,
            }
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
