//! `[broker]`: what carries events between processes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use super::reader::Section;
use super::setting::{Bytes, Setting as _};
use super::{MIB, from_one};
use crate::broker::{LOGS, Log, OutgoingLimits, Server};

/// Of a single process.
const MEMORY: &str = "memory";
const MAX_LETTERS: usize = 1 << 24;

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

/// One, or several.
fn urls(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    String::read(value).map(|url| vec![url]).or_else(|_| Vec::<String>::read(value))
}

pub(super) fn broker(section: Section<'_>) -> BrokerConfig {
    let known = |name: &str| LOGS.iter().find(|(known, _)| *known == name);
    let kind = section.read("kind", |value| {
        let name = String::read(value)?;
        let expected = || {
            let names: Vec<_> = LOGS.iter().map(|(name, _)| format!(", \"{name}\"")).collect();
            format!("one of \"{MEMORY}\"{}", names.concat())
        };
        if name == MEMORY { Ok(None) } else { known(&name).map(Some).ok_or_else(expected) }
    });
    let kind = kind.flatten();
    let number = |key, default| section.read(key, |value| from_one(value, MAX_LETTERS)).unwrap_or(default);
    let kept = number("kept", 10_000);
    let Bytes(kept_bytes) = section.get("kept_bytes", Bytes(256 * MIB));
    let kept_for = section.get("kept_for", Duration::from_hours(1));
    let name = section.read("name", |value| {
        let name = String::read(value)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let is_good = !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain);
        if is_good { Ok(name) } else { Err("up to 64 letters, digits, _ and -".to_owned()) }
    });
    let name = name.unwrap_or_else(|| "restcast".to_owned());
    let open = |urls: Vec<String>| {
        kind.map(|(_, open)| open(Server { urls, name: name.clone(), kept, kept_bytes, kept_for }))
            .transpose()
    };
    let (log, is_idle) = if kind.is_some() {
        let example = "\"redis://127.0.0.1:6379\"";
        (section.require("url", example, |value| open(urls(value)?)).flatten(), false)
    } else {
        (None, section.read("url", urls).is_some())
    };
    let Bytes(bytes) = section.get("waiting_bytes", Bytes(64 * MIB));
    let outgoing = OutgoingLimits { letters: number("waiting", 65_536), bytes };
    section.finish();
    BrokerConfig { kind: kind.map_or(MEMORY, |(name, _)| name), log, outgoing, is_idle }
}
