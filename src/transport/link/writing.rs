//! What is written at once, and what waits: under the connection's lock.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::{Inner, State, Stream, Writer};
use crate::hub::{Full, Sent};
use crate::message::CloseReason;

/// Waiting frames that go out in one system call.
const SLICES: usize = 16;
/// How far a direct write came.
enum Wrote {
    /// Nothing is left to be put into the outbox.
    All(Sent),
    /// So many bytes; the rest must wait.
    Part(usize),
}

impl<S: Stream> Inner<S> {
    pub(super) fn hold(&mut self) {
        let limits = self.outbox.limits();
        self.held.hold(limits);
    }

    pub(super) fn keep(&mut self, bytes: &Bytes) -> Sent {
        if self.held.keep(bytes) == Err(Full) {
            self.close(CloseReason::Overflow);
            return Sent::Overflow;
        }
        Sent::Queued
    }

    /// Lets a frame wait for those behind it, where nothing else makes it wait.
    pub(super) fn gather(&mut self, bytes: &Bytes) -> Sent {
        let is_first = self.writer == Writer::Task;
        if (is_first && !self.is_idle()) || self.outbox.push(bytes, 0) == Err(Full) {
            return self.send(bytes);
        }
        self.writer = Writer::Gatherer;
        if self.outbox.len() >= SLICES {
            self.flush();
            // Unless the task has taken over: whoever gathers looks after it still.
            if self.is_idle() {
                self.writer = Writer::Gatherer;
            }
        }
        if is_first { Sent::Gathered } else { Sent::Queued }
    }

    /// Writes what was gathered, as far as the socket takes it; the task does the rest.
    pub(super) fn flush(&mut self) {
        if self.writer == Writer::Gatherer && self.state != State::Gone {
            match self.poll_drain(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => drop(self.fail()),
                Poll::Pending => self.wake(),
            }
        }
    }

    pub(super) fn send(&mut self, bytes: &Bytes) -> Sent {
        self.flush();
        let idle = self.is_idle();
        let written = match self.write(bytes) {
            Wrote::All(sent) => return sent,
            Wrote::Part(written) => written,
        };
        if self.outbox.push(bytes, written) == Err(Full) {
            self.close(CloseReason::Overflow);
            return Sent::Overflow;
        }
        if idle {
            self.wake();
        }
        Sent::Queued
    }

    /// Sends what was held back, if it may leave.
    pub(super) fn pass(&mut self, bytes: &Bytes) -> Result<(), Full> {
        let is_too_much = self.state == State::Open && self.send(bytes) == Sent::Overflow;
        if is_too_much { Err(Full) } else { Ok(()) }
    }

    pub(super) fn answer(&mut self, bytes: &Bytes) {
        self.flush();
        let idle = self.is_idle();
        if let Wrote::Part(written) = self.write(bytes) {
            self.outbox.push_unbounded(bytes, written);
            if idle {
                self.wake();
            }
        }
    }

    /// Nothing waits, so the task does not wait for the socket.
    pub(super) fn is_idle(&self) -> bool {
        self.outbox.is_empty() && !self.unflushed
    }

    /// Writes directly what can be.
    fn write(&mut self, bytes: &Bytes) -> Wrote {
        if !self.is_idle() {
            return Wrote::Part(0);
        }
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_write(&mut context, bytes) {
            Poll::Ready(Ok(0) | Err(_)) => Wrote::All(self.fail()),
            Poll::Ready(Ok(written)) if written < bytes.len() => Wrote::Part(written),
            Poll::Ready(Ok(_)) => match Pin::new(&mut self.stream).poll_flush(&mut context) {
                Poll::Ready(Ok(())) => Wrote::All(Sent::Written),
                Poll::Ready(Err(_)) => Wrote::All(self.fail()),
                Poll::Pending => {
                    self.unflushed = true;
                    self.wake();
                    Wrote::All(Sent::Queued)
                }
            },
            Poll::Pending => Wrote::Part(0),
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        self.flush();
        self.held.clear();
        if self.state == State::Gone {
            return;
        }
        self.outbox.abandon();
        self.outbox.push_unbounded((self.parting)(reason).wire(), 0);
        self.state = State::Closing;
        self.wake();
    }

    /// The last words stand behind what waits.
    pub(super) fn close_behind(&mut self, last: &Bytes) {
        self.state = State::Closing;
        self.answer(last);
    }

    pub(super) fn fail(&mut self) -> Sent {
        self.state = State::Gone;
        self.wake();
        Sent::Gone
    }

    pub(super) fn wake(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    pub(super) fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer = Writer::Task;
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
