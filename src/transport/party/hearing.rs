//! What the client says goes to the conversation at once, or behind what that waits for.

use super::Party;
use crate::message::{CloseReason, Message, Returned, Turn};
use crate::transport::backstage::Exceeded;
use crate::transport::bucket::Verdict;
use crate::transport::clock::now;
use crate::transport::wire::Wire;

impl<W: Wire> Party<W> {
    /// Goes on with what the client has said meanwhile.
    pub(super) fn catch_up(&mut self) {
        while self.is_open
            && !self.wire.is_busy()
            && let Some(message) = self.asking.pop()
        {
            self.converse(|conversation, now, turn| conversation.receive(message, now, turn));
        }
    }

    /// The answer to a call: the conversation goes on, and then with what the client has said meanwhile.
    pub(super) fn go_on(&mut self, returned: Returned, token: Option<String>) {
        self.token = token;
        let was_let_in = self.is_let_in;
        if self.is_open {
            let (now, mut turn) = (now(self.opened), Turn::default());
            self.conversation.returned(returned, now, &mut turn);
            // One who asks more about the opening hears nothing of the hub yet.
            self.is_let_in |= turn.call.is_none();
            self.act(turn);
        }
        // One that says nothing is worth nothing later either.
        self.token = None;
        if !was_let_in {
            // Of one that was refused the wire is closing, and nothing leaves.
            self.release();
        }
        if self.asking.end() {
            self.end_call();
        }
    }

    /// The client says something.
    pub(in crate::transport) fn receive(&mut self, message: Message) {
        if !self.is_open {
            return;
        }
        let age = self.opened.elapsed();
        let verdict = self.bucket.as_mut().map_or(Verdict::Taken, |bucket| bucket.take(age));
        self.hear(verdict, message);
    }

    /// The same where somebody else looks after how fast it talks.
    pub(in crate::transport) fn hear(&mut self, verdict: Verdict, message: Message) {
        if !self.is_open {
            return;
        }
        match verdict {
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
}
