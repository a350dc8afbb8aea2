//! Sockets whose clients may come back: where they are, and those whose connection broke off. These stay in the hub,
//! and what comes for them is kept, until their client is back or its time is over. Bounded as connections are; where
//! there is no room, the client begins anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
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
    /// Kept; whoever ends its time hears when it is taken before.
    Here(Box<Socket<T>>, oneshot::Sender<()>),
}

/// A socket that is kept, as whoever ends its time knows it.
#[derive(Debug)]
pub(super) struct Stay {
    name: Uuid,
    /// Ends when the socket is taken.
    pub(super) taken: oneshot::Receiver<()>,
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
            Some(Place::Here(..) | Place::Live(_, None)) | None => {}
        }
    }

    /// Keeps a socket of this name.
    ///
    /// # Errors
    /// The same socket: there is no room, or the process stops.
    pub(super) fn keep(&self, name: Uuid, socket: Box<Socket<T>>) -> Result<Stay, Box<Socket<T>>> {
        let mut table = self.lock();
        if table.is_closed || table.parked >= self.max {
            drop(table);
            self.leave(name);
            return Err(socket);
        }
        table.parked += 1;
        let (here, taken) = oneshot::channel();
        let former = table.places.insert(name, Place::Here(socket, here));
        drop(table);
        if let Some(Place::Live(_, Some(waiting))) = former {
            waiting.link.wake();
        }
        Ok(Stay { name, taken })
    }

    /// The client of this name is on another connection. Whoever claimed it before, and is not there any more,
    /// begins anew.
    pub(super) fn claim(&self, name: Uuid, by: &Arc<Shared<T>>) -> Claim<T> {
        let mut table = self.lock();
        match table.places.get_mut(&name) {
            // It is there itself.
            Some(Place::Live(on, _)) if Arc::ptr_eq(on, by) => Claim::Unknown,
            Some(Place::Live(on, waiting)) => {
                let (on, former) = (Arc::clone(on), waiting.replace(Arc::clone(by)));
                drop(table);
                on.link.fail();
                if let Some(former) = former {
                    former.link.wake();
                }
                Claim::Soon
            }
            Some(Place::Here(..)) | None => {
                take(&mut table, name, |_| true).map_or(Claim::Unknown, Claim::Here)
            }
        }
    }

    /// The same for whoever has claimed it, and is awake.
    pub(super) fn look(&self, name: Uuid, by: &Arc<Shared<T>>) -> Claim<T> {
        let mut table = self.lock();
        match table.places.get(&name) {
            Some(Place::Live(_, Some(waiting))) if Arc::ptr_eq(waiting, by) => Claim::Soon,
            Some(Place::Live(..)) => Claim::Unknown,
            Some(Place::Here(..)) | None => {
                take(&mut table, name, |_| true).map_or(Claim::Unknown, Claim::Here)
            }
        }
    }

    /// The socket, if it has not been taken meanwhile: its time is over.
    pub(super) fn give_up(&self, mut stay: Stay) -> Option<Box<Socket<T>>> {
        stay.taken.close();
        // Not one that was away a second time, whose time is another.
        take(&mut self.lock(), stay.name, oneshot::Sender::is_closed)
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

/// The socket of this name, if it is kept and this holds; it is not kept any more.
fn take<T>(
    table: &mut Table<T>,
    name: Uuid,
    holds: impl FnOnce(&oneshot::Sender<()>) -> bool,
) -> Option<Box<Socket<T>>> {
    let Some(Place::Here(_, here)) = table.places.get(&name) else { return None };
    if !holds(here) {
        return None;
    }
    let Some(Place::Here(socket, _)) = table.places.remove(&name) else { return None };
    table.parked -= 1;
    Some(socket)
}
