//! What clients say: one envelope for everything.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::Fault;
use crate::event::{Json, Position, unescaped};
use crate::message::Message;

/// Of a word that is not known, so many characters are repeated to the client.
const SHOWN_CHARS: usize = 100;

/// A message that was read.
#[derive(Debug)]
pub(super) struct Said {
    /// As the client wrote it; an empty text where it wrote none.
    pub(super) id: Json,
    /// What it says, or why it cannot be done.
    pub(super) wanted: Result<Wanted, Fault>,
}

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A sign of life.
    Ping,
    /// Something done with records.
    Request(Request),
    /// Events of an entity, those for which the filters hold; also those behind what the client got last.
    Subscribe { of: Name, filters: Json, since: Option<Position> },
    /// No more of them.
    Unsubscribe(String),
}

/// An entity as a client names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) schema: Option<String>,
    pub(super) entity: String,
}

/// Something to be done with records.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) operation: Operation,
    pub(super) of: Name,
    /// A JSON string or number.
    pub(super) record_id: Option<Json>,
    pub(super) data: Option<Json>,
    /// `null` where there are none.
    pub(super) options: Json,
}

/// What can be done with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Create,
    Update,
    Delete,
    Meta,
}

impl Operation {
    const ALL: [(&'static str, Self); 5] = [
        ("read", Self::Read),
        ("create", Self::Create),
        ("update", Self::Update),
        ("delete", Self::Delete),
        ("meta", Self::Meta),
    ];

    /// The code of its failures.
    pub(super) fn error(self) -> &'static str {
        match self {
            Self::Read | Self::Meta => "read_error",
            Self::Create => "create_error",
            Self::Update => "update_error",
            Self::Delete => "delete_error",
        }
    }

    /// The backend may find something wrong with what the client sent.
    pub(super) fn sends_record(self) -> bool {
        matches!(self, Self::Create | Self::Update)
    }
}

impl Said {
    /// Reads a message, binary ones too. Of one that says nothing else the id is kept, so that its sender hears
    /// what became of it.
    pub(super) fn read(message: &Message) -> Self {
        let text = match message {
            Message::Text(text) => Some(text.as_str()),
            Message::Binary(bytes) => std::str::from_utf8(bytes).ok(),
        };
        match text.and_then(|text| serde_json::from_str(text).ok()) {
            Some(fields) => Self::of(&Fields(fields)),
            None => Self { id: Json::string(""), wanted: Err(Fault::Unparsable) },
        }
    }

    fn of(fields: &Fields<'_>) -> Self {
        let scalar = |id: &Json| id.scalar_text().is_some();
        let id = fields.json("id").filter(scalar).unwrap_or_else(|| Json::string(""));
        Self { id, wanted: fields.wanted() }
    }
}

struct Fields<'a>(BTreeMap<Text<'a>, &'a RawValue>);

impl<'a> Fields<'a> {
    fn wanted(&self) -> Result<Wanted, Fault> {
        self.needed("id")?;
        match &*self.needed("type")? {
            "ping" => Ok(Wanted::Ping),
            "request" => self.request().map(Wanted::Request),
            "subscription" => self.subscription(),
            unknown => Err(Fault::UnknownType(shown(unknown))),
        }
    }

    fn request(&self) -> Result<Request, Fault> {
        let operation = self.needed("operation")?;
        let of = self.name()?;
        let known = Operation::ALL.iter().find(|(name, _)| *name == operation);
        let operation = known.ok_or_else(|| Fault::UnknownOperation(shown(&operation)))?.1;
        let needs = |is_needed: bool, value: Option<Json>, field| match value {
            None if is_needed => Err(Fault::Missing(field)),
            value => Ok(value),
        };
        let is_of_one = matches!(operation, Operation::Update | Operation::Delete);
        Ok(Request {
            operation,
            of,
            record_id: needs(is_of_one, self.record_id()?, "record_id")?,
            data: needs(operation.sends_record(), self.json("data"), "data")?,
            options: self.json("options").unwrap_or_else(null),
        })
    }

    fn subscription(&self) -> Result<Wanted, Fault> {
        match &*self.needed("operation")? {
            "subscribe" => {
                let since = self.since()?;
                Ok(Wanted::Subscribe { of: self.name()?, filters: self.filters()?, since })
            }
            "unsubscribe" => {
                let id = self.text("subscription_id")?.ok_or(Fault::NoSubscriptionId)?;
                Ok(Wanted::Unsubscribe(id.into_owned()))
            }
            unknown => Err(Fault::UnknownSubscriptionOperation(shown(unknown))),
        }
    }

    fn name(&self) -> Result<Name, Fault> {
        let schema = self.text("schema")?.map(Cow::into_owned);
        Ok(Name { schema, entity: self.needed("entity")?.into_owned() })
    }

    /// Clients send texts; a number that they read from a record will do.
    fn record_id(&self) -> Result<Option<Json>, Fault> {
        let id = self.json("record_id");
        let text = id.as_ref().map(|id| id.scalar_text().ok_or(Fault::Unparsable)).transpose()?;
        Ok(id.filter(|_| text.is_some_and(|text| !text.is_empty())))
    }

    /// Those of the options.
    fn filters(&self) -> Result<Json, Fault> {
        let Some(options) = self.json("options") else { return Ok(null()) };
        of_options(&options).ok_or(Fault::Unparsable)
    }

    /// Where the options say it.
    fn since(&self) -> Result<Option<Position>, Fault> {
        let options = self.json("options").unwrap_or_else(null);
        let Ok(options) = serde_json::from_str(options.as_str()) else { return Ok(None) };
        Ok(Fields(options).text("since")?.map(|since| Position::read(&since)))
    }

    /// A text that is not empty.
    fn needed(&self, field: &'static str) -> Result<Cow<'a, str>, Fault> {
        self.text(field)?.ok_or(Fault::Missing(field))
    }

    /// `None` where it is missing or empty.
    fn text(&self, field: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(raw) = self.raw(field) else { return Ok(None) };
        let text = match unescaped(raw) {
            Some(text) => Cow::Borrowed(text),
            None => serde_json::from_str::<Text<'a>>(raw).ok().ok_or(Fault::Unparsable)?.0,
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn json(&self, field: &str) -> Option<Json> {
        self.raw(field).map(|raw| Json::from_valid(raw.to_owned()))
    }

    /// A field that is null is missing.
    fn raw(&self, field: &str) -> Option<&'a str> {
        let raw: &'a RawValue = self.0.get(field)?;
        Some(raw.get()).filter(|raw| *raw != "null")
    }
}

/// The filters of options.
pub(super) fn filters(options: &Json) -> Json {
    of_options(options).unwrap_or_else(null)
}

fn of_options(options: &Json) -> Option<Json> {
    let options = serde_json::from_str(options.as_str()).ok()?;
    Some(Fields(options).json("filters").unwrap_or_else(null))
}

/// Not copied, if nothing in it is escaped.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn null() -> Json {
    Json::from_valid("null".to_owned())
}

pub(super) fn shown(word: &str) -> String {
    word.chars().take(SHOWN_CHARS).collect()
}
