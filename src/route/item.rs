//! Where a GET of a record goes: the path of its item, made from the path of a write.

use std::borrow::Cow;
use std::collections::HashMap;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::id::{self, decompose};
use super::pattern::Segment;
use super::{Matched, Pattern, Route, Routes, key};
use crate::event::Json;

/// What may stand in a segment as it is (RFC 3986, section 3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The same of a value. Some backends end the segment at a `;`.
const VALUE: &AsciiSet = &SEGMENT.add(b';');

impl Routes {
    /// The path of the record of this id, for a write to `path` that falls under `matched`. Where the route is
    /// not that of an item (`/orders/{id}/cancel`), another one of the same model is taken, if the path knows
    /// all of its parameters. What the path of the write says stays as it was written, a slash at its end too.
    pub fn item_path(&self, matched: &Matched, path: &str, id: &Json) -> Option<String> {
        let own = &matched.route;
        let (path, slash) = match path.strip_suffix('/') {
            Some(shorter) if !shorter.is_empty() => (shorter, "/"),
            _ => (path, ""),
        };
        let written: Vec<&str> = path.split('/').skip(1).collect();
        let is_item = ends_with_key(&own.pattern) && written.len() == own.pattern.segments.len();
        if is_item && id.scalar_text() == matched.id {
            return Some(format!("{path}{slash}"));
        }
        let known = known(&own.pattern, &written);
        let of_own = || build(own, &known, &written, id);
        let mut siblings = self.iter().filter(|other| is_sibling(own, other));
        let built = of_own().or_else(|| siblings.find_map(|other| build(other, &known, &[], id)))?;
        // An id such as `me` may be the path of something else.
        let found = self.classify(&Method::GET, &built)?;
        let is_it = found.model == matched.model && found.id == id.scalar_text();
        is_it.then(|| format!("{built}{slash}"))
    }

    /// Whether [`item_path`](Self::item_path) can find a path for the writes of a route.
    pub fn has_item_path(&self, route: &Route) -> bool {
        let names: Vec<&str> = route.pattern.names().collect();
        let leads = |to: &Route| {
            let mut others = parameters(&to.pattern).filter(|(number, _)| !to.pattern.key.contains(number));
            ends_with_key(&to.pattern)
                && others.all(|(_, segment)| segment.name().is_some_and(|name| names.contains(&name)))
        };
        leads(route) || self.iter().any(|other| is_sibling(route, other) && leads(other))
    }
}

fn is_sibling(route: &Route, other: &Route) -> bool {
    let named = route.pattern.names_model() || other.pattern.names_model();
    !named && !std::ptr::eq(route, other) && route.model.name == other.model.name
}

pub(super) fn ends_with_key(pattern: &Pattern) -> bool {
    let last = parameters(pattern).last().map(|(number, _)| number);
    let is_last = pattern.segments.last().is_some_and(|segment| segment.name().is_some());
    is_last && last.is_some_and(|number| pattern.key.contains(&number))
}

/// The segments that hold a parameter, with its number.
fn parameters(pattern: &Pattern) -> impl Iterator<Item = (usize, &Segment)> {
    pattern.segments.iter().filter(|segment| segment.name().is_some()).enumerate()
}

/// What a path says of the parameters of its pattern, as it was written.
fn known<'a>(pattern: &'a Pattern, written: &[&'a str]) -> HashMap<&'a str, &'a str> {
    let value = |(segment, text): (&'a Segment, &&'a str)| {
        let inside = match segment {
            Segment::Parenthesised { .. } => text.split_once('(')?.1.strip_suffix(')')?,
            Segment::Parameter(_) | Segment::Constant(_) => text,
        };
        Some((segment.name()?, inside))
    };
    pattern.segments.iter().zip(written).filter_map(value).collect()
}

