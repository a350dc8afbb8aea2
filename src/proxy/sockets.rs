//! Sockets that listen, and how one process hands them to another: as pingora does it, by a Unix socket at which the one
//! that comes waits for the one that leaves.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd as _;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use pingora::server::{Fds, ListenFds};

/// Sockets that listen already: each is accepted from by the [`Listener`](super::Listener) of its address.
#[derive(Clone)]
pub struct Sockets(ListenFds);

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sockets").finish_non_exhaustive()
    }
}

impl Sockets {
    /// So many are handed over at most, as pingora has it.
    pub const MOST: usize = 32;
    /// Bytes of the path at which they are, which the system bounds.
    pub const LONGEST_PATH: usize = 100;

    /// Takes over sockets, which must not block, by the addresses that they were bound to.
    pub fn new(sockets: Vec<(SocketAddr, TcpListener)>) -> Self {
        let mut table = Fds::new();
        for (address, socket) in sockets {
            table.add(address.to_string(), socket.into_raw_fd());
        }
        Self(Arc::new(table.into()))
    }

    /// Those that another process [hands over](Self::hand_over) at `path`; waits some seconds for it, and blocks.
    ///
    /// # Errors
    /// Nobody comes, or there can be no socket at `path`.
    pub fn inherit(path: &str) -> Result<Self, String> {
        // pingora panics where it cannot listen.
        drop(std::fs::remove_file(path));
        UnixListener::bind(path).map_err(|error| format!("cannot listen on {path}: {error}"))?;
        let mut table = Fds::new();
        table.get_from_sock(path).map_err(|error| format!("nobody hands over sockets at {path}: {error}"))?;
        Ok(Self(Arc::new(table.into())))
    }

    /// Hands them to the process that [waits](Self::inherit) at `path`, or that does within some seconds; blocks. They
    /// listen here still.
    ///
    /// # Errors
    /// Nobody is there.
    pub fn hand_over(&self, path: &str) -> Result<(), String> {
        let table = self.0.lock();
        table.send_to_sock(path).map(drop).map_err(|error| format!("nobody takes sockets at {path}: {error}"))
    }

    /// Whether there is one of this address.
    pub fn has(&self, address: SocketAddr) -> bool {
        self.0.lock().get(&address.to_string()).is_some()
    }

    /// One more.
    pub fn add(&self, address: SocketAddr, socket: TcpListener) {
        self.0.lock().add(address.to_string(), socket.into_raw_fd());
    }

    /// Closes those of other addresses.
    pub fn keep(&self, addresses: &[SocketAddr]) {
        let keep: HashSet<String> = addresses.iter().map(SocketAddr::to_string).collect();
        self.0.lock().close_unclaimed(&keep);
    }

    pub(super) fn table(&self) -> ListenFds {
        Arc::clone(&self.0)
    }
}
