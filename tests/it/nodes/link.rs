//! The network between a node and its broker, which tests cut.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// How often a direction looks what has become of the network.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Bytes pass.
    Whole,
    /// Connections are reset, and so is each that is tried.
    Cut,
    /// Bytes are taken and stay on their way. When it is whole again they arrive, late, also those of connections that
    /// were given up meanwhile.
    Hole,
}

const STATES: [State; 3] = [State::Whole, State::Cut, State::Hole];

/// It ends with its test's process.
pub struct Link {
    pub address: SocketAddr,
    state: Arc<AtomicU8>,
}

impl Link {
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::new(AtomicU8::new(0)));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || carry(&client, server, &state));
            }
        });
        Self { address, state }
    }

    pub fn set(&self, state: State) {
        self.state.store(state as u8, Ordering::SeqCst);
    }
}

fn now(state: &AtomicU8) -> State {
    STATES[usize::from(state.load(Ordering::SeqCst))]
}

/// Both directions of a connection, which ends where one of them does.
fn carry(client: &TcpStream, server: SocketAddr, state: &AtomicU8) {
    let reset = |stream: &TcpStream| drop(SockRef::from(stream).set_linger(Some(Duration::ZERO)));
    while now(state) == State::Hole {
        thread::park_timeout(LOOK);
    }
    if now(state) == State::Cut {
        return reset(client);
    }
    let Ok(server) = TcpStream::connect(server) else { return reset(client) };
    let was_cut = thread::scope(|scope| {
        let there = scope.spawn(|| pump(client, &server, state));
        let back = pump(&server, client, state);
        there.join().unwrap() || back
    });
    if was_cut {
        reset(client);
        reset(&server);
    }
}

/// Returns whether it was cut.
fn pump(mut from: &TcpStream, mut to: &TcpStream, state: &AtomicU8) -> bool {
    from.set_read_timeout(Some(LOOK)).unwrap();
    let mut bytes = [0; 16 * 1024];
    loop {
        let read = match from.read(&mut bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            read => Some(read.unwrap_or(0)),
        };
        while now(state) == State::Hole {
            thread::park_timeout(LOOK);
        }
        if now(state) == State::Cut {
            return true;
        }
        match read {
            None => {}
            Some(0) => break,
            Some(read) if to.write_all(&bytes[..read]).is_ok() => {}
            Some(_) => break,
        }
    }
    drop(to.shutdown(Shutdown::Write));
    false
}
