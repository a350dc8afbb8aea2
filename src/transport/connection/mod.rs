//! One WebSocket from its greeting to its end: what the client says goes to its conversation, what that wants
//! is done, and time is kept.

mod timers;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::protocol::WebSocketContext;
use tokio_tungstenite::tungstenite::{Error, Message as Received};

use super::ahead::{Ahead, Hold};
use super::asking::Asking;
use super::backstage::{Backstage, Caller, Exceeded};
use super::bucket::{Bucket, Verdict};
use super::clock::{expiry, now};
use super::codec::{Socket, fault};
use super::farewell::{Farewell, Silent, tell_others};
use super::link::{Link, State, Stream};
use super::websocket::Limits;
use crate::dialect::Conversation;
use crate::hub::{Lane as _, Subscriber};
use crate::identity::Identity;
use crate::message::{Call, CloseReason, Command, Frame, Message, Now, Turn};

/// Messages read before other tasks get their turn.
const READS_PER_POLL: usize = 32;
/// How long a peer may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// PINGs without any sign of life after which a peer counts as dead.
const MAX_MISSED: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Our close frame is on its way; the peer's answer is awaited.
    Closing,
    /// Nothing can be read any more: flush, then end.
    Ending,
}

pub(super) struct Connection<S> {
    link: Arc<Link<S>>,
    codec: WebSocketContext,
    conversation: Box<dyn Conversation>,
    subscriber: Subscriber,
    backstage: Arc<dyn Backstage>,
    /// What was shown to say who the client is, where the backend may be asked with it: while the conversation
    /// reads what that is worth, and not before.
    token: Option<String>,
    /// What the conversation waits for.
    asking: Asking,
    timer: Pin<Box<Sleep>>,
    limits: Limits,
    opened: Instant,
    /// When the next PING is due.
    ping: Instant,
    /// When the reader is nobody any more.
    until: Option<Instant>,
    bucket: Option<Bucket>,
    stage: Stage,
    /// Whoever was asked about the opening has answered, so that the hub may be heard.
    is_let_in: bool,
    heard: bool,
    missed: u8,
}

