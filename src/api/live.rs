//! What the live page shows of the present: who is connected and to what, and what became of writes that gave
//! no event to everybody. A bounded part of each, with how many there are; no record, token or body.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::About;
use crate::hub::{Hub, Resident};
use crate::metrics::{Metrics, Note};
use crate::time::iso;

/// Connections, users and topics that are listed.
const LISTED: usize = 50;
/// Topics of one connection that are listed, and rooms.
const TOPICS: usize = 5;
/// Names that clients chose are cut to so many characters.
const NAME_CHARS: usize = 120;
/// However many pages ask, it is looked at only so often: each look costs one at every connection.
const PAUSE: Duration = Duration::from_secs(1);

/// What is there, as it was when somebody last looked.
#[derive(Debug, Default)]
pub struct Present(Mutex<Option<(Duration, Bytes)>>);

impl Present {
    /// As of at most a second ago.
    pub(super) fn look(&self, uptime: Duration, hub: &Hub, metrics: &Metrics, about: &About) -> Bytes {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, text)) if uptime < *at + PAUSE => text.clone(),
            _ => {
                let text = Bytes::from(state(hub, metrics, about).to_string());
                last.insert((uptime, text)).1.clone()
            }
        }
    }
}

fn state(hub: &Hub, metrics: &Metrics, about: &About) -> Value {
    let dialects: HashMap<&str, &str> =
        about.endpoints.iter().map(|(path, dialect)| (path.as_str(), *dialect)).collect();
    let newest = hub.newest(LISTED);
    let listed: Vec<Value> =
        newest.residents.iter().map(|resident| connection(resident, &dialects)).collect();
    let crowd = hub.crowd(LISTED);
    let counts = |counts: &[(String, usize)]| -> Vec<Value> {
        counts.iter().map(|(name, count)| json!({ "name": cut(&room_named(name)), "count": count })).collect()
    };
    let notes: Vec<Value> = metrics.notes().iter().map(|entry| note(entry, about)).collect();
    json!({
        "connections": { "count": newest.count, "newest": listed },
        "users": { "count": crowd.users, "top": counts(&crowd.top_users) },
        "topics": { "count": crowd.topics, "top": counts(&crowd.top_topics) },
        "notes": notes,
    })
}

fn connection(resident: &Resident, dialects: &HashMap<&str, &str>) -> Value {
    let plain = resident.topics.iter().filter(|topic| topic.as_room().is_none());
    let mut topics: Vec<String> = plain.map(|topic| cut(&topic.to_string())).collect();
    let count = topics.len();
    topics.sort_unstable();
    topics.truncate(TOPICS);
    let rooms = resident.rooms();
    json!({
        "id": resident.id.to_string(),
        "user": resident.identity.user().map(|user| cut(&user.id)),
        "dialect": dialects.get(&*resident.endpoint),
        "endpoint": &*resident.endpoint,
        "app": resident.app.as_deref(),
        "namespace": resident.namespace.as_deref(),
        "rooms": rooms.iter().take(TOPICS).map(|room| cut(room)).collect::<Vec<_>>(),
        "room_count": rooms.len(),
        "since": iso(resident.since),
        "topics": topics,
        "topic_count": count,
    })
}

/// A topic that is a room is shown as one.
fn room_named(topic: &str) -> String {
    match topic.strip_prefix('\u{1}').and_then(|name| name.split_once('\u{1}')) {
        Some((namespace, room)) => format!("{namespace} {room}"),
        None => topic.to_owned(),
    }
}

fn note(note: &Note, about: &About) -> Value {
    json!({
        "route": about.routes.get(note.route).map(|(path, _)| path),
        "outcome": note.outcome,
        "reason": note.reason,
        "count": note.count,
        "time": iso(note.time),
    })
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS).and_then(|(end, _)| name.get(..end)) {
        Some(start) => format!("{start}…"),
        None => name.to_owned(),
    }
}
