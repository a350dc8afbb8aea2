//! `[[endpoint]]`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reader::{Reader, Section};
use super::setting::{Bytes, Setting, word};
use super::{EndpointAuth, EndpointConfig, KIB, apps, auth, jwks, manifest};
use crate::dialect::{self, Declaration, Options};
use crate::query::Resources;
use crate::transport::Expiry;

const AUTH: [(&str, EndpointAuth); 3] = [
    ("none", EndpointAuth::None),
    ("optional", EndpointAuth::Optional),
    ("required", EndpointAuth::Required),
];

const EXPIRY: [(&str, Expiry); 2] = [("close", Expiry::Close), ("demote", Expiry::Demote)];

/// Reads every endpoint.
pub(super) fn endpoints<'a>(
    reader: &'a Reader<'a>,
    root: &'a DeTable<'a>,
    folder: &Path,
    resources: &Arc<Resources>,
) -> Vec<EndpointConfig> {
    let mut endpoints: Vec<EndpointConfig> = Vec::new();
    let has_issuers = root.get("auth").and_then(|auth| auth.get_ref().as_table()?.get("jwt")).is_some();
    let sections = reader.sections(root, "endpoint");
    let mut of_apps = Vec::new();
    for section in &sections {
        for endpoint in of_section(section, Surroundings { folder, has_issuers, resources }) {
            if endpoints.iter().any(|other| other.path == endpoint.path) {
                report_twice(section, &endpoint.path);
            }
            if let Some(option) = crowded(&endpoint, &endpoints) {
                section.report(option, "the report of an [[endpoint]] and something else are at this path");
            }
            let app = endpoint.dialect.app();
            of_apps.extend(app.map(|app| (app, section, endpoint.dialect.models().is_some())));
            endpoints.push(endpoint);
        }
    }
    apps::separate(&of_apps);
    sections.into_iter().for_each(Section::finish);
    endpoints
}

/// What an endpoint's table does not say.
#[derive(Clone, Copy)]
struct Surroundings<'a> {
    folder: &'a Path,
    has_issuers: bool,
    resources: &'a Arc<Resources>,
}

/// The endpoint of a table, or those that its manifest declares.
fn of_section(section: &Section<'_>, surroundings: Surroundings<'_>) -> Vec<EndpointConfig> {
    match manifest::declarations(section, surroundings.folder) {
        None => endpoint(section, surroundings, None).into_iter().collect(),
        Some(declared) if declared.is_empty() => {
            // What is wrong with the rest of the table is said all the same.
            drop(endpoint(section, surroundings, Some(&Declaration::unknown())));
            Vec::new()
        }
        Some(declared) => {
            declared.iter().filter_map(|declared| endpoint(section, surroundings, Some(declared))).collect()
        }
    }
}

fn report_twice(section: &Section<'_>, path: &str) {
    if section.has("path") {
        section.report("path", "another [[endpoint]] has this path already");
    } else {
        section.report("manifest", format!("another endpoint has the path {path} already"));
    }
}

