//! Columns that are hidden from some.

use serde_json::value::RawValue;

use super::{Column, fold};
use crate::event::Json;
use crate::identity::Identity;
use crate::json;

/// Of one model: each is a bit of a variant's number.
pub const MAX_MASKS: usize = 16;
/// JSON with more lists and objects inside each other is not shown where something is hidden.
const MAX_DEPTH: usize = 64;

/// Columns that are hidden from everybody without one of these roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// What is hidden.
    pub columns: Vec<Column>,
    /// From whom it is not; empty: from everybody.
    pub unless_roles: Vec<String>,
}

impl Mask {
    fn holds_for(&self, identity: &Identity) -> bool {
        let roles = identity.user().map_or(&[][..], |user| &user.roles);
        !roles.iter().any(|role| self.unless_roles.contains(role))
    }
}

/// The number that says which masks hold for somebody.
pub(super) fn variant(masks: &[Mask], identity: &Identity) -> u32 {
    let bits = masks.iter().zip(0..).filter(|(mask, _)| mask.holds_for(identity));
    bits.fold(0, |number, (_, bit)| number | 1_u32.checked_shl(bit).unwrap_or(0))
}

/// What a variant does not see.
pub(super) fn hidden(masks: &[Mask], variant: u32) -> impl Iterator<Item = &Column> + use<'_> {
    let held = masks.iter().zip(0..).filter(move |(_, bit)| variant.checked_shr(*bit).unwrap_or(0) & 1 == 1);
    held.flat_map(|(mask, _)| &mask.columns)
}

/// JSON without these columns, wherever they stand in it; the rest as it was. `None`: nobody can tell.
pub(super) fn without(json: &Json, hidden: &[&Column]) -> Option<Json> {
    if !may_name(json.as_str(), hidden) {
        return Some(json.clone());
    }
    let raw: &RawValue = serde_json::from_str(json.as_str()).ok()?;
    let mut strip =
        Strip { hidden, path: String::new(), depth: 0, text: String::with_capacity(raw.get().len()) };
    strip.value(raw)?;
    Some(Json::from_valid(strip.text))
}

/// Few records do; names may be spelt with escapes.
fn may_name(text: &str, hidden: &[&Column]) -> bool {
    text.contains('\\') || names(text, hidden)
}

/// A text has the name of one of them in it.
pub(super) fn names(text: &str, hidden: &[&Column]) -> bool {
    let lower = fold(text);
    hidden.iter().any(|column| lower.contains(column.last()))
}

struct Strip<'a> {
    hidden: &'a [&'a Column],
    /// To where it is, from the top: names in lower case, each behind a full stop.
    path: String,
    depth: usize,
    text: String,
}

impl Strip<'_> {
    fn value(&mut self, value: &RawValue) -> Option<()> {
        match value.get().as_bytes().first()? {
            b'{' | b'[' if self.depth == MAX_DEPTH => None,
            b'{' => self.inside(|this| this.object(value)),
            b'[' => self.inside(|this| this.list(value)),
            _ => {
                self.text.push_str(value.get());
                Some(())
            }
        }
    }

    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        self.depth += 1;
        read(self)?;
        self.depth -= 1;
        Some(())
    }

    fn object(&mut self, object: &RawValue) -> Option<()> {
        let members = json::members(object)?;
        self.text.push('{');
        let mut separator = "";
        for (name, value) in members {
            let here = self.path.len();
            self.path.push('.');
            self.path.push_str(&fold(&name));
            if !self.hidden.iter().any(|column| column.ends(&self.path)) {
                self.text.push_str(separator);
                self.text.push_str(Json::string(&name).as_str());
                self.text.push(':');
                self.value(value)?;
                separator = ",";
            }
            self.path.truncate(here);
        }
        self.text.push('}');
        Some(())
    }

    fn list(&mut self, list: &RawValue) -> Option<()> {
        let elements: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
        self.text.push('[');
        for (place, element) in elements.into_iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            self.value(element)?;
        }
        self.text.push(']');
        Some(())
    }
}
