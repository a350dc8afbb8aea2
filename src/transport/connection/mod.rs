//! One WebSocket from its greeting to its end: what the client says goes to its conversation, what that wants
//! is done, and time is kept.

mod messages;
mod timers;
mod turn;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::protocol::WebSocketContext;

use super::ahead::{Ahead, Hold};
use super::asking::Asking;
use super::backstage::{Backstage, Caller};
use super::bucket::Bucket;
use super::clock::expiry;
use super::farewell::{Farewell, Silent};
use super::link::{Link, State, Stream};
use super::websocket::Limits;
use crate::dialect::Conversation;
use crate::hub::Subscriber;
use crate::message::CloseReason;

/// How long a peer may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

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

    /// Ends it behind what waits.
    fn close(&mut self, reason: CloseReason) {
        self.link.close_after(reason);
        self.enter(Stage::Closing);
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