fn endpoint(
    section: &Section<'_>,
    Surroundings { folder, has_issuers, resources }: Surroundings<'_>,
    declared: Option<&Declaration>,
) -> Option<EndpointConfig> {
    let path = match declared {
        Some(declared) => Some(declared.path.clone()),
        None => section.require("path", "\"/ws\"", path),
    };
    let own = Own { section, folder, resources };
    let dialect = section.require("dialect", "\"flarchitect\"", dialect_name).and_then(dialect::find);
    let dialect = dialect.map(|(name, make)| match declared {
        Some(declared) => (name, make(&declared.over(&own))),
        None => (name, make(&own)),
    });
    let (dialect_name, dialect) = dialect.unzip();
    let Bytes(max_message) = section.get("max_message", Bytes(64 * KIB));
    let wanted = dialect.as_ref().is_some_and(|dialect| dialect.wants_token());
    let usual = if wanted { EndpointAuth::Required } else { EndpointAuth::None };
    let auth = section.read("auth", |value| word(value, &AUTH)).unwrap_or(usual);
    let auth = declared.map_or(auth, |declared| manifest::auth(declared.entry, has_issuers));
    let expiry = section.read("on_expiry", |value| word(value, &EXPIRY)).unwrap_or(Expiry::Close);
    let cookies = section.read("cookie", cookies);
    let origins = section.read("origins", origins).unwrap_or_default();
    if auth != EndpointAuth::None && !has_issuers {
        let otherwise = if wanted { ", or auth = \"none\"" } else { "" };
        section.report("auth", format!("needs an [auth.jwt] that says whose tokens are believed{otherwise}"));
    }
    if auth == EndpointAuth::Required && expiry == Expiry::Demote {
        section
            .report("on_expiry", "\"demote\" makes a reader anonymous, and auth = \"required\" takes none");
    }
    if auth == EndpointAuth::None && cookies.as_ref().is_some_and(|names| !names.is_empty()) {
        section.report("cookie", "needs auth = \"optional\" or \"required\": without, no token is looked at");
    }
    let (dialect_name, dialect) = (dialect_name?, dialect?);
    let usual = || dialect.cookies().iter().map(|name| (*name).to_owned()).collect();
    let cookies = cookies.unwrap_or_else(usual);
    Some(EndpointConfig { path: path?, dialect_name, dialect, max_message, auth, expiry, cookies, origins })
}

/// The option that puts a report where something else is, or something else where a report is.
fn crowded(new: &EndpointConfig, others: &[EndpointConfig]) -> Option<&'static str> {
    let at = |endpoint: &EndpointConfig, path: &str| {
        endpoint.dialect.report().is_some_and(|report| report.path() == path)
    };
    if others.iter().any(|other| at(other, &new.path)) {
        return Some("path");
    }
    let report = new.dialect.report()?;
    let is_there = |other: &EndpointConfig| other.path == report.path() || at(other, report.path());
    (new.path == report.path() || others.iter().any(is_there)).then(|| report.option())
}

/// What a dialect asks of its endpoint's table.
struct Own<'a> {
    section: &'a Section<'a>,
    folder: &'a Path,
    resources: &'a Arc<Resources>,
}

/// The same of a table inside of it.
struct Inner<'a> {
    section: Section<'a>,
    folder: &'a Path,
    resources: &'a Arc<Resources>,
}

impl Drop for Inner<'_> {
    /// All has been asked for that it may have.
    fn drop(&mut self) {
        self.section.refuse_rest();
    }
}

impl Inner<'_> {
    fn own(&self) -> Own<'_> {
        Own { section: &self.section, folder: self.folder, resources: self.resources }
    }
}

impl Options for Own<'_> {
    fn text(&self, key: &'static str, default: &str) -> String {
        self.section.get(key, default.to_owned())
    }

    fn texts(&self, key: &'static str) -> Vec<String> {
        self.section.get(key, Vec::new())
    }

    fn flag(&self, key: &'static str, default: bool) -> bool {
        self.section.get(key, default)
    }

    fn number(&self, key: &'static str, default: usize) -> usize {
        self.section.get(key, default)
    }

    fn size(&self, key: &'static str, default: usize) -> usize {
        let Bytes(size) = self.section.get(key, Bytes(default));
        size
    }

    fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.section.get(key, default)
    }

    fn secret(&self, key: &'static str) -> Option<Vec<u8>> {
        self.section.read(key, |value| auth::secret(value, self.folder))
    }

    fn authorities(&self, key: &'static str) -> Option<Vec<u8>> {
        let named = |value: &DeValue<'_>| match value.as_str() {
            Some("") => Ok(None),
            _ => jwks::authorities(value, self.folder).map(Some),
        };
        self.section.read(key, named).flatten()
    }

    fn json(&self, key: &'static str) -> Option<Value> {
        self.section.read(key, json)
    }

    fn tables(&self, key: &'static str, kind: &'static str) -> Vec<Box<dyn Options + '_>> {
        let open = |section| {
            Box::new(Inner { section, folder: self.folder, resources: self.resources })
                as Box<dyn Options + '_>
        };
        self.section.tables(key, kind).into_iter().map(open).collect()
    }

    fn resources(&self) -> Arc<Resources> {
        Arc::clone(self.resources)
    }

    fn report(&self, key: &'static str, message: String) {
        self.section.report(key, message);
    }
}

