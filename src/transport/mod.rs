//! Moves frames between a connection and its dialect. A transport is one file here.

mod backstage;
mod codec;
mod connection;
mod link;
#[cfg(test)]
mod tests;
mod websocket;

pub use backstage::{Backstage, Returning};
pub use link::Stream;
pub use websocket::{Expiry, Limits, WebSocket};
