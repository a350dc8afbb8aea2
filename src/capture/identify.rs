//! Where the id is: path before `Content-Location` and `Location` before body, with the type of the body.
//! And what references mean: the paths of our own records, or nothing.

use http::{HeaderMap, Uri, header};
use serde_json::value::RawValue;

use crate::event::Json;
use crate::json;
use crate::route::{IdType, Matched, Route, Routes, composite};

/// The references that an answer's head holds, as text: kept because the head itself is not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    content_location: Option<String>,
    location: Option<String>,
}

impl References {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        Self { content_location: text(header::CONTENT_LOCATION), location: text(header::LOCATION) }
    }

    /// `Content-Location` names the request's own target: the body is its representation
    /// (RFC 9110, section 8.7).
    pub(super) fn is_target(&self, target: Target<'_>) -> bool {
        let path = self.content_location.as_deref().and_then(|reference| local_path(reference, target));
        path.is_some_and(|path| path == target.path)
    }

    /// The more specific first.
    fn each(&self) -> impl Iterator<Item = &str> {
        [self.content_location.as_deref(), self.location.as_deref()].into_iter().flatten()
    }
}

/// What the client asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) path: &'a str,
    /// The names that the site goes by: the client's, and those that the backend was told.
    pub(super) hosts: [&'a [String]; 2],
}

/// What turns the texts of one answer into ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identifier<'a> {
    pub(super) matched: &'a Matched,
    /// Say what references mean.
    pub(super) routes: &'a Routes,
    pub(super) target: Target<'a>,
}

/// The id of one record.
#[derive(Debug, Default)]
pub(super) struct RecordId {
    pub(super) id: Option<Json>,
    /// The record itself says it.
    pub(super) in_record: bool,
    /// URL and body disagree; the URL wins.
    pub(super) conflict: bool,
}

impl Identifier<'_> {
    fn route(&self) -> &Route {
        &self.matched.route
    }

    /// The id that the URL says, else a reference of the answer's head.
    pub(super) fn in_head(&self, references: &References) -> Option<String> {
        let id = self.matched.id.clone();
        id.or_else(|| references.each().find_map(|reference| self.referred(reference)))
    }

    /// A reference of the answer's head points at something of ours, of whatever model.
    pub(super) fn is_ours(&self, references: &References) -> bool {
        let mut paths = references.each().filter_map(|reference| local_path(reference, self.target));
        paths.any(|path| self.routes.of_reference(&path).is_some())
    }

    /// The id of the record of this model that a reference points at.
    fn referred(&self, reference: &str) -> Option<String> {
        let path = local_path(reference, self.target)?;
        let found = self.routes.of_reference(&path)?;
        let is_same = found.model.is_some() && found.model == self.matched.model;
        is_same.then_some(found.id).flatten()
    }

    /// The id of a record that may stand inside an `element` of a list, which may hold the id in its place.
    pub(super) fn identify(
        &self,
        url: Option<&str>,
        record: Option<&RawValue>,
        element: Option<&RawValue>,
    ) -> RecordId {
        let own = record.and_then(|record| self.in_value(record));
        let in_record = own.is_some();
        let in_body = own.or_else(|| element.and_then(|element| self.in_value(element)));
        let matched = self.matched;
        let (id, conflict) = match (url, in_body) {
            (Some(url), Some(id)) if id.scalar().as_deref() == Some(url) => {
                (Some(retype(matched, id)), false)
            }
            (Some(url), in_body) => (Some(matched.typed_id(url)), in_body.is_some()),
            (None, in_body) => (in_body.map(|id| retype(matched, id)), false),
        };
        RecordId { id, in_record, conflict }
    }

    /// The id that a value holds: a string or a number, several of them, or a reference to itself.
    fn in_value(&self, value: &RawValue) -> Option<Json> {
        let source = &self.route().id;
        let part = |pointer| json::find(value, pointer).map(Json::copy_of);
        if let [pointer] = source.parts.as_slice() {
            if let Some(id) = part(pointer).filter(|id| id.scalar().is_some()) {
                self.matched.learn(&id);
                return Some(id);
            }
        } else {
            let text = |pointer| part(pointer)?.scalar_text();
            if let Some(texts) = source.parts.iter().map(text).collect::<Option<Vec<String>>>() {
                return Some(Json::string(&composite(&texts)));
            }
        }
        let reference = json::find(value, source.reference.as_ref()?)?;
        let reference: String = serde_json::from_str(reference.get()).ok()?;
        self.referred(&reference).map(|text| self.matched.typed_id(&text))
    }
}

/// The path of a reference on the same host; a reference to another host says nothing about our records
/// (RFC 9111, section 4.4).
fn local_path(reference: &str, target: Target<'_>) -> Option<String> {
    if reference.contains('{') {
        // A template (RFC 6570), such as HAL's, and no reference yet.
        return None;
    }
    let reference = reference.split(['?', '#']).next().unwrap_or_default();
    if let Some(rest) = reference.strip_prefix("//") {
        return absolute(&format!("http://{rest}"), target);
    }
    // A colon before the first slash ends a scheme (RFC 3986, section 4.2).
    if reference.split('/').next().is_some_and(|first| first.contains(':')) {
        return absolute(reference, target);
    }
    if reference.is_empty() {
        return Some(without_dots(target.path));
    }
    if reference.starts_with('/') {
        return Some(without_dots(reference));
    }
    let folder = target.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(without_dots(&format!("{folder}/{reference}")))
}

/// Follows the segments `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let folder = path.ends_with("/.") || path.ends_with("/..");
    format!("/{}{}", kept.join("/"), if folder && !kept.is_empty() { "/" } else { "" })
}

fn absolute(url: &str, target: Target<'_>) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let authority = without_port(uri.authority()?.as_str());
    let mut hosts = target.hosts.iter().copied().flatten();
    hosts.any(|host| without_port(host).eq_ignore_ascii_case(authority)).then(|| without_dots(uri.path()))
}

/// Leaves a default port out, of either scheme: who ends TLS in front of us is not known here.
fn without_port(authority: &str) -> &str {
    authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443")).unwrap_or(authority)
}

fn retype(matched: &Matched, id: Json) -> Json {
    let typed = match matched.route.id_type {
        IdType::Integer | IdType::String => id.scalar().map(|text| matched.typed_id(&text)),
        IdType::Auto => None,
    };
    typed.unwrap_or(id)
}
