//! Moves frames between a connection and its dialect. A transport is one file here.

mod link;
#[cfg(test)]
mod tests;
mod websocket;

pub use link::Stream;
pub use websocket::{Limits, WebSocket};
