//! Sockets whose clients may come back: where they are, and those whose connection broke off. These stay in the hub,
//! and what comes for them is kept, until their client is back or its time is over. Bounded as connections are; where
//! there is no room, the client begins anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::session::Socket;
use super::shared::Shared;
use crate::transport::link::Stream;

/// See the module's documentation.
pub(super) struct Parked<T> {
    max: usize,
    table: Mutex<Table<T>>,
}

struct Table<T> {
    places: HashMap<Uuid, Place<T>>,
    /// Of the places that are only parked.
    parked: usize,
    is_closed: bool,
}

/// Where a socket is.
enum Place<T> {
    /// On this connection; another one may wait for it.
    Live(Arc<Shared<T>>, Option<Arc<Shared<T>>>),
    Here(Box<Socket<T>>),
}

/// What becomes of a client that says that it was here.
pub(super) enum Claim<T> {
    /// It goes on with this.
    Here(Box<Socket<T>>),
    /// Its former connection is ended, which nobody had noticed yet; whoever claims is woken when it has.
    Soon,
    /// It begins anew.
    Unknown,
}

impl<T: Stream> Parked<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, table: Mutex::new(Table { places: HashMap::new(), parked: 0, is_closed: false }) }
    }

    /// A socket of this name is on this connection.
    pub(super) fn enter(&self, name: Uuid, on: &Arc<Shared<T>>) {
        self.lock().places.insert(name, Place::Live(Arc::clone(on), None));
    }

    /// A socket of this name is gone for good.
    pub(super) fn leave(&self, name: Uuid) {
        let left = self.lock().places.remove(&name);
        match left {
            Some(Place::Live(_, Some(waiting))) => waiting.link.wake(),
            // Somebody else's, or none.
            Some(Place::Here(_) | Place::Live(_, None)) | None => {}
        }
    }

    /// Keeps a socket of this name; gives it back where there is no room, or the process stops.
    #[must_use]
    pub(super) fn keep(&self, name: Uuid, socket: Box<Socket<T>>) -> Option<Box<Socket<T>>> {
        let mut table = self.lock();
        if table.is_closed || table.parked >= self.max {
            drop(table);
            self.leave(name);
            return Some(socket);
        }
        table.parked += 1;
        let former = table.places.insert(name, Place::Here(socket));
        drop(table);
        if let Some(Place::Live(_, Some(waiting))) = former {
            waiting.link.wake();
        }
        None
    }

    /// The client of this name is on another connection.
    pub(super) fn claim(&self, name: Uuid, by: &Arc<Shared<T>>) -> Claim<T> {
        let mut table = self.lock();
        if let Some(Place::Live(on, waiting)) = table.places.get_mut(&name) {
            *waiting = Some(Arc::clone(by));
            let on = Arc::clone(on);
            drop(table);
            on.link.fail();
            return Claim::Soon;
        }
        drop(table);
        self.take(name).map_or(Claim::Unknown, Claim::Here)
    }

    /// The socket of this name, if it is parked; it is not any more.
    pub(super) fn take(&self, name: Uuid) -> Option<Box<Socket<T>>> {
        let mut table = self.lock();
        let is_here = |place: &Place<T>| matches!(place, Place::Here(_));
        let Place::Here(socket) =
            table.places.get(&name).is_some_and(is_here).then(|| table.places.remove(&name))??
        else {
            return None;
        };
        table.parked -= 1;
        Some(socket)
    }

    /// Nobody comes back any more.
    pub(super) fn close(&self) {
        let mut table = self.lock();
        table.is_closed = true;
        let places = std::mem::take(&mut table.places);
        // They leave the hub, which has locks of its own.
        drop(table);
        drop(places);
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        // Values are moved in and out under it, and nothing else.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
