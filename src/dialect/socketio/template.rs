//! JSON with places in it that are filled when something happens: `{data.type=all}` is what the client's data
//! has at `type`, else `"all"`. A string that is one such place becomes the value itself, of whatever type;
//! inside a longer string a place holds text.

use std::fmt;

use serde_json::Value;

use super::scope::{ROOTS, Root, Scope};
use crate::identity::Claims;

/// JSON to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// Nothing in it is filled: JSON text.
    Fixed(String),
    Place(Place),
    Text(Text),
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
}

/// Text to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(Vec<Piece>);

/// One after the other they are a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Place(Place),
}

/// `{root.path.to=default}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    root: Root,
    path: Vec<String>,
    default: Option<Value>,
}

impl Template {
    /// Reads it; `roots`: what may be named.
    ///
    /// # Errors
    /// What would be right.
    pub(super) fn parse(value: &Value, roots: &[Root]) -> Result<Self, String> {
        let template = match value {
            Value::String(text) => match Text::parse(text, roots)? {
                Text(mut pieces) if pieces.len() == 1 => match pieces.pop() {
                    Some(Piece::Place(place)) => Self::Place(place),
                    _ => Self::Fixed(value.to_string()),
                },
                Text(pieces) if pieces.is_empty() => Self::Fixed(value.to_string()),
                text => Self::Text(text),
            },
            Value::Array(values) => {
                Self::Array(values.iter().map(|value| Self::parse(value, roots)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let member =
                    |(name, value): (&String, &Value)| Ok((name.clone(), Self::parse(value, roots)?));
                Self::Object(members.iter().map(member).collect::<Result<_, String>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Fixed(value.to_string()),
        };
        Ok(template)
    }

    /// JSON text. What is not known, and has no default, is `null`.
    pub(super) fn fill(&self, scope: &Scope<'_>) -> String {
        match self {
            Self::Fixed(text) => text.clone(),
            Self::Place(place) => place.json(scope),
            Self::Text(text) => {
                text.fill(scope).map_or_else(|| "null".to_owned(), |text| super::packet::quoted(&text))
            }
            Self::Array(values) => {
                let values: Vec<String> = values.iter().map(|value| value.fill(scope)).collect();
                format!("[{}]", values.join(","))
            }
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| {
                    format!("{}:{}", super::packet::quoted(name), value.fill(scope))
                };
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl Text {
    /// # Errors
    /// What would be right.
    pub(super) fn parse(text: &str, roots: &[Root]) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            let end = closing(behind).ok_or_else(|| format!("expected a }} behind {{{behind}"))?;
            let (place, after) =
                (behind.get(..end).unwrap_or_default(), behind.get(end + 1..).unwrap_or_default());
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            pieces.push(Piece::Place(Place::parse(place, roots)?));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// `None`: something that has no default is not known, or is no text, number or truth value.
    pub(super) fn fill(&self, scope: &Scope<'_>) -> Option<String> {
        self.fill_as(scope, str::to_owned)
    }

    /// The same, each value written as `encode` says.
    pub(super) fn fill_as(&self, scope: &Scope<'_>, encode: impl Fn(&str) -> String) -> Option<String> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => filled.push_str(text),
                Piece::Place(place) => filled.push_str(&encode(&place.text(scope)?)),
            }
        }
        Some(filled)
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// What stands before and behind the one place in it; `None`: there is none, or are several.
    pub(super) fn around(&self) -> Option<(&str, &Place, &str)> {
        match self.0.as_slice() {
            [Piece::Place(place)] => Some(("", place, "")),
            [Piece::Literal(before), Piece::Place(place)] => Some((before, place, "")),
            [Piece::Place(place), Piece::Literal(behind)] => Some(("", place, behind)),
            [Piece::Literal(before), Piece::Place(place), Piece::Literal(behind)] => {
                Some((before, place, behind))
            }
            _ => None,
        }
    }

    /// The whole text, if nothing in it is filled.
    pub(super) fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Text {
    /// Without defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(text),
            Piece::Place(place) => {
                let root = ROOTS.iter().find(|(_, root)| *root == place.root).map_or("", |(name, _)| name);
                write!(f, "{{{}}}", [&[root.to_owned()], &place.path[..]].concat().join("."))
            }
        })
    }
}

/// Where the brace that was opened before `text` is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, letter)| match letter {
        '{' => {
            depth += 1;
            None
        }
        '}' if depth == 0 => Some(at),
        '}' => {
            depth -= 1;
            None
        }
        _ => None,
    })
}

impl Place {
    fn parse(text: &str, roots: &[Root]) -> Result<Self, String> {
        let (name, default) = match text.split_once('=') {
            Some((name, default)) => (name, Some(default)),
            None => (text, None),
        };
        let mut parts = name.split('.');
        let root = parts.next().unwrap_or_default();
        let known = ROOTS.iter().find(|(name, known)| *name == root && roots.contains(known));
        let Some((_, root)) = known else {
            let names = ROOTS.iter().filter(|(_, known)| roots.contains(known)).map(|(name, _)| *name);
            return Err(format!(
                "expected one of {}; found \"{root}\"",
                names.collect::<Vec<_>>().join(", ")
            ));
        };
        let path: Vec<String> = parts.map(ToOwned::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return Err(format!("expected names between the dots of \"{name}\""));
        }
        // What is no JSON is a text without its quotes.
        let default = default.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
        Ok(Self { root: *root, path, default })
    }

    pub(super) fn root(&self) -> Root {
        self.root
    }

    pub(super) fn path(&self) -> &[String] {
        &self.path
    }

    fn json(&self, scope: &Scope<'_>) -> String {
        let found = scope.find(self.root, &self.path);
        let default = || self.default.as_ref().map_or_else(|| "null".to_owned(), Value::to_string);
        found.map_or_else(default, std::borrow::Cow::into_owned)
    }

    fn text(&self, scope: &Scope<'_>) -> Option<String> {
        match serde_json::from_str(&self.json(scope)).ok()? {
            Value::String(text) => Some(text),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// The value at a path of names and numbers.
pub(super) fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| match value.as_array() {
        Some(values) => values.get(name.parse::<usize>().ok()?),
        None => value.get(name),
    })
}

/// The same among claims.
pub(super) fn in_claims<'a>(claims: &'a Claims, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    at(claims.get(first)?, rest)
}
