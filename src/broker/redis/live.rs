//! What the server publishes, until it is read.
//!
//! The library's own queue has no bound, so it hands each message to this one, which has: where nobody reads, the
//! oldest leave, and the newest stays to show that some are missing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    fn push(&self, message: Bytes) {
        self.queue().push(message);
        self.news.notify_one();
    }

    fn end(&self) {
        self.queue().has_ended = true;
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

/// What is published in both channels of a connection.
#[derive(Debug)]
pub(super) struct Ears {
    /// What is in the log.
    pub(super) live: Arc<Live>,
    /// What is said beside it.
    pub(super) talk: Arc<Live>,
    /// The name of the second channel.
    talk_channel: String,
}

impl Ears {
    pub(super) fn new(talk_channel: &str) -> Self {
        Self { live: Arc::default(), talk: Arc::default(), talk_channel: talk_channel.to_owned() }
    }

    /// Takes what the library has read.
    pub(super) fn push(&self, info: PushInfo) {
        if info.kind == PushKind::SMessage {
            let mut data = info.data.into_iter();
            if let (Some(Value::BulkString(channel)), Some(Value::BulkString(message))) =
                (data.next(), data.next())
            {
                let is_talk = channel == self.talk_channel.as_bytes();
                let ear = if is_talk { &self.talk } else { &self.live };
                ear.push(Bytes::from(message));
            }
        } else if matches!(info.kind, PushKind::SUnsubscribe | PushKind::Disconnection) {
            // A channel moved to another node, or the connection is gone.
            self.live.end();
            self.talk.end();
        }
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
        said("live", bytes)
    }

    fn said(channel: &str, bytes: Vec<u8>) -> PushInfo {
        let data = vec![Value::BulkString(channel.into()), Value::BulkString(bytes)];
        PushInfo { kind: PushKind::SMessage, data }
    }

    #[test]
    fn where_nobody_reads_the_oldest_leave_and_the_newest_stays() {
        let ears = Ears::new("talk");
        let live = Arc::clone(&ears.live);
        for number in 0..MAX_MESSAGES + 10 {
            ears.push(message(number.to_string().into_bytes()));
        }
        assert_eq!(live.take().unwrap().unwrap(), "10");
        for number in 0..20_u8 {
            ears.push(message(vec![number; 1024 * 1024]));
        }
        assert_eq!(live.take().unwrap().unwrap().first(), Some(&4));
        ears.push(message(vec![99; MAX_BYTES + 1]));
        ears.push(PushInfo { kind: PushKind::Disconnection, data: vec![] });
        assert_eq!(live.take().unwrap().unwrap().first(), Some(&99));
        assert_eq!(live.queue().bytes, 0);
        assert_eq!(live.take(), Err(Ended));
    }

    #[test]
    fn what_is_said_beside_the_log_comes_beside_it() {
        let ears = Ears::new("talk");
        ears.push(said("talk", b"a".to_vec()));
        ears.push(message(b"b".to_vec()));
        assert_eq!((ears.talk.take().unwrap().unwrap(), ears.talk.take()), (Bytes::from("a"), Ok(None)));
        assert_eq!((ears.live.take().unwrap().unwrap(), ears.live.take()), (Bytes::from("b"), Ok(None)));
        ears.push(PushInfo { kind: PushKind::SUnsubscribe, data: vec![] });
        assert_eq!((ears.talk.take(), ears.live.take()), (Err(Ended), Err(Ended)));
    }
}
