//! Moves frames between a connection and its dialect. A transport is one file here.

mod ahead;
mod asking;
mod backstage;
mod bucket;
mod clock;
mod codec;
mod connection;
mod engine;
mod event_stream;
mod farewell;
mod held;
mod limits;
mod link;
mod newcomer;
mod party;
#[cfg(test)]
mod tests;
mod websocket;
mod wire;

pub use ahead::Ahead;
pub use backstage::{Backstage, Caller, Exceeded, Returning};
pub use bucket::Rate;
pub use engine::{
    Closed, Handle, Packet, Payload, Polled, Posting, Probe, Session, Sessions, Unreadable, Visitor, encode,
};
pub use limits::{Expiry, Limits};
pub use link::Stream;
pub use newcomer::Newcomer;
