//! What clients send: which fields must be there, which must not, and what they must not say otherwise.

use serde_json::value::RawValue;

use super::{Added, Column, Refusal, Rules, fold};
use crate::event::Json;
use crate::filter::{Deletes, Filter, Record};
use crate::json;

/// Objects inside each other that are looked through; what is deeper is refused.
const MAX_DEPTH: usize = 64;
/// Bytes of the way to a field; one with longer names is refused, since each field inside it is kept with its way.
const MAX_PATH: usize = 1024;

/// What the data is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A record, or several.
    New,
    /// A change of one.
    Change,
}

/// See [`Ruled::check_new`](super::Ruled::check_new).
pub(super) fn check(data: &Json, kind: Kind, rules: &Rules, forced: &[Added<'_>]) -> Result<(), Refusal> {
    if rules.required.is_empty() && rules.forbidden.is_empty() && forced.is_empty() {
        return Ok(());
    }
    let raw: &RawValue = serde_json::from_str(data.as_str()).ok().ok_or(Refusal::Data)?;
    if kind == Kind::New && raw.get().starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(raw.get()).ok().ok_or(Refusal::Data)?;
        // Some backends take it for a record, and one that comes with nothing.
        if elements.is_empty() {
            return Err(Refusal::Data);
        }
        return elements.into_iter().try_for_each(|element| check_one(element, kind, rules, forced));
    }
    check_one(raw, kind, rules, forced)
}

fn check_one(raw: &RawValue, kind: Kind, rules: &Rules, forced: &[Added<'_>]) -> Result<(), Refusal> {
    let mut fields = Vec::new();
    collect(raw, &mut String::new(), 0, &mut fields).ok_or(Refusal::Data)?;
    // Some backends take a record out of an envelope.
    let is_sent = |column: &&Column| fields.iter().any(|(path, _)| column.ends(path));
    if let Some(column) = rules.forbidden.iter().find(is_sent) {
        return Err(Refusal::Forbidden(column.name().to_owned()));
    }
    if kind == Kind::New {
        let members = json::members(raw).ok_or(Refusal::Data)?;
        if let Some(name) = rules.required.iter().find(|name| !has(&members, name)) {
            return Err(Refusal::Required(name.clone()));
        }
    }
    forced.iter().try_for_each(|added| agrees(raw, &fields, added))
}

/// The field is there by this very name. Of several the backend may take another one than we do.
fn has(members: &[(String, &RawValue)], name: &str) -> bool {
    let is_null = |(sent, value): &(String, &RawValue)| fold(sent) == fold(name) && value.get() == "null";
    members.iter().any(|(sent, _)| sent == name) && !members.iter().any(is_null)
}

/// What is always true of records is not for clients to say otherwise: each time that they name it.
fn agrees(raw: &RawValue, fields: &[(String, &RawValue)], added: &Added<'_>) -> Result<(), Refusal> {
    let path = format!(".{}", fold(added.column));
    let named = fields.iter().filter(|(sent, _)| *sent == path).count();
    let refusal = || Refusal::Forbidden(added.column.to_owned());
    // In an envelope, or about another record; nobody can tell.
    let is_below = |sent: &str| sent != path && sent.ends_with(&path);
    for (_, value) in fields.iter().filter(|(sent, _)| is_below(sent)) {
        let within = |inner: String, name: &str| format!("{{{}:{inner}}}", Json::string(name).as_str());
        let record = added.column.rsplit('.').fold(value.get().to_owned(), within);
        if !holds(added, &Json::from_valid(record))? {
            return Err(refusal());
        }
    }
    if named == 0 {
        // Something that it would be inside of, and is not.
        let is_above = |(sent, value): &(String, &RawValue)| {
            path.starts_with(&format!("{sent}.")) && !value.get().starts_with('{')
        };
        return if fields.iter().any(is_above) { Err(refusal()) } else { Ok(()) };
    }
    let is_right = holds(added, &Json::from_valid(raw.get().to_owned()))?;
    // Of several the backend may take another one than we do.
    if named == 1 && is_right { Ok(()) } else { Err(refusal()) }
}

fn holds(added: &Added<'_>, record: &Json) -> Result<bool, Refusal> {
    let list = Json::from_valid(format!("[{}]", added.condition()));
    let filter = Filter::from_list(&list, Deletes::Prove)?;
    Ok(filter.is_some_and(|filter| filter.matches(&Record::read(record))))
}

/// All fields, those of objects inside it too, with the way there: names in lower case, each behind a full stop.
/// `None`: it is no object, or cannot be looked through.
fn collect<'a>(
    raw: &'a RawValue,
    path: &mut String,
    depth: usize,
    fields: &mut Vec<(String, &'a RawValue)>,
) -> Option<()> {
    if depth == MAX_DEPTH {
        return None;
    }
    for (name, value) in json::members(raw)? {
        let here = path.len();
        // Some backends take what is behind a full stop for something inside.
        for part in fold(&name).split('.') {
            path.push('.');
            path.push_str(part);
            if path.len() > MAX_PATH {
                return None;
            }
            fields.push((path.clone(), value));
        }
        collect_inside(value, path, depth + 1, fields)?;
        path.truncate(here);
    }
    Some(())
}

/// The same of objects in lists, as if these were not there.
fn collect_inside<'a>(
    value: &'a RawValue,
    path: &mut String,
    depth: usize,
    fields: &mut Vec<(String, &'a RawValue)>,
) -> Option<()> {
    if depth == MAX_DEPTH {
        return None;
    }
    match value.get().as_bytes().first()? {
        b'{' => collect(value, path, depth, fields),
        b'[' => {
            let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            elements.into_iter().try_for_each(|element| collect_inside(element, path, depth + 1, fields))
        }
        _ => Some(()),
    }
}
