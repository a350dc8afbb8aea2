//! Path patterns such as `/api/authors/{author_id}/books/{id}`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Stands for a slash inside one decoded segment; no path that holds it is matched.
const ENCODED_SLASH: char = '\0';

/// A path pattern: constant segments and `{name}` segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Constant(String),
    Parameter(String),
}

impl Pattern {
    /// Reads a pattern. A trailing slash says nothing.
    ///
    /// # Errors
    /// What is wrong with it and how it should look.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a path that starts with \"/\", such as \"/api/authors/{id}\"".to_owned());
        };
        if rest.contains(['?', '#', ENCODED_SLASH]) {
            return Err("a path without \"?\" and \"#\"".to_owned());
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let segments = rest.split('/').map(Segment::parse).collect::<Result<Vec<_>, _>>()?;
        let pattern = Self { segments };
        pattern.check_names()?;
        Ok(pattern)
    }

    fn check_names(&self) -> Result<(), String> {
        let names: Vec<&str> = self.names().collect();
        let twice = names.iter().enumerate().find(|(i, name)| names.iter().take(*i).any(|n| n == *name));
        match twice {
            Some((_, name)) => Err(format!("each name once; {{{name}}} stands there twice")),
            None => Ok(()),
        }
    }

    /// The parameters' names, in order.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Constant(_) => None,
        })
    }

    /// The pattern of the collection: the same without a last `{id}`. `None` where `{id}` is not last.
    pub fn collection(&self) -> Option<Self> {
        match self.segments.split_last()? {
            (Segment::Parameter(name), rest) if name == "id" && !rest.is_empty() => {
                Some(Self { segments: rest.to_vec() })
            }
            _ => None,
        }
    }

    /// Parameter number `index` holds the record's id.
    pub fn id_index(&self) -> Option<usize> {
        self.names().position(|name| name == "id")
    }

    /// The pattern as the router wants it: names replaced by numbers, so that `{id}` and `{author_id}`
    /// at one place are the same.
    pub(super) fn key(&self) -> String {
        let mut parameters = 0..;
        let segment = |segment: &Segment| match segment {
            Segment::Constant(text) => format!("/{}", text.replace('{', "{{").replace('}', "}}")),
            Segment::Parameter(_) => format!("/{{p{}}}", parameters.next().unwrap_or_default()),
        };
        self.segments.iter().map(segment).collect()
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            return if plain {
                Ok(Self::Parameter(name.to_owned()))
            } else {
                Err(format!("\"{{name}}\" of letters, digits and _; found \"{text}\""))
            };
        }
        if text.contains(['{', '}']) {
            return Err(format!("\"{{name}}\" as a whole segment between slashes; found \"{text}\""));
        }
        if text.is_empty() {
            return Err("no empty segment (\"//\")".to_owned());
        }
        decode(text).map(|text| Self::Constant(text.into_owned())).ok_or_else(|| "UTF-8".to_owned())
    }
}

/// Brings a request's path into the form that patterns are matched in: each segment percent-decoded, one
/// trailing slash dropped. An encoded slash stays inside its segment. `None`: no pattern can match it.
pub(super) fn normalise(path: &str) -> Option<Cow<'_, str>> {
    let path = match path.strip_suffix('/') {
        Some("") | None => path,
        Some(shorter) => shorter,
    };
    if path.contains(ENCODED_SLASH) {
        return None;
    }
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let segments: Option<Vec<_>> = path.split('/').map(decode).collect();
    Some(Cow::Owned(segments?.join("/")))
}

fn decode(segment: &str) -> Option<Cow<'_, str>> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    if text.contains(ENCODED_SLASH) {
        return None;
    }
    Some(if text.contains('/') { Cow::Owned(text.replace('/', "\0")) } else { text })
}

/// A matched parameter as the client meant it.
pub(super) fn parameter(matched: &str) -> String {
    matched.replace(ENCODED_SLASH, "/")
}
