//! The reading side.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redis::RedisError;
use tokio::time::sleep;

use super::connection::{Connection, away};
use super::live::Live;
use super::log::Log;
use crate::broker::{Away, Entry, Follow};

/// So long after an answer both connections are asked for another, also so that nobody takes them for unused: a dead
/// one is noticed within this and the time for an answer.
const PULSE: Duration = Duration::from_secs(2);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Reader {
    live: Arc<Live>,
    pulse: Pulse,
    log: Log,
    /// The last offset before it was opened.
    before: u64,
    /// The last offset that was published since.
    last: Option<u64>,
}

impl Reader {
    /// Reads what `listener` pushes into `live`, which is behind `before`.
    pub(super) fn new(live: Arc<Live>, listener: Connection, log: Log, before: u64) -> Self {
        let pulse = Pulse { listener, asker: log.clone(), beat: None };
        Self { live, pulse, log, before, last: None }
    }

    /// What a message says, unless it was there before.
    fn read(&mut self, message: &Bytes) -> Result<Option<Entry>, Away> {
        let (epoch, offset, bytes) = parts(message).ok_or_else(|| anew("others publish to its channel"))?;
        if epoch != self.log.epoch().as_bytes() {
            return Err(anew("another log began"));
        }
        if self.last.is_none() && offset <= self.before {
            return Ok(None);
        }
        if self.last.is_some_and(|last| offset <= last) {
            return Err(anew("its offsets went back"));
        }
        self.last = Some(offset);
        Ok(Some(Entry { offset, bytes }))
    }
}

fn anew(what: &str) -> Away {
    Away(what.to_owned())
}

/// Epoch, hyphen, offset, space, letter.
fn parts(message: &Bytes) -> Option<(&[u8], u64, Bytes)> {
    let (epoch, rest) = message.split_at_checked(16)?;
    let rest = rest.strip_prefix(b"-")?;
    let digits = rest.iter().position(|byte| *byte == b' ')?;
    let offset = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()?;
    Some((epoch, offset, message.slice(16 + 1 + digits + 1..)))
}

#[async_trait]
impl Follow for Reader {
    async fn next(&mut self) -> Result<Entry, Away> {
        loop {
            while let Some(message) = self.live.take().map_err(|_ended| anew("the connection broke off"))? {
                if let Some(entry) = self.read(&message)? {
                    return Ok(entry);
                }
            }
            tokio::select! {
                biased;
                () = self.live.news() => {}
                error = self.pulse.stops() => return Err(away(&error)),
            }
        }
    }

    async fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<Entry>, Away> {
        self.log.range(from, to, count).await.map_err(|error| away(&error))
    }
}

type Beat = Pin<Box<dyn Future<Output = Result<(), RedisError>> + Send>>;

/// Asks whether the connections still live.
struct Pulse {
    listener: Connection,
    asker: Log,
    /// Kept, so that it goes on where [`Pulse::stops`] was dropped.
    beat: Option<Beat>,
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pulse")
    }
}

impl Pulse {
    /// Ends when the server does not answer; may be dropped.
    async fn stops(&mut self) -> RedisError {
        loop {
            let beat =
                self.beat.get_or_insert_with(|| Box::pin(beat(self.listener.clone(), self.asker.clone())));
            let answer = beat.as_mut().await;
            self.beat = None;
            if let Err(error) = answer {
                return error;
            }
        }
    }
}

async fn beat(mut listener: Connection, mut asker: Log) -> Result<(), RedisError> {
    sleep(PULSE).await;
    tokio::try_join!(listener.ping(), asker.ping()).map(drop)
}
