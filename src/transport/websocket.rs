//! The loop of one WebSocket (RFC 6455): tungstenite reads and checks the client's frames, the dialect says
//! what they mean, and [`Link`] writes. permessage-deflate is never negotiated: its windows cost more
//! memory for each connection than everything else together.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::{
    Error, Message as Received,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::link::{Link, State, Stream};
use crate::dialect::Conversation;
use crate::hub::{Lane, OutboxLimits, Subscriber};
use crate::message::{CloseReason, Frame, Message, Turn};

/// Messages read before other tasks get their turn.
const READS_PER_POLL: usize = 32;
/// Grows with the first larger message; idle connections keep this much.
const READ_BUFFER_BYTES: usize = 256;
/// First byte of a close frame: FIN and opcode 8.
const CLOSE_FRAME: u8 = 0x88;
/// What a control frame may hold, however small messages must be (RFC 6455, section 5.5).
const CONTROL_BYTES: usize = 125;
/// How long a peer may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// PINGs without any sign of life after which a peer counts as dead.
const MAX_MISSED: u8 = 2;

/// What one endpoint allows its connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one client message.
    pub max_message: usize,
    /// Time between two PINGs.
    pub ping_interval: Duration,
    /// What may wait for a slow reader.
    pub outbox: OutboxLimits,
}

/// A connection that has been upgraded and is not in the hub yet.
#[derive(Debug)]
pub struct WebSocket<S> {
    link: Arc<Link<S>>,
    early: Vec<u8>,
    limits: Limits,
}

impl<S: Stream> WebSocket<S> {
    /// Takes the raw stream behind a handshake. `early`: bytes that the client sent right after its
    /// request. `greeting`: the 101, which leaves before everything else, but not before
    /// [`run`](Self::run).
    pub fn new(stream: S, early: Vec<u8>, greeting: Bytes, limits: Limits) -> Self {
        Self { link: Arc::new(Link::new(stream, greeting, limits.outbox)), early, limits }
    }

    /// The way to this reader, for the hub.
    pub fn lane(&self) -> Arc<dyn Lane> {
        Arc::clone(&self.link) as Arc<dyn Lane>
    }

    /// Says `instead` in place of the greeting, and ends the connection.
    pub async fn refuse(self, instead: Bytes) {
        self.link.replace(instead);
        // A client that has gone needs no refusal.
        drop(poll_fn(|context| self.link.poll_drain(context)).await);
        drop(poll_fn(|context| self.link.poll_shutdown(context)).await);
    }

    /// Runs until the connection is closed; `until`: when the reader's token expires.
    pub async fn run(
        self,
        conversation: Box<dyn Conversation>,
        subscriber: Subscriber,
        until: Option<Instant>,
    ) {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(usize::MAX)
            .max_message_size(Some(self.limits.max_message))
            .max_frame_size(Some(self.limits.max_message.max(CONTROL_BYTES)));
        let mut connection = Connection {
            codec: WebSocketContext::from_partially_read(self.early, Role::Server, Some(config)),
            timer: Box::pin(sleep_until(next_look(self.limits.ping_interval, until))),
            until,
            link: self.link,
            limits: self.limits,
            conversation,
            subscriber,
            stage: Stage::Open,
            heard: true,
            missed: 0,
        };
        poll_fn(|context| connection.poll(context)).await;
        connection.link.end();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Our close frame is on its way; the peer's answer is awaited.
    Closing,
    /// Nothing can be read any more: flush, then end.
    Ending,
}

struct Connection<S> {
    link: Arc<Link<S>>,
    codec: WebSocketContext,
    conversation: Box<dyn Conversation>,
    subscriber: Subscriber,
    timer: Pin<Box<Sleep>>,
    limits: Limits,
    /// When the reader is nobody any more.
    until: Option<Instant>,
    stage: Stage,
    heard: bool,
    missed: u8,
}

impl<S: Stream> Connection<S> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.link.register(context.waker());
        let drained = match self.link.poll_drain(context) {
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        self.follow_link();
        match self.stage {
            Stage::Open | Stage::Closing => {
                if self.poll_messages(context).is_ready() {
                    return Poll::Ready(());
                }
            }
            Stage::Ending if drained => {
                // Whether or not it worked: the timer ends what does not end by itself.
                let shut_down = self.link.poll_shutdown(context).is_ready();
                if shut_down && self.poll_discard(context).is_ready() {
                    return Poll::Ready(());
                }
            }
            Stage::Ending => {}
        }
        self.poll_timer(context)
    }

