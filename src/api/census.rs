//! Connections as the publish API lists them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::query::Query;
use crate::hub::{Page, Resident};
use crate::message::{Group, Target};
use crate::time::iso;

/// The connections that are asked for.
pub(super) fn target(app: Option<Arc<str>>, query: &Query) -> Target {
    let only = query.user.clone().map(Group::user).unwrap_or_default();
    Target { app, endpoint: query.endpoint.clone(), only, ..Target::default() }
}

/// A page of them, by their ids.
pub(super) fn list(page: &Page) -> Value {
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
