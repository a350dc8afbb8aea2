//! The black-box tests: one binary that drives the real executable over real sockets.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test panics"
)]

#[path = "../transcripts/script.rs"]

mod frames;
mod handshake;
mod harness;
mod proxy;
mod readers;
mod rfc6455;
mod script;
mod smoke;
mod streaming;
mod tap;
mod transcripts;
mod upstreams;
mod wire;
mod writers;
