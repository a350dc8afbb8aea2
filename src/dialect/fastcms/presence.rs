//! Who has come and who has left: events in a collection of their own, and the count that stands behind them
//! where a user with several connections comes and leaves once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::Value;

use crate::event::{Audience, Item, Json};
use crate::message::{Announcement, Coming, Doorman, Now, Turn};
use crate::time::iso;

/// The collection that such events are in.
const COLLECTION: &str = "presence";

/// Of what it is told that it came and left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Each connection of a user.
    Connections,
    /// A user's first connection and its last one, of this endpoint.
    Users,
    /// Nothing.
    Nothing,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Presence {
    told: Told,
    audience: Audience,
    /// Connections of each user that has some: no more than there are connections.
    counts: Mutex<HashMap<Arc<str>, usize>>,
}

/// The presence of one connection's user; it ends when this is dropped, and whoever wants that to be told
/// [leaves](Self::leave).
#[derive(Debug)]
pub(super) struct Seat {
    presence: Arc<Presence>,
    user: Arc<str>,
    left: bool,
}

impl Presence {
    pub(super) fn new(told: Told, audience: Audience) -> Self {
        Self { told, audience, counts: Mutex::default() }
    }

    /// The user of a connection is known.
    pub(super) fn enter(self: &Arc<Self>, user: &str, now: Now, turn: &mut Turn) -> Seat {
        let user: Arc<str> = Arc::from(user);
        if self.told == Told::Connections || (self.told == Told::Users && self.is_first(&user)) {
            turn.announcements
                .push(self.announcement(&Coming { user: Arc::clone(&user), is_here: true }, now.time));
        }
        Seat { presence: Arc::clone(self), user, left: false }
    }

    fn is_first(&self, user: &Arc<str>) -> bool {
        let mut counts = self.counts();
        let count = counts.entry(Arc::clone(user)).or_default();
        *count += 1;
        *count == 1
    }

    fn is_last(&self, user: &Arc<str>) -> bool {
        let mut counts = self.counts();
        let Some(count) = counts.get_mut(user) else { return false };
        *count = count.saturating_sub(1);
        let is_last = *count == 0;
        if is_last {
            counts.remove(user);
        }
        is_last
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is told at all.
    pub(super) fn is_told(&self) -> bool {
        self.told != Told::Nothing
    }
}

impl Doorman for Presence {
    fn tells_each(&self) -> bool {
        self.told == Told::Connections
    }

    fn announcement(&self, coming: &Coming, time: SystemTime) -> Announcement {
        let (user, action) = (&*coming.user, if coming.is_here { "joined" } else { "left" });
        let (id, time) = (Value::from(user), iso(time));
        let record = format!(r#"{{"user_id":{id},"action":"{action}","timestamp":"{time}"}}"#);
        Announcement {
            model: Arc::from(COLLECTION),
            action: Arc::from(format!("user.{action}")),
            item: Item { id: Some(Json::string(user)), record: Json::parse(&record), ..Item::default() },
            audience: self.audience.clone(),
            coming: Some(coming.clone()),
        }
    }
}

impl Seat {
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The user is not here any more.
    pub(super) fn leave(mut self, now: Now, turn: &mut Turn) {
        if self.end() {
            let coming = Coming { user: Arc::clone(&self.user), is_here: false };
            turn.announcements.push(self.presence.announcement(&coming, now.time));
        }
    }

    /// Whether that is to be told; not a second time.
    fn end(&mut self) -> bool {
        !std::mem::replace(&mut self.left, true)
            && match self.presence.told {
                Told::Connections => true,
                Told::Users => self.presence.is_last(&self.user),
                Told::Nothing => false,
            }
    }
}

impl Drop for Seat {
    /// A connection that ends without a word counts no more either.
    fn drop(&mut self) {
        self.end();
    }
}
