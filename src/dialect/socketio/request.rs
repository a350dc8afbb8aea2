//! What a client may ask for by an event of its own, and what becomes of it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::super::Options;
use super::claim::{self, Claim};
use super::emission::Emission;
use super::reading;
use super::scope::{ANSWERED, ASKED, Scope};
use super::template::{Template, Text};
use crate::identity::Identity;
use crate::message::Upstream;

/// All but what RFC 3986, section 2.3, calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `[[endpoint.request]]`.
#[derive(Debug)]
pub(super) struct Request {
    /// Where.
    pub(super) namespace: String,
    /// By which event.
    pub(super) event: String,
    form: Form,
    /// What is said where the data does not have it; empty: nothing at all.
    missing: String,
    /// One of these must hold, if there are any.
    permit: Vec<Claim>,
    /// What the backend is asked.
    pub(super) backend: Option<Backend>,
    /// The endpoint's webhook is asked.
    pub(super) webhook: bool,
    /// What is said where that fails.
    pub(super) error: String,
    pub(super) join: Option<Text>,
    pub(super) leave: Option<Text>,
    /// The event of the answer, and its data.
    pub(super) reply: Option<(String, Template)>,
    /// The arguments of the acknowledgement.
    pub(super) ack: Template,
    /// What others hear.
    pub(super) emissions: Vec<Emission>,
}

/// What data must and may say.
#[derive(Debug)]
pub(super) struct Form {
    /// What it has where nothing is said.
    defaults: Map<String, Value>,
    /// What must be said.
    needs: Vec<String>,
    /// What may be said, for some of the names.
    allowed: Map<String, Value>,
}

/// A request to the backend.
#[derive(Debug)]
pub(super) struct Backend {
    method: Method,
    path: Text,
    query: Option<Text>,
    body: Option<Template>,
}

/// Why a client's request is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong<'a> {
    /// To be told so.
    Said(&'a str),
    /// To hear nothing.
    Silent,
}

const NOT_PERMITTED: &str = "Not permitted";
const FAILED: &str = "The request failed";

impl Request {
    /// What is wrong is reported.
    pub(super) fn read(options: &dyn Options) -> Self {
        let event = reading::event(options, "event");
        if event.is_empty() {
            options
                .report("event", "is missing; for example event = \"request_dashboard_update\"".to_owned());
        }
        let reply = reading::event(options, "reply");
        let data = reading::template(options, "data", &json!({"timestamp": "{time}"}), &ANSWERED);
        let ack = reading::template(options, "ack", &json!([]), &ANSWERED);
        let error = options.text("error", FAILED);
        let request = Self {
            namespace: options.text("namespace", "/"),
            event,
            form: Form::read(options),
            missing: options.text("missing", ""),
            permit: reading::claims(options, "permit"),
            backend: Backend::read(options),
            webhook: options.flag("webhook", false),
            error,
            join: reading::text(options, "join", &ASKED),
            leave: reading::text(options, "leave", &ASKED),
            reply: (!reply.is_empty()).then_some((reply, data)),
            ack,
            emissions: options
                .tables("emit", "endpoint.request.emit")
                .iter()
                .map(|own| Emission::read(&**own, (&ASKED, &ANSWERED)))
                .collect(),
        };
        if request.webhook && request.backend.is_some() {
            options.report("webhook", "is asked in place of the backend: leave request out".to_owned());
        }
        request
    }

    /// Nothing but what the client says is looked at.
    pub(super) fn is_for_anybody(&self) -> bool {
        self.permit.is_empty() && self.backend.is_none() && !self.webhook
    }

    /// What this may be; `None`: anything.
    pub(super) fn allowed(&self, name: &str) -> Option<Vec<String>> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        Some(self.form.allowed.get(name)?.as_array()?.iter().map(text).collect())
    }

    /// Looks at what the client says, and adds what it need not say.
    ///
    /// # Errors
    /// Why it is not done.
    pub(super) fn check(&self, data: &mut Map<String, Value>, identity: &Identity) -> Result<(), Wrong<'_>> {
        if !self.permit.is_empty() && !claim::any(&self.permit, identity) {
            return Err(Wrong::Said(NOT_PERMITTED));
        }
        let missing = || if self.missing.is_empty() { Wrong::Silent } else { Wrong::Said(&self.missing) };
        if self.form.fill(data).is_none() { Ok(()) } else { Err(missing()) }
    }
}

