//! Options that several tables of an endpoint have.

use serde_json::Value;

use super::super::Options;
use super::claim::Claim;
use super::scope::Root;
use super::template::{Template, Text};

/// What clients take for something of their own (`protocols.md`, section 4.1.3).
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// JSON to be filled.
pub(super) fn template(options: &dyn Options, key: &'static str, usual: &Value, roots: &[Root]) -> Template {
    let said = options.json(key);
    let template = Template::parse(said.as_ref().unwrap_or(usual), roots);
    template.unwrap_or_else(|message| {
        options.report(key, message);
        Template::Fixed("null".to_owned())
    })
}

/// Text to be filled; `None`: it is not there.
pub(super) fn text(options: &dyn Options, key: &'static str, roots: &[Root]) -> Option<Text> {
    let text = options.text(key, "");
    if text.is_empty() {
        return None;
    }
    Text::parse(&text, roots).map_err(|message| options.report(key, message)).ok()
}

/// Several of them.
pub(super) fn texts(options: &dyn Options, key: &'static str, roots: &[Root]) -> Vec<Text> {
    let texts = options.texts(key);
    let parsed = texts.iter().map(|text| Text::parse(text, roots));
    parsed.filter_map(|text| text.map_err(|message| options.report(key, message)).ok()).collect()
}

/// Claims of which one must hold.
pub(super) fn claims(options: &dyn Options, key: &'static str) -> Vec<Claim> {
    let Some(value) = options.json(key) else { return Vec::new() };
    Claim::list(&value).unwrap_or_else(|expected| {
        options.report(key, format!("expected {expected}"));
        Vec::new()
    })
}

/// The name of an event; empty where there is none.
pub(super) fn event(options: &dyn Options, key: &'static str) -> String {
    let name = options.text(key, "");
    check_event(options, key, &name);
    name
}

pub(super) fn check_event(options: &dyn Options, key: &'static str, name: &str) {
    if RESERVED.contains(&name) {
        options.report(key, "is what clients call something of their own".to_owned());
    }
}

/// Why no event may be called this; `None`: one may.
pub(super) fn refusal(name: &str) -> Option<String> {
    let is_reserved = RESERVED.contains(&name);
    (is_reserved || name.is_empty()).then(|| {
        let names = RESERVED.join(", ");
        format!("event: a name that is not what clients call something of their own: {names}")
    })
}

/// An object, such as `{ limit = 50 }`.
pub(super) fn object(options: &dyn Options, key: &'static str) -> serde_json::Map<String, Value> {
    match options.json(key) {
        None => serde_json::Map::new(),
        Some(Value::Object(members)) => members,
        Some(_) => {
            options.report(key, "expected a table".to_owned());
            serde_json::Map::new()
        }
    }
}

/// The same by names of what clients say. What is inside of it has no name of its own.
pub(super) fn members(options: &dyn Options, key: &'static str) -> serde_json::Map<String, Value> {
    let members = object(options, key);
    if let Some(name) = members.keys().find(|name| name.contains('.')) {
        options
            .report(key, format!("expected a name without dots, not \"{name}\": nothing is inside a name"));
    }
    members
}
