//! What clients say is handed to the application, and what it answers is done (`protocols.md`, section 2.7).

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::super::Options;
use super::super::webhook::{self, Keys};
use super::dress::{dress, members};
use super::settings::is_name;
use crate::event::Json;
use crate::identity::Identity;
use crate::message::{CloseReason, Delivery, Frame, Group, Push, Target, Turn, Webhook, WebhookError};
use crate::time::iso;

const KEYS: Keys = Keys {
    url: "webhook",
    secret: "webhook_secret",
    authorities: "webhook_ca_file",
    timeout: "webhook_timeout",
    retries: "webhook_retries",
};
/// Actions of one answer; with more none of them is done.
const MAX_ACTIONS: usize = 64;

/// The webhook of an endpoint.
#[derive(Debug)]
pub(super) struct Hook {
    webhook: Arc<Webhook>,
    /// The endpoint's name among those of its application.
    name: String,
    /// Clients are told when their message could not be handled.
    replies_errors: bool,
}

/// What a webhook is told of a connection.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) id: Uuid,
    pub(super) identity: Identity,
    pub(super) since: SystemTime,
}

impl Hook {
    /// `None`: what clients say is handled by nobody. What is wrong is reported.
    pub(super) fn read(options: &dyn Options) -> Option<Self> {
        let webhook = webhook::read(options, KEYS);
        let name = options.text("name", "realtime");
        let replies_errors = options.flag("handler_error_reply", true);
        if !is_name(&name) {
            options.report("name", "expected letters, digits, _ and -".to_owned());
        }
        Some(Self { webhook: Arc::new(webhook?), name, replies_errors })
    }

    pub(super) fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// The call for a message: a JSON object that is not the answer to a ping. Anything else is passed over.
    pub(super) fn delivery(&self, app: &str, caller: &Caller, message: &str) -> Option<Delivery> {
        let message = message.trim();
        let kind = members(message)?.into_iter().rfind(|(key, _)| key == "type");
        let kind = kind.and_then(|(_, kind)| serde_json::from_str::<String>(kind.get()).ok());
        if kind.as_deref() == Some("pong") {
            return None;
        }
        let user = caller.identity.user();
        let id = user.map_or(Value::Null, |user| Value::from(&*user.id));
        let email = user.and_then(|user| user.email.as_deref()).map_or(Value::Null, Value::from);
        let body = format!(
            r#"{{"app_slug":"{app}","endpoint":"{}","connection":{{"id":"{}","user_id":{id},"user_email":{email},"connected_at":"{}"}},"message":{message}}}"#,
            self.name,
            caller.id,
            iso(caller.since),
        );
        Some(Delivery { webhook: Arc::clone(&self.webhook), body: Bytes::from(body) })
    }

    /// Does what the application answered, all of it or nothing.
    pub(super) fn act(
        &self,
        answer: Result<Bytes, WebhookError>,
        (app, time): (&Arc<str>, SystemTime),
        turn: &mut Turn,
    ) {
        let actions = answer.and_then(|answer| actions(&answer, (app, time)).ok_or(WebhookError::Answer));
        match actions {
            Ok(actions) => {
                for action in actions {
                    action.take(turn);
                }
            }
            Err(error) if self.replies_errors => {
                let text = Value::from(error.to_string());
                let message =
                    format!(r#"{{"type":"error","message":"Error processing message","error":{text}}}"#);
                turn.frames.extend(dress(&message, app, time).map(|text| Frame::text(&text)));
            }
            Err(_) => {}
        }
    }
}

/// The document that a webhook answers with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    #[serde(borrow, default)]
    actions: Vec<Wanted<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Wanted<'a> {
    Broadcast {
        #[serde(borrow)]
        message: &'a RawValue,
        #[serde(default)]
        user_id: Value,
    },
    Send {
        #[serde(borrow)]
        message: &'a RawValue,
    },
    Close {
        #[serde(default)]
        code: Option<u16>,
    },
}

enum Action {
    Broadcast(Push),
    Send(Frame),
    Close(CloseReason),
}

impl Action {
    fn take(self, turn: &mut Turn) {
        match self {
            Self::Broadcast(push) => turn.pushes.push(push),
            Self::Send(frame) => turn.frames.push(frame),
            Self::Close(reason) => turn.close = Some(reason),
        }
    }
}

/// `None`: the answer is not understood.
fn actions(answer: &[u8], sender: (&Arc<str>, SystemTime)) -> Option<Vec<Action>> {
    let text = std::str::from_utf8(answer).ok()?;
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    members(text)?;
    let answer: Answer<'_> = serde_json::from_str(text).ok()?;
    if answer.actions.len() > MAX_ACTIONS {
        return None;
    }
    answer.actions.iter().map(|wanted| wanted.action(sender)).collect()
}

impl Wanted<'_> {
    fn action(&self, (app, time): (&Arc<str>, SystemTime)) -> Option<Action> {
        match self {
            Self::Broadcast { message, user_id } => {
                members(message.get())?;
                let only = match user_id {
                    Value::Null => Group::default(),
                    // An empty one is nobody, and must not become everybody.
                    Value::String(id) if !id.is_empty() => Group::user(Arc::from(id.as_str())),
                    Value::Number(id) if id.is_i64() || id.is_u64() => Group::user(Arc::from(id.to_string())),
                    Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_)
                    | Value::Object(_) => return None,
                };
                let to = Target { app: Some(Arc::clone(app)), only, ..Target::default() };
                Some(Action::Broadcast(Push::new(to, Json::parse(message.get())?)))
            }
            Self::Send { message } => {
                dress(message.get(), app, time).map(|text| Action::Send(Frame::text(&text)))
            }
            Self::Close { code } => {
                let code = code.unwrap_or(1000);
                let may_be_chosen = code == 1000 || (3000..=4999).contains(&code);
                may_be_chosen.then_some(Action::Close(CloseReason::Application(code)))
            }
        }
    }
}
