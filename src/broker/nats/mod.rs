//! NATS as the log: one JetStream stream holds the letters, and the server publishes each of them once more on core
//! NATS with its sequence. So delivery is core, and order and history are the stream's.
//!
//! The epoch is the time at which the stream was made, and a number in its description: a process that has read
//! further than the stream goes adds one there, and then the epoch is another for all.
//!
//! An opened log ends with its connection; the client library's own reconnecting is turned off. It would send what
//! waits after what was lost, and so turn the order round. Whoever opens it next sends again what was not
//! acknowledged: of two connections that send one sequence of letters from some point on, each in order, the server
//! stores every letter once and in that order, since it knows their names for [`REMEMBERED`].

mod address;
mod known;
mod link;
mod order;
mod reader;
mod stream;
mod talk;
#[cfg(test)]
mod tests;
mod wanted;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::ClientConfig;
use tokio::time::{sleep, timeout};

use super::log::{self, Away, Log, Opened};
use crate::outbound::Roots;
pub use address::{Servers, parse};
use known::Known;
use link::Link;
use reader::Reader;
use stream::Stream;
use writer::Writer;

/// A server in the list has so long to say what is in the log; then the next is asked.
const OPENED: Duration = Duration::from_secs(8);
/// A stream that holds less than it held is looked at so often before it is believed.
const LOOKS: usize = 3;
/// So long the server knows the names of letters that it took. It keeps them all in memory.
const REMEMBERED: Duration = Duration::from_mins(1);

/// What is kept, and where.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the stream: letters, digits, `_` and `-`.
    pub stream: String,
    /// What letters are sent to. Each is published again on this with `.live` behind it.
    pub subject: String,
    /// The oldest letters go where there are more.
    pub max_letters: u64,
    /// … or where they have more bytes, with what the server keeps beside them.
    pub max_bytes: u64,
    /// … or where they are older.
    pub max_age: Duration,
    /// Servers of a cluster that keep the stream, up to 5. One that is there already and has fewer gets more, and one
    /// that has more keeps them.
    pub replicas: u8,
}

/// See the module's documentation.
pub struct Nats {
    servers: Servers,
    settings: Settings,
    tls: ClientConfig,
    known: Arc<Known>,
}

impl Nats {
    /// Connects to nobody yet. `roots`: who may speak for the host of a `tls` URL.
    pub fn new(servers: Servers, settings: Settings, roots: Roots) -> Self {
        Self { servers, settings, tls: roots.into_config(), known: Arc::default() }
    }

    async fn open_at(&self, address: &address::Address) -> Result<Opened, Away> {
        let link = Link::connect(address, self.tls.clone()).await?;
        let Settings { stream: name, subject, .. } = &self.settings;
        let live = link.subscribe(format!("{subject}.live")).await?;
        let talk = talk::open(&link, format!("{subject}.talk")).await?;
        let stream = Stream::new(link.clone(), name, subject);
        let largest = stream.prepare(&self.settings).await?;
        let mut head = stream.head().await?;
        for _ in 0..LOOKS {
            if !self.known.is_ahead_of(head) {
                break;
            }
            // A leader that was just chosen may not have got to the end yet.
            sleep(reader::LOOK).await;
            head = stream.head().await?;
        }
        if self.known.is_ahead_of(head) {
            stream.begin_anew().await?;
            head = stream.head().await?;
        }
        let writer = Writer::new(link, subject, largest, (head.epoch, Arc::clone(&self.known))).await?;
        let reader = Reader::new(live, stream, head, Arc::clone(&self.known));
        let talk = log::Talk { say: Box::new(talk.0), hear: Box::new(talk.1) };
        Ok(Opened { head, writer: Box::new(writer), reader: Box::new(reader), talk })
    }
}

#[async_trait]
impl Log for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    async fn open(&self) -> Result<Opened, Away> {
        let mut away = Away("no server is named".to_owned());
        for address in self.servers.addresses() {
            match timeout(OPENED, self.open_at(address)).await {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error)) => away = error,
                Err(_) => away = Away("no answer in time".to_owned()),
            }
        }
        Err(away)
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, settings, .. } = self;
        f.debug_struct("Nats").field("servers", servers).field("settings", settings).finish_non_exhaustive()
    }
}
