//! Parcels as bytes, for brokers between processes: JSON, so that an operator can read them there. Pure.
//!
//! A reader takes a form that is newer than its own for what it is, an event that it cannot understand, and says so;
//! fields that it does not know are left alone. Records are carried byte by byte.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Parcel;
use crate::event::{Audience, Event, Exchange, Item, Json, Operation, Origin, Outcome, Payload, Showing};
use crate::message::{Group, Push, Target};

/// Of this form and all that only add fields to it.
const VERSION: u32 = 1;

/// What one process sends to all, itself included.
#[derive(Debug)]
pub(super) struct Letter {
    /// The process; one that starts anew is another.
    pub(super) node: Uuid,
    /// Counted by it from 1. What comes twice, since its sender never heard that it had arrived, is known by that.
    pub(super) number: u64,
    /// What it says.
    pub(super) content: Content,
}

/// What a letter says.
#[derive(Debug)]
pub(super) enum Content {
    /// Something for readers.
    Parcel(Box<Parcel>),
    /// Events were lost before they were sent: nobody knows what came up to now.
    Lost,
}

/// Why a letter cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is none.
    #[error("not what restcast writes")]
    Syntax(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("in form {0}, which is newer than this process")]
    Newer(u32),
}

impl Letter {
    /// As bytes.
    pub(super) fn write(&self) -> Bytes {
        let Self { node, number, content } = self;
        let (event, push) = match content {
            Content::Parcel(parcel) => match &**parcel {
                Parcel::Event(event) => (Some(EventForm::of(event)), None),
                Parcel::Push(push) => (None, Some(PushForm::of(push))),
            },
            Content::Lost => (None, None),
        };
        let form = Form { v: VERSION, node: *node, number: *number, event, push };
        // Nothing in it can fail to be written: keys are texts, and numbers are whole.
        Bytes::from(serde_json::to_vec(&form).unwrap_or_default())
    }

    /// From bytes.
    ///
    /// # Errors
    /// They are none, or of a form that is not known here.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let version: Version = serde_json::from_slice(bytes)?;
        if version.v > VERSION {
            return Err(Unreadable::Newer(version.v));
        }
        let Form { node, number, event, push, .. } = serde_json::from_slice(bytes)?;
        let content = match (event, push) {
            (Some(event), _) => Content::Parcel(Box::new(Parcel::Event(event.event()))),
            (None, Some(push)) => Content::Parcel(Box::new(Parcel::Push(push.push()))),
            (None, None) => Content::Lost,
        };
        Ok(Self { node, number, content })
    }
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Form {
    v: u32,
    node: Uuid,
    number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<EventForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    push: Option<PushForm>,
}

type Raw = Box<RawValue>;

fn raw(json: &Json) -> Option<Raw> {
    RawValue::from_string(json.as_str().to_owned()).ok()
}

fn json(raw: &RawValue) -> Json {
    Json::from_valid(raw.get().to_owned())
}

