//! The black-box tests: one binary that drives the real executable over real sockets.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test panics")]

mod harness;
mod proxy;
mod readers;
mod smoke;
mod streaming;
mod tap;
mod upstreams;
mod wire;
mod writers;
