//! Templates: `{column}__{operator}={value}`, filled and percent-encoded.
//!
//! A slot may name what is done to its value, from left to right: `{values:quoted:csv}`. Of a list the last word
//! says how it is written. What cannot be written so that the backend reads the same again is not written at all.

use std::fmt;

use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::step::Step;

/// One value of a query: all but the unreserved characters (RFC 3986, section 2.3) is encoded.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same for what has a name and a value of its own inside.
const OPEN: &AsciiSet = &VALUE.remove(b'=');
/// Between the values of a list.
const SEPARATOR: &AsciiSet = &VALUE.remove(b',').remove(b';').remove(b':');
/// What a config file says is taken as it is, as far as a request line can hold it.
const LITERAL: &AsciiSet =
    &percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'`');

/// What is wrong with a template, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

/// What is put in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// `None` for what is no text, number or truth value.
    pub(super) text: Option<String>,
    pub(super) json: String,
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self { text: Some(text.to_owned()), json: serde_json::Value::from(text).to_string() }
    }
}

/// One value or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fill {
    One(Value),
    Many(Vec<Value>),
}

/// What the slots of a template are filled with.
pub(super) type Filling<'a> = [(&'a str, Fill)];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Slot { name: String, steps: Vec<Step> },
}

/// Literal text with slots in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(Vec<Piece>);

/// How slots are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As one value of a query.
    Query,
    /// As one segment of a path.
    Segment,
    /// Not at all: it becomes part of something that is.
    Bare,
}

/// A part of a request's query, or a header of it: `limit={limit}`, `header:X-Limit: {limit}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    whole: Text,
    header: bool,
    parameters: Vec<(Text, Option<Text>)>,
}

/// What a filled template adds to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Name, and the value where there is a `=`; both encoded.
    Parameter(String, Option<String>),
    Header(String, String),
}

impl Template {
    /// Reads it; `slots`: those that it may have.
    ///
    /// # Errors
    /// A slot that is none, or a header without a name.
    pub fn parse(text: &str, slots: &[&str]) -> Result<Self, TemplateError> {
        if let Some(rest) = text.strip_prefix("header:") {
            let expected = || TemplateError("a header, such as \"header:X-Limit: {limit}\"".to_owned());
            let (name, value) = rest.split_once(": ").ok_or_else(expected)?;
            let (name, value) = (Text::parse(name, slots)?, Text::parse(value, slots)?);
            return Ok(Self { whole: value.clone(), header: true, parameters: vec![(name, Some(value))] });
        }
        let whole = Text::parse(text, slots)?;
        let parameters = whole.split('&').into_iter().map(|parameter| parameter.split_once('=')).collect();
        Ok(Self { whole, header: false, parameters })
    }

    /// What it adds; `None`: these values cannot be said.
    pub(super) fn fill(&self, filling: &Filling<'_>) -> Option<Vec<Part>> {
        if self.header {
            let (name, value) = self.parameters.first()?;
            let one = |text: &Text| text.fill(filling, Encoding::Bare).filter(|all| all.len() == 1)?.pop();
            return Some(vec![header(one(name)?, one(value.as_ref()?)?)?]);
        }
        let mut parts = Vec::new();
        for (name, value) in &self.parameters {
            let mut names = name.fill(filling, Encoding::Query)?;
            let mut name_text = names.pop().filter(|_| names.is_empty())?;
            let Some(value) = value else {
                parts.push(Part::Parameter(name_text, None));
                continue;
            };
            if value.has(&Step::Brackets) {
                name_text.push_str("%5B%5D");
            }
            let values = value.fill(filling, Encoding::Query)?;
            parts.extend(values.into_iter().map(|value| Part::Parameter(name_text.clone(), Some(value))));
        }
        Some(parts)
    }

    /// The same as a piece of something else, not encoded.
    pub(super) fn inside(&self, filling: &Filling<'_>) -> Option<String> {
        let mut all = self.whole.fill(filling, Encoding::Bare)?;
        all.pop().filter(|_| all.is_empty())
    }
}