impl<S: Stream> Connection<S> {
    pub(super) fn new(
        (link, limits): (Arc<Link<S>>, Limits),
        codec: WebSocketContext,
        conversation: Box<dyn Conversation>,
        subscriber: Subscriber,
        backstage: Arc<dyn Backstage>,
    ) -> Self {
        let opened = Instant::now();
        let ping = opened + limits.ping_interval;
        Self {
            codec,
            until: expiry(&subscriber.identity()),
            timer: Box::pin(sleep_until(ping)),
            opened,
            ping,
            link,
            limits,
            conversation,
            subscriber,
            backstage,
            token: None,
            asking: Asking::default(),
            bucket: limits.rate.map(Bucket::new),
            stage: Stage::Open,
            is_let_in: true,
            heard: true,
            missed: 0,
        }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
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
                self.catch_up();
                // Behind the messages, since one of them may have asked for something.
                self.poll_pending(context);
            }
            Stage::Ending if drained => {
                // Whether or not it worked: the timer ends what does not end by itself.
                let shut_down = self.link.poll_shutdown(context).is_ready();
                if shut_down && self.link.poll_discard(context).is_ready() {
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

    /// Reads until the socket is empty. A client that leaves its replies unread is not read either, nor one
    /// for which as many messages wait as may.
    fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            if self.link.is_busy() || self.asking.is_full(&self.limits) {
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
        if self.stage != Stage::Open {
            return;
        }
        let age = self.opened.elapsed();
        match self.bucket.as_mut().map_or(Verdict::Taken, |bucket| bucket.take(age)) {
            Verdict::Taken if self.asking.is_behind() => self.asking.push(message),
            Verdict::Taken => {
                self.converse(|conversation, now, turn| conversation.receive(message, now, turn));
            }
            Verdict::Dropped => {
                self.backstage.exceeded(Exceeded::Messages);
                self.converse(|conversation, now, turn| conversation.dropped(&message, now, turn));
            }
            Verdict::Flood => {
                self.backstage.exceeded(Exceeded::Flood);
                self.close(CloseReason::RateLimit);
            }
        }
    }

    /// Ends it behind what waits.
    fn close(&mut self, reason: CloseReason) {
        self.link.close_after(reason);
        self.enter(Stage::Closing);
    }

    /// The answer to a call: the conversation goes on, and then with what the client has said meanwhile.
    fn poll_pending(&mut self, context: &mut Context<'_>) {
        let Poll::Ready((returned, token)) = self.asking.poll(context) else { return };
        self.token = token;
        let was_let_in = std::mem::replace(&mut self.is_let_in, true);
        if self.stage == Stage::Open {
            self.converse(|conversation, now, turn| conversation.returned(returned, now, turn));
        }
        // One that says nothing is worth nothing later either.
        self.token = None;
        if !was_let_in {
            // Of one that was refused the link is closing, and nothing leaves.
            self.link.release();
        }
        if self.asking.end() {
            self.link.end_call();
        }
        self.asking.wake_behind(context);
    }

    /// Goes on with what the client has said meanwhile.
    fn catch_up(&mut self) {
        while self.stage == Stage::Open
            && !self.link.is_busy()
            && let Some(message) = self.asking.pop()
        {
            self.converse(|conversation, now, turn| conversation.receive(message, now, turn));
        }
    }

    fn converse(&mut self, talk: impl FnOnce(&mut dyn Conversation, Now, &mut Turn)) {
        let (now, mut turn) = (now(self.opened), Turn::default());
        talk(&mut *self.conversation, now, &mut turn);
        self.act(turn);
    }

    /// What is said first comes before every event. Nothing has left yet, the greeting neither, so the
    /// client cannot have missed one.
    pub(super) fn begin(&mut self, mut turn: Turn) {
        self.is_let_in = turn.call.is_none();
        self.say(&std::mem::take(&mut turn.frames));
        self.act(turn);
        self.release();
    }

    /// What was held back leaves, if its reader may have it.
    fn release(&self) {
        if self.is_let_in {
            self.link.release();
        }
    }

    fn say(&self, frames: &[Frame]) {
        for frame in frames {
            self.link.answer(frame.websocket());
        }
    }

    fn act(&mut self, mut turn: Turn) {
        let subscriptions = self.subscriber.topics();
        let mut identified = false;
        // What comes of the commands waits for the words about them.
        let is_told = !turn.commands.is_empty();
        for command in std::mem::take(&mut turn.commands) {
            identified |= self.handle(command);
        }
        self.count(subscriptions);
        self.say(&turn.frames);
        if is_told {
            self.release();
        }
        if identified {
            let identity = self.subscriber.identity();
            self.converse(|conversation, now, turn| conversation.identified(&identity, now, turn));
        }
        let close = turn.close;
        if let Some(call) = tell_others(turn, &*self.backstage) {
            self.ask(call);
        }
        if let Some(reason) = close {
            self.close(reason);
        }
        self.set_timer();
    }

    fn ask(&mut self, call: Call) {
        let credentials = self.subscriber.credentials();
        let token = match &call {
            Call::Identify(token) => credentials.as_ref().map(|_| token.clone()),
            Call::Webhook(_) | Call::Upstream(_) => None,
        };
        let (number, is_first) = self.asking.number();
        if is_first {
            self.link.begin_call(number);
        }
        let ahead = Ahead::new(Arc::clone(&self.link) as Arc<dyn Hold>, number);
        self.asking.begin(self.backstage.call(call, Caller { ahead, credentials }), token);
    }

    /// Whether the client is whom the command names from now on.
    fn handle(&mut self, command: Command) -> bool {
        self.subscriber.handle(command).is_some_and(|identity| self.identify(identity))
    }

    /// The backend is to see the same client as we do. `false`: as many are the same user as may be.
    fn identify(&mut self, identity: Identity) -> bool {
        if identity != self.subscriber.identity() {
            // What is held back is for whom it was, and no call of theirs holds back more.
            if self.is_let_in {
                self.link.end_call();
            } else {
                self.link.forget();
            }
        }
        let (until, token) = (expiry(&identity), self.token.take());
        let identified = self.subscriber.identify(identity, token.as_deref());
        if identified.is_ok() {
            self.until = until;
        } else {
            self.backstage.exceeded(Exceeded::Connections);
            self.close(CloseReason::TooMany);
        }
        identified.is_ok()
    }

    fn count(&self, before: usize) {
        let difference = self.subscriber.topics().cast_signed() - before.cast_signed();
        if difference != 0 {
            self.backstage.subscriptions(difference as i64);
        }
    }

    /// The connection has ended, and its reader leaves the hub.
    pub(super) fn end(mut self) -> Farewell {
        self.link.end();
        let conversation = std::mem::replace(&mut self.conversation, Box::new(Silent));
        let ahead = Ahead::new(Arc::clone(&self.link) as Arc<dyn Hold>, self.asking.number().0);
        let caller = Caller { ahead, credentials: self.subscriber.credentials() };
        Farewell::new(conversation, caller, Arc::clone(&self.backstage), self.opened)
    }
}

impl<S> Drop for Connection<S> {
    /// However it ends, a panic of a dialect included.
    fn drop(&mut self) {
        self.backstage.subscriptions(-(self.subscriber.topics().cast_signed() as i64));
    }
}
