//! Whom a push, or the end of a connection, is for. Whoever looks on from the admin port is nobody's reader,
//! and never meant.

use std::collections::HashSet;
use std::sync::Arc;

use super::index::Cursor;
use super::reader::{Reader, Standing};
use super::readers::Found;
use super::{BATCH, Desk, Hub};
use crate::event::Topic;
use crate::identity::Identity;
use crate::message::{CloseReason, Target};

/// Who is meant among the connections of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meant {
    /// This user alone.
    user: Option<Arc<str>>,
    /// Who has not said who it is has not come in yet.
    required: bool,
    rooms: Option<Arc<Rooms>>,
}

/// Whoever is in one of the first, or in any if there are none, and in none of the others.
#[derive(Debug, PartialEq, Eq)]
struct Rooms {
    within: Vec<Topic>,
    without: Vec<Topic>,
}

impl Rooms {
    /// `None`: whatever room a reader is in.
    fn new(target: &Target) -> Option<Arc<Self>> {
        let namespace = target.namespace.as_deref()?;
        let topics = |rooms: &[Arc<str>]| rooms.iter().map(|room| Topic::room(namespace, room)).collect();
        let (within, without): (Vec<_>, Vec<_>) = (topics(&target.rooms), topics(&target.except));
        (!within.is_empty() || !without.is_empty()).then(|| Arc::new(Self { within, without }))
    }

    fn take(&self, standing: &Standing) -> bool {
        let is_in = |topic: &Topic| standing.subscriptions.iter().any(|held| held.topic == *topic);
        (self.within.is_empty() || self.within.iter().any(is_in)) && !self.without.iter().any(is_in)
    }
}

impl Meant {
    fn new(target: &Target, desk: &Desk, rooms: Option<Arc<Rooms>>) -> Self {
        Self { user: target.user.clone(), required: desk.required, rooms }
    }

    pub(super) fn takes(&self, standing: &Standing) -> bool {
        let identity = &standing.identity;
        let is_in = match identity {
            Identity::User(_) => true,
            Identity::Anonymous => !self.required,
            Identity::Operator => false,
        };
        let is_user = |user: &Arc<str>| identity.user().is_some_and(|known| *known.id == **user);
        is_in
            && self.user.as_ref().is_none_or(is_user)
            && self.rooms.as_ref().is_none_or(|rooms| rooms.take(standing))
    }
}

impl Hub {
    /// Whether any endpoint is meant by `target`.
    pub fn knows(&self, target: &Target) -> bool {
        self.desks.iter().any(|desk| is_at(target, desk))
    }

    /// Closes the connections that are meant by `target`; returns how many.
    pub fn close(&self, target: &Target, reason: CloseReason) -> usize {
        let (mut count, no_pause) = (0, || {});
        self.each(target, no_pause, |reader, meant| {
            // Who it is stays so until it is closed.
            let standing = reader.standing();
            if meant.takes(&standing) {
                reader.lane.close(reason);
                count += 1;
            }
        });
        count
    }

    /// Visits the readers that are meant, each once, a batch at a time and never under the lock. They may be
    /// somebody else by the time that something is done about it.
    pub(super) fn each(
        &self,
        target: &Target,
        pause: impl Fn(),
        mut visit: impl FnMut(&Arc<Reader>, &Meant),
    ) {
        let rooms = Rooms::new(target);
        let meant = |desk: &Desk| is_at(target, desk).then(|| Meant::new(target, desk, rooms.clone()));
        let meant: Vec<Option<Meant>> = self.desks.iter().map(meant).collect();
        // One may be in several of the rooms.
        let mut seen = rooms.as_ref().filter(|rooms| rooms.within.len() > 1).map(|_| HashSet::new());
        let mut look = |reader: &Arc<Reader>| {
            if target.connection.is_none_or(|id| id == reader.id)
                && let Some(Some(meant)) = meant.get(reader.endpoint)
                && seen.as_mut().is_none_or(|seen| seen.insert(reader.id))
                && meant.takes(&reader.standing())
            {
                visit(reader, meant);
            }
        };
        match rooms.as_ref().filter(|rooms| !rooms.within.is_empty()) {
            Some(rooms) => rooms.within.iter().for_each(|room| self.each_in(room, &pause, &mut look)),
            None => self.each_of_all(&pause, &mut look),
        }
    }

    fn each_of_all(&self, pause: &impl Fn(), look: &mut impl FnMut(&Arc<Reader>)) {
        let mut next = Some(0);
        let mut batch: Vec<Found> = Vec::new();
        while let Some(from) = next {
            batch.clear();
            next = self.lock().connections.batch(from, BATCH, &mut batch);
            for found in &batch {
                look(&found.reader);
            }
            if next.is_some() {
                pause();
            }
        }
    }

    /// Rooms are wanted without filters.
    fn each_in(&self, room: &Topic, pause: &impl Fn(), look: &mut impl FnMut(&Arc<Reader>)) {
        let mut next = Some(Cursor::default());
        let mut batch: Vec<Found> = Vec::new();
        while let Some(from) = next {
            batch.clear();
            let tables = self.lock();
            next = tables.topics.get(room).and_then(|index| index.batch(from, None, BATCH, &mut batch));
            drop(tables);
            next = next.filter(|cursor| !cursor.needs_signs());
            for found in &batch {
                look(&found.reader);
            }
            if next.is_some() {
                pause();
            }
        }
    }
}

fn is_at(target: &Target, desk: &Desk) -> bool {
    target.endpoint.as_ref().is_none_or(|path| *path == desk.path)
        && target.app.as_ref().is_none_or(|app| desk.app.as_ref() == Some(app))
        && target.namespace.as_ref().is_none_or(|name| desk.namespace.as_ref() == Some(name))
}
