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
pub(in crate::broker) struct TargetForm {
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

impl TargetForm {
    pub(in crate::broker) fn of(target: &Target) -> Self {
        let Target { app, endpoint, namespace, only, except } = target.clone();
        Self { app, endpoint, namespace, only: GroupForm::of(&only), except: GroupForm::of(&except) }
    }

    pub(in crate::broker) fn target(self) -> Target {
        let Self { app, endpoint, namespace, only, except } = self;
        Target { app, endpoint, namespace, only: only.group(), except: except.group() }
    }
}

impl PushForm {
    pub(super) fn of(push: &Push) -> Self {
        let (to, message) = (TargetForm::of(&push.to), raw(&push.message).unwrap_or_default());
        Self { to, message, receipt: push.receipt }
    }

    pub(super) fn push(self) -> Push {
        Push { to: self.to.target(), message: json(&self.message), receipt: self.receipt }
    }
}
