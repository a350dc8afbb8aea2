//! The backend's servers: which one is next, which ones answer, and how they are connected to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use pingora::upstreams::peer::HttpPeer;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::connector;

/// `[upstream]`.
#[derive(Debug, Clone)]
pub struct Config {
    /// At least one.
    pub servers: Vec<ServerAddress>,
    /// What the backend sees as `Host`.
    pub host: HostHeader,
    /// Certificates of `https://` servers are checked.
    pub verify_tls: bool,
    /// For one server.
    pub connect_timeout: Duration,
    /// Between two reads of an answer.
    pub read_timeout: Duration,
    /// Between two tries of each server.
    pub health_interval: Duration,
}

/// One `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// `https://`.
    pub tls: bool,
}

/// `[upstream] host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostHeader {
    /// As the client sent it.
    Preserve,
    /// The server's own name.
    Upstream,
    /// Always this.
    Fixed(String),
}

impl ServerAddress {
    /// Reads `http://host:port`; the port may be left out.
    ///
    /// # Errors
    /// What it should look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || "\"http://host:port\" or \"https://host:port\", without a path".to_owned();
        let uri: http::Uri = text.parse().ok().ok_or_else(expected)?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(expected()),
        };
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains(['@', '#']);
        let host = uri.host().filter(|host| plain && !host.is_empty()).ok_or_else(expected)?;
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let port = match authority.strip_prefix(host) {
            Some("") => Some(if tls { 443 } else { 80 }),
            // A port that is none, such as 99999, must not turn into the default one.
            _ => uri.port_u16().filter(|port| *port > 0),
        };
        let port = port.ok_or_else(expected)?;
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, tls })
    }

    /// `host`, or `host:port` where the port is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

#[derive(Debug)]
struct Server {
    address: ServerAddress,
    authority: Arc<str>,
    resolved: Mutex<Option<SocketAddr>>,
    up: AtomicBool,
}

impl Server {
    async fn check(&self, limit: Duration) {
        let (address, up) = timeout(limit, probe(&self.address)).await.unwrap_or((None, false));
        if let (Some(address), Ok(mut resolved)) = (address, self.resolved.lock()) {
            *resolved = Some(address);
        }
        self.mark(up);
    }

    /// What its certificate must name; empty without TLS.
    fn name(&self) -> String {
        if self.address.tls { self.address.host.clone() } else { String::new() }
    }

    fn mark(&self, up: bool) {
        if self.up.swap(up, Ordering::Relaxed) != up {
            let upstream = &*self.authority;
            if up {
                tracing::info!(upstream, "upstream answers");
            } else {
                tracing::warn!(upstream, "upstream does not answer");
            }
        }
    }
}

/// A server that a request may go to.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) peer: Box<HttpPeer>,
    pub(super) authority: Arc<str>,
}

/// What an exchange asks of its connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    /// It may be silent for as long as it likes.
    pub(super) streaming: bool,
    /// The request has a body, which a server may be slow to take.
    pub(super) uploading: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Upstreams {
    config: Config,
    servers: Vec<Server>,
    next: AtomicUsize,
}

impl Upstreams {
    /// No name is resolved and no server tried yet: see [`check`](Self::check).
    pub fn new(config: Config) -> Self {
        let server = |address: &ServerAddress| Server {
            address: address.clone(),
            authority: Arc::from(address.authority()),
            resolved: Mutex::new(address.host.parse().ok().map(|ip| SocketAddr::new(ip, address.port))),
            up: AtomicBool::new(false),
        };
        Self { servers: config.servers.iter().map(server).collect(), config, next: AtomicUsize::new(0) }
    }

    /// How many servers there are.
    pub fn count(&self) -> usize {
        self.servers.len()
    }

    /// Every server, for a log line about all of them.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.servers.iter().map(|server| &*server.authority).collect();
        names.join(", ")
    }

    /// Some server took a connection the last time it was tried.
    pub fn is_ready(&self) -> bool {
        self.servers.iter().any(|server| server.up.load(Ordering::Relaxed))
    }

    pub(super) fn read_timeout(&self) -> Duration {
        self.config.read_timeout
    }

    pub(super) fn host(&self) -> &HostHeader {
        &self.config.host
    }

    /// The next server in turn, those that are up first; a server that is down is better than none.
    /// Timeouts that cannot matter are left out: each costs a timer and two looks at the clock.
    pub(super) fn pick(&self, needs: Needs) -> Option<Choice> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn =
            || (0..self.servers.len()).filter_map(|i| self.servers.get((start + i) % self.servers.len()));
        let up = in_turn().find(|server| server.up.load(Ordering::Relaxed));
        let (server, address) = up
            .into_iter()
            .chain(in_turn())
            .find_map(|server| Some((server, (*server.resolved.lock().ok()?)?)))?;
        let mut peer = HttpPeer::new(address, server.address.tls, server.name());
        peer.options.alpn = connector::protocol();
        peer.options.verify_cert = self.config.verify_tls;
        peer.options.verify_hostname = self.config.verify_tls;
        peer.options.connection_timeout = Some(self.config.connect_timeout);
        peer.options.total_connection_timeout = Some(self.config.connect_timeout);
        peer.options.write_timeout = needs.uploading.then_some(self.config.read_timeout);
        peer.options.read_timeout = (!needs.streaming).then_some(self.config.read_timeout);
        Some(Choice { peer: Box::new(peer), authority: Arc::clone(&server.authority) })
    }

    /// A connection to a server failed: others go first until the next check.
    pub(super) fn failed(&self, address: SocketAddr) {
        for server in &self.servers {
            let resolved = server.resolved.lock().ok().and_then(|resolved| *resolved);
            if resolved == Some(address) {
                server.mark(false);
            }
        }
    }

    /// Resolves and tries each server once, all at the same time: a dead one holds up no other.
    pub async fn check(&self) {
        join_all(self.servers.iter().map(|server| server.check(self.config.connect_timeout))).await;
    }

    /// Checks for ever.
    pub async fn watch(&self) {
        loop {
            self.check().await;
            tokio::time::sleep(self.config.health_interval).await;
        }
    }
}

/// The first address that takes a connection, or else the first one: its refusal says more than none.
async fn probe(server: &ServerAddress) -> (Option<SocketAddr>, bool) {
    let Ok(addresses) = lookup_host((server.host.as_str(), server.port)).await else { return (None, false) };
    let mut first = None;
    for address in addresses {
        if TcpStream::connect(address).await.is_ok() {
            return (Some(address), true);
        }
        first.get_or_insert(address);
    }
    (first, false)
}