    /// The hub may have closed the link, or found it broken.
    fn follow_link(&mut self) {
        match self.link.state() {
            State::Closing if self.stage == Stage::Open => self.enter(Stage::Closing),
            State::Gone => self.enter(Stage::Ending),
            State::Open | State::Closing => {}
        }
    }

    fn enter(&mut self, stage: Stage) {
        if self.stage != stage {
            self.stage = stage;
            self.timer.as_mut().reset(Instant::now() + CLOSE_TIMEOUT);
        }
    }

    /// Reads until the socket is empty. A client that leaves its replies unread is not read either.
    fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            if self.link.is_busy() {
                return Poll::Pending;
            }
            let mut socket = Socket { link: &*self.link, context, heard: &mut self.heard };
            match self.codec.read(&mut socket) {
                Ok(message) => self.receive(message),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(Error::ConnectionClosed) => {
                    self.enter(Stage::Ending);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Err(error) => match fault(&error) {
                    Some(reason) if self.stage == Stage::Open => {
                        self.link.close(reason);
                        self.enter(Stage::Ending);
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    _ => return Poll::Ready(()),
                },
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn receive(&mut self, message: Received) {
        let message = match message {
            Received::Text(text) => Message::Text(text.as_str().to_owned()),
            Received::Binary(bytes) => Message::Binary(bytes),
            Received::Ping(_) | Received::Pong(_) | Received::Close(_) | Received::Frame(_) => return,
        };
        if self.stage == Stage::Open {
            let mut turn = Turn::default();
            self.conversation.receive(message, &mut turn);
            self.act(turn);
        }
    }

    fn act(&mut self, turn: Turn) {
        for command in turn.commands {
            self.subscriber.handle(command);
        }
        for frame in &turn.frames {
            self.link.answer(frame.websocket());
        }
    }

    /// After an error nothing more can be understood, but the peer should still see the close frame: its
    /// bytes are thrown away until it hangs up, since a reset could overtake the frame.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut waste = [0; 1024];
        for _ in 0..READS_PER_POLL {
            let mut buffer = ReadBuf::new(&mut waste);
            match ready!(self.link.poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.timer.as_mut().poll(context));
        if self.stage != Stage::Open {
            return Poll::Ready(());
        }
        if self.until.is_some_and(|until| until <= Instant::now()) {
            self.link.close(CloseReason::Expired);
            self.enter(Stage::Closing);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let alive = std::mem::take(&mut self.heard) | self.link.take_progress();
        self.missed = if alive { 0 } else { self.missed + 1 };
        if self.missed >= MAX_MISSED {
            self.link.close(CloseReason::Silent);
            self.enter(Stage::Ending);
        } else {
            self.link.send_if_idle(&Frame::ping());
            self.timer.as_mut().reset(next_look(self.limits.ping_interval, self.until));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// When to send the next PING, or to close. One PING less than an interval before the end does no harm.
fn next_look(ping_interval: Duration, until: Option<Instant>) -> Instant {
    let ping = Instant::now() + ping_interval;
    until.map_or(ping, |until| until.min(ping))
}

/// What an error of the codec means for the peer; `None` where there is no peer left to tell.
fn fault(error: &Error) -> Option<CloseReason> {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    if matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) {
        return None;
    }
    let reasons = [
        (matches!(error, Error::Protocol(_)), CloseReason::Protocol),
        (matches!(error, Error::Utf8(_)), CloseReason::NotUtf8),
        (matches!(error, Error::Capacity(_)), CloseReason::TooBig),
    ];
    reasons.into_iter().find_map(|(is_it, reason)| is_it.then_some(reason))
}

/// The link as the codec wants to see it: reading is polling, and writing hands whole frames over.
struct Socket<'a, 'c, S> {
    link: &'a Link<S>,
    context: &'a mut Context<'c>,
    heard: &'a mut bool,
}

impl<S: Stream> Read for Socket<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match self.link.poll_read(self.context, &mut buffer) {
            Poll::Ready(result) => result?,
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
        }
        *self.heard = true;
        Ok(buffer.filled().len())
    }
}

impl<S: Stream> Write for Socket<'_, '_, S> {
    /// The codec's own frames, one at a time since its write buffer has no size: PONGs, and its answer to a
    /// close, after which nothing may follow (RFC 6455, section 5.5.1).
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let frame = Bytes::copy_from_slice(buffer);
        if buffer.first() == Some(&CLOSE_FRAME) {
            self.link.answer_last(&frame);
        } else {
            self.link.answer(&frame);
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
