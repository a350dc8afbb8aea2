//! The bodies of requests, and the events and messages that they become.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fault::{Code, Fault};
use super::{Asked, query};
use crate::event::{Audience, Event, Item, Json, Operation, Origin, Outcome};
use crate::message::{Group, Target};
use crate::route::{MAX_MODEL_BYTES, Model};

/// The largest body, in bytes: what it holds goes to every reader.
pub(super) const MAX_BYTES: usize = 256 * 1024;
/// The longest id, name or role, in characters.
const MAX_NAME_CHARS: usize = 256;
/// Roles of one audience.
const MAX_ROLES: usize = 100;
/// What is quoted of an error: it may quote the body.
const MAX_QUOTED_CHARS: usize = 200;

/// What `POST /api/events` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publish<'a> {
    #[serde(alias = "collection")]
    model: String,
    operation: String,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    record: Option<&'a RawValue>,
    #[serde(default)]
    partial: bool,
    #[serde(borrow, default)]
    audience: Option<&'a RawValue>,
}

/// What it takes for `audience`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Readers {
    Everyone,
    Authenticated,
    Roles(Vec<String>),
    User(String),
}

/// What a broadcast takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Broadcast<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    endpoint: Option<String>,
}

/// What one connection is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
}

/// Reads a body.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Fault> {
    // Also finds what is nested too deep, and numbers that no client could read.
    let value: Value = serde_json::from_slice(body).map_err(|error| quote(Code::InvalidJson, &error))?;
    if !value.is_object() {
        return Err(Fault::invalid("the body must be a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| quote(Code::InvalidRequest, &error))
}

fn quote(code: Code, error: &serde_json::Error) -> Fault {
    Fault::new(code, error.to_string().chars().take(MAX_QUOTED_CHARS).collect::<String>())
}

impl Publish<'_> {
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    pub(super) fn event(self, asked: &Asked) -> Result<Event, Fault> {
        if !Model::is_name(&self.model) {
            return Err(Fault::invalid(format!(
                "model: 1 to {MAX_MODEL_BYTES} bytes without \"/\", \"*\" and control characters, and not \"all\""
            )));
        }
        let name = name("operation", self.operation)?;
        let (operation, action) = match &*name {
            "create" => (Operation::Create, None),
            "update" => (Operation::Update, None),
            "delete" => (Operation::Delete, None),
            _ => (Operation::Custom, Some(name)),
        };
        let id = self.id.map(id).transpose()?;
        let record = self.record.and_then(|record| Json::parse(record.get()));
        Ok(Event {
            id: asked.id,
            time: asked.time,
            origin: Origin::PublishApi,
            model: Arc::from(self.model),
            operation,
            action,
            many: false,
            items: vec![Item { id, record, partial: self.partial, owner: None, was: None }],
            http: None,
            request_body: None,
            audience: audience(self.audience)?,
            outcome: Outcome::Certain,
            overlapping: false,
        })
    }
}

fn audience(value: Option<&RawValue>) -> Result<Audience, Fault> {
    let readers = value.and_then(|value| serde_json::from_str::<Readers>(value.get()).ok());
    // The parser's own error would name neither the field nor what each form holds.
    let expected =
        r#"audience: one of "everyone", "authenticated", {"roles":["admin"]} and {"user":"alice"}"#;
    readers.ok_or_else(|| Fault::invalid(expected))?.audience()
}

impl Readers {
    fn audience(self) -> Result<Audience, Fault> {
        Ok(match self {
            Self::Everyone => Audience::Everyone,
            Self::Authenticated => Audience::Authenticated,
            Self::User(id) => Audience::User(name("audience.user", id)?),
            Self::Roles(roles) if (1..=MAX_ROLES).contains(&roles.len()) => {
                for role in &roles {
                    name("audience.roles", role.clone())?;
                }
                Audience::Roles(Arc::from(roles))
            }
            Self::Roles(_) => return Err(Fault::invalid(format!("audience.roles: 1 to {MAX_ROLES} roles"))),
        })
    }
}

impl Broadcast<'_> {
    pub(super) fn parts(self, app: Option<Arc<str>>) -> Result<(Target, Json), Fault> {
        let user = self.user_id.as_deref().map(query::user).transpose()?;
        let only = user.map(Group::user).unwrap_or_default();
        let endpoint = self.endpoint.map(Arc::from);
        Ok((Target { app, endpoint, only, ..Target::default() }, object(self.message)?))
    }
}

impl Send<'_> {
    pub(super) fn message(self) -> Result<Json, Fault> {
        object(self.message)
    }
}

fn object(message: &RawValue) -> Result<Json, Fault> {
    let text = message.get();
    let message = text.starts_with('{').then(|| Json::parse(text)).flatten();
    message.ok_or_else(|| Fault::invalid("message: a JSON object"))
}

/// A string or a whole number.
fn id(value: &RawValue) -> Result<Json, Fault> {
    let expected = || Fault::invalid(format!("id: a whole number, or 1 to {MAX_NAME_CHARS} characters"));
    let id = Json::parse(value.get()).ok_or_else(expected)?;
    let text = id.scalar_text().ok_or_else(expected)?;
    let is_text = id.as_str().starts_with('"');
    let is_whole = !text.contains(['.', 'e', 'E']);
    let fits = (1..=MAX_NAME_CHARS).contains(&text.chars().count());
    if fits && (is_text || is_whole) { Ok(id) } else { Err(expected()) }
}

pub(super) fn name(field: &str, text: String) -> Result<Arc<str>, Fault> {
    if (1..=MAX_NAME_CHARS).contains(&text.chars().count()) {
        Ok(Arc::from(text))
    } else {
        Err(Fault::invalid(format!("{field}: 1 to {MAX_NAME_CHARS} characters")))
    }
}
