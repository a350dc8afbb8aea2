//! `[calls]`: requests that clients send over a socket, on their way to the backend.

use std::time::Duration;

use super::reader::Section;
use super::setting::Bytes;
use super::{KIB, from_one};

/// Many clients take no frame of more than 1 MiB: with what is around it, and an id of 64 KiB, it fits.
const DEFAULT_ANSWER: Bytes = Bytes(950 * KIB);

/// `[calls]`
#[derive(Debug, Clone, Copy)]
pub struct CallsConfig {
    /// Requests under way.
    pub at_once: usize,
    /// Requests that wait for a place.
    pub waiting: usize,
    /// For one request, from its first wait to the end of its answer.
    pub timeout: Duration,
    /// Bytes of an answer.
    pub max_answer: usize,
}

pub(super) fn calls(section: Section<'_>) -> CallsConfig {
    let number = |key, default| section.read(key, |value| from_one(value, 1 << 20)).unwrap_or(default);
    let Bytes(max_answer) = section.get("max_answer", DEFAULT_ANSWER);
    let config = CallsConfig {
        at_once: number("at_once", 1024),
        waiting: number("waiting", 4096),
        timeout: section.get("timeout", Duration::from_secs(30)),
        max_answer,
    };
    section.finish();
    config
}
