//! The black-box tests: one binary that drives the real executable over real sockets.
#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a failed test panics"
)]
#![expect(clippy::format_push_string, clippy::wildcard_enum_match_arm, reason = "short beats fast here")]
#![expect(clippy::disallowed_methods, reason = "deadlines need a clock")]
#![expect(clippy::float_cmp, reason = "metrics that count are whole numbers")]

mod access;
mod architecture;
mod cli;
mod clients;
mod concurrent;
mod deploy;
mod deploys;
mod early;
mod fastcms;
mod fastcms_pages;
mod filters;
mod flarchitect;
mod flask;
mod frames;
mod fuzz;
mod handshake;
mod harness;
mod history;
mod http;
mod jwks;
mod lifecycle;
mod limits;
mod live_page;
mod mdb_engine;
mod mdb_webhook;
#[expect(dead_code, reason = "shared with the conformance suite")]
mod message;
mod models;
mod nodes;
mod onlookers;
mod openapi;
mod origin;
mod outbound;
mod pages;
mod proxy;
mod publish;
mod query;
mod readers;
mod readme;
mod reasons;
mod rfc6455;
#[path = "../transcripts/script.rs"]
mod script;
mod shares;
mod smoke;
mod snapshots;
mod soak;
mod socketio;
mod socketio_system;
mod sse;
mod stopping;
mod streaming;
mod tap;
mod tls;
mod tools;
mod trailers;
mod transcripts;
mod upstreams;
mod users;
mod visibility;
mod websocketspec;
mod wire;
mod writers;
