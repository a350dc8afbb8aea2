//! What was written, and the names that readers subscribe to. Data only: no I/O, no clock.

mod position;
mod topic;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::Method;
use uuid::Uuid;

pub use position::{Epoch, Position};
pub use topic::Topic;
pub(crate) use topic::folded;

/// A piece of JSON as it came, checked to be valid: numbers, key order and spacing are the backend's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Bytes);

impl Json {
    /// Takes the text of `document` if it is one valid JSON value.
    pub fn parse(document: &str) -> Option<Self> {
        serde_json::from_str(document).ok().map(Self::copy_of)
    }

    /// A copy of a part of some document.
    pub(crate) fn copy_of(part: &serde_json::value::RawValue) -> Self {
        Self(Bytes::copy_from_slice(part.get().as_bytes()))
    }

    /// Makes a JSON string of `text`.
    pub fn string(text: &str) -> Self {
        Self(Bytes::from(serde_json::Value::from(text).to_string()))
    }

    /// Wraps `part`, which must be a valid JSON value inside `document`, without copying.
    pub(crate) fn slice_of(document: &Bytes, part: &serde_json::value::RawValue) -> Self {
        Self(document.slice_ref(part.get().as_bytes()))
    }

    /// In memory of its own: a [part](Self::slice_of) keeps all of its document there.
    pub(crate) fn apart(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// Bytes that it keeps in memory, where nothing else keeps them.
    #[cfg(test)]
    pub(crate) fn holds(self) -> Option<usize> {
        self.0.try_into_mut().ok().map(|bytes| bytes.capacity())
    }

    /// Bytes of its text.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Wraps text that was just put together from valid parts.
    pub(crate) fn from_valid(text: String) -> Self {
        Self(Bytes::from(text))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        // Every constructor starts from a `str`, so the fallback is never taken; it only avoids a panic.
        std::str::from_utf8(&self.0).unwrap_or("null")
    }

    /// The value as plain text, for a JSON string or number; `None` for anything else.
    pub fn scalar(&self) -> Option<Cow<'_, str>> {
        let text = self.as_str();
        match text.as_bytes().first()? {
            b'"' => match unescaped(text) {
                Some(inside) => Some(Cow::Borrowed(inside)),
                None => serde_json::from_str(text).ok().map(Cow::Owned),
            },
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    /// The same as a text of its own.
    pub fn scalar_text(&self) -> Option<String> {
        self.scalar().map(Cow::into_owned)
    }
}

/// What a piece of valid JSON says if it is a string in which nothing is escaped, as most are: what stands between
/// its quotes. `None`: a JSON reader is needed.
pub(crate) fn unescaped(json: &str) -> Option<&str> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a write did to its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A new record.
    Create,
    /// A change to a record.
    Update,
    /// A record is gone.
    Delete,
    /// Nothing changed: a GET on a route with `publish_reads`.
    Read,
    /// Something of its own, named by the event's action: a user that came, or what a program announced.
    Custom,
}

impl Operation {
    /// Lower-case name, as in the config file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::Custom => "custom",
        }
    }
}

/// One record of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// Its id with its JSON type; `None` where neither path, headers nor body told it.
    pub id: Option<Json>,
    /// The record after the write; `None` where the answer did not hold it: the record changed, ask for it.
    pub record: Option<Json>,
    /// The record may hold only some of its fields.
    pub partial: bool,
    /// Whom it belongs to, where the route's visibility asks; `None` where that is not known: then nobody's.
    pub owner: Option<Arc<str>>,
    /// Whom it belonged to before it was moved to `owner`: for them it is gone.
    pub was: Option<Arc<str>>,
}

/// How much an item proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// It holds the whole record.
    Record,
    /// It holds a part of the record, or what nothing proves to be all of it.
    Partial,
    /// It only says that the record changed.
    Changed,
}

impl Strength {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Partial => "partial",
            Self::Changed => "changed",
        }
    }
}

impl Item {
    /// How much it proves.
    pub fn strength(&self) -> Strength {
        match &self.record {
            Some(_) if self.partial => Strength::Partial,
            Some(_) => Strength::Record,
            None => Strength::Changed,
        }
    }
}

/// Whether the backend confirmed the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered with success.
    Certain,
    /// It had the request, and its answer was lost or proves nothing.
    Uncertain,
}

impl Outcome {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Uncertain => "uncertain",
        }
    }
}

/// Who may get an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Every reader.
    Everyone,
    /// Readers that have proven who they are.
    Authenticated,
    /// Readers with one of these roles.
    Roles(Arc<[String]>),
    /// Readers to whom a record belongs, record by record: those whose claim of that name is its owner.
    Owner(Arc<str>),
    /// The one user of this id.
    User(Arc<str>),
    /// Readers to whom the backend shows a record, record by record.
    Upstream(Arc<Showing>),
}

/// Where the backend is asked for the records of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Showing {
    /// What readers get that may see a record.
    pub payload: Payload,
    /// The path of each item's record, in the order of the items; `None`: nobody knows where to ask.
    pub paths: Vec<Option<Arc<str>>>,
}

/// What readers get that the backend shows a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// The record of the answer to the writer.
    Record,
    /// The record of the answer to the reader's own GET.
    Refetch,
}

