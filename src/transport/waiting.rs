//! What a client has said while its connection waits for an answer from elsewhere.

use std::collections::VecDeque;

use super::websocket::Limits;
use crate::message::Message;

/// Bounded by whoever pushes: nothing more is read while it [is full](Self::is_full).
#[derive(Debug, Default)]
pub(super) struct Waiting {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Waiting {
    /// As many messages wait as may, or as many bytes as the largest message may have.
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.messages.len() >= limits.waiting || self.bytes >= limits.max_message
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn push(&mut self, message: Message) {
        self.bytes += size(&message);
        self.messages.push_back(message);
    }

    /// The oldest. Gives the memory back with the last.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= size(&message);
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        Some(message)
    }
}

fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
    }
}