/// Nanoseconds since 1970; what lies before is 1970.
fn nanos(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Serialize, Deserialize)]
struct EventForm {
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
    fn of(event: &Event) -> Self {
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

    fn event(self) -> Event {
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

#[derive(Serialize, Deserialize)]
struct PushForm {
    to: TargetForm,
    message: Raw,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct TargetForm {
    app: Option<Arc<str>>,
    endpoint: Option<Arc<str>>,
    namespace: Option<Arc<str>>,
    only: GroupForm,
    except: GroupForm,
}

#[derive(Serialize, Deserialize)]
struct GroupForm {
    users: Vec<Arc<str>>,
    connections: Vec<Uuid>,
    rooms: Vec<Arc<str>>,
}

impl GroupForm {
    fn of(group: &Group) -> Self {
        let Group { users, connections, rooms } = group.clone();
        Self { users, connections, rooms }
    }

    fn group(self) -> Group {
        let Self { users, connections, rooms } = self;
        Group { users, connections, rooms }
    }
}

impl PushForm {
    fn of(push: &Push) -> Self {
        let Target { app, endpoint, namespace, only, except } = &push.to;
        let (only, except) = (GroupForm::of(only), GroupForm::of(except));
        let (app, endpoint, namespace) = (app.clone(), endpoint.clone(), namespace.clone());
        let to = TargetForm { app, endpoint, namespace, only, except };
        Self { to, message: raw(&push.message).unwrap_or_default(), receipt: push.receipt }
    }

    fn push(self) -> Push {
        let TargetForm { app, endpoint, namespace, only, except } = self.to;
        let (only, except) = (only.group(), except.group());
        let to = Target { app, endpoint, namespace, only, except };
        Push { to, message: json(&self.message), receipt: self.receipt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let items = vec![
            Item {
                id: Json::parse("12345678901234567890"),
                record: Json::parse(r#"{"b":1.50,"a":"\u00e9", "c":[ ]}"#),
                partial: true,
                owner: Some(Arc::from("ann")),
                was: Some(Arc::from("ben")),
            },
            Item::default(),
        ];
        Event {
            time: UNIX_EPOCH + Duration::from_nanos(1_712_345_678_901_234_567),
            action: Some(Arc::from("toggle")),
            many: true,
            items,
            request_body: Json::parse("[1]"),
            outcome: Outcome::Uncertain,
            overlapping: true,
            ..Event::sample("author", "7")
        }
    }

    fn carried(content: Content) -> Content {
        let letter = Letter { node: Uuid::max(), number: 7, content };
        let read = Letter::read(&letter.write()).unwrap();
        assert_eq!((read.node, read.number), (letter.node, letter.number));
        read.content
    }

    #[test]
    fn an_event_arrives_as_it_was_sent() {
        let showing = Showing { payload: Payload::Refetch, paths: vec![None, Some(Arc::from("/a/1"))] };
        let audiences = [
            Audience::Everyone,
            Audience::Authenticated,
            Audience::Roles(vec!["admin".to_owned(), String::new()].into()),
            Audience::Owner(Arc::from("sub")),
            Audience::User(Arc::from("7")),
            Audience::Upstream(Arc::new(showing)),
        ];
        for audience in audiences {
            for http in [None, event().http] {
                let sent = Event { audience: audience.clone(), http, ..event() };
                let expected = format!("{sent:?}");
                let Content::Parcel(got) = carried(Content::Parcel(Box::new(Parcel::Event(sent)))) else {
                    panic!("no event");
                };
                assert_eq!(format!("{got:?}"), format!("Event({expected})"));
            }
        }
    }

    #[test]
    fn a_push_and_a_loss_arrive_as_they_were_sent() {
        let only = Group { users: vec![Arc::from("ann")], connections: vec![Uuid::max()], rooms: vec![] };
        let except = Group { rooms: vec![Arc::from("admins")], ..Group::default() };
        let to = Target { app: Some(Arc::from("shop")), endpoint: None, namespace: None, only, except };
        let push = Push { to, message: Json::parse(r#"{"a":1.0}"#).unwrap(), receipt: Some(9) };
        let Content::Parcel(got) = carried(Content::Parcel(Box::new(Parcel::Push(push.clone())))) else {
            panic!("no push");
        };
        assert_eq!(format!("{got:?}"), format!("Push({push:?})"));
        assert!(matches!(carried(Content::Lost), Content::Lost));
    }

    #[test]
    fn what_is_no_letter_or_a_newer_one_is_said_to_be_unreadable() {
        for bytes in ["", "{", "[]", "{}", r#"{"v":1}"#, r#"{"v":1,"node":7,"number":1}"#] {
            assert!(matches!(Letter::read(bytes.as_bytes()), Err(Unreadable::Syntax(_))), "{bytes}");
        }
        let newer = br#"{"v":2,"something":"else"}"#;
        assert!(matches!(Letter::read(newer), Err(Unreadable::Newer(2))));
        let more = Letter { node: Uuid::nil(), number: 1, content: Content::Lost }.write();
        let more = String::from_utf8(more.to_vec()).unwrap().replacen('{', r#"{"hint":[1],"#, 1);
        assert!(Letter::read(more.as_bytes()).is_ok(), "fields may be added");
    }
}
