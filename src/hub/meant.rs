//! Whom a push, or the end of a connection, is for. Whoever looks on from the admin port is nobody's reader,
//! and never meant.

use std::sync::Arc;

use super::reader::Reader;
use super::readers::Found;
use super::{BATCH, Desk, Hub};
use crate::identity::Identity;
use crate::message::{CloseReason, Target};

/// Who is meant among the connections of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meant {
    /// This user alone.
    user: Option<Arc<str>>,
    /// Who has not said who it is has not come in yet.
    required: bool,
}

impl Meant {
    fn new(target: &Target, desk: &Desk) -> Self {
        Self { user: target.user.clone(), required: desk.required }
    }

    pub(super) fn takes(&self, identity: &Identity) -> bool {
        let is_in = match identity {
            Identity::User(_) => true,
            Identity::Anonymous => !self.required,
            Identity::Operator => false,
        };
        let is_user = |user: &Arc<str>| identity.user().is_some_and(|known| *known.id == **user);
        is_in && self.user.as_ref().is_none_or(is_user)
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
            if meant.takes(&standing.identity) {
                reader.lane.close(reason);
                count += 1;
            }
        });
        count
    }

    /// Visits the readers that are meant, a batch at a time and never under the lock. They may be somebody else
    /// by the time that something is done about it.
    pub(super) fn each(
        &self,
        target: &Target,
        pause: impl Fn(),
        mut visit: impl FnMut(&Arc<Reader>, &Meant),
    ) {
        let meant: Vec<Option<Meant>> =
            self.desks.iter().map(|desk| is_at(target, desk).then(|| Meant::new(target, desk))).collect();
        let is_it = |reader: &Reader| target.connection.is_none_or(|id| id == reader.id);
        let mut next = Some(0);
        let mut batch: Vec<Found> = Vec::new();
        while let Some(from) = next {
            batch.clear();
            next = self.lock().connections.batch(from, BATCH, &mut batch);
            for reader in batch.iter().map(|found| &found.reader).filter(|reader| is_it(reader)) {
                if let Some(Some(meant)) = meant.get(reader.endpoint)
                    && meant.takes(&reader.standing().identity)
                {
                    visit(reader, meant);
                }
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
}
