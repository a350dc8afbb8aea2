//! Who talks with one client: what it says goes to its conversation, what that wants is done, and so is what comes of
//! it when its time has come. How frames travel is nothing to it.

mod hearing;
mod turn;

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::ahead::{Ahead, Hold};
use super::asking::Asking;
use super::backstage::{Backstage, Caller};
use super::bucket::Bucket;
use super::clock::expiry;
use super::farewell::{Farewell, Silent};
use super::limits::{Expiry, Limits};
use super::wire::Wire;
use crate::dialect::Conversation;
use crate::hub::Subscriber;
use crate::identity::Identity;
use crate::message::{Caught, CloseReason, Message};

/// See the module's documentation.
pub(super) struct Party<W> {
    wire: Arc<W>,
    conversation: Box<dyn Conversation>,
    subscriber: Subscriber,
    backstage: Arc<dyn Backstage>,
    /// What was shown to say who the client is, where the backend may be asked with it: while the conversation
    /// reads what that is worth, and not before.
    token: Option<String>,
    /// What the conversation waits for.
    asking: Asking,
    pub(super) limits: Limits,
    opened: Instant,
    /// When the reader is nobody any more.
    until: Option<Instant>,
    bucket: Option<Bucket>,
    is_open: bool,
    /// Whoever was asked about the opening has answered, so that the hub may be heard.
    is_let_in: bool,
}

impl<W: Wire> Party<W> {
    pub(super) fn new(
        (wire, limits): (Arc<W>, Limits),
        conversation: Box<dyn Conversation>,
        subscriber: Subscriber,
        backstage: Arc<dyn Backstage>,
    ) -> Self {
        backstage.connections(1);
        Self {
            until: expiry(&subscriber.identity()),
            wire,
            conversation,
            subscriber,
            backstage,
            token: None,
            asking: Asking::default(),
            limits,
            opened: Instant::now(),
            bucket: limits.rate.map(Bucket::new),
            is_open: true,
            is_let_in: true,
        }
    }

    /// As of [`Subscriber::settled`].
    pub(super) fn settled(&self, tell: impl FnOnce(Caught)) {
        self.subscriber.settled(tell);
    }

    /// Nothing more is heard: whatever carries its words is at its end.
    pub(super) fn shut(&mut self) {
        self.is_open = false;
    }

    /// Its connection broke off. `false`: it cannot go on from here, since what is said before all else has not been,
    /// or there is no room for it.
    pub(super) fn rest(&mut self) -> bool {
        self.shut();
        self.conversation.away();
        self.is_let_in && self.subscriber.step_out()
    }

    /// `false`: there is no room for it any more.
    pub(super) fn rise(&mut self) -> bool {
        self.subscriber.step_in()
    }

    /// Whether its client goes on as who it was, with this message; `is_same`: the handshake showed the same.
    pub(super) fn goes_on(&self, message: &Message, is_same: bool) -> bool {
        self.conversation.goes_on(message, is_same)
    }

    /// The client is back, and hears so.
    pub(super) fn resume(&mut self) {
        self.is_open = true;
        self.converse(|conversation, now, turn| conversation.resumed(now, turn));
    }

    /// An answer is awaited from elsewhere, and the client is not listened to.
    pub(super) fn is_asking(&self) -> bool {
        self.asking.is_awaited()
    }

    /// No more should be read: so many messages wait, or one was enough until the next [`poll`](Self::poll).
    pub(super) fn is_full(&self) -> bool {
        self.asking.is_full(&self.limits)
    }

    /// Ends it behind what waits.
    fn close(&mut self, reason: CloseReason) {
        self.wire.close_after(reason);
        self.shut();
    }

    /// When something is to be done: the token's end, or what the conversation wants to be woken for.
    pub(super) fn due(&self) -> Option<Instant> {
        let alarm = self.conversation.alarm().and_then(|age| self.opened.checked_add(age));
        [self.until, alarm].into_iter().flatten().min()
    }

    /// Does what is due by now.
    pub(super) fn on_time(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            self.expire();
        }
        if self.conversation.alarm().is_some_and(|alarm| self.opened + alarm <= now) {
            self.converse(|conversation, now, turn| conversation.wake(now, turn));
            // No message of the client did that, and nothing would bring the next turn.
            self.asking.go_on();
        }
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

    /// It has ended, and its reader leaves the hub.
    pub(super) fn end(mut self) -> Farewell {
        let conversation = std::mem::replace(&mut self.conversation, Box::new(Silent));
        let ahead = Ahead::new(Arc::clone(&self.wire) as Arc<dyn Hold>, self.asking.number().0);
        let caller = Caller { ahead, credentials: self.subscriber.credentials() };
        Farewell::new(conversation, caller, Arc::clone(&self.backstage), self.opened)
    }

    /// Goes on with what has come, from elsewhere or from the client meanwhile.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        let was_full = self.is_full();
        self.asking.go_on();
        self.catch_up();
        if was_full && !self.is_full() {
            // Reading stopped for it, and nothing else brings that back.
            context.waker().wake_by_ref();
        }
        // Behind the messages, since one of them may have asked for something. As with those, the client is to read
        // before more is said: what follows from the answer may be the next question.
        let is_its_turn = !self.is_open || !self.wire.is_busy();
        if let Poll::Ready((returned, token)) = self.asking.poll(is_its_turn, context) {
            self.go_on(returned, token);
            self.asking.wake_behind(context);
        }
        if self.asking.rests() {
            context.waker().wake_by_ref();
        }
    }
}

impl<W> Drop for Party<W> {
    /// However it ends, a panic of a dialect included.
    fn drop(&mut self) {
        self.backstage.connections(-1);
        self.backstage.subscriptions(-(self.subscriber.topics().cast_signed() as i64));
    }
}
