//! The log at a Redis server (7 or later) or one that speaks its protocol.
//!
//! It is a stream, whose ids are the offsets. One script adds to it and publishes, so what is published comes in the
//! log's order. Beside it stands its seal: the epoch, and the server's name for its data (`master_replid`), which is
//! another wherever a server started or a replica became the master. What was written last may be lost then, and
//! nobody knows: whoever opens the log first after that begins it anew. The seal is looked at with each letter, so
//! the log is also begun anew where somebody deleted it.
//!
//! An opened log has one connection for questions and one that listens. Neither is ever mended or moved to another
//! server: where one fails the log is opened anew, which finds it wherever it is by then.

mod connection;
mod live;
mod log;
mod reader;
mod talk;
#[cfg(test)]
mod tests;
mod url;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{FutureExt as _, select_ok};
use redis::{ErrorKind, RedisError};
use tokio::time::timeout;
use uuid::Uuid;

use self::connection::{Connection, Entrance, away};
use self::live::Ears;
use self::log::Keys;
use self::reader::Reader;
use self::talk::{Listener, Speaker};
use self::url::{Address, Login, Place};
use super::{Away, Log, Opened, Talk};
use crate::outbound::Roots;
pub use url::RedisServers;

/// However many servers are asked, [`Log::open`] takes no longer.
const OPEN: Duration = Duration::from_secs(10);
/// A Cluster's node that names another one is believed so often.
const HOPS: usize = 3;

/// See the module's documentation.
pub struct Redis {
    place: Place,
    entrance: Entrance,
    keys: Arc<Keys>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Redis {
    /// Connects to nobody yet. Names of keys begin with `prefix` in braces; about `kept` letters stay at the server,
    /// whatever their size and age. `roots`: who may speak for a host that is reached by TLS.
    pub fn new(servers: RedisServers, roots: Roots, prefix: &str, kept: usize) -> Self {
        let RedisServers { place, login, db, is_encrypted } = servers;
        let tls = is_encrypted.then(|| Arc::new(roots.into_config()));
        let keys = Arc::new(Keys::new(prefix, db, kept));
        Self { place, entrance: Entrance { login, db, tls }, keys }
    }

    /// Asks each server that may know, until the log is open.
    async fn find(&self) -> Result<Opened, RedisError> {
        let (candidates, must_be_cluster) = match &self.place {
            Place::Server(address) => (vec![address.clone()], false),
            Place::Cluster(nodes) => (nodes.clone(), true),
            Place::Sentinel(sentinels, master) => (vec![self.master(sentinels, master).await?], false),
        };
        let mut failure = RedisError::from((ErrorKind::Client, "there is no server"));
        for candidate in candidates {
            match self.follow(candidate, must_be_cluster).await {
                Ok(opened) => return Ok(opened),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Goes where a node says that the keys are.
    async fn follow(&self, mut node: Address, must_be_cluster: bool) -> Result<Opened, RedisError> {
        let mut hops = 0;
        loop {
            let error = match self.open_at(&node, must_be_cluster).await {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            match error.redirect_node().and_then(|(address, _slot)| node.beside(address)) {
                Some(next) if hops < HOPS => node = next,
                _ => return Err(error),
            }
            hops += 1;
        }
    }

    async fn open_at(&self, address: &Address, must_be_cluster: bool) -> Result<Opened, RedisError> {
        let ears = Arc::new(Ears::new(&self.keys.talk));
        let into = Arc::clone(&ears);
        let mut listener = self.entrance.connect(address, move |info| into.push(info)).await?;
        if must_be_cluster {
            is_cluster(&mut listener).await?;
        }
        let Keys { channel, talk, .. } = &*self.keys;
        redis::cmd("SSUBSCRIBE").arg(channel).arg(talk).exec_async(&mut listener.link).await?;
        let asker = self.entrance.connect(address, drop).await?;
        let talk = Talk {
            say: Box::new(Speaker::new(asker.clone(), talk)),
            hear: Box::new(Listener::new(Arc::clone(&ears.talk))),
        };
        let fresh = Uuid::new_v4().as_u64_pair().1;
        let (heard, _) = log::Log::open(listener.clone(), Arc::clone(&self.keys), fresh).await?;
        let (log, head) = log::Log::open(asker, Arc::clone(&self.keys), fresh).await?;
        // A name may have come to mean another server between them.
        if !log.is_as(&heard) {
            return Err(RedisError::from((ErrorKind::Client, "another log began")));
        }
        let reader = Reader::new(Arc::clone(&ears.live), listener, log.clone(), head.last);
        Ok(Opened { head, writer: Box::new(log), reader: Box::new(reader), talk })
    }

    /// The server that a Sentinel names; the first that answers is believed.
    async fn master(&self, sentinels: &[Address], name: &str) -> Result<Address, RedisError> {
        let answers = sentinels.iter().map(|sentinel| self.ask(sentinel, name).boxed());
        let ((host, port), _others) = select_ok(answers).await?;
        Ok(Address::Tcp(host, port))
    }

    async fn ask(&self, sentinel: &Address, name: &str) -> Result<(String, u16), RedisError> {
        let open = Entrance { login: Login::default(), db: 0, ..self.entrance.clone() };
        let mut connection = match open.connect(sentinel, drop).await {
            // Where it wants a password, it is that of the servers.
            Err(error) if error.code() == Some("NOAUTH") => {
                Entrance { db: 0, ..self.entrance.clone() }.connect(sentinel, drop).await?
            }
            connection => connection?,
        };
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let answer: Option<(String, u16)> = question.query_async(&mut connection.link).await?;
        answer.ok_or_else(|| RedisError::from((ErrorKind::Client, "no Sentinel knows a master of that name")))
    }
}

/// Where several servers are named that are none, each process would take another one.
async fn is_cluster(connection: &mut Connection) -> Result<(), RedisError> {
    let about: String = redis::cmd("INFO").arg("cluster").query_async(&mut connection.link).await?;
    let is_cluster = about.contains("cluster_enabled:1");
    is_cluster
        .then_some(())
        .ok_or_else(|| RedisError::from((ErrorKind::Client, "it is no node of a Cluster")))
}

#[async_trait]
impl Log for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn open(&self) -> Result<Opened, Away> {
        let opened = timeout(OPEN, Box::pin(self.find())).await;
        opened.map_err(|_elapsed| Away("no answer in time".to_owned()))?.map_err(|error| away(&error))
    }
}
