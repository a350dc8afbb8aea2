//! The servers that restcast knows. A broker is one file that opens its [`Log`], and one line here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::nats::{Nats, Settings};
use super::redis::{Redis, RedisServers};
use super::{Log, nats};
use crate::outbound::Roots;

/// What the config says of a server.
#[derive(Clone)]
pub struct Server {
    /// Where it is.
    pub urls: Vec<String>,
    /// Under which name restcast's log is there, where several systems share it: letters, digits, `_` and `-`.
    pub name: String,
    /// So many of the last letters stay there, about.
    pub kept: usize,
    /// Bytes of them at most, where the server can be told so.
    pub kept_bytes: usize,
    /// How old they may become there, where the server can be told so.
    pub kept_for: Duration,
    /// So many servers of a cluster keep all of it, where the server can be told so.
    pub replicas: u8,
}

impl fmt::Debug for Server {
    /// The URLs may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A kind of server.
#[derive(Debug)]
pub struct Kind {
    /// As the config has it.
    pub name: &'static str,
    /// Makes its log.
    pub open: Open,
    /// It is told how many of its servers keep the log.
    pub has_replicas: bool,
}

/// Connects to nobody yet; the error says what would be right.
pub type Open = fn(Server) -> Result<Arc<dyn Log>, String>;

/// Every kind of server.
pub const LOGS: &[Kind] = &[
    Kind { name: "redis", open: redis, has_replicas: false },
    Kind { name: "nats", open: nats, has_replicas: true },
];

fn redis(Server { urls, name, kept, .. }: Server) -> Result<Arc<dyn Log>, String> {
    let servers = RedisServers::parse(&urls)?;
    Ok(Arc::new(Redis::new(servers, Roots::system(), &name, kept)))
}

fn nats(Server { urls, name, kept, kept_bytes, kept_for, replicas }: Server) -> Result<Arc<dyn Log>, String> {
    let settings = Settings {
        stream: name.clone(),
        subject: format!("{name}.log"),
        max_letters: kept as u64,
        max_bytes: kept_bytes as u64,
        max_age: kept_for,
        replicas,
    };
    Ok(Arc::new(Nats::new(nats::parse(&urls)?, settings, Roots::system())))
}