impl Text {
    pub(super) fn parse(text: &str, slots: &[&str]) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once('{') {
            let (inside, after) = behind
                .split_once('}')
                .ok_or_else(|| TemplateError(format!("a \"}}\" behind each \"{{\"; found \"{text}\"")))?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            pieces.push(slot(inside, slots)?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The names of its slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot { name, .. } => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The parts between marks in its literal pieces.
    fn split(&self, mark: char) -> Vec<Self> {
        let mut parts = vec![Self::default()];
        for piece in &self.0 {
            let Piece::Literal(text) = piece else {
                if let Some(last) = parts.last_mut() {
                    last.0.push(piece.clone());
                }
                continue;
            };
            for (at, text) in text.split(mark).enumerate() {
                if at > 0 {
                    parts.push(Self::default());
                }
                if let Some(last) = parts.last_mut().filter(|_| !text.is_empty()) {
                    last.0.push(Piece::Literal(text.to_owned()));
                }
            }
        }
        parts
    }

    /// Before the first mark, and behind it.
    pub(super) fn split_once(self, mark: char) -> (Self, Option<Self>) {
        let is_at = |piece: &Piece| matches!(piece, Piece::Literal(text) if text.contains(mark));
        let Some(at) = self.0.iter().position(is_at) else { return (self, None) };
        let (mut before, mut behind) = (self.0, Vec::new());
        let after = before.split_off(at);
        for (number, piece) in after.into_iter().enumerate() {
            match piece {
                Piece::Literal(text) if number == 0 => {
                    let (one, other) = text.split_once(mark).unwrap_or((&text, ""));
                    let literal = |text: &str| (!text.is_empty()).then(|| Piece::Literal(text.to_owned()));
                    before.extend(literal(one));
                    behind.extend(literal(other));
                }
                piece @ (Piece::Literal(_) | Piece::Slot { .. }) => behind.push(piece),
            }
        }
        (Self(before), Some(Self(behind)))
    }

    fn has(&self, step: &Step) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Slot { steps, .. } if steps.contains(step)))
    }

    /// The text; several where a list is repeated. `None`: these values cannot be said.
    pub(super) fn fill(&self, filling: &Filling<'_>, encoding: Encoding) -> Option<Vec<String>> {
        let mut all = vec![String::new()];
        for piece in &self.0 {
            let more = match piece {
                Piece::Literal(text) => vec![literal(text, encoding)],
                Piece::Slot { name, steps } => {
                    let (_, fill) = filling.iter().find(|(known, _)| known == name)?;
                    filled(fill, steps, encoding)?
                }
            };
            let join = |text: &String| more.iter().map(|more| format!("{text}{more}")).collect::<Vec<_>>();
            all = all.iter().flat_map(join).collect();
        }
        Some(all)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(text),
            Piece::Slot { name, .. } => write!(f, "{{{name}}}"),
        })
    }
}

/// `None`: it would be lost, read without the spaces around it, or in another encoding.
fn header(name: String, value: String) -> Option<Part> {
    let is_name = HeaderName::try_from(&name).is_ok();
    let is_value = HeaderValue::from_str(&value).is_ok() && value.is_ascii() && value.trim_ascii() == value;
    (is_name && is_value).then_some(Part::Header(name, value))
}

fn slot(inside: &str, slots: &[&str]) -> Result<Piece, TemplateError> {
    let mut words = inside.split(':');
    let name = words.next().unwrap_or_default();
    if !slots.contains(&name) {
        let known: Vec<String> = slots.iter().map(|slot| format!("{{{slot}}}")).collect();
        let known = if known.is_empty() { "nothing in braces".to_owned() } else { known.join(", ") };
        return Err(TemplateError(format!("a template with {known}; found \"{{{inside}}}\"")));
    }
    let steps: Result<Vec<Step>, TemplateError> = words.map(Step::read).collect();
    Ok(Piece::Slot { name: name.to_owned(), steps: steps? })
}

fn literal(text: &str, encoding: Encoding) -> String {
    match encoding {
        Encoding::Bare => text.to_owned(),
        Encoding::Query | Encoding::Segment => utf8_percent_encode(text, LITERAL).to_string(),
    }
}

fn encoded(text: &str, encoding: Encoding) -> Option<String> {
    match encoding {
        Encoding::Bare => Some(text.to_owned()),
        Encoding::Query => Some(utf8_percent_encode(text, VALUE).to_string()),
        Encoding::Segment => crate::route::given(text),
    }
}

fn filled(fill: &Fill, steps: &[Step], encoding: Encoding) -> Option<Vec<String>> {
    let values = match fill {
        Fill::One(value) => {
            let text = steps.iter().try_fold(value.clone(), Step::done)?.text?;
            return Some(vec![encoded(&text, encoding)?]);
        }
        Fill::Many(values) => values,
    };
    let (last, before) = steps.split_last().unwrap_or((&Step::Csv, &[]));
    if *last == Step::Json {
        let list: Vec<&str> = values.iter().map(|value| value.json.as_str()).collect();
        return Some(vec![encoded(&format!("[{}]", list.join(",")), encoding)?]);
    }
    let made = |value: &Value| before.iter().try_fold(value.clone(), Step::done)?.text;
    let texts: Vec<String> = values.iter().map(made).collect::<Option<_>>()?;
    let is_quoted = before.contains(&Step::Quoted);
    let joined = |separator: &str| {
        // A value that holds the separator would be two.
        let is_clear = is_quoted
            || before.contains(&Step::Open)
            || texts.iter().all(|text| !text.contains(separator) && !text.is_empty());
        let is_open = before.contains(&Step::Open) && encoding == Encoding::Query;
        let part = |text: &String| {
            if is_open { Some(utf8_percent_encode(text, OPEN).to_string()) } else { encoded(text, encoding) }
        };
        let parts: Vec<String> = texts.iter().map(part).collect::<Option<_>>()?;
        let between = match encoding {
            Encoding::Bare => separator.to_owned(),
            Encoding::Query | Encoding::Segment => utf8_percent_encode(separator, SEPARATOR).to_string(),
        };
        is_clear.then(|| vec![parts.join(&between)])
    };
    let is_repeated = matches!(last, Step::Repeat | Step::Brackets);
    if let Step::Join(separator) = last {
        joined(separator)
    } else if !is_repeated {
        joined(",")
    } else if texts.is_empty() {
        None
    } else {
        texts.iter().map(|text| encoded(text, encoding)).collect()
    }
}
