//! Engine.IO 4 (`protocols.md`, section 4.1): connections that begin as HTTP requests, one after the other, or as a
//! WebSocket, go over from the one to the other, and carry one socket for each namespace.
//!
//! A connection is a [`Session`]: one task, with one [`Link`](super::link::Link) to which everybody writes as to a
//! plain WebSocket. While it is polled the link has no stream ([`Carrier::Polling`](carrier::Carrier)), so what is
//! written waits in the outbox, and each poll takes what waits. When the client has gone over to a WebSocket that
//! becomes the stream, and the outbox follows: nothing is lost, and nothing overtakes.

mod carrier;
mod lane;
mod mailbox;
mod parked;
mod payload;
mod polled;
mod probe;
mod recent;
mod session;
mod sessions;
mod shared;
#[cfg(test)]
mod tests;

pub use payload::{Packet, Payload, Unreadable, encode};
pub use polled::Polled;
pub use probe::Probe;
pub use session::Session;
pub use sessions::{Sessions, Visitor};
pub use shared::{Closed, Handle, Posting};