impl Options for Inner<'_> {
    fn text(&self, key: &'static str, default: &str) -> String {
        self.own().text(key, default)
    }

    fn texts(&self, key: &'static str) -> Vec<String> {
        self.own().texts(key)
    }

    fn flag(&self, key: &'static str, default: bool) -> bool {
        self.own().flag(key, default)
    }

    fn number(&self, key: &'static str, default: usize) -> usize {
        self.own().number(key, default)
    }

    fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.own().duration(key, default)
    }

    fn secret(&self, key: &'static str) -> Option<Vec<u8>> {
        self.own().secret(key)
    }

    fn authorities(&self, key: &'static str) -> Option<Vec<u8>> {
        self.own().authorities(key)
    }

    fn json(&self, key: &'static str) -> Option<Value> {
        self.own().json(key)
    }

    fn tables(&self, key: &'static str, kind: &'static str) -> Vec<Box<dyn Options + '_>> {
        let (folder, resources) = (self.folder, self.resources);
        let open = |section| Box::new(Inner { section, folder, resources }) as Box<dyn Options + '_>;
        self.section.tables(key, kind).into_iter().map(open).collect()
    }

    fn resources(&self) -> Arc<Resources> {
        Arc::clone(self.resources)
    }

    fn report(&self, key: &'static str, message: String) {
        self.own().report(key, message);
    }
}

/// The value as JSON.
fn json(value: &DeValue<'_>) -> Result<Value, String> {
    let expected = || "a text, a number, true, false, a list or a table".to_owned();
    match value {
        DeValue::String(text) => Ok(Value::from(text.as_ref())),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from).ok_or_else(expected)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Value::from).ok_or_else(expected),
        DeValue::Boolean(is) => Ok(Value::from(*is)),
        DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(members) => {
            let member = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Ok((key.to_string(), json(value.get_ref())?))
            };
            members.iter().map(member).collect::<Result<Map<String, Value>, String>>().map(Value::Object)
        }
        DeValue::Datetime(_) => Err(expected()),
    }
}

fn path(value: &DeValue<'_>) -> Result<String, String> {
    let path = String::read(value)?;
    let plain = path.starts_with('/') && !path.contains(['?', '#', '{', '}', ' ']);
    if plain { Ok(path) } else { Err("a path such as \"/ws\", without parameters".to_owned()) }
}

fn dialect_name(value: &DeValue<'_>) -> Result<&'static str, String> {
    let names: Vec<(&str, &'static str)> = dialect::DIALECTS.iter().map(|(name, _)| (*name, *name)).collect();
    word(value, &names)
}

/// Names; an empty one is none.
fn cookies(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let names = Vec::<String>::read(value)?.into_iter().filter(|name| !name.is_empty());
    let is_plain =
        |name: &String| name.bytes().all(|byte| byte.is_ascii_graphic() && !b"=;,\"".contains(&byte));
    let names: Vec<String> = names.collect();
    if names.iter().all(is_plain) { Ok(names) } else { Err("the name of a cookie".to_owned()) }
}

/// Scheme, host and, where it is not the usual one, port: as browsers send it.
fn origins(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let origins = Vec::<String>::read(value)?;
    let is_origin = |text: &String| {
        let uri = text.parse::<Uri>().ok();
        uri.is_some_and(|uri| {
            let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.authority());
            host.is_some_and(|host| format!("{scheme}://{host}") == *text)
        })
    };
    let all = origins.iter().all(is_origin);
    if all {
        Ok(origins)
    } else {
        Err("a list of origins such as \"https://app.example.com\", without a path".to_owned())
    }
}