/// What an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A write that passed the proxy.
    Tap,
    /// A program that said so on the admin port.
    PublishApi,
    /// A reader that came or left.
    Presence,
}

impl Origin {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tap => "tap",
            Self::PublishApi => "publish_api",
            Self::Presence => "presence",
        }
    }
}

/// The HTTP exchange that an event comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Request method.
    pub method: Method,
    /// Request path, without query.
    pub path: String,
    /// Status of the answer; `None` where it never came.
    pub status: Option<u16>,
}

/// A write, in the one form that every dialect renders (`protocols.md`, section 6.2).
#[derive(Debug, Clone)]
pub struct Event {
    /// Unique; sorts by time (UUID version 7).
    pub id: Uuid,
    /// When the answer ended, or when it was said.
    pub time: SystemTime,
    /// What it comes from.
    pub origin: Origin,
    /// The route's model.
    pub model: Arc<str>,
    /// What happened.
    pub operation: Operation,
    /// The route's own verb, such as `cancel`; the name of a custom event.
    pub action: Option<Arc<str>>,
    /// The answer was a list: any number of items. Otherwise there is exactly one.
    pub many: bool,
    /// The records written.
    pub items: Vec<Item>,
    /// The JSON object that the writer sent, with no more than the route's `fields`; only where a dialect has
    /// asked for it, and only of a write of one record that was surely done as it says.
    pub request_body: Option<Json>,
    /// The exchange it was read from, if it comes from one.
    pub http: Option<Exchange>,
    /// Who may get it.
    pub audience: Audience,
    /// Whether the backend confirmed it.
    pub outcome: Outcome,
    /// Another write to a record of it was under way at the same time, and its event came before: such a
    /// record is left out, and what the backend holds now may be what the other one wrote.
    pub overlapping: bool,
}

impl Event {
    /// The bytes of what may be long of it: records, ids, paths, and what the writer sent.
    pub fn bytes(&self) -> usize {
        let items = self.items.iter().flat_map(|item| [&item.id, &item.record]);
        let texts: usize = items.chain([&self.request_body]).flatten().map(Json::size).sum();
        let paths: usize = match &self.audience {
            Audience::Upstream(showing) => showing.paths.iter().flatten().map(|path| path.len()).sum(),
            Audience::Everyone
            | Audience::Authenticated
            | Audience::Roles(_)
            | Audience::Owner(_)
            | Audience::User(_) => 0,
        };
        texts + paths + self.http.as_ref().map_or(0, |exchange| exchange.path.len())
    }

    /// The topics it belongs to: `all`, its model, and each record whose id is known.
    pub fn topics(&self) -> Vec<Topic> {
        let mut topics = Vec::with_capacity(2 + self.items.len());
        topics.extend([Topic::all(), Topic::of_model(&self.model)]);
        let ids = self.items.iter().filter_map(|item| item.id.as_ref()?.scalar());
        topics.extend(ids.map(|id| Topic::record(&self.model, &id)));
        topics
    }
}

#[cfg(test)]
impl Event {
    /// What `PUT /api/{model}s/{id}` gives, for everybody; tests change what they are about.
    pub(crate) fn sample(model: &str, id: &str) -> Self {
        let record = Json::parse(&format!(r#"{{"id":{id}}}"#));
        Self {
            id: Uuid::nil(),
            time: SystemTime::UNIX_EPOCH,
            origin: Origin::Tap,
            model: Arc::from(model),
            operation: Operation::Update,
            action: None,
            many: false,
            items: vec![Item { id: Json::parse(id), record, ..Item::default() }],
            request_body: None,
            http: Some(Exchange {
                method: Method::PUT,
                path: format!("/api/{model}s/{id}"),
                status: Some(200),
            }),
            audience: Audience::Everyone,
            outcome: Outcome::Certain,
            overlapping: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_long_of_an_event_counts() {
        let long = || Some(Json::string(&"x".repeat(998)));
        let mut event = Event::sample("a", "1");
        let rest = event.bytes();
        event.request_body = long();
        event.items.push(Item { id: long(), record: long(), ..Item::default() });
        event.http.as_mut().unwrap().path.push_str(&"x".repeat(1000));
        assert_eq!(event.bytes() - rest, 4000);
        let showing = Showing { payload: Payload::Record, paths: vec![None, Some("x".repeat(1000).into())] };
        event.audience = Audience::Upstream(Arc::new(showing));
        assert_eq!(event.bytes() - rest, 5000);
    }

    #[test]
    fn scalars_are_texts_whether_or_not_something_in_them_is_escaped() {
        let rows = [
            (r#""""#, Some("")),
            (r#""seven""#, Some("seven")),
            (r#""sept é""#, Some("sept é")),
            (r#""say \"7\"""#, Some(r#"say "7""#)),
            (r#""\\""#, Some(r"\")),
            (r#""\u0037""#, Some("7")),
            (r#""\ud800""#, None),
            ("-7.50", Some("-7.50")),
            ("null", None),
            ("true", None),
            (r#"["7"]"#, None),
            (r#"{"7":"7"}"#, None),
        ];
        for (json, expected) in rows {
            assert_eq!(Json::parse(json).unwrap().scalar_text().as_deref(), expected, "{json}");
        }
    }
}