impl Form {
    pub(super) fn read(options: &dyn Options) -> Self {
        let allowed = reading::members(options, "allowed");
        if !allowed.values().all(|values| values.as_array().is_some_and(|values| !values.is_empty())) {
            let expected = "expected what each may be, such as { entity_type = [\"platform\", \"feature\"] }";
            options.report("allowed", expected.to_owned());
        }
        Self { defaults: reading::object(options, "defaults"), needs: options.texts("needs"), allowed }
    }

    /// Adds what need not be said. What is wrong with the rest: a name that is missing, or says what it may not.
    pub(super) fn fill(&self, data: &mut Map<String, Value>) -> Option<&str> {
        for (name, value) in &self.defaults {
            if data.get(name).is_none_or(Value::is_null) {
                data.insert(name.clone(), value.clone());
            }
        }
        let is_missing = |name: &&String| data.get(*name).is_none_or(|value| value.is_null() || value == "");
        let is_other = |(name, values): &(&String, &Value)| {
            let is_one = |said| values.as_array().is_some_and(|values| values.contains(said));
            data.get(*name).is_some_and(|said| !is_one(said))
        };
        let missing = self.needs.iter().find(is_missing);
        missing.or_else(|| Some(self.allowed.iter().find(is_other)?.0)).map(String::as_str)
    }
}

impl Backend {
    pub(super) fn read(options: &dyn Options) -> Option<Self> {
        let text = options.text("request", "");
        let has_body = options.json("body").is_some();
        let body = reading::template(options, "body", &Value::Null, &ASKED);
        if text.is_empty() {
            return None;
        }
        let expected =
            || "expected a method and a path, such as \"GET /api/stats?of={data.type}\"".to_owned();
        let parsed = (|| {
            let (method, target) = text.split_once(' ')?;
            let method: Method = method.parse().ok()?;
            let is_plain = target.starts_with('/') && !target.contains([' ', '#']);
            (is_plain && method.as_str().chars().all(char::is_uppercase)).then_some((method, target))
        })();
        let Some((method, target)) = parsed else {
            options.report("request", expected());
            return None;
        };
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let read =
            |text: &str| Text::parse(text, &ASKED).map_err(|message| options.report("request", message)).ok();
        let query = match query {
            Some(query) => Some(read(query)?),
            None => None,
        };
        Some(Self { method, path: read(path)?, query, body: has_body.then_some(body) })
    }

    /// `None`: what the client says stands for no such request.
    pub(super) fn ask(&self, scope: &Scope<'_>) -> Option<Upstream> {
        let is_lost = std::cell::Cell::new(false);
        let segment = |text: &str| {
            // Of these a path is made that leads elsewhere, also by who decodes it first.
            let leads_elsewhere = text.split(['/', '\\']).any(|part| matches!(part, "." | ".."));
            is_lost.set(is_lost.get() || text.is_empty() || leads_elsewhere);
            utf8_percent_encode(text, ENCODED).to_string()
        };
        let mut target = self.path.fill_as(scope, segment)?;
        if is_lost.get() {
            return None;
        }
        if let Some(query) = &self.query {
            let query = query.fill_as(scope, |text| utf8_percent_encode(text, ENCODED).to_string())?;
            target = format!("{target}?{query}");
        }
        let body = self.body.as_ref().map(|body| Bytes::from(body.fill(scope)));
        let mut headers = HeaderMap::new();
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Some(Upstream { method: self.method.clone(), target, headers, body: body.unwrap_or_default() })
    }
}

/// Requests of a namespace, by their event.
pub(super) type Requests = std::collections::HashMap<String, Arc<Request>>;
