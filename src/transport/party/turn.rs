//! What a conversation wants in its turn is done: words to its client, commands to the hub, calls, and the end.

use std::sync::Arc;

use super::Party;
use crate::dialect::Conversation;
use crate::identity::Identity;
use crate::message::{Call, CloseReason, Command, Frame, Now, Turn};
use crate::transport::ahead::{Ahead, Hold};
use crate::transport::backstage::{Caller, Exceeded};
use crate::transport::clock::{expiry, now};
use crate::transport::farewell::tell_others;
use crate::transport::wire::Wire;

impl<W: Wire> Party<W> {
    /// What is said first comes before every event. Nothing has left yet, the greeting neither, so the
    /// client cannot have missed one.
    pub(in crate::transport) fn begin(&mut self, mut turn: Turn) {
        self.is_let_in = turn.call.is_none();
        self.say(&std::mem::take(&mut turn.frames));
        self.act(turn);
        self.release();
    }

    pub(super) fn converse(&mut self, talk: impl FnOnce(&mut dyn Conversation, Now, &mut Turn)) {
        let (now, mut turn) = (now(self.opened), Turn::default());
        talk(&mut *self.conversation, now, &mut turn);
        self.act(turn);
    }

    /// The backend is to see the same client as we do. `false`: as many are the same user as may be.
    pub(super) fn identify(&mut self, identity: Identity) -> bool {
        if identity != self.subscriber.identity() {
            // What is held back is for whom it was, and no call of theirs holds back more.
            if self.is_let_in {
                self.wire.disown();
                self.end_call();
            } else {
                self.wire.forget();
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

    /// What was held back leaves, if its reader may have it.
    pub(in crate::transport) fn release(&self) {
        if self.is_let_in {
            self.look_after(self.wire.release().is_ok());
        }
    }

    pub(super) fn end_call(&self) {
        self.look_after(self.wire.end_call().is_ok());
    }

    /// Nobody else hears that a reader was too slow for what was held back.
    fn look_after(&self, had_room: bool) {
        if !had_room {
            self.backstage.exceeded(Exceeded::Frames);
        }
    }

    fn say(&self, frames: &[Frame]) {
        for frame in frames {
            self.wire.answer(frame.wire());
        }
    }

    pub(super) fn act(&mut self, mut turn: Turn) {
        let subscriptions = self.subscriber.topics();
        let mut identified = false;
        // What comes of the commands waits for the words about them.
        let is_told = !turn.commands.is_empty();
        let is_asked = turn.ack.is_some() || turn.since.is_some();
        self.subscriber.expect(turn.since);
        for command in std::mem::take(&mut turn.commands) {
            identified |= self.handle(command);
        }
        self.count(subscriptions);
        let missed = if is_asked { self.settle(&mut turn) } else { Vec::new() };
        if is_told && !is_asked && self.is_let_in {
            self.subscriber.settle();
        }
        for receipt in std::mem::take(&mut turn.receipts) {
            self.wire.acknowledged(receipt.number);
            self.backstage.answered(self.subscriber.answer(receipt));
        }
        turn.heard.iter().for_each(|heard| self.backstage.heard(*heard));
        self.say(&turn.frames);
        if !missed.is_empty() {
            self.say(&missed);
            self.wire.excuse();
        }
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
    }

    /// Says what became of subscriptions; returns what their client missed of them.
    fn settle(&mut self, turn: &mut Turn) -> Vec<Frame> {
        // Whoever is not let in yet hears nothing of what others did.
        let room = if self.is_let_in { self.limits.outbox.bytes } else { 0 };
        let (caught, missed) = self.subscriber.catch_up(turn.since, turn.pick, room);
        if turn.since.is_some() {
            // That took a while.
            self.asking.rest();
        }
        turn.settle(&caught);
        if let Some(recovered) = caught.recovered {
            self.backstage.caught_up(recovered, missed.len());
        }
        missed
    }

    fn ask(&mut self, call: Call) {
        let credentials = self.subscriber.credentials();
        let token = match &call {
            Call::Identify(token) => credentials.as_ref().map(|_| token.clone()),
            Call::Webhook(_) | Call::Upstream(_) => None,
        };
        let (number, is_first) = self.asking.number();
        if is_first {
            self.wire.begin_call(number);
        }
        let ahead = Ahead::new(Arc::clone(&self.wire) as Arc<dyn Hold>, number);
        self.asking.begin(self.backstage.call(call, Caller { ahead, credentials }), token);
    }

    /// Whether the client is whom the command names from now on.
    fn handle(&mut self, command: Command) -> bool {
        self.subscriber.handle(command).is_some_and(|identity| self.identify(identity))
    }

    fn count(&self, before: usize) {
        let difference = self.subscriber.topics().cast_signed() - before.cast_signed();
        if difference != 0 {
            self.backstage.subscriptions(difference as i64);
        }
    }
}
