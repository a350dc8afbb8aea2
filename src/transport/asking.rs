//! What a connection waits for, and what its client says meanwhile.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use super::backstage::Returning;
use super::limits::Limits;
use crate::message::{Message, Returned};

/// One call is under way at a time. What comes meanwhile is bounded by whoever pushes: nothing more is read while
/// it [is full](Self::is_full).
#[derive(Default)]
pub(super) struct Asking {
    pending: Option<Pending>,
    messages: VecDeque<Message>,
    bytes: usize,
    /// The number of the message that is being answered by calls, or was last.
    number: u64,
    is_answering: bool,
    /// What was said last took a while: others are to have their turn first.
    rests: bool,
}

struct Pending {
    returning: Returning,
    /// It is there, and waits until its turn has come. Seldom, and room for it would be taken by each connection.
    returned: Option<Box<Returned>>,
    /// The token that it is about, where the backend may be asked with it.
    token: Option<String>,
}

impl Asking {
    /// An answer is awaited, and is not there yet.
    pub(super) fn is_awaited(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.returned.is_none())
    }

    /// An answer is awaited, or waits.
    fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// The next message is to wait.
    pub(super) fn is_behind(&self) -> bool {
        self.is_pending() || !self.messages.is_empty()
    }

    /// Nothing is heard before it [goes on](Self::go_on).
    pub(super) fn rest(&mut self) {
        self.rests = true;
    }

    pub(super) fn rests(&self) -> bool {
        self.rests
    }

    pub(super) fn go_on(&mut self) {
        self.rests = false;
    }

    /// It rests, or as many messages wait as may, or as many bytes as the largest message may have.
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.rests || self.messages.len() >= limits.waiting || self.bytes >= limits.max_message
    }

    pub(super) fn push(&mut self, message: Message) {
        self.bytes += size(&message);
        self.messages.push_back(message);
    }

    /// The oldest message, if its turn has come. Gives the memory back with the last.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front_if(|_| self.pending.is_none() && !self.rests)?;
        self.bytes -= size(&message);
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        Some(message)
    }

    /// The number of the message that asks; `true`: it is its first call.
    pub(super) fn number(&mut self) -> (u64, bool) {
        let is_first = !std::mem::replace(&mut self.is_answering, true);
        self.number += u64::from(is_first);
        (self.number, is_first)
    }

    pub(super) fn begin(&mut self, returning: Returning, token: Option<String>) {
        self.pending = Some(Pending { returning, returned: None, token });
    }

    /// The answer, and the token that it is about, if its turn has come. Whoever finds it goes on in any case: what that
    /// needs is not to be kept from others.
    pub(super) fn poll(
        &mut self,
        is_its_turn: bool,
        context: &mut Context<'_>,
    ) -> Poll<(Returned, Option<String>)> {
        let Some(pending) = &mut self.pending else { return Poll::Pending };
        if pending.returned.is_none()
            && let Poll::Ready(returned) = pending.returning.as_mut().poll(context)
        {
            pending.returned = Some(Box::new(returned));
        }
        match self.pending.take_if(|pending| is_its_turn && pending.returned.is_some()) {
            Some(Pending { returned: Some(returned), token, .. }) => Poll::Ready((*returned, token)),
            _ => Poll::Pending,
        }
    }

    /// Has the connection polled again for what waits behind an answer. If reading stopped because too much
    /// waits, something does.
    pub(super) fn wake_behind(&self, context: &Context<'_>) {
        if self.is_behind() {
            context.waker().wake_by_ref();
        }
    }

    /// Whether the message is answered: no other call followed.
    pub(super) fn end(&mut self) -> bool {
        self.is_answering &= self.is_pending();
        !self.is_answering
    }
}

fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
    }
}
