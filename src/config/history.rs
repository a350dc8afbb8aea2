//! `[history]`: what is kept for readers that were away.

use std::time::Duration;

use super::reader::Section;
use super::setting::Bytes;
use super::{MIB, up_to};
use crate::hub::HistoryLimits;

const MAX_EVENTS: usize = 1 << 20;

/// `[history]`
#[derive(Debug, Clone, Copy)]
pub struct HistoryConfig {
    /// How much is kept.
    pub limits: HistoryLimits,
    /// Answers to GETs say the position from which what they show may be followed.
    pub header: bool,
}

pub(super) fn history(section: Section<'_>) -> HistoryConfig {
    let Bytes(bytes) = section.get("bytes", Bytes(64 * MIB));
    let limits = HistoryLimits {
        size: section.read("size", |value| up_to(value, MAX_EVENTS)).unwrap_or(1000),
        bytes,
        age: section.get("age", Duration::from_mins(10)),
    };
    let config = HistoryConfig { limits, header: section.get("header", true) };
    section.finish();
    config
}
