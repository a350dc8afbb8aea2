//! How a resource's backend is asked: data, from the config or from a preset.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};

use super::template::Text;
use super::{Operator, Template, TemplateError};
use crate::route::Pointer;

/// How a resource's backend is asked. Nothing said: paths follow from the route, and lists are worked on here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Translation {
    /// Where lists are; each of these: as the route's path says.
    pub list: Option<Endpoint>,
    /// Where a record is.
    pub item: Option<Endpoint>,
    /// Where records are made.
    pub create: Option<Endpoint>,
    /// Where a record is changed.
    pub update: Option<Endpoint>,
    /// Where a record is deleted.
    pub delete: Option<Endpoint>,
    /// Before and behind the data of a create or an update.
    pub body: Option<(String, String)>,
    /// A condition, by what it asks.
    pub filter: BTreeMap<Operator, Template>,
    /// A condition that has no template of its own.
    pub filter_default: Option<Template>,
    /// The same inside a group; empty: as outside.
    pub or_filter: BTreeMap<Operator, Template>,
    /// A condition inside a group that has no template of its own.
    pub or_filter_default: Option<Template>,
    /// What `{operator}` is.
    pub operators: BTreeMap<Operator, String>,
    /// A group of conditions of which one must hold.
    pub or_group: Option<Template>,
    /// All conditions together, where they are one parameter.
    pub filters: Option<Template>,
    /// The backend takes conditions that have one name for conditions that must all hold.
    pub repeated_filters: bool,
    /// The columns wanted.
    pub columns: Option<Template>,
    /// An order.
    pub sort: Option<Template>,
    /// One column of it.
    pub sort_item: Option<Template>,
    /// How many.
    pub limit: Option<Template>,
    /// From which on.
    pub offset: Option<Template>,
    /// Both, for backends that count pages.
    pub page: Option<Template>,
    /// Relations wanted.
    pub preload: Option<Template>,
    /// Those of them whose name is no plural; `None`: like all others.
    pub preload_one: Option<Template>,
    /// Where an answer says how many there are.
    pub total: Option<ItemsTotal>,
    /// The backend holds each condition that is the server's own, so that its total is of the client's records.
    pub counts_forced: bool,
    /// Where the list stands; `None`: where the route says.
    pub items: Option<Pointer>,
    /// Where a record stands in the answers to our requests; `None`: where the route says.
    pub record: Option<Pointer>,
    /// An object in every record whose members count as the record's own.
    pub inner: Option<Pointer>,
    /// A list that is asked for without limit is all there is; `None`: if the backend knows no limit.
    pub whole_lists: Option<bool>,
    /// With every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Where an answer says what went wrong; empty: `/message`, `/error`, `/detail`.
    pub error: Vec<Pointer>,
    /// What becomes of what the backend cannot be asked.
    pub on_unsupported: Unsupported,
}

/// What becomes of what the backend cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// It is done here.
    #[default]
    PostFilter,
    /// The client gets an error.
    Error,
    /// It is left out.
    Ignore,
}

/// Where an answer says how many records there are in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemsTotal {
    /// In its body.
    Pointer(Pointer),
    /// In a header.
    Header(HeaderName),
    /// Behind the slash of `Content-Range` (RFC 9110, section 14.4).
    ContentRange,
}

impl ItemsTotal {
    /// Reads `/pointer`, `header:NAME` or `content-range`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "a JSON pointer such as \"/total\", \"header:NAME\" or \"content-range\"".to_owned();
        if text == "content-range" {
            return Ok(Self::ContentRange);
        }
        if let Some(name) = text.strip_prefix("header:") {
            return name.trim().parse().map(Self::Header).ok().ok_or_else(expected);
        }
        Pointer::parse(text).map(Self::Pointer).ok().ok_or_else(expected)
    }
}

/// Where a request goes: `GET /api/users/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its method.
    pub method: Method,
    pub(super) path: Text,
    pub(super) query: Option<Text>,
}

impl Endpoint {
    /// Reads it; `slots`: what may stand in braces.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str, slots: &[&str]) -> Result<Self, String> {
        let expected = || "a method and a path, such as \"GET /api/users/{id}\"".to_owned();
        let (method, path) = text.split_once(' ').ok_or_else(expected)?;
        let method: Method = method.parse().ok().ok_or_else(expected)?;
        if !path.starts_with('/')
            || path.contains([' ', '#'])
            || !method.as_str().chars().all(char::is_uppercase)
        {
            return Err(expected());
        }
        let (path, query) =
            Text::parse(path, slots).map_err(|TemplateError(expected)| expected)?.split_once('?');
        Ok(Self { method, path, query })
    }

    /// The names in its braces.
    pub(super) fn slots(&self) -> impl Iterator<Item = &str> {
        self.path.slots().chain(self.query.iter().flat_map(Text::slots))
    }
}
