//! The writing side: many letters are on their way at once, and each is acknowledged.

use std::str::FromStr as _;
use std::sync::Arc;

use async_nats::{HeaderMap, HeaderValue, Subscriber};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::time::timeout;

use super::known::Known;
use super::link::{ANSWERED, Link, WAITING, broken, silent};
use crate::broker::{Append, Away};
use crate::event::Epoch;

/// So many letters are not acknowledged yet at most; all of their acknowledgements have room.
const IN_FLIGHT: u64 = WAITING as u64 / 2;

#[derive(Debug)]
pub(super) struct Writer {
    link: Link,
    subject: String,
    largest: usize,
    inbox: String,
    acks: Subscriber,
    sent: u64,
    acknowledged: u64,
    /// Nothing is sent behind a letter that may have been lost.
    is_over: bool,
    epoch: Epoch,
    known: Arc<Known>,
}

/// What the server says to a letter.
#[derive(Deserialize)]
struct Ack {
    error: Option<Error>,
    #[serde(default)]
    seq: u64,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default)]
    description: String,
}

impl Writer {
    pub(super) async fn new(
        link: Link,
        subject: &str,
        largest: usize,
        (epoch, known): (Epoch, Arc<Known>),
    ) -> Result<Self, Away> {
        let inbox = link.inbox();
        let acks = link.subscribe(inbox.clone()).await?;
        let (subject, is_over) = (subject.to_owned(), false);
        let (sent, acknowledged) = (0, 0);
        Ok(Self { link, subject, largest, inbox, acks, sent, acknowledged, is_over, epoch, known })
    }

    async fn send(&mut self, letters: &[(String, Bytes)]) -> Result<(), Away> {
        for (name, bytes) in letters {
            if self.sent - self.acknowledged >= IN_FLIGHT {
                self.acknowledge().await?;
            }
            let mut headers = HeaderMap::new();
            let name =
                HeaderValue::from_str(name).or(Err(Away("a letter's name has a line break".to_owned())))?;
            headers.insert("Nats-Msg-Id", name);
            self.sent += 1;
            self.link.publish(&self.subject, self.inbox.clone(), headers, bytes.clone()).await?;
        }
        while self.acknowledged < self.sent {
            self.acknowledge().await?;
        }
        Ok(())
    }

    async fn acknowledge(&mut self) -> Result<(), Away> {
        let ack = timeout(ANSWERED, self.acks.next()).await.or(Err(silent()))?.ok_or_else(broken)?;
        if ack.status.is_some() {
            return Err(Away(
                "nobody takes letters: the stream is gone, or its cluster has no leader".to_owned(),
            ));
        }
        match serde_json::from_slice(&ack.payload) {
            Ok(Ack { error: None, seq }) => {
                self.known.note(self.epoch, seq);
                self.acknowledged += 1;
            }
            Ok(Ack { error: Some(error), .. }) => {
                return Err(Away(format!("a letter was not taken: {}", error.description)));
            }
            Err(_) => return Err(Away("an answer that is not understood here".to_owned())),
        }
        Ok(())
    }
}

#[async_trait]
impl Append for Writer {
    fn largest(&self) -> usize {
        self.largest
    }

    async fn append(&mut self, letters: &[(String, Bytes)]) -> Result<(), Away> {
        if let Some((_, large)) = letters.iter().find(|(_, bytes)| bytes.len() > self.largest) {
            let (size, largest) = (large.len(), self.largest);
            return Err(Away(format!("a letter has {size} bytes, and {largest} are taken at most")));
        }
        if self.is_over {
            return Err(broken());
        }
        // A call that is dropped ends the connection as well: what it sent last is not known.
        self.is_over = true;
        let link = self.link.clone();
        link.during(self.send(letters)).await?;
        self.is_over = false;
        Ok(())
    }
}
