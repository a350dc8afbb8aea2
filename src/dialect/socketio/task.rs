//! An event of a client on its way: checked, handed to the backend or the webhook, and answered.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::binary;
use super::namespace::Namespace;
use super::request::{Request, Wrong};
use super::scope::Scope;
use super::template::Text;
use crate::identity::Identity;
use crate::message::{Answer, Call, Delivery, Frame, Now, Push, Returned};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Task {
    /// `None`: the config knows nothing of the event, and the webhook is asked.
    request: Option<Arc<Request>>,
    event: String,
    data: Value,
    ack: Option<u64>,
}

/// What is done at its end.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Those that the socket is in.
    pub(super) rooms: BTreeSet<String>,
    pub(super) frames: Vec<Frame>,
    pub(super) pushes: Vec<Push>,
}

const OTHERS: &str = "Client access required";
const NO_REQUEST: &str = "The data names nothing that can be asked for";
const NO_ROOM: &str = "The data names no room";
const TOO_MANY_ROOMS: &str = "Too many rooms";
/// Longer names of rooms are none that anything is said in.
const MAX_ROOM_BYTES: usize = 256;

impl Task {
    /// # Errors
    /// What the client is told; `None`: nothing.
    pub(super) fn new(
        (namespace, request): (&Namespace, Arc<Request>),
        (mut data, ack): (Map<String, Value>, Option<u64>),
        identity: &Identity,
        now: Now,
    ) -> Result<Self, Option<String>> {
        if !namespace.own(&mut data, identity, &Scope::at(now.time)) {
            return Err(Some(OTHERS.to_owned()));
        }
        request.check(&mut data, identity).map_err(|wrong| match wrong {
            Wrong::Said(text) => Some(text.to_owned()),
            Wrong::Silent => None,
        })?;
        Ok(Self { event: request.event.clone(), request: Some(request), data: Value::Object(data), ack })
    }

    /// An event of which the config says nothing; `None`: nobody is asked about it.
    pub(super) fn unknown(
        namespace: &Namespace,
        (event, data, ack): (&str, Value, Option<u64>),
        who: (&str, &Identity),
    ) -> Option<(Self, Call)> {
        let task = Self { request: None, event: event.to_owned(), data, ack };
        let call = task.delivery(namespace, who)?;
        Some((task, call))
    }

    pub(super) fn event(&self) -> &str {
        &self.event
    }

    pub(super) fn ack(&self) -> Option<u64> {
        self.ack
    }

    /// What has to be known first.
    ///
    /// # Errors
    /// What the client is told.
    pub(super) fn call(
        &self,
        namespace: &Namespace,
        who: (&str, &Identity),
        now: Now,
    ) -> Result<Option<Call>, String> {
        let Some(request) = &self.request else { return Ok(self.delivery(namespace, who)) };
        if request.webhook {
            return Ok(self.delivery(namespace, who));
        }
        let Some(backend) = &request.backend else { return Ok(None) };
        let scope = Scope { data: Some(&self.data), identity: Some(who.1), ..Scope::at(now.time) };
        backend.ask(&scope).map(|ask| Some(Call::Upstream(ask))).ok_or_else(|| NO_REQUEST.to_owned())
    }

    fn delivery(&self, namespace: &Namespace, (sid, identity): (&str, &Identity)) -> Option<Call> {
        let webhook = Arc::clone(namespace.webhook.as_ref()?);
        let user = identity.user().map(
            |user| json!({"id": user.id, "email": user.email, "roles": user.roles, "claims": user.claims}),
        );
        let body = json!({"namespace": &*namespace.name, "event": self.event, "data": self.data, "connection": {"id": sid, "user": user}});
        Some(Call::Webhook(Delivery { webhook, body: Bytes::from(body.to_string()) }))
    }

    /// What was answered; `None`: nothing was.
    ///
    /// # Errors
    /// What the client is told.
    pub(super) fn read(&self, returned: Returned) -> Result<Option<Value>, String> {
        let failed = || {
            self.request
                .as_ref()
                .map_or_else(|| "The request failed".to_owned(), |request| request.error.clone())
        };
        match returned {
            Returned::Upstream(Ok(answer)) if answer.status.is_success() => Ok(answer_of(Some(answer))),
            Returned::Webhook(Ok(answer)) if answer.is_empty() => Ok(None),
            Returned::Webhook(Ok(answer)) => {
                serde_json::from_slice(&answer).ok().map(Some).ok_or_else(failed)
            }
            Returned::Upstream(_) | Returned::Webhook(Err(_)) | Returned::Credential(_) => Err(failed()),
        }
    }

    /// # Errors
    /// What the client is told.
    pub(super) fn finish(
        &self,
        (namespace, scope): (&Namespace, &Scope<'_>),
        mut rooms: BTreeSet<String>,
    ) -> Result<Outcome, String> {
        let writer = &namespace.writer;
        let scope = Scope { data: Some(&self.data), ..*scope };
        let Some(request) = &self.request else {
            let arguments = scope.answer.map_or_else(String::new, Value::to_string);
            return Ok(Outcome {
                rooms,
                frames: self.ack.map(|id| writer.ack(id, &arguments)).into_iter().collect(),
                pushes: Vec::new(),
            });
        };
        let (joined, left) = (room(request.join.as_ref(), &scope)?, room(request.leave.as_ref(), &scope)?);
        if let Some(room) = &left {
            rooms.remove(room);
        }
        if let Some(room) = &joined {
            rooms.insert(room.clone());
        }
        if rooms.len() > namespace.max_rooms {
            return Err(TOO_MANY_ROOMS.to_owned());
        }
        let scope = Scope { room: joined.as_deref().or(left.as_deref()), ..scope };
        let mut frames = Vec::new();
        if let Some((event, data)) = &request.reply {
            let data = data.fill(&scope);
            frames.push(binary::event(writer, event, (&data, namespace.no_offset(&data)), None));
        }
        if let Some(id) = self.ack {
            let list = request.ack.fill(&scope);
            let arguments = list.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
            frames.push(writer.ack(id, arguments.unwrap_or(&list)));
        }
        let pushes = request
            .emissions
            .iter()
            .flat_map(|emission| emission.pushes(&namespace.endpoint, &scope))
            .collect();
        Ok(Outcome { rooms, frames, pushes })
    }
}

/// The room that the client means.
///
/// # Errors
/// What it is told: its words make no name of one.
fn room(text: Option<&Text>, scope: &Scope<'_>) -> Result<Option<String>, String> {
    let Some(text) = text else { return Ok(None) };
    let name = text.fill(scope).filter(|name| (1..=MAX_ROOM_BYTES).contains(&name.len()));
    name.map(Some).ok_or_else(|| NO_ROOM.to_owned())
}

/// The JSON of an answer; of one that is none, nothing.
pub(super) fn answer_of(answer: Option<Answer>) -> Option<Value> {
    let answer = answer.filter(|answer| answer.status.is_success())?;
    serde_json::from_slice(&answer.body).ok()
}
