//! `[broker]`: what carries events between processes.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use super::auth::secret;
use super::reader::Section;
use super::setting::{Bytes, Setting as _};
use super::{MIB, from_one};
use crate::broker::{Kind, LOGS, Log, OutgoingLimits, Server};

/// Of a single process.
const MEMORY: &str = "memory";
const MAX_LETTERS: usize = 1 << 24;
/// Servers that keep the log at most.
const MAX_REPLICAS: usize = 5;

/// `[broker]`
#[derive(Clone)]
pub struct BrokerConfig {
    /// What it is called.
    pub kind: &'static str,
    /// `None`: this process alone.
    pub log: Option<Arc<dyn Log>>,
    /// What may wait while it is away.
    pub outgoing: OutgoingLimits,
    /// A server is named, and nobody asks it.
    pub is_idle: bool,
}

impl fmt::Debug for BrokerConfig {
    /// The URLs may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerConfig").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// One, or several. As they may hold passwords, each may be told elsewhere, like a secret.
fn urls(value: &DeValue<'_>, folder: &Path) -> Result<Vec<String>, String> {
    let url =
        |value: &DeValue<'_>| String::from_utf8(secret(value, folder)?).or(Err("a URL in UTF-8".to_owned()));
    match value.as_array() {
        Some(all) => all.iter().map(|value| url(value.get_ref())).collect(),
        None => Ok(vec![url(value)?]),
    }
}

pub(super) fn broker(section: Section<'_>, folder: &Path) -> BrokerConfig {
    let known = |name: &str| LOGS.iter().find(|kind| kind.name == name);
    let kind = section.read("kind", |value| {
        let name = String::read(value)?;
        let expected = || {
            let names: Vec<_> = LOGS.iter().map(|kind| format!(", \"{}\"", kind.name)).collect();
            format!("one of \"{MEMORY}\"{}", names.concat())
        };
        if name == MEMORY { Ok(None) } else { known(&name).map(Some).ok_or_else(expected) }
    });
    let kind = kind.flatten();
    let number = |key, default| section.read(key, |value| from_one(value, MAX_LETTERS)).unwrap_or(default);
    let kept = number("kept", 10_000);
    let Bytes(kept_bytes) = section.get("kept_bytes", Bytes(256 * MIB));
    let kept_for = section.get("kept_for", Duration::from_hours(1));
    let replicas = replicas(&section, kind);
    let name = section.read("name", |value| {
        let name = String::read(value)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let is_good = !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain);
        if is_good { Ok(name) } else { Err("up to 64 letters, digits, _ and -".to_owned()) }
    });
    let name = name.unwrap_or_else(|| "restcast".to_owned());
    let open = |urls: Vec<String>| {
        let server = Server { urls, name: name.clone(), kept, kept_bytes, kept_for, replicas };
        kind.map(|kind| (kind.open)(server)).transpose()
    };
    let (log, is_idle) = if kind.is_some() {
        let example = "\"redis://127.0.0.1:6379\"";
        (section.require("url", example, |value| open(urls(value, folder)?)).flatten(), false)
    } else {
        (None, section.read("url", |value| urls(value, folder)).is_some())
    };
    let Bytes(bytes) = section.get("waiting_bytes", Bytes(64 * MIB));
    let outgoing = OutgoingLimits { letters: number("waiting", 65_536), bytes };
    section.finish();
    BrokerConfig { kind: kind.map_or(MEMORY, |kind| kind.name), log, outgoing, is_idle }
}

/// So many servers of a cluster keep the log.
fn replicas(section: &Section<'_>, kind: Option<&Kind>) -> u8 {
    let number = section.read("replicas", |value| from_one(value, MAX_REPLICAS));
    // Of a kind that nobody knows nobody knows that either.
    let is_known = kind.is_some() || matches!(section.peek("kind"), None | Some(MEMORY));
    if number > Some(1) && is_known && !kind.is_some_and(|kind| kind.has_replicas) {
        let able: Vec<_> = LOGS.iter().filter(|kind| kind.has_replicas).map(|kind| kind.name).collect();
        section.report("replicas", format!("is only for kind = \"{}\"", able.join("\" or \"")));
    }
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(1)
}
