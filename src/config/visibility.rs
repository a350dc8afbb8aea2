//! `visibility` of a route.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::reader::Section;
use super::setting::{Setting, word};
use crate::event::Payload;
use crate::route::{Pointer, Visibility};

const EXPECTED: &str = "one of \"auto\", \"public\", \"authenticated\", \"upstream\", \
                        { roles = [\"admin\"] }, { claim = \"sub\", field = \"owner_id\" }";

/// `visibility` and `payload`.
pub(super) fn visibility(section: &Section<'_>) -> Visibility {
    let payloads = [("record", Payload::Record), ("refetch", Payload::Refetch)];
    let payload = section.read("payload", |value| word(value, &payloads)).unwrap_or(Payload::Record);
    match section.read("visibility", read) {
        Some(Visibility::Upstream(_)) => return Visibility::Upstream(payload),
        Some(visibility) if payload == Payload::Record => return visibility,
        None if payload == Payload::Record => return Visibility::Auto,
        Some(_) | None => {}
    }
    section.report("payload", "\"refetch\" goes with visibility = \"upstream\", which asks for each reader");
    Visibility::Upstream(payload)
}

fn read(value: &DeValue<'_>) -> Result<Visibility, String> {
    match (value.as_str(), value.as_table()) {
        (Some("auto"), _) => Ok(Visibility::Auto),
        (Some("public"), _) => Ok(Visibility::Public),
        (Some("authenticated"), _) => Ok(Visibility::Authenticated),
        (Some("upstream"), _) => Ok(Visibility::Upstream(Payload::Record)),
        (_, Some(table)) => of_table(table),
        _ => Err(EXPECTED.to_owned()),
    }
}

fn of_table(table: &DeTable<'_>) -> Result<Visibility, String> {
    let get = |key: &str| table.get(key).map(toml::Spanned::get_ref);
    match (get("roles"), get("claim"), get("field"), table.len()) {
        (Some(roles), None, None, 1) => {
            let roles = Vec::<String>::read(roles)?;
            let named = !roles.is_empty() && roles.iter().all(|role| !role.is_empty());
            if named { Ok(Visibility::Roles(roles.into())) } else { Err("at least one role".to_owned()) }
        }
        (None, Some(claim), Some(at), 2) => {
            let claim = String::read(claim)?;
            let field = field(&String::read(at)?)?;
            if claim.is_empty() {
                return Err("the name of a claim, such as \"sub\"".to_owned());
            }
            Ok(Visibility::Owner { claim: Arc::from(claim), field })
        }
        _ => Err(EXPECTED.to_owned()),
    }
}

/// A JSON pointer into the record, or the name of one of its fields.
fn field(text: &str) -> Result<Pointer, String> {
    if text.is_empty() {
        return Err("the field with the owner, such as \"owner_id\" or \"/owner/id\"".to_owned());
    }
    if text.starts_with('/') {
        return Pointer::parse(text);
    }
    Pointer::parse(&format!("/{}", text.replace('~', "~0").replace('/', "~1")))
}
