//! What is true of each record that a client has to do with: conditions whose values may come from its claims.

use std::borrow::Cow;

use serde_json::Value;

use super::{Added, Column, Refusal};
use crate::event::Json;
use crate::filter::{Deletes, Filter};
use crate::identity::{self, Identity};

/// What a claim may be compared by. With the others it would be a pattern that the claim's owner chose.
const BY_CLAIM: [&str; 14] =
    ["eq", "neq", "gt", "gte", "lt", "lte", "in", "=", "!=", "<>", ">", ">=", "<", "<="];

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    column: Column,
    operator: String,
    value: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Fixed(Json),
    /// All of a claim, as it is.
    Claim(String),
    /// Texts and, behind each but the last, a claim.
    Text(Vec<(String, Option<String>)>),
}

impl Forced {
    /// Reads a condition. In a text, `{claims.NAME}` is what the client's token says of it.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(column: &str, operator: &str, value: &Json) -> Result<Self, String> {
        let column = Column::parse(column)?;
        let text: Option<String> = serde_json::from_str(value.as_str()).ok();
        let value = match text {
            Some(text) => Source::parse(&text)?,
            None => Source::Fixed(value.clone()),
        };
        if !matches!(value, Source::Fixed(_)) && !BY_CLAIM.contains(&operator) {
            return Err(format!("one of {} as operator of a claim", BY_CLAIM[..7].join(", ")));
        }
        let forced = Self { column, operator: operator.to_owned(), value };
        let sample = forced.with(Cow::Owned(forced.value.sample()));
        let list = Json::from_valid(format!("[{}]", sample.condition()));
        Filter::from_list(&list, Deletes::Prove).map_err(|error| format!("a condition: {error}"))?;
        Ok(forced)
    }

    /// What it is for this client.
    pub(super) fn added<'a>(&'a self, identity: &Identity) -> Result<Added<'a>, Refusal> {
        let takes_lists = self.operator == "in";
        self.value.of(identity, takes_lists).map(|value| self.with(value))
    }

    fn with<'a>(&'a self, value: Cow<'a, Json>) -> Added<'a> {
        Added { column: self.column.name(), operator: &self.operator, value }
    }
}

impl Source {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let expected = || "{claims.NAME} in the text, such as \"{claims.sub}\"".to_owned();
            let (name, next) = behind.split_once('}').ok_or_else(expected)?;
            let claim =
                name.strip_prefix("claims.").filter(|claim| !claim.is_empty()).ok_or_else(expected)?;
            pieces.push((before.to_owned(), Some(claim.to_owned())));
            rest = next;
        }
        Ok(match pieces.as_slice() {
            [] => Self::Fixed(Json::string(text)),
            [(before, Some(claim))] if before.is_empty() && rest.is_empty() => Self::Claim(claim.clone()),
            _ => {
                pieces.push((rest.to_owned(), None));
                Self::Text(pieces)
            }
        })
    }

    /// Something of its kind.
    fn sample(&self) -> Json {
        match self {
            Self::Fixed(json) => json.clone(),
            Self::Claim(_) | Self::Text(_) => Json::string("a"),
        }
    }

    fn of(&self, identity: &Identity, takes_lists: bool) -> Result<Cow<'_, Json>, Refusal> {
        match self {
            Self::Fixed(json) => Ok(Cow::Borrowed(json)),
            Self::Claim(name) => {
                let claim = claim(identity, name)?;
                let is_usable = is_something(claim) || (takes_lists && is_list(claim));
                let json = is_usable.then(|| Json::from_valid(claim.to_string()));
                json.map(Cow::Owned).ok_or_else(|| Refusal::Claim(name.clone()))
            }
            Self::Text(pieces) => {
                let mut text = String::new();
                for (before, name) in pieces {
                    text.push_str(before);
                    if let Some(name) = name {
                        text.push_str(
                            &scalar(claim(identity, name)?).ok_or_else(|| Refusal::Claim(name.clone()))?,
                        );
                    }
                }
                Ok(Cow::Owned(Json::string(&text)))
            }
        }
    }
}

fn claim<'a>(identity: &'a Identity, name: &str) -> Result<&'a Value, Refusal> {
    let claim = identity.user().and_then(|user| identity::find(&user.claims, name));
    claim.ok_or_else(|| Refusal::Claim(name.to_owned()))
}

/// Null and an empty text say nothing.
fn is_something(claim: &Value) -> bool {
    match claim {
        Value::String(text) => !text.is_empty(),
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Some backends take an empty list for no condition.
fn is_list(claim: &Value) -> bool {
    claim.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_something))
}

fn scalar(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
