//! What is done with the log: scripts, so that each is done whole.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{ErrorKind, RedisError, Script};

use super::connection::{Connection, away};
use crate::broker::{Append, Away, Entry, Head};
use crate::event::Epoch;

/// A script does so many letters at most, since the server does nothing else meanwhile.
const LETTERS_AT_ONCE: usize = 256;
/// And no more after so many bytes; the same holds for what is read.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;
/// A longer letter is never sent.
const LARGEST: usize = 16 * 1024 * 1024;

static HEAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("head.lua")));
static RANGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("range.lua")));
static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("append.lua")));

/// The names of what is at the server. A Cluster keeps all of it on one node, since the part in braces is the same.
#[derive(Debug)]
pub(super) struct Keys {
    seal: String,
    log: String,
    begin: String,
    pub(super) channel: String,
    pub(super) talk: String,
    /// So many letters are kept, and some more: the server drops them by the block.
    kept: usize,
}

impl Keys {
    pub(super) fn new(prefix: &str, db: i64, kept: usize) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        // Databases have keys of their own, and channels in common.
        let channel = |name: &str| format!("{}:{db}", key(name));
        let (channel, talk) = (channel("live"), channel("talk"));
        Self { seal: key("epoch"), log: key("log"), begin: key("begin"), channel, talk, kept: kept.max(1) }
    }
}

/// The log as it was when it was opened.
#[derive(Clone)]
pub(super) struct Log {
    connection: Connection,
    keys: Arc<Keys>,
    /// The epoch, sixteen hexadecimal digits, and behind a space the server's name for its data. While it stands there,
    /// nothing that was written was lost.
    seal: String,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("keys", &self.keys).field("seal", &self.seal).finish_non_exhaustive()
    }
}

impl Log {
    /// Begins one of the epoch `fresh` where none is there.
    pub(super) async fn open(
        mut connection: Connection,
        keys: Arc<Keys>,
        fresh: u64,
    ) -> Result<(Self, Head), RedisError> {
        let mut call = HEAD.key(&keys.seal);
        let call = call.key(&keys.log).key(&keys.begin).arg(format!("{fresh:016x}"));
        let (seal, first, last, age): (String, Option<String>, String, Option<i64>) =
            call.invoke_async(&mut connection.link).await?;
        let age = age.and_then(|age| u64::try_from(age).ok()).map(Duration::from_millis);
        let last = offset(&last)?;
        let first = first.map_or(Ok(last + 1), |first| offset(&first))?;
        let number = seal.get(..16).and_then(|epoch| u64::from_str_radix(epoch, 16).ok());
        let epoch = Epoch::new(number.ok_or_else(strange)?);
        Ok((Self { connection, keys, seal }, Head { epoch, first, last, age }))
    }

    /// As published.
    pub(super) fn epoch(&self) -> &str {
        self.seal.split(' ').next().unwrap_or_default()
    }

    /// Nothing was lost or begun anew between them.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.seal == other.seal
    }

    async fn add(&mut self, letters: &[(String, Bytes)]) -> Result<(), RedisError> {
        let Keys { seal, log, channel, kept, .. } = &*self.keys;
        let mut call = APPEND.key(seal);
        call.key(log).key(channel).arg(&self.seal).arg(kept);
        for (_name, letter) in letters {
            call.arg(letter.as_ref());
        }
        call.invoke_async(&mut self.connection.link).await
    }

    /// Fewer than `count`, though more are there, where they are large.
    pub(super) async fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<Entry>, RedisError> {
        let mut call = RANGE.key(&self.keys.seal);
        call.key(&self.keys.log).arg(&self.seal).arg(format!("0-{from}")).arg(format!("0-{to}"));
        let call = call.arg(count).arg(BYTES_AT_ONCE);
        let found: Vec<(String, Vec<u8>)> = call.invoke_async(&mut self.connection.link).await?;
        let entry =
            |(id, letter): (String, Vec<u8>)| Ok(Entry { offset: offset(&id)?, bytes: Bytes::from(letter) });
        found.into_iter().map(entry).collect()
    }

    /// Asks the server to answer.
    pub(super) async fn ping(&mut self) -> Result<(), RedisError> {
        self.connection.ping().await
    }
}

fn offset(id: &str) -> Result<u64, RedisError> {
    id.strip_prefix("0-").and_then(|offset| offset.parse().ok()).ok_or_else(strange)
}

fn strange() -> RedisError {
    RedisError::from((ErrorKind::UnexpectedReturnType, "its keys are not what restcast wrote"))
}

/// The letters that go in one call: at least one.
fn call(letters: &[(String, Bytes)]) -> usize {
    let mut bytes = 0;
    let fits = |(_, letter): &&(String, Bytes)| {
        bytes += letter.len();
        bytes <= BYTES_AT_ONCE
    };
    letters.iter().take(LETTERS_AT_ONCE).take_while(fits).count().max(1)
}

#[async_trait]
impl Append for Log {
    /// Far below what the server lets wait for a listener (32 MiB by its defaults).
    fn largest(&self) -> usize {
        LARGEST
    }

    async fn append(&mut self, letters: &[(String, Bytes)]) -> Result<(), Away> {
        let mut rest = letters;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(call(rest).min(rest.len()));
            self.add(now).await.map_err(|error| away(&error))?;
            rest = later;
        }
        Ok(())
    }
}
