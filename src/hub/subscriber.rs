//! A reader's own handle.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use uuid::Uuid;

use super::{Entry, Hub, Reader};
use crate::access::Credentials;
use crate::event::Topic;
use crate::identity::Identity;
use crate::message::Command;

/// A reader's own handle; dropping it leaves the hub.
#[derive(Debug)]
pub struct Subscriber {
    hub: Arc<Hub>,
    reader: Arc<Reader>,
    place: usize,
}

impl Subscriber {
    pub(super) fn new(hub: Arc<Hub>, reader: Arc<Reader>, place: usize) -> Self {
        Self { hub, reader, place }
    }

    /// Does what the client asks.
    pub fn handle(&mut self, command: Command) {
        match command {
            Command::Subscribe(topic) => self.subscribe(topic),
            Command::Unsubscribe(topic) => self.unsubscribe(&topic),
            Command::Identify(identity) => {
                *self.reader.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
            }
        }
    }

    /// From now on the backend is asked with these what it may see; `None`: it sees nothing of that kind.
    pub fn bear(&self, credentials: Option<Arc<Credentials>>) {
        *self.reader.credentials.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    /// The reader is whom this token names, or nobody in particular: the backend is asked accordingly.
    pub fn present(&self, token: Option<&str>) {
        let credentials = self.reader.credentials().zip(self.hub.keys());
        let credentials = credentials.map(|(known, keys)| Arc::new(known.of_bearer(keys, token)));
        self.bear(credentials);
    }

    /// The backend is asked what it may see.
    pub fn bears(&self) -> bool {
        self.reader.credentials().is_some()
    }

    fn subscribe(&self, topic: Topic) {
        let mut topics = self.reader.topics();
        if topics.iter().any(|(held, _)| *held == topic) {
            return;
        }
        let mut tables = self.hub.lock();
        // An event that is being delivered at this moment came before the subscription.
        let entry =
            Entry { reader: Arc::clone(&self.reader), since: self.hub.position.load(Ordering::Relaxed) };
        let place = tables.topics.entry(topic.clone()).or_default().insert(entry);
        drop(tables);
        topics.push((topic, place));
    }

    fn unsubscribe(&self, topic: &Topic) {
        let mut topics = self.reader.topics();
        let Some(index) = topics.iter().position(|(held, _)| held == topic) else { return };
        let (topic, place) = topics.swap_remove(index);
        self.leave(&topic, place);
    }

    /// No empty topic stays.
    fn leave(&self, topic: &Topic, place: usize) {
        let mut tables = self.hub.lock();
        let is_empty = tables.topics.get_mut(topic).is_some_and(|readers| {
            readers.remove(place);
            readers.len() == 0
        });
        if is_empty {
            tables.topics.remove(topic);
        }
    }

    /// Topics it is subscribed to.
    pub fn topics(&self) -> usize {
        self.reader.topics().len()
    }

    /// Who it is.
    pub fn identity(&self) -> Identity {
        self.reader.identity()
    }

    /// Its connection's id.
    pub fn id(&self) -> Uuid {
        self.reader.id
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let topics = std::mem::take(&mut *self.reader.topics());
        self.hub.lock().connections.remove(self.place);
        for (topic, place) in topics {
            self.leave(&topic, place);
        }
    }
}
