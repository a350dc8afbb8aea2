//! What is done for a connection that has ended: what its conversation still asks is answered.

use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::backstage::{Backstage, Caller};
use super::clock::now;
use crate::dialect::Conversation;
use crate::message::{Call, Message, Now, Turn};

/// See [`Farewell::rest`].
pub(super) type Rest = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Nothing of it is in the hub any more.
pub(super) struct Farewell {
    conversation: Box<dyn Conversation>,
    call: Option<Call>,
    caller: Caller,
    backstage: Arc<dyn Backstage>,
    opened: Instant,
}

impl Farewell {
    /// Tells the conversation.
    pub(super) fn new(
        mut conversation: Box<dyn Conversation>,
        caller: Caller,
        backstage: Arc<dyn Backstage>,
        opened: Instant,
    ) -> Self {
        let mut turn = Turn::default();
        conversation.ended(now(opened), &mut turn);
        let call = tell_others(turn, &*backstage);
        Self { conversation, call, caller, backstage, opened }
    }

    /// What is still to be done; `None`: nothing is asked. Boxed, since each connection would have room for it all the
    /// time, and few need it.
    pub(super) fn rest(self) -> Option<Rest> {
        self.call.is_some().then(|| Box::pin(self.say()) as Rest)
    }

    /// As long as the conversation asks, one call after the other.
    async fn say(mut self) {
        while let Some(call) = self.call.take() {
            let returned = self.backstage.call(call, self.caller.clone()).await;
            let mut turn = Turn::default();
            self.conversation.returned(returned, now(self.opened), &mut turn);
            self.call = tell_others(turn, &*self.backstage);
        }
    }
}

/// What others are to hear is told; gives the call, if there is one.
pub(super) fn tell_others(turn: Turn, backstage: &dyn Backstage) -> Option<Call> {
    turn.announcements.into_iter().for_each(|announcement| backstage.announce(announcement));
    turn.pushes.into_iter().for_each(|push| backstage.push(push));
    turn.call
}

/// Stands where a conversation was.
#[derive(Debug)]
pub(super) struct Silent;

impl Conversation for Silent {
    fn receive(&mut self, _: Message, _: Now, _: &mut Turn) {}
}
