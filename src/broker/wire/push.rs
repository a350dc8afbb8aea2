//! Messages for connections by their address.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Raw, json, raw};
use crate::message::{Group, Push, Target};

#[derive(Serialize, Deserialize)]
pub(super) struct PushForm {
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
    pub(super) fn of(push: &Push) -> Self {
        let Target { app, endpoint, namespace, only, except } = &push.to;
        let (only, except) = (GroupForm::of(only), GroupForm::of(except));
        let (app, endpoint, namespace) = (app.clone(), endpoint.clone(), namespace.clone());
        let to = TargetForm { app, endpoint, namespace, only, except };
        Self { to, message: raw(&push.message).unwrap_or_default(), receipt: push.receipt }
    }

    pub(super) fn push(self) -> Push {
        let TargetForm { app, endpoint, namespace, only, except } = self.to;
        let (only, except) = (only.group(), except.group());
        let to = Target { app, endpoint, namespace, only, except };
        Push { to, message: json(&self.message), receipt: self.receipt }
    }
}
