//! What a server between processes is to restcast: one log of letters, which all of them write to and follow. A broker
//! is one file that opens one, and a line where the config names it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::event::Epoch;

/// One letter in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands: the first has 1, and each one more than the one before, whoever wrote it.
    pub offset: u64,
    /// What it says.
    pub bytes: Bytes,
}

/// What a log holds when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Of its offsets. Where the server lost them and began anew it is another, for everybody alike.
    pub epoch: Epoch,
    /// The oldest entry that is still there; one more than the last where none is.
    pub first: u64,
    /// The last offset that was given; 0 before the first.
    pub last: u64,
    /// So long ago it began at this server, where that can be known: another one may have gone on meanwhile as the one
    /// that it was, and whatever that took is lost.
    pub age: Option<Duration>,
}

/// Why the server cannot be asked; what it says, without addresses or passwords.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub String);

/// A server.
#[async_trait]
pub trait Log: Send + Sync + fmt::Debug {
    /// What it is called in the config; for logs.
    fn name(&self) -> &'static str;

    /// Connects. Whatever is written from now on comes to the [`Follow`] that is returned, and what was written
    /// before is in the [`Head`]; some may be in both.
    async fn open(&self) -> Result<Opened, Away>;
}

/// An opened log: a connection, until one of its parts fails.
#[derive(Debug)]
pub struct Opened {
    /// What is there.
    pub head: Head,
    /// Writes.
    pub writer: Box<dyn Append>,
    /// Reads.
    pub reader: Box<dyn Follow>,
    /// Beside the log.
    pub talk: Talk,
}

/// What processes say to each other and nobody keeps.
#[derive(Debug)]
pub struct Talk {
    /// Speaks.
    pub say: Box<dyn Say>,
    /// Listens.
    pub hear: Box<dyn Hear>,
}

/// Speaks to every process that is connected, this one perhaps included.
#[async_trait]
pub trait Say: Send + fmt::Debug {
    /// Says notes in their order. Some may never be heard.
    ///
    /// # Errors
    /// The connection broke off.
    async fn say(&mut self, notes: &[Bytes]) -> Result<(), Away>;
}

/// Hears what is said. It may be dropped before it ends: then nothing is lost.
#[async_trait]
pub trait Hear: Send + fmt::Debug {
    /// The next note. Where nobody listens for long, some are left out.
    ///
    /// # Errors
    /// The connection broke off.
    async fn hear(&mut self) -> Result<Bytes, Away>;
}

/// The writing side.
#[async_trait]
pub trait Append: Send + fmt::Debug {
    /// A letter may have so many bytes at most: a longer one is never taken.
    fn largest(&self) -> usize {
        usize::MAX
    }

    /// Adds letters in their order, in as few round trips as may be; ends when the server has all of them. Each
    /// comes with a name of its own, by which a server that can do so takes none twice.
    ///
    /// # Errors
    /// Some may have been added and others not: all of them are sent again, elsewhere or later. Where one is longer
    /// than [`largest`](Self::largest), none was added, and that does not change.
    async fn append(&mut self, letters: &[(String, Bytes)]) -> Result<(), Away>;
}

/// The reading side. Both functions may be dropped before they end: then nothing is lost.
#[async_trait]
pub trait Follow: Send + fmt::Debug {
    /// The next entry that was written. Entries may be left out, as by a server that publishes without waiting; they
    /// are asked for then.
    ///
    /// # Errors
    /// The connection broke off, or offsets began anew.
    async fn next(&mut self) -> Result<Entry, Away>;

    /// The entries from one offset to another, both included, in their order, as far as they are still there; at most
    /// `count` of them, from the first on, and fewer where they are large. None: there are none.
    ///
    /// # Errors
    /// The connection broke off.
    async fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<Entry>, Away>;
}
