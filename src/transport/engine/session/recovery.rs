//! A client that was away comes back to its sockets (`protocols.md`, section 4.1.3: `pid` and `offset`).

use tokio::time::Instant;
use uuid::Uuid;

use super::{Session, Socket};
use crate::dialect::Resume;
use crate::transport::link::Stream;
use crate::transport::wire::Wire as _;

impl<T: Stream> Session<T> {
    /// Keeps a socket whose connection has broken off; with the name by which its client may come back.
    pub(super) fn park(&mut self, socket: Socket<T>) -> Option<Uuid> {
        let Some(name) = socket.resume.filter(|_| socket.lane.park()) else {
            self.part(socket);
            return None;
        };
        if let Some(socket) = self.sessions.parked.keep(name, socket) {
            self.part(socket);
            return None;
        }
        Some(name)
    }

    /// The client goes on where it was; `false`: it begins anew.
    pub(super) fn resume(&mut self, number: usize, Resume { pid, last }: Resume) -> bool {
        let Some(mut socket) = self.sessions.parked.take(pid) else { return false };
        let is_over = socket.party.due().is_some_and(|due| due <= Instant::now());
        let is_its =
            socket.number == number && !is_over && !self.sockets.iter().any(|other| other.number == number);
        let missed = if is_its { socket.lane.come_back(&self.shared, last) } else { None };
        let Some(missed) = missed else {
            self.part(socket);
            return false;
        };
        socket.party.resume();
        socket.lane.catch_up(&missed);
        socket.lane.release();
        self.left.retain(|left| *left != number);
        self.lonely = None;
        self.sockets.push(socket);
        self.follow();
        true
    }
}
