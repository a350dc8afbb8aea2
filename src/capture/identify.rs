//! Where the id is: path before `Content-Location` and `Location` before body, with the type of the body.

use http::{HeaderMap, Method, Uri, header};
use serde_json::value::RawValue;

use super::json;
use crate::event::Json;
use crate::route::{IdType, Matched, Route, Routes};

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

    /// The id of a record of `matched`'s model that they point at.
    pub(super) fn id(&self, matched: &Matched, routes: &Routes, target: Target<'_>) -> Option<String> {
        let references = [self.content_location.as_deref(), self.location.as_deref()];
        references.into_iter().flatten().find_map(|reference| {
            let path = local_path(reference, target)?;
            let found = routes.classify(&Method::PUT, &path)?;
            (found.route.model.name == matched.route.model.name).then_some(found.id?)
        })
    }
}

/// What the client asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) path: &'a str,
    /// The names that the site goes by.
    pub(super) hosts: &'a [Option<String>],
}

/// The path of a reference on the same host; a reference to another host says nothing about our records
/// (RFC 9111, section 4.4).
fn local_path(reference: &str, target: Target<'_>) -> Option<String> {
    let reference = reference.split(['?', '#']).next().unwrap_or_default();
    if let Some(rest) = reference.strip_prefix("//") {
        return absolute(&format!("http://{rest}"), target);
    }
    if reference.starts_with('/') {
        return Some(reference.to_owned());
    }
    // A colon before the first slash ends a scheme (RFC 3986, section 4.2).
    if reference.split('/').next().is_some_and(|first| first.contains(':')) {
        return absolute(reference, target);
    }
    let folder = target.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(format!("{folder}/{reference}"))
}

fn absolute(url: &str, target: Target<'_>) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let authority = without_port(uri.authority()?.as_str());
    let mut hosts = target.hosts.iter().flatten();
    hosts.any(|host| without_port(host).eq_ignore_ascii_case(authority)).then(|| uri.path().to_owned())
}

/// Leaves a default port out, of either scheme: who ends TLS in front of us is not known here.
fn without_port(authority: &str) -> &str {
    authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443")).unwrap_or(authority)
}

/// The id that a record itself holds: a string or a number.
pub(super) fn in_record(route: &Route, record: &RawValue) -> Option<Json> {
    let id = json::find(record, &route.id)?;
    Json::parse(id.get()).filter(|id| id.scalar_text().is_some())
}

/// The id of one record, and whether URL and body disagreed about it (then the URL wins).
pub(super) fn of_record(route: &Route, url: Option<&str>, record: Option<&RawValue>) -> (Option<Json>, bool) {
    let in_body = record.and_then(|record| in_record(route, record));
    if let Some(id) = &in_body {
        route.model.learn(id);
    }
    match (url, in_body) {
        (Some(url), Some(id)) if id.scalar_text().as_deref() == Some(url) => (Some(retype(route, id)), false),
        (Some(url), in_body) => (Some(route.typed_id(url)), in_body.is_some()),
        (None, in_body) => (in_body.map(|id| retype(route, id)), false),
    }
}

fn retype(route: &Route, id: Json) -> Json {
    match (route.id_type, id.scalar_text()) {
        (IdType::Integer | IdType::String, Some(text)) => route.typed_id(&text),
        _ => id,
    }
}
