//! What is said beside the log: core NATS, on a subject of its own.

use async_nats::Subscriber;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::link::{Link, broken};
use crate::broker::{Away, Hear, Say};

/// Both ends.
pub(super) async fn open(link: &Link, subject: String) -> Result<(Speaker, Listener), Away> {
    let said = link.subscribe(subject.clone()).await?;
    Ok((Speaker { link: link.clone(), subject }, Listener { said, link: link.clone() }))
}

#[derive(Debug)]
pub(super) struct Speaker {
    link: Link,
    subject: String,
}

#[async_trait]
impl Say for Speaker {
    async fn say(&mut self, notes: &[Bytes]) -> Result<(), Away> {
        for note in notes {
            // The server would end the connection.
            if note.len() > self.link.max_payload() {
                tracing::warn!(bytes = note.len(), "a note is larger than the broker takes, and not said");
                continue;
            }
            self.link.tell(&self.subject, note.clone()).await?;
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Listener {
    said: Subscriber,
    link: Link,
}

#[async_trait]
impl Hear for Listener {
    async fn hear(&mut self) -> Result<Bytes, Away> {
        tokio::select! {
            biased;
            away = self.link.ended() => Err(away),
            said = self.said.next() => said.map(|message| message.payload).ok_or_else(broken),
        }
    }
}
