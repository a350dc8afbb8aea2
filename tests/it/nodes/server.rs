//! A real server between processes, which tests start, pause, kill and start again.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::harness::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Redis,
    Nats,
}

pub const KINDS: [Kind; 2] = [Kind::Redis, Kind::Nats];

pub struct Server {
    kind: Kind,
    address: SocketAddr,
    folder: Folder,
    process: Option<Process>,
}

impl Server {
    pub fn start(kind: Kind) -> Self {
        let mut server = Self::away(kind);
        server.come();
        server
    }

    /// One that does not run yet.
    pub fn away(kind: Kind) -> Self {
        Self { kind, address: free_address(), folder: Folder::new(), process: None }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// It starts, with what it has kept.
    pub fn come(&mut self) {
        let (port, folder) = (self.address.port().to_string(), self.folder.path());
        let mut command = match self.kind {
            Kind::Redis => {
                let mut command = Command::new("redis-server");
                // What it was told is on the disk before it says so.
                command.args([
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--appendonly",
                    "yes",
                    "--appendfsync",
                    "always",
                ]);
                command.arg("--dir").arg(folder).args(["--port", &port]);
                command
            }
            Kind::Nats => {
                let program = std::env::var_os("RESTCAST_TEST_NATS").unwrap_or_else(|| "nats-server".into());
                let mut command = Command::new(program);
                command.args(["-a", "127.0.0.1", "-js", "-p", &port, "-sd"]).arg(folder);
                command
            }
        };
        self.process = Some(Process::start(&mut command));
        eventually("the server takes connections", || TcpStream::connect(self.address).ok());
    }

    /// It is killed.
    pub fn go(&mut self) {
        self.process = None;
    }

    pub fn signal(&self, signal: &str) {
        self.process.as_ref().unwrap().signal(signal);
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines of a config.
    pub fn broker(&self) -> String {
        self.broker_at(self.address)
    }

    /// The same for who reaches it by another address.
    pub fn broker_at(&self, address: SocketAddr) -> String {
        let name = match self.kind {
            Kind::Redis => "redis",
            Kind::Nats => "nats",
        };
        format!("[broker]\nkind = \"{name}\"\nurl = \"{name}://{address}\"\n")
    }
}
