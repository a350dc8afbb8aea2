//! The options of a route that say how its answers are read.

use http::HeaderName;
use toml::de::DeValue;

use super::reader::Section;
use super::setting::{Setting, word};
use crate::route::{Condition, IdSource, Pattern, Pointer, Scalar};

/// Where things stand in an answer.
pub(super) struct Answers {
    pub(super) record: Pointer,
    pub(super) list: Pointer,
    pub(super) item: Pointer,
    pub(super) item_status: Option<Pointer>,
    pub(super) id: IdSource,
    pub(super) success_when: Option<Condition>,
}

/// What an option is where a route does not say it: `envelope` chooses among these.
#[derive(Debug, Clone, Copy)]
struct Preset {
    record: &'static str,
    list: &'static str,
    id_reference: &'static str,
}

const PLAIN: Preset = Preset { record: "", list: "", id_reference: "" };

const ENVELOPES: [(&str, Preset); 5] = [
    ("plain", PLAIN),
    ("data", Preset { record: "/data", list: "/data", ..PLAIN }),
    ("jsonapi", Preset { record: "/data", list: "/data", ..PLAIN }),
    ("hal", Preset { id_reference: "/_links/self/href", ..PLAIN }),
    ("odata", Preset { list: "/value", id_reference: "/@odata.id", ..PLAIN }),
];

/// Reads them. A wrong value is reported, and the default stands in for it.
pub(super) fn answers(section: &Section<'_>) -> Answers {
    let preset = section.read("envelope", |value| word(value, &ENVELOPES)).unwrap_or(PLAIN);
    let at = |key, default| section.read(key, pointer).unwrap_or_else(|| parsed(default));
    let optional = |pointer: Pointer| (pointer != Pointer::default()).then_some(pointer);
    Answers {
        record: at("record", preset.record),
        list: at("list", preset.list),
        item: at("item", ""),
        item_status: optional(at("item_status", "")),
        id: IdSource {
            parts: section.read("id", id_parts).unwrap_or_else(|| vec![parsed("/id")]),
            reference: optional(at("id_reference", preset.id_reference)),
        },
        success_when: section.read("success_when", condition).flatten(),
    }
}

/// Reads which of the path's parameters are the id. `pattern`: `None` where the path itself is wrong.
pub(super) fn key(section: &Section<'_>, pattern: Option<&mut Pattern>, parts: usize) {
    let names = section.read("key", Vec::<String>::read).unwrap_or_default();
    let Some(pattern) = pattern else { return };
    if names.is_empty() {
        if let Err(needed) = pattern.find_key(parts) {
            section.report("key", format!("is needed: {needed}"));
        }
    } else if let Err(expected) = pattern.set_key(&names, parts) {
        section.report("key", format!("expected {expected}"));
    }
}

/// Reads the headers that may name another method.
pub(super) fn method_override(section: &Section<'_>) -> Vec<HeaderName> {
    let read = |value: &DeValue<'_>| {
        let names: Result<Vec<HeaderName>, _> =
            Vec::<String>::read(value)?.iter().map(|name| name.parse()).collect();
        names.ok().ok_or_else(|| "names of headers, such as [\"X-HTTP-Method-Override\"]".to_owned())
    };
    section.read("method_override", read).unwrap_or_default()
}

fn pointer(value: &DeValue<'_>) -> Result<Pointer, String> {
    Pointer::parse(&String::read(value)?)
}

/// A pointer of this file.
fn parsed(text: &str) -> Pointer {
    Pointer::parse(text).unwrap_or_default()
}

fn id_parts(value: &DeValue<'_>) -> Result<Vec<Pointer>, String> {
    let expected =
        || "a JSON pointer such as \"/id\", or a list of them for an id of several parts".to_owned();
    let texts = Vec::<String>::read(value).ok().filter(|texts| !texts.is_empty()).ok_or_else(expected)?;
    texts.iter().map(|text| Pointer::parse(text)).collect()
}

/// `{ pointer = "/success", equals = true }`; an empty table is no condition.
fn condition(value: &DeValue<'_>) -> Result<Option<Condition>, String> {
    let expected = || "{ pointer = \"/success\", equals = true }, or {} for no condition".to_owned();
    let table = value.as_table().ok_or_else(expected)?;
    if table.is_empty() {
        return Ok(None);
    }
    if table.keys().any(|key| !["pointer", "equals"].contains(&key.get_ref().as_ref())) {
        return Err(expected());
    }
    let (at, equals) = table.get("pointer").zip(table.get("equals")).ok_or_else(expected)?;
    Ok(Some(Condition { pointer: pointer(at.get_ref())?, equals: scalar(equals.get_ref())? }))
}

fn scalar(value: &DeValue<'_>) -> Result<Scalar, String> {
    let expected = || "equals to be true, false, a whole number or a string in quotes".to_owned();
    if let Some(number) = value.as_integer() {
        let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
        return number.map(Scalar::Integer).ok_or_else(expected);
    }
    let text = || value.as_str().map(|text| Scalar::Text(text.to_owned()));
    value.as_bool().map(Scalar::Bool).or_else(text).ok_or_else(expected)
}
