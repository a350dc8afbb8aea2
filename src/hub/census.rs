//! Who is there: connections by what is known of them, for whoever runs restcast.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use super::readers::Entry;
use super::{BATCH, Hub, Reader};
use crate::event::Topic;
use crate::identity::Identity;
use crate::message::{CloseReason, Target};

/// A connection as it is at one moment.
#[derive(Debug, Clone)]
pub struct Resident {
    /// Its id.
    pub id: Uuid,
    /// The path of its endpoint.
    pub endpoint: Arc<str>,
    /// The application of its endpoint.
    pub app: Option<Arc<str>>,
    /// Who it is.
    pub identity: Identity,
    /// When it came.
    pub since: SystemTime,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// What it is subscribed to, in no order.
    pub topics: Vec<Topic>,
}

impl Hub {
    /// The connections that are meant by `target`, each as it is when it is looked at: they come and go
    /// meanwhile. Costs a look at every connection.
    pub fn residents(&self, target: &Target) -> Vec<Resident> {
        let mut residents = Vec::new();
        self.each(target, || {}, |reader| residents.extend(self.resident(reader)));
        residents
    }

    /// Closes the connections that are meant by `target`; returns how many.
    pub fn close(&self, target: &Target, reason: CloseReason) -> usize {
        let mut count = 0;
        self.each(
            target,
            || {},
            |reader| {
                reader.lane.close(reason);
                count += 1;
            },
        );
        count
    }

    /// Visits the readers that are meant, a batch at a time and never under the lock.
    pub(super) fn each(&self, target: &Target, pause: impl Fn(), mut visit: impl FnMut(&Reader)) {
        let mut next = Some(0);
        let mut batch: Vec<Entry> = Vec::new();
        while let Some(from) = next {
            batch.clear();
            next = self.lock().connections.batch(from, BATCH, &mut batch);
            for entry in batch.iter().filter(|entry| self.is_meant(target, &entry.reader)) {
                visit(&entry.reader);
            }
            if next.is_some() {
                pause();
            }
        }
    }

    fn is_meant(&self, target: &Target, reader: &Reader) -> bool {
        let Some(desk) = self.desks.get(reader.endpoint) else { return false };
        let is_user = |user: &Arc<str>| reader.identity().user().is_some_and(|known| *known.id == **user);
        target.connection.is_none_or(|id| id == reader.id)
            && target.endpoint.as_ref().is_none_or(|path| *path == desk.path)
            && target.app.as_ref().is_none_or(|app| desk.app.as_ref() == Some(app))
            && target.user.as_ref().is_none_or(is_user)
    }

    fn resident(&self, reader: &Reader) -> Option<Resident> {
        let desk = self.desks.get(reader.endpoint)?;
        Some(Resident {
            id: reader.id,
            endpoint: Arc::clone(&desk.path),
            app: desk.app.clone(),
            identity: reader.identity(),
            since: reader.since,
            address: reader.address,
            topics: reader.topics().iter().map(|(topic, _)| topic.clone()).collect(),
        })
    }
}
