//! Finds values in JSON text without building a tree, so that what is found keeps its bytes. For what reads
//! answers of the backend.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::route::Pointer;

/// More records in one answer are not told apart.
pub(crate) const MAX_ITEMS: usize = 10_000;

/// The whole document, if it is one valid JSON value.
pub(crate) fn parse(document: &str) -> Option<&RawValue> {
    serde_json::from_str(document).ok()
}

/// The value at `pointer`. Where a key stands twice, the last one counts, as in most JSON readers.
pub(crate) fn find<'a>(document: &'a RawValue, pointer: &Pointer) -> Option<&'a RawValue> {
    pointer.tokens().try_fold(document, |value, token| step(value, token))
}

/// The elements of an array; `None` if it is none, or a longer one than [`MAX_ITEMS`].
pub(crate) fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    if !is_array(value) {
        return None;
    }
    let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    (elements.len() <= MAX_ITEMS).then_some(elements)
}

/// The only array among the members of an object.
pub(crate) fn only_array(object: &RawValue) -> Option<&RawValue> {
    let members: HashMap<String, &RawValue> = serde_json::from_str(object.get()).ok()?;
    let mut arrays = members.into_values().filter(|value| is_array(value));
    arrays.next().filter(|_| arrays.next().is_none())
}

pub(crate) fn is_array(value: &RawValue) -> bool {
    value.get().starts_with('[')
}

pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// The object with only those of its members that `fields` names, each as it stood.
pub(crate) fn only_fields(value: &RawValue, fields: &[String]) -> Option<String> {
    let named_before = |at: usize, name: &String| fields.iter().take(at).any(|earlier| earlier == name);
    let once = fields.iter().enumerate().filter(|(at, name)| !named_before(*at, name));
    let members = once.filter_map(|(_, name)| Some((name, step(value, name)?)));
    if !is_object(value) {
        return None;
    }
    let text: Vec<String> = members
        .map(|(name, part)| format!("{}:{}", serde_json::Value::from(name.as_str()), part.get()))
        .collect();
    Some(format!("{{{}}}", text.join(",")))
}

/// The object with only those of its members whose names pass, in their order, each as it stood.
pub(crate) fn members_where(object: &RawValue, passes: impl Fn(&str) -> bool) -> Option<String> {
    let members = members(object)?.into_iter().filter(|(name, _)| passes(name));
    let text: Vec<String> =
        members.map(|(name, part)| format!("{}:{}", serde_json::Value::from(name), part.get())).collect();
    Some(format!("{{{}}}", text.join(",")))
}

/// The members of an object, in their order, also where a name stands twice.
pub(crate) fn members(object: &RawValue) -> Option<Vec<(String, &RawValue)>> {
    let members: Members<'_> = serde_json::from_str(object.get()).ok()?;
    Some(members.0)
}

/// The names of an object's members, in their order.
pub(crate) fn names(object: &RawValue) -> Option<Vec<String>> {
    Some(members(object)?.into_iter().map(|(name, _)| name).collect())
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> serde::Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Ordered)
    }
}

struct Ordered;

impl<'a> Visitor<'a> for Ordered {
    type Value = Members<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// The member of an object, or the element of an array, of this name.
pub(crate) fn step<'a>(value: &'a RawValue, token: &str) -> Option<&'a RawValue> {
    let mut json = serde_json::Deserializer::from_str(value.get());
    match value.get().as_bytes().first()? {
        b'{' => json.deserialize_map(Member(token)).ok()?,
        b'[' => json.deserialize_seq(Element(index(token)?)).ok()?,
        _ => None,
    }
}

/// `0|[1-9][0-9]*` (RFC 6901, section 4); `-` is the element after the last, which is none.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (token == "0" || !token.starts_with('0'));
    token.parse().ok().filter(|_| canonical)
}

struct Member<'t>(&'t str);

impl<'a> Visitor<'a> for Member<'_> {
    type Value = Option<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Key(self.0))? {
            if is_it {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a key without keeping it. As bytes, since JSON can spell keys that no text has (`"\ud800"`): such
/// a key is none of ours, and its neighbours are still to be found.
struct Key<'t>(&'t str);

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<bool, E> {
        Ok(key == self.0.as_bytes())
    }
}

struct Element(usize);

impl<'a> Visitor<'a> for Element {
    type Value = Option<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut index = 0;
        while let Some(value) = seq.next_element::<&'a RawValue>()? {
            if index == self.0 {
                found = Some(value);
            }
            index += 1;
        }
        Ok(found)
    }
}
