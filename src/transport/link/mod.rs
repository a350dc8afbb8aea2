//! The write side of one connection, shared by the hub's worker and the connection's own task.
//!
//! The rule: whoever has a frame tries the socket first, under the connection's lock and with a waker that
//! does nothing. Only what the socket does not take waits in the outbox, and then the connection's task is
//! woken and writes it when the socket is ready. A direct write is tried only while nothing waits and no
//! last words have been said, that is, while the task waits neither to write nor to shut down: a waker that
//! does nothing would otherwise replace the task's own.
//!
//! No wake-up is lost: the task registers before it writes, whoever is the first to let something wait
//! wakes it, and both happen under the lock.

mod carried;
mod writing;

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ahead::Hold;
use super::held::Held;
use super::wire::Wire;
use crate::hub::{Full, Lane, Outbox, OutboxLimits, Sent};
use crate::message::{CloseReason, Frame};

/// Reads into nothing before other tasks get their turn.
const READS_PER_POLL: usize = 32;

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
    held: Held,
    writer: Writer,
    parting: Parting,
}

/// The last words to a client, by the reason of its end.
pub(super) type Parting = fn(CloseReason) -> Frame;

/// Who writes what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// The connection's task, when the socket is ready.
    Task,
    /// Whoever gathers it: the task does not wait for the socket.
    Gatherer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Frames are taken.
    Open,
    /// The last words, ours or the answer to the peer's, are the last in the outbox, or have left.
    Closing,
    /// The socket is broken, or the connection has ended.
    Gone,
}

impl<S: Stream> Link<S> {
    /// `first` waits until the connection's task runs, and everything else behind it.
    pub(super) fn new(stream: S, first: Bytes, limits: OutboxLimits) -> Self {
        Self(Mutex::new(Inner {
            stream,
            outbox: Outbox::greeting(first, limits),
            unflushed: false,
            state: State::Open,
            task: None,
            progress: false,
            held: Held::default(),
            writer: Writer::Task,
            parting: Frame::close,
        }))
    }

    /// The same, whose last words are no WebSocket's.
    pub(super) fn parting(mut self, parting: Parting) -> Self {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).parting = parting;
        self
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
        self.lock().outbox.replace(instead);
    }

    /// The connection has ended: nothing more is written, and what waits is given back at once, although
    /// the hub may still hold the link for a moment.
    pub(super) fn end(&self) {
        let mut inner = self.lock();
        inner.state = State::Gone;
        inner.outbox.clear();
        inner.held.clear();
    }

    /// The peer has another connection: this one counts as broken.
    pub(super) fn fail(&self) {
        self.lock().fail();
    }

    pub(super) fn state(&self) -> State {
        self.lock().state
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

    /// After an error nothing more can be understood, but the peer should still see the last words: its
    /// bytes are thrown away until it hangs up, since a reset could overtake the frame.
    pub(super) fn poll_discard(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut waste = [0; 1024];
        for _ in 0..READS_PER_POLL {
            let mut buffer = ReadBuf::new(&mut waste);
            match ready!(self.poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    pub(super) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_shutdown(context)
    }

    /// Sends the last frame, such as the answer to the peer's close.
    pub(super) fn answer_last(&self, frame: &Bytes) {
        let mut inner = self.lock();
        if inner.state == State::Open {
            inner.close_behind(frame);
        }
    }

    /// The socket has taken all that was sent.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().is_idle()
    }

    /// Something is kept back.
    pub(super) fn is_held(&self) -> bool {
        self.lock().held.is_on()
    }

    /// Sends a frame if nothing waits.
    pub(super) fn send_if_idle(&self, frame: &Frame) {
        let mut inner = self.lock();
        if inner.state == State::Open && inner.is_idle() {
            inner.answer(frame.wire());
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
        match inner.state {
            State::Open if inner.held.is_on() => inner.keep(frame.wire()),
            State::Open => inner.send(frame.wire()),
            State::Closing | State::Gone => Sent::Gone,
        }
    }

    fn gather(&self, frame: &Frame) -> Sent {
        let mut inner = self.lock();
        match inner.state {
            State::Open if inner.held.is_on() => inner.keep(frame.wire()),
            State::Open => inner.gather(frame.wire()),
            State::Closing | State::Gone => Sent::Gone,
        }
    }

    fn flush(&self) {
        self.lock().flush();
    }

    fn hold(&self) {
        self.lock().hold();
    }

    fn close(&self, reason: CloseReason) {
        let mut inner = self.lock();
        if inner.state == State::Open {
            inner.close(reason);
        }
    }

    fn retire(&self, reason: CloseReason) -> bool {
        let mut inner = self.lock();
        if inner.state != State::Open {
            return true;
        }
        let is_free = inner.held.is_off();
        if is_free {
            let last = (inner.parting)(reason);
            inner.close_behind(last.wire());
            inner.wake();
        }
        is_free
    }
}

impl<S: Stream> Hold for Link<S> {
    fn hold(&self, call: u64) {
        let mut inner = self.lock();
        let limits = inner.outbox.limits();
        inner.held.hold_for(call, limits);
    }
}

impl<S: Stream> Wire for Link<S> {
    fn answer(&self, frame: &Bytes) {
        let mut inner = self.lock();
        if inner.state == State::Open {
            inner.answer(frame);
        }
    }

    fn excuse(&self) {
        self.lock().outbox.excuse();
    }

    /// What waits was said to this client, and is bounded like all answers.
    fn close_after(&self, reason: CloseReason) {
        let last = (self.lock().parting)(reason);
        self.answer_last(last.wire());
        self.lock().wake();
    }

    fn begin_call(&self, call: u64) {
        self.lock().held.set_call(call);
    }

    fn end_call(&self) -> Result<(), Full> {
        self.lock().held.set_call(0);
        self.release()
    }

    fn release(&self) -> Result<(), Full> {
        let mut inner = self.lock();
        let mut held = inner.held.take();
        held.try_for_each(|frame| inner.pass(&frame))
    }

    fn forget(&self) {
        let mut inner = self.lock();
        inner.held.clear();
        inner.hold();
    }

    fn is_busy(&self) -> bool {
        let mut inner = self.lock();
        // What was gathered makes nobody wait, who would not be woken when it has left.
        if inner.outbox.is_busy() {
            inner.flush();
        }
        inner.outbox.is_busy()
    }
}
