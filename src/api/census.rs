//! Connections as the publish API lists them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::query::Query;
use crate::hub::{Hub, Resident};
use crate::message::{Group, Target};
use crate::time::iso;

/// A page of the connections that are asked for, by their ids.
pub(super) fn list(hub: &Hub, app: Option<Arc<str>>, query: &Query) -> Value {
    let only = query.user.clone().map(Group::user).unwrap_or_default();
    let target = Target { app, endpoint: query.endpoint.clone(), only, ..Target::default() };
    let page = hub.page(&target, query.after, query.page());
    let next = page.residents.last().filter(|_| page.more).map(|resident| resident.id.to_string());
    let connections: Vec<Value> = page.residents.iter().map(connection).collect();
    json!({ "count": page.count, "connections": connections, "next": next })
}

/// Rooms of one connection that are listed.
const ROOMS: usize = 100;

fn connection(resident: &Resident) -> Value {
    let user = resident.identity.user();
    let rooms: Vec<&str> = resident.rooms().into_iter().take(ROOMS).collect();
    json!({
        "connection_id": resident.id.to_string(),
        "user_id": user.map(|user| &user.id),
        "user_email": user.and_then(|user| user.email.as_ref()),
        "connected_at": iso(resident.since),
        "endpoint": &*resident.endpoint,
        "namespace": resident.namespace.as_deref(),
        "rooms": rooms,
    })
}
