//! Keys in parentheses, as OData writes them: `7`, `'O''Neil'`, `OrderID=1,LineNo=2`
//! (OData Part 2: URL Conventions, sections 4.3.1 and 5.1.1.6.1).

use super::{IdSource, composite};

/// One part of a key: its name, where it has one, and its value without quotes.
type Part = (Option<String>, String);

/// The id that a key stands for. Names must be those of the properties that `source` points at; a key that fits
/// in no way is the id as it stands.
pub(super) fn id(key: &str, source: &IdSource) -> String {
    let parts: Vec<Part> = split(key).into_iter().map(part).collect();
    let values = if parts.iter().all(|(name, _)| name.is_none()) {
        parts.iter().map(|(_, value)| Some(value.as_str())).collect()
    } else {
        let names = source.parts.iter().map(|pointer| pointer.tokens().last().unwrap_or_default());
        let value = |name: &str| {
            let named = |(other, _): &&Part| other.as_deref() == Some(name);
            parts.iter().find(named).map(|(_, value)| value.as_str())
        };
        names.map(value).collect::<Option<Vec<&str>>>()
    };
    match values.as_deref() {
        Some([whole]) if parts.len() == 1 => (*whole).to_owned(),
        Some(values) if values.len() == parts.len() && values.len() == source.parts.len() => {
            composite(values)
        }
        _ => key.to_owned(),
    }
}

/// Splits at the commas outside quotes. A quote inside a string stands there twice, so it ends one string and
/// begins another.
fn split(key: &str) -> Vec<&str> {
    let mut quoted = false;
    let outside = |c: char| {
        quoted ^= c == '\'';
        c == ',' && !quoted
    };
    key.split(outside).collect()
}

fn part(text: &str) -> Part {
    let named = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    match named {
        Some((name, value)) => (Some(name.to_owned()), unquoted(value)),
        None => (None, unquoted(text)),
    }
}

/// A value with the quotes that make it a string.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value without the quotes that make it a string.
pub(super) fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("''", "'"))
}
