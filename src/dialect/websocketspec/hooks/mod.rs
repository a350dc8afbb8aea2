//! Lifecycle hooks (`protocols.md`, sections 5.6 and 5.7): at these points of what a client does, an application is
//! asked by a webhook, and may refuse it or change something about it.

mod answer;
mod point;

use std::sync::Arc;

use bytes::Bytes;
use http::request;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::Options;
use super::super::options::word;
use super::super::webhook::{self, Keys};
use crate::event::Json;
use crate::identity::Identity;
use crate::message::{Call, Delivery, Webhook, WebhookError};
pub(super) use answer::Changes;
pub(super) use point::{Kind, Point, When};

const KEYS: Keys = Keys {
    url: "hook_url",
    secret: "hook_secret",
    authorities: "hook_ca_file",
    timeout: "hook_timeout",
    retries: "hook_retries",
};

/// The hooks of an endpoint.
#[derive(Debug)]
pub(super) struct Hooks {
    webhook: Arc<Webhook>,
    /// A bit for each point.
    points: u32,
    /// What nobody answers is not done.
    is_closed: bool,
}

/// Who does something, as an application is told.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) id: Uuid,
    pub(super) identity: Identity,
    /// What the application said of the connection: a JSON object.
    pub(super) metadata: Option<Json>,
    /// The call under way told of somebody else.
    pub(super) is_another: bool,
}

/// What is done, as an application is told. What is missing is told as null.
#[derive(Debug, Default)]
pub(super) struct About<'a> {
    pub(super) schema: Option<&'a str>,
    pub(super) entity: Option<&'a str>,
    pub(super) record_id: Option<&'a Json>,
    pub(super) options: Option<&'a Json>,
    pub(super) data: Option<&'a Json>,
    pub(super) result: Option<&'a str>,
    /// The handshake.
    pub(super) request: Option<&'a request::Parts>,
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Veto {
    /// The application's words.
    Said(String),
    /// It could not be asked.
    Unanswered(WebhookError),
}

impl Veto {
    /// For clients.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Said(text) => text.clone(),
            Self::Unanswered(error) => error.to_string(),
        }
    }
}

impl Hooks {
    /// `None`: nobody is asked anything. What is wrong is reported.
    pub(super) fn read(options: &dyn Options) -> Option<Self> {
        let webhook = webhook::read(options, KEYS);
        let names = options.texts("hooks");
        let is_closed = word(options, "hook_failure", ("closed", true), &[("open", false)]);
        let points: Option<Vec<Point>> = names.iter().map(|name| Point::parse(name)).collect();
        if points.is_none() {
            let all: Vec<String> = Point::all().map(Point::name).collect();
            options.report("hooks", format!("expected names of hooks: {}", all.join(", ")));
        }
        let has_url = !options.text("hook_url", "").is_empty();
        match (names.is_empty(), has_url) {
            (false, false) => options.report("hooks", "needs a hook_url, which is asked".to_owned()),
            (true, true) => options.report("hook_url", "needs hooks, such as [\"before_read\"]".to_owned()),
            (true, false) | (false, true) => {}
        }
        let points = points?.into_iter().fold(0, |all, point| all | point.bit());
        Some(Self { webhook: Arc::new(webhook?), points, is_closed })
    }

    pub(super) fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    pub(super) fn has(&self, point: Point) -> bool {
        self.points & point.bit() != 0
    }

    /// What is asked there; `None`: nothing.
    pub(super) fn call(&self, point: Point, caller: &Caller, about: &About<'_>) -> Option<Call> {
        if !self.has(point) {
            return None;
        }
        let text = |text: Option<&str>| text.map_or(Value::Null, Value::from).to_string();
        let json = |json: Option<&Json>| json.map_or("null", Json::as_str).to_owned();
        let request =
            about.request.map_or_else(String::new, |head| format!(r#","request":{}"#, handshake(head)));
        let body = format!(
            r#"{{"hook":"{}","connection":{},"schema":{},"entity":{},"record_id":{},"options":{},"data":{},"result":{}{request}}}"#,
            point.name(),
            caller.told(),
            text(about.schema),
            text(about.entity),
            json(about.record_id),
            json(about.options),
            json(about.data),
            about.result.unwrap_or("null"),
        );
        Some(Call::Webhook(Delivery { webhook: Arc::clone(&self.webhook), body: Bytes::from(body) }))
    }

    /// What the application wants.
    ///
    /// # Errors
    /// That it is not done.
    pub(super) fn decide(&self, point: Point, answer: Result<Bytes, WebhookError>) -> Result<Changes, Veto> {
        match answer.and_then(|answer| answer::read(point, &answer)) {
            Ok(decided) => decided.map_err(Veto::Said),
            Err(error) if self.is_closed || is_answer(error) => Err(Veto::Unanswered(error)),
            Err(_) => Ok(Changes::default()),
        }
    }
}

/// The application did say something, which may have been a refusal.
fn is_answer(error: WebhookError) -> bool {
    match error {
        WebhookError::Busy | WebhookError::Unreachable | WebhookError::Timeout => false,
        WebhookError::Status(status) => status < 500,
        WebhookError::Answer => true,
    }
}

impl Caller {
    pub(super) fn new(id: Uuid, identity: Identity) -> Self {
        Self { id, identity, metadata: None, is_another: false }
    }

    /// Keeps what an application says of it.
    pub(super) fn learn(&mut self, metadata: Option<Json>) {
        if !self.is_another && metadata.is_some() {
            self.metadata = metadata;
        }
    }

    /// It is nobody in particular from now on. `is_told`: an application may be thinking about who it was.
    pub(super) fn forget(&mut self, is_told: bool) {
        (self.identity, self.metadata, self.is_another) = (Identity::Anonymous, None, is_told);
    }

    fn told(&self) -> String {
        let user = self.identity.user().map_or(
            Value::Null,
            |user| json!({"id": user.id, "email": user.email, "roles": user.roles, "claims": user.claims}),
        );
        let metadata = self.metadata.as_ref().map_or("{}", Json::as_str);
        format!(r#"{{"id":"{}","user":{user},"metadata":{metadata}}}"#, self.id)
    }
}

/// What a client shows when it comes, for an application that knows credentials which we do not. Headers of the
/// handshake itself say nothing of it.
fn handshake(head: &request::Parts) -> Value {
    let mut headers = Map::new();
    for name in head.headers.keys() {
        let is_own =
            ["connection", "upgrade"].contains(&name.as_str()) || name.as_str().starts_with("sec-websocket-");
        let values = head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        if !is_own || name == "sec-websocket-protocol" {
            headers.insert(name.as_str().to_owned(), values.collect::<Vec<_>>().join(", ").into());
        }
    }
    json!({"path": head.uri.path(), "query": head.uri.query().unwrap_or_default(), "headers": headers})
}
