//! What the server publishes, until it is read.
//!
//! The library's own queue has no bound, so it hands each message to this one, which has: where nobody reads, the
//! oldest leave, and the newest stays to show that some are missing.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;

/// So many messages may wait.
const MAX_MESSAGES: usize = 8192;
/// So many bytes may they have in all, and the last of them any number.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Room for so many is kept.
const USUAL_MESSAGES: usize = 64;

/// See the module's documentation. For one reader.
#[derive(Debug, Default)]
pub(super) struct Live {
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
    has_ended: bool,
}

/// Nothing follows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended;

impl Live {
    /// Takes what the library has read.
    pub(super) fn push(&self, info: PushInfo) {
        if info.kind == PushKind::SMessage {
            if let Some(Value::BulkString(message)) = info.data.into_iter().nth(1) {
                self.queue().push(Bytes::from(message));
            }
        } else if matches!(info.kind, PushKind::SUnsubscribe | PushKind::Disconnection) {
            // The channel moved to another node, or the connection is gone.
            self.queue().has_ended = true;
        }
        self.news.notify_one();
    }

    /// The oldest message that is there.
    pub(super) fn take(&self) -> Result<Option<Bytes>, Ended> {
        let mut queue = self.queue();
        match queue.pop() {
            None if queue.has_ended => Err(Ended),
            message => Ok(message),
        }
    }

    /// There may be something to take; may be dropped.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, message: Bytes) {
        self.bytes += message.len();
        self.messages.push_back(message);
        while self.messages.len() > MAX_MESSAGES || (self.bytes > MAX_BYTES && self.messages.len() > 1) {
            drop(self.pop());
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let message = self.messages.pop_front();
        self.bytes -= message.as_ref().map_or(0, Bytes::len);
        if self.messages.is_empty() {
            // What a burst took is given back.
            self.messages.shrink_to(USUAL_MESSAGES);
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: Vec<u8>) -> PushInfo {
        let data = vec![Value::BulkString(b"channel".to_vec()), Value::BulkString(bytes)];
        PushInfo { kind: PushKind::SMessage, data }
    }

    #[test]
    fn where_nobody_reads_the_oldest_leave_and_the_newest_stays() {
        let live = Live::default();
        for number in 0..MAX_MESSAGES + 10 {
            live.push(message(number.to_string().into_bytes()));
        }
        assert_eq!(live.take().unwrap().unwrap(), "10");
        for number in 0..20_u8 {
            live.push(message(vec![number; 1024 * 1024]));
        }
        assert_eq!(live.take().unwrap().unwrap().first(), Some(&4));
        live.push(message(vec![99; MAX_BYTES + 1]));
        live.push(PushInfo { kind: PushKind::Disconnection, data: vec![] });
        assert_eq!(live.take().unwrap().unwrap().first(), Some(&99));
        assert_eq!(live.queue().bytes, 0);
        assert_eq!(live.take(), Err(Ended));
    }
}
