//! The black-box tests: one binary that drives the real executable over real sockets.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test panics"
)]

mod clients;
mod flarchitect;
mod flask;
mod frames;
mod handshake;
mod harness;
mod live_page;
mod proxy;
mod readers;
mod rfc6455;
#[path = "../transcripts/script.rs"]
mod script;
mod smoke;
mod streaming;
mod tap;
mod tools;
mod transcripts;
mod upstreams;
mod wire;
mod writers;
