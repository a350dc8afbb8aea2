//! The wire protocols. A dialect is one file here and one line in [`DIALECTS`]; nothing else knows it.

mod canonical;
mod echo;
mod flarchitect;
mod listener;
#[cfg(test)]
#[path = "../../tests/transcripts/script.rs"]
mod script;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transcript_tests;

use std::fmt;
use std::sync::Arc;

use http::request;

use crate::message::{Encode, Message, Turn};

/// A wire protocol as one endpoint speaks it; shared by the endpoint's connections.
pub trait Dialect: Encode {
    /// Starts one connection. `request` is the head of its handshake; what is to be done and said at
    /// once goes into `turn`.
    fn open(&self, request: &request::Parts, turn: &mut Turn) -> Box<dyn Conversation>;
}

/// The state of one connection. No I/O and no clock.
pub trait Conversation: Send + fmt::Debug {
    /// Reads one message of the client.
    fn receive(&mut self, message: Message, turn: &mut Turn);
}

/// Makes a dialect.
pub type Constructor = fn() -> Arc<dyn Dialect>;

/// Every dialect, by the name it has in the config.
pub const DIALECTS: &[(&str, Constructor)] = &[
    ("flarchitect", || Arc::new(flarchitect::Flarchitect)),
    ("canonical", || Arc::new(canonical::Canonical)),
    ("echo", || Arc::new(echo::Echo)),
];

/// The dialect of that name.
pub fn find(name: &str) -> Option<(&'static str, Constructor)> {
    DIALECTS.iter().find(|(known, _)| *known == name).copied()
}