/// The path of a route's item; `written`: a path of this route, of which the constants are taken.
pub(super) fn build(
    route: &Route,
    known: &HashMap<&str, &str>,
    written: &[&str],
    id: &Json,
) -> Option<String> {
    let pattern = &route.pattern;
    if !ends_with_key(pattern) {
        return None;
    }
    let keys: Vec<(usize, Part)> = pattern.key.iter().copied().zip(parts(route, id)?).collect();
    let (mut path, mut number) = (String::new(), 0);
    for (at, segment) in pattern.segments.iter().enumerate() {
        let mut value = |name: &str| {
            number += 1;
            match keys.iter().find(|(key, _)| *key == number - 1) {
                Some((_, part)) => part.within(segment).map(Cow::Owned),
                None => known.get(name).map(|text| Cow::Borrowed(*text)),
            }
        };
        let text = match segment {
            Segment::Constant(text) => {
                written.get(at).map_or_else(|| encode(text), |text| Cow::Borrowed(*text))
            }
            Segment::Parameter(name) => value(name)?,
            Segment::Parenthesised { constant, name } => {
                Cow::Owned(format!("{}({})", encode(constant), value(name)?))
            }
        };
        path.extend(["/", &text]);
    }
    Some(path)
}

/// A pattern with what is known of its parameters, as it stands in a path.
pub(super) fn fill(pattern: &Pattern, known: &HashMap<&str, String>) -> Option<String> {
    let mut path = String::new();
    for segment in &pattern.segments {
        let text = match segment {
            Segment::Constant(text) => encode(text),
            Segment::Parameter(name) => Cow::Borrowed(known.get(name.as_str())?.as_str()),
            Segment::Parenthesised { constant, name } => {
                Cow::Owned(format!("{}({})", encode(constant), known.get(name.as_str())?))
            }
        };
        path.extend(["/", &text]);
    }
    Some(path)
}

/// A text as it stands in one segment of a path; `None`: backends would take it for a step, or for nothing.
fn segment(text: &str) -> Option<String> {
    (!is_step(text)).then(|| value(text))
}

fn is_step(text: &str) -> bool {
    let until_semicolon = text.split(';').next().unwrap_or_default();
    matches!(until_semicolon, "" | "." | "..")
}

/// The same of a text that a client chose; `None` also where a backend that decodes too early could take it for
/// several segments.
pub(crate) fn given(text: &str) -> Option<String> {
    let is_several = text.contains(['/', '\\']) || text.chars().any(char::is_control);
    if is_several { None } else { segment(text) }
}

fn value(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

fn encode(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, SEGMENT).into()
}

/// One part of an id, as it stands in one parameter.
struct Part {
    text: String,
    /// In parentheses it stands without quotes.
    bare: bool,
    /// In parentheses it is all that stands there, quotes included.
    whole: bool,
}

impl Part {
    /// `None`: no path may hold it.
    fn within(&self, segment: &Segment) -> Option<String> {
        let is_quoted = matches!(segment, Segment::Parenthesised { .. }) && !self.bare && !self.whole;
        let text = if is_quoted { Cow::Owned(key::quoted(&self.text)) } else { Cow::Borrowed(&*self.text) };
        (!is_step(&self.text)).then(|| value(&text))
    }
}

/// The parts of an id for the parameters of a route's key.
fn parts(route: &Route, id: &Json) -> Option<Vec<Part>> {
    let text = id.scalar_text()?;
    let count = route.pattern.key.len();
    let is_text = id.as_str().starts_with('"');
    let part = |text: String| Part { bare: is_bare(&text), text, whole: false };
    if !route.id.is_composite() {
        // An OData key of a string that looks like a number still has its quotes.
        let bare = if is_text { is_uuid(&text) } else { true };
        return (count == 1).then(|| vec![Part { text, bare, whole: false }]);
    }
    let values = decompose(&text);
    if values.len() != route.id.parts.len() {
        return None;
    }
    if count == values.len() {
        return Some(values.into_iter().map(part).collect());
    }
    let parenthesised = parameters(&route.pattern).any(|(number, segment)| {
        route.pattern.key.contains(&number) && matches!(segment, Segment::Parenthesised { .. })
    });
    if !parenthesised {
        return (count == 1).then(|| vec![Part { text, bare: true, whole: true }]);
    }
    let names = route.id.parts.iter().map(|pointer| pointer.tokens().last().unwrap_or_default().to_owned());
    let named = |(name, value): (String, String)| {
        let value = if is_bare(&value) { value } else { key::quoted(&value) };
        format!("{name}={value}")
    };
    let key: Vec<String> = names.zip(values).map(named).collect();
    (count == 1).then(|| vec![Part { text: key.join(","), bare: false, whole: true }])
}

/// Whether a part of a composite key, of which the type is not known, stands without quotes.
fn is_bare(text: &str) -> bool {
    id::is_canonical_integer(text) || is_uuid(text)
}

/// OData writes them without quotes.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}
