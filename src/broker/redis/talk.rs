//! What is said beside the log: published in a channel of its own.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::connection::{Connection, away};
use super::live::Live;
use crate::broker::{Away, Hear, Say};

/// Publishes.
pub(super) struct Speaker {
    connection: Connection,
    channel: String,
}

impl Speaker {
    pub(super) fn new(connection: Connection, channel: &str) -> Self {
        Self { connection, channel: channel.to_owned() }
    }
}

impl fmt::Debug for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speaker").field("channel", &self.channel).finish_non_exhaustive()
    }
}

#[async_trait]
impl Say for Speaker {
    async fn say(&mut self, notes: &[Bytes]) -> Result<(), Away> {
        let mut all = redis::pipe();
        for note in notes {
            all.cmd("SPUBLISH").arg(&self.channel).arg(note.as_ref()).ignore();
        }
        all.exec_async(&mut self.connection.link).await.map_err(|error| away(&error))
    }
}

/// Takes what was published.
#[derive(Debug)]
pub(super) struct Listener {
    talk: Arc<Live>,
}

impl Listener {
    pub(super) fn new(talk: Arc<Live>) -> Self {
        Self { talk }
    }
}

#[async_trait]
impl Hear for Listener {
    async fn hear(&mut self) -> Result<Bytes, Away> {
        loop {
            if let Some(note) =
                self.talk.take().map_err(|_ended| Away("the connection broke off".to_owned()))?
            {
                return Ok(note);
            }
            self.talk.news().await;
        }
    }
}
