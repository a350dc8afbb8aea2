//! Whom a push, or the end of a connection, is for. Whoever looks on from the admin port is nobody's reader,
//! and never meant.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::index::Cursor;
use super::reader::{Reader, Standing};
use super::readers::Found;
use super::{BATCH, Desk, Hub};
use crate::event::{Json, Topic};
use crate::identity::Identity;
use crate::message::{CloseReason, Group, Target};

/// Who is meant among the connections of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meant {
    /// Who has not said who it is has not come in yet.
    required: bool,
    who: Arc<Who>,
}

/// Whoever is one of the first, and none of the others.
#[derive(Debug, PartialEq, Eq)]
struct Who {
    /// `None`: whoever it is.
    only: Option<Members>,
    except: Option<Members>,
}

/// A [`Group`] to look readers up in.
#[derive(Debug, PartialEq, Eq)]
struct Members {
    users: HashSet<Arc<str>>,
    connections: HashSet<Uuid>,
    rooms: HashSet<Topic>,
}

impl Who {
    fn new(target: &Target) -> Self {
        let members = |group| Members::new(group, target.namespace.as_deref());
        Self { only: members(&target.only), except: members(&target.except) }
    }

    fn takes(&self, reader: &Reader, standing: &Standing) -> bool {
        let has = |members: &Members| members.has(reader, standing);
        self.only.as_ref().is_none_or(has) && !self.except.as_ref().is_some_and(has)
    }

    /// Where all of them are.
    fn rooms(&self) -> Option<&HashSet<Topic>> {
        let only = self.only.as_ref()?;
        (only.users.is_empty() && only.connections.is_empty()).then_some(&only.rooms)
    }
}

impl Members {
    fn new(group: &Group, namespace: Option<&str>) -> Option<Self> {
        let room = |name: &Arc<str>| namespace.map(|namespace| Topic::room(namespace, name));
        (!group.is_empty()).then(|| Self {
            users: group.users.iter().cloned().collect(),
            connections: group.connections.iter().copied().collect(),
            rooms: group.rooms.iter().filter_map(room).collect(),
        })
    }

    fn has(&self, reader: &Reader, standing: &Standing) -> bool {
        let is_user = |id: &str| !self.users.is_empty() && self.users.contains(id);
        self.connections.contains(&reader.id)
            || standing.identity.user().is_some_and(|user| is_user(&user.id))
            || (!self.rooms.is_empty()
                && standing.subscriptions.iter().any(|held| self.rooms.contains(&held.topic)))
    }
}

impl Meant {
    pub(super) fn takes(&self, reader: &Reader, standing: &Standing) -> bool {
        let is_in = match standing.identity {
            Identity::User(_) => true,
            Identity::Anonymous => !self.required,
            Identity::Operator => false,
        };
        is_in && self.who.takes(reader, standing)
    }
}

impl Hub {
    /// Whether any endpoint is meant by `target`.
    pub fn knows(&self, target: &Target) -> bool {
        self.desks.iter().any(|desk| is_at(target, desk))
    }

    /// Why no client of those endpoints would take this message for what it is.
    pub fn refusal(&self, target: &Target, message: &Json) -> Option<String> {
        let mut desks = self.desks.iter().filter(|desk| is_at(target, desk));
        desks.find_map(|desk| desk.encode.refusal(message))
    }

    /// Closes the connections that are meant by `target`; returns how many.
    pub fn close(&self, target: &Target, reason: CloseReason) -> usize {
        let (mut count, no_pause) = (0, || {});
        self.each(target, no_pause, |reader, meant| {
            // Who it is stays so until it is closed.
            let standing = reader.standing();
            if meant.takes(reader, &standing) {
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
        let who = Arc::new(Who::new(target));
        let meant = |desk: &Desk| {
            is_at(target, desk).then(|| Meant { required: desk.required, who: Arc::clone(&who) })
        };
        let meant: Vec<Option<Meant>> = self.desks.iter().map(meant).collect();
        // One may be in several of the rooms.
        let mut seen = who.rooms().filter(|rooms| rooms.len() > 1).map(|_| HashSet::new());
        let mut look = |reader: &Arc<Reader>| {
            if let Some(Some(meant)) = meant.get(reader.endpoint)
                && seen.as_mut().is_none_or(|seen| seen.insert(reader.id))
                && meant.takes(reader, &reader.standing())
            {
                visit(reader, meant);
            }
        };
        match who.rooms() {
            Some(rooms) => rooms.iter().for_each(|room| self.each_in(room, &pause, &mut look)),
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
