//! Sockets whose connection broke off: they stay in the hub, and what comes for them is kept, until their client comes
//! back or its time is over. Bounded as connections are; where there is no room, the client begins anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::session::Socket;
use crate::transport::link::Stream;

/// See the module's documentation.
pub(super) struct Parked<T> {
    max: usize,
    table: Mutex<Table<T>>,
}

struct Table<T> {
    sockets: HashMap<Uuid, Socket<T>>,
    is_closed: bool,
}

impl<T: Stream> Parked<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, table: Mutex::new(Table { sockets: HashMap::new(), is_closed: false }) }
    }

    /// Keeps a socket under this name; gives it back where there is no room, or the process stops.
    #[must_use]
    pub(super) fn keep(&self, name: Uuid, socket: Socket<T>) -> Option<Socket<T>> {
        let mut table = self.lock();
        if table.is_closed || table.sockets.len() >= self.max {
            return Some(socket);
        }
        table.sockets.insert(name, socket)
    }

    /// The socket of this name, which is not here any more.
    pub(super) fn take(&self, name: Uuid) -> Option<Socket<T>> {
        self.lock().sockets.remove(&name)
    }

    /// Nobody comes back any more.
    pub(super) fn close(&self) {
        let mut table = self.lock();
        table.is_closed = true;
        let sockets = std::mem::take(&mut table.sockets);
        // They leave the hub, which has locks of its own.
        drop(table);
        drop(sockets);
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        // Values are moved in and out under it, and nothing else.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
