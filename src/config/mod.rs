//! `proxy.toml`: read once, at start. What loads is usable; what does not load says why, all of it at once.

mod access;
mod admin;
mod answers;
mod apps;
mod auth;
mod broker;
mod calls;
mod endpoints;
mod history;
mod jwks;
mod limits;
mod manifest;
mod query;
mod reader;
mod routes;
mod rules;
mod server;
mod setting;
#[cfg(test)]
mod tests;
mod visibility;
mod warnings;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::api::ApiKey;
use crate::auth::Issuers;
use crate::capture::{Budget, Limits};
use crate::dialect::Dialect;
use crate::hub::OutboxLimits;
use crate::proxy::{HostHeader, ServerAddress, UpstreamConfig};
use crate::query::Resources;
use crate::route::Routes;
use crate::transport::Expiry;
pub use access::AccessConfig;
pub use broker::BrokerConfig;
pub use calls::CallsConfig;
pub use history::HistoryConfig;
pub use limits::LimitsConfig;
pub use reader::Problem;
use reader::{Reader, Section};
pub use server::{Drain, ServerConfig};
use setting::{Bytes, Setting};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const TABLES: [&str; 13] = [
    "server", "admin", "upstream", "tap", "hub", "history", "limits", "access", "calls", "route", "endpoint",
    "auth", "broker",
];

/// The whole file.
#[derive(Debug)]
pub struct Config {
    /// `[server]`
    pub server: ServerConfig,
    /// `[admin] listen`
    pub admin: SocketAddr,
    /// `[[admin.key]]`
    pub keys: Vec<ApiKey>,
    /// `[upstream]`
    pub upstream: UpstreamConfig,
    /// `[tap]`
    pub tap: TapConfig,
    /// `[hub]`
    pub hub: HubConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[access]`
    pub access: AccessConfig,
    /// `[history]`
    pub history: HistoryConfig,
    /// `[calls]`
    pub calls: CallsConfig,
    /// `[[route]]`
    pub routes: Routes,
    /// What clients of `websocketspec` can name: each route, as its `[route.query]` says.
    pub resources: Arc<Resources>,
    /// `[[endpoint]]`
    pub endpoints: Vec<EndpointConfig>,
    /// `[auth.jwt]`; `None`: nobody can prove who they are.
    pub auth: Option<Issuers>,
    /// `[broker]`
    pub broker: BrokerConfig,
}

/// `[tap]`; sizes in bytes.
#[derive(Debug)]
pub struct TapConfig {
    /// Kept of one answer.
    pub body_limit: usize,
    /// Kept of one answer after decoding.
    pub decoded_limit: usize,
    /// Kept of all answers together.
    pub memory_limit: usize,
    /// Finished writes waiting for the hub.
    pub queue_limit: usize,
}

impl TapConfig {
    /// What captures may keep, with a memory of their own.
    pub fn limits(&self) -> Limits {
        Limits { body: self.body_limit, decoded: self.decoded_limit, memory: Budget::new(self.memory_limit) }
    }
}

/// `[hub]`
#[derive(Debug)]
pub struct HubConfig {
    /// Realtime connections.
    pub max_connections: usize,
    /// Messages that webhooks are handling at once.
    pub max_webhook_calls: usize,
    /// What may wait for one slow reader.
    pub outbox: OutboxLimits,
    /// Between two PINGs.
    pub ping_interval: Duration,
    /// Messages of one connection that wait while one before them is being answered.
    pub waiting_messages: usize,
}

/// One `[[endpoint]]`.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Exact request path.
    pub path: String,
    /// A name of [`dialect::DIALECTS`](crate::dialect::DIALECTS).
    pub dialect_name: &'static str,
    /// The same with its options.
    pub dialect: Arc<dyn Dialect>,
    /// Bytes of one client message.
    pub max_message: usize,
    /// Whom it asks for a token.
    pub auth: EndpointAuth,
    /// What becomes of a connection whose token expires.
    pub expiry: Expiry,
    /// The cookies that may hold a token.
    pub cookies: Vec<String>,
    /// Where pages may come from.
    pub origins: Vec<String>,
}

/// `auth` of an `[[endpoint]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointAuth {
    /// Nobody; tokens are not looked at.
    None,
    /// Whoever has one.
    Optional,
    /// Everybody.
    Required,
}

/// Why a file does not load.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read at all.
    #[error("{path}: cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// What is wrong with it, in the order of its lines.
    #[error("{}", .problems.iter().map(|p| format!("{path}:{}{p}", if p.line == 0 { " " } else { "" }))
        .collect::<Vec<_>>().join("\n"))]
    Invalid {
        /// The file.
        path: String,
        /// At least one.
        problems: Vec<Problem>,
    },
}

