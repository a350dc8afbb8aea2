//! What a connection does when a time has come.

use std::future::Future as _;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::{Connection, Stage};
use crate::hub::Lane as _;
use crate::identity::Identity;
use crate::message::{CloseReason, Frame};
use crate::transport::link::Stream;
use crate::transport::websocket::Expiry;

/// PINGs without any sign of life after which a peer counts as dead.
const MAX_MISSED: u8 = 2;

impl<S: Stream> Connection<S> {
    pub(super) fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.timer.as_mut().poll(context));
        if self.stage != Stage::Open {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        let now = Instant::now();
        if self.until.is_some_and(|until| until <= now) {
            self.expire();
        }
        if self.conversation.alarm().is_some_and(|alarm| self.opened + alarm <= now) {
            self.converse(|conversation, now, turn| conversation.wake(now, turn));
        }
        if self.ping <= now {
            self.look_for_life();
        }
        self.set_timer();
        Poll::Pending
    }

    /// The reader is nobody in particular any more.
    fn expire(&mut self) {
        self.until = None;
        // Before it is said: behind that nothing comes that was the user's.
        self.identify(Identity::Anonymous);
        self.converse(|conversation, now, turn| conversation.expired(now, turn));
        self.release();
        if self.limits.expiry == Expiry::Close {
            self.close(CloseReason::Expired);
        }
    }

    fn look_for_life(&mut self) {
        // Who waits for an answer is not listened to.
        let alive = std::mem::take(&mut self.heard) | self.link.take_progress() | self.asking.is_pending();
        self.missed = if alive { 0 } else { self.missed + 1 };
        if self.missed >= MAX_MISSED {
            self.link.close(CloseReason::Silent);
            self.enter(Stage::Ending);
        } else {
            self.link.send_if_idle(&Frame::ping());
            self.ping = Instant::now() + self.limits.ping_interval;
        }
    }

    /// Whatever comes first: a PING, the token's end, or what the conversation wants to be woken for.
    pub(super) fn set_timer(&mut self) {
        if self.stage != Stage::Open {
            return;
        }
        let alarm = self.conversation.alarm().and_then(|age| self.opened.checked_add(age));
        let next = [self.until, alarm].into_iter().flatten().fold(self.ping, Instant::min);
        if self.timer.deadline() != next {
            self.timer.as_mut().reset(next);
        }
    }
}
