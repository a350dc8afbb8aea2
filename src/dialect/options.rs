//! The options that a dialect has of its own, beside those of every endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, header};
use serde_json::Value;

use crate::query::Resources;

/// What a message makes anew, or what goes no further than one connection.
const OWN: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// An `[[endpoint]]` as its dialect reads it. What is asked for becomes an option; a wrong value is reported
/// with its line, and the default stands in for it.
pub trait Options {
    /// A text.
    fn text(&self, key: &'static str, default: &str) -> String;
    /// A list of texts, or one; empty where there is none.
    fn texts(&self, key: &'static str) -> Vec<String>;
    /// `true` or `false`.
    fn flag(&self, key: &'static str, default: bool) -> bool;
    /// A whole number from 0 on.
    fn number(&self, key: &'static str, default: usize) -> usize;
    /// A size in bytes, above zero.
    fn size(&self, _key: &'static str, default: usize) -> usize {
        default
    }
    /// A duration above zero.
    fn duration(&self, key: &'static str, default: Duration) -> Duration;
    /// `env:NAME`, `file:PATH` or the secret itself.
    fn secret(&self, key: &'static str) -> Option<Vec<u8>>;
    /// The content of a PEM file of certificate authorities; `None` where none is named.
    fn authorities(&self, key: &'static str) -> Option<Vec<u8>>;
    /// A value of any type, as JSON; `None` where there is none.
    fn json(&self, _key: &'static str) -> Option<Value> {
        None
    }
    /// The tables of a list, `[[kind]]`, each with options of its own.
    fn tables(&self, _key: &'static str, _kind: &'static str) -> Vec<Box<dyn Options + '_>> {
        Vec::new()
    }
    /// What clients can read and write.
    fn resources(&self) -> Arc<Resources>;
    /// Something is wrong with the value of a key that was asked for.
    fn report(&self, key: &'static str, message: String);
}

/// Every option has its default.
#[derive(Debug, Clone, Copy)]
pub struct Defaults;

impl Options for Defaults {
    fn text(&self, _: &'static str, default: &str) -> String {
        default.to_owned()
    }

    fn texts(&self, _: &'static str) -> Vec<String> {
        Vec::new()
    }

    fn flag(&self, _: &'static str, default: bool) -> bool {
        default
    }

    fn number(&self, _: &'static str, default: usize) -> usize {
        default
    }

    fn duration(&self, _: &'static str, default: Duration) -> Duration {
        default
    }

    fn secret(&self, _: &'static str) -> Option<Vec<u8>> {
        None
    }

    fn authorities(&self, _: &'static str) -> Option<Vec<u8>> {
        None
    }

    fn resources(&self) -> Arc<Resources> {
        Arc::default()
    }

    fn report(&self, _: &'static str, _: String) {}
}

/// Names of headers of handshakes that go along with requests to the backend.
pub(super) fn forward_headers(options: &dyn Options) -> Vec<HeaderName> {
    let name = |text: &String| {
        let name = text.parse().ok();
        name.filter(|name| !OWN.contains(name) && !name.as_str().starts_with("sec-websocket-"))
    };
    let texts = options.texts("forward_headers");
    let names: Option<Vec<HeaderName>> = texts.iter().map(name).collect();
    names.unwrap_or_else(|| {
        let message = "expected names of headers that say something of a client, such as \"X-Tenant\"";
        options.report("forward_headers", message.to_owned());
        Vec::new()
    })
}

/// One of a closed set of words.
pub(super) fn word<T: Clone>(
    options: &dyn Options,
    key: &'static str,
    default: (&str, T),
    others: &[(&str, T)],
) -> T {
    let text = options.text(key, default.0);
    match others.iter().find(|(word, _)| *word == text) {
        Some((_, meaning)) => return meaning.clone(),
        None if text == default.0 => {}
        None => {
            let words: String = others.iter().map(|(word, _)| format!(", \"{word}\"")).collect();
            options.report(key, format!("expected one of \"{}\"{words}", default.0));
        }
    }
    default.1
}