impl Config {
    /// Loads a file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&name, &text),
            Err(source) => Err(ConfigError::Unreadable { path: name, source }),
        }
    }

    /// Reads the text of a file that is called `path` in errors.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(path: &str, text: &str) -> Result<Self, ConfigError> {
        let reader = Reader::new(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map_or(0, |span| reader.line(span.start));
            reader.report(line, "", "", format!("not valid TOML: {}", error.message()));
        }
        let folder = Path::new(path).parent().unwrap_or_else(|| Path::new(""));
        let config = Self::read(&reader, root.get_ref(), folder);
        let problems = reader.into_problems();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Invalid { path: path.to_owned(), problems }),
        }
    }

    /// `None` only with at least one problem reported.
    fn read<'a>(reader: &'a Reader<'a>, root: &'a DeTable<'a>, folder: &Path) -> Option<Self> {
        reader.refuse_unknown(root, &TABLES);
        let admin = reader.section(root, "admin");
        let (all, tables): (Vec<_>, Vec<_>) = routes::routes(reader, root).into_iter().unzip();
        let (queries, rules): (Vec<_>, Vec<_>) = tables.into_iter().unzip();
        let routes = Routes::new(all).map_err(|message| reader.report(0, "route", "", message)).ok()?;
        let rulebook = rules::rulebook(reader, &routes, &rules);
        let resources = Arc::new(Resources::new(routes.addresses().zip(queries)).ruled(rulebook));
        let mut config = Self {
            server: server::server(reader.section(root, "server")),
            admin: admin.get("listen", SocketAddr::from(([127, 0, 0, 1], 9090))),
            keys: admin::keys(&admin, folder),
            upstream: upstream(reader.section(root, "upstream")),
            tap: tap(reader.section(root, "tap")),
            hub: hub(reader.section(root, "hub")),
            history: history::history(reader.section(root, "history")),
            limits: limits::limits(reader.section(root, "limits")),
            access: access::access(reader.section(root, "access")),
            calls: calls::calls(reader.section(root, "calls")),
            endpoints: endpoints::endpoints(reader, root, folder, &resources),
            routes,
            resources,
            auth: auth::issuers(reader, root, folder),
            broker: broker::broker(reader.section(root, "broker"), folder),
        };
        apps::keep_requests(&mut config.routes, &config.endpoints);
        admin.finish();
        for (table, what) in [("route", "nothing would be tapped"), ("endpoint", "nobody could subscribe")] {
            if !root.contains_key(table) {
                reader.report(0, table, "", format!("at least one [[{table}]] is needed: {what}"));
            }
        }
        Some(config)
    }
}

fn upstream(section: Section<'_>) -> UpstreamConfig {
    let servers = section.require("servers", "[\"http://127.0.0.1:5000\"]", |value| {
        let servers: Result<Vec<_>, _> =
            Vec::<String>::read(value)?.iter().map(|text| ServerAddress::parse(text)).collect();
        servers.and_then(|s| if s.is_empty() { Err("at least one server".to_owned()) } else { Ok(s) })
    });
    let config = UpstreamConfig {
        servers: servers.unwrap_or_default(),
        host: section.read("host", host_header).unwrap_or(HostHeader::Preserve),
        verify_tls: section.get("verify_tls", true),
        connect_timeout: section.get("connect_timeout", Duration::from_secs(5)),
        read_timeout: section.get("read_timeout", Duration::from_mins(1)),
        health_interval: section.get("health_interval", Duration::from_secs(5)),
    };
    section.finish();
    config
}

fn host_header(value: &DeValue<'_>) -> Result<HostHeader, String> {
    let name = String::read(value)?;
    match name.as_str() {
        "preserve" => Ok(HostHeader::Preserve),
        "upstream" => Ok(HostHeader::Upstream),
        _ if name.parse::<http::uri::Authority>().is_ok() => Ok(HostHeader::Fixed(name)),
        _ => Err("\"preserve\", \"upstream\" or a host name".to_owned()),
    }
}

fn tap(section: Section<'_>) -> TapConfig {
    let size = |key, default| {
        let Bytes(bytes) = section.get(key, Bytes(default));
        bytes
    };
    let config = TapConfig {
        body_limit: size("body_limit", 256 * KIB),
        decoded_limit: size("decoded_limit", MIB),
        memory_limit: size("memory_limit", 64 * MIB),
        queue_limit: section.read("queue_limit", |value| from_one(value, 1 << 24)).unwrap_or(65_536),
    };
    section.finish();
    config
}

fn hub(section: Section<'_>) -> HubConfig {
    let Bytes(bytes) = section.get("queue_bytes", Bytes(MIB));
    let config = HubConfig {
        max_connections: section.read("max_connections", |value| from_one(value, 1 << 24)).unwrap_or(50_000),
        max_webhook_calls: section.read("max_webhook_calls", |value| from_one(value, 1 << 16)).unwrap_or(256),
        outbox: OutboxLimits {
            frames: section.read("queue_frames", |value| from_one(value, 1 << 20)).unwrap_or(256),
            bytes,
        },
        ping_interval: section.get("ping_interval", Duration::from_secs(30)),
        waiting_messages: section.read("waiting_messages", |value| from_one(value, 1 << 16)).unwrap_or(32),
    };
    section.finish();
    config
}

fn up_to(value: &DeValue<'_>, limit: usize) -> Result<usize, String> {
    usize::read(value).ok().filter(|n| *n <= limit).ok_or_else(|| format!("a whole number from 0 to {limit}"))
}

fn from_one(value: &DeValue<'_>, limit: usize) -> Result<usize, String> {
    let expected = || format!("a whole number from 1 to {limit}");
    usize::read(value).ok().filter(|n| (1..=limit).contains(n)).ok_or_else(expected)
}
