//! Events.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Raw, json, raw};
use crate::event::{Audience, Event, Exchange, Item, Operation, Origin, Outcome, Payload, Showing};

/// Nanoseconds since 1970; what lies before is 1970.
pub(in crate::broker) fn nanos(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Serialize, Deserialize)]
pub(super) struct EventForm {
    id: Uuid,
    time: u64,
    #[serde(with = "OriginForm")]
    origin: Origin,
    model: Arc<str>,
    #[serde(with = "OperationForm")]
    operation: Operation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<Arc<str>>,
    many: bool,
    items: Vec<ItemForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Raw>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http: Option<(String, String, Option<u16>)>,
    audience: AudienceForm,
    #[serde(with = "OutcomeForm")]
    outcome: Outcome,
    overlapping: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Origin", rename_all = "snake_case")]
enum OriginForm {
    Tap,
    PublishApi,
    Presence,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Operation", rename_all = "snake_case")]
enum OperationForm {
    Create,
    Update,
    Delete,
    Read,
    Custom,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Outcome", rename_all = "snake_case")]
enum OutcomeForm {
    Certain,
    Uncertain,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AudienceForm {
    Everyone,
    Authenticated,
    Roles(Vec<String>),
    Owner(Arc<str>),
    User(Arc<str>),
    Upstream { refetch: bool, paths: Vec<Option<Arc<str>>> },
}

#[derive(Serialize, Deserialize)]
struct ItemForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Raw>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Raw>,
    partial: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    was: Option<Arc<str>>,
}

impl ItemForm {
    fn of(item: &Item) -> Self {
        let Item { id, record, partial, owner, was } = item.clone();
        let (id, record) = (id.as_ref().and_then(raw), record.as_ref().and_then(raw));
        Self { id, record, partial, owner, was }
    }

    fn item(self) -> Item {
        let Self { id, record, partial, owner, was } = self;
        Item { id: id.as_deref().map(json), record: record.as_deref().map(json), partial, owner, was }
    }
}

impl AudienceForm {
    fn of(audience: &Audience) -> Self {
        match audience {
            Audience::Everyone => Self::Everyone,
            Audience::Authenticated => Self::Authenticated,
            Audience::Roles(roles) => Self::Roles(roles.to_vec()),
            Audience::Owner(claim) => Self::Owner(Arc::clone(claim)),
            Audience::User(id) => Self::User(Arc::clone(id)),
            Audience::Upstream(showing) => {
                let Showing { payload, paths } = &**showing;
                Self::Upstream { refetch: *payload == Payload::Refetch, paths: paths.clone() }
            }
        }
    }

    fn audience(self) -> Audience {
        match self {
            Self::Everyone => Audience::Everyone,
            Self::Authenticated => Audience::Authenticated,
            Self::Roles(roles) => Audience::Roles(roles.into()),
            Self::Owner(claim) => Audience::Owner(claim),
            Self::User(id) => Audience::User(id),
            Self::Upstream { refetch, paths } => {
                let payload = if refetch { Payload::Refetch } else { Payload::Record };
                Audience::Upstream(Arc::new(Showing { payload, paths }))
            }
        }
    }
}

impl EventForm {
    pub(super) fn of(event: &Event) -> Self {
        let http = event.http.as_ref().map(|exchange| {
            let Exchange { method, path, status } = exchange.clone();
            (method.to_string(), path, status)
        });
        Self {
            id: event.id,
            time: nanos(event.time),
            origin: event.origin,
            model: Arc::clone(&event.model),
            operation: event.operation,
            action: event.action.clone(),
            many: event.many,
            items: event.items.iter().map(ItemForm::of).collect(),
            request: event.request_body.as_ref().and_then(raw),
            http,
            audience: AudienceForm::of(&event.audience),
            outcome: event.outcome,
            overlapping: event.overlapping,
        }
    }

    pub(super) fn event(self) -> Event {
        let http = self.http.and_then(|(method, path, status)| {
            Some(Exchange { method: Method::from_bytes(method.as_bytes()).ok()?, path, status })
        });
        Event {
            id: self.id,
            time: UNIX_EPOCH + Duration::from_nanos(self.time),
            origin: self.origin,
            model: self.model,
            operation: self.operation,
            action: self.action,
            many: self.many,
            items: self.items.into_iter().map(ItemForm::item).collect(),
            request_body: self.request.as_deref().map(json),
            http,
            audience: self.audience.audience(),
            outcome: self.outcome,
            overlapping: self.overlapping,
        }
    }
}
