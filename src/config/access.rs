//! `[access]`: how the backend is asked what readers may see, for routes with `visibility = "upstream"`.

use std::time::Duration;

use super::reader::Section;
use super::setting::Bytes;
use super::{MIB, from_one};
use crate::access::Limits;
use crate::route::{Route, Routes, Visibility};

/// Events that wait for one answer. Readers are closed before so many wait for them (`queue_frames`), unless they
/// come and go.
const WAITERS: usize = 1024;

/// `[access]`
#[derive(Debug)]
pub struct AccessConfig {
    /// How much is asked, and for how long an answer holds.
    pub limits: Limits,
    /// For one question.
    pub timeout: Duration,
}

pub(super) fn access(section: Section<'_>) -> AccessConfig {
    let number = |key, default| section.read(key, |value| from_one(value, 1 << 20)).unwrap_or(default);
    let timeout = section.get("timeout", Duration::from_secs(5));
    let Bytes(bytes) = section.get("waiting_bytes", Bytes(64 * MIB));
    let limits = Limits {
        ttl: section.get("ttl", Duration::from_secs(30)),
        at_once: number("at_once", 64),
        at_once_each: number("at_once_per_reader", 8),
        waiting: number("waiting", 10_000),
        waiting_each: number("waiting_per_reader", 256),
        waiters: WAITERS,
        bytes,
        patience: timeout,
        remembered: number("remembered", 32_768),
    };
    section.finish();
    AccessConfig { limits, timeout }
}

/// Routes whose events nobody can get, since nothing says where to ask for their records.
pub(super) fn unreachable(routes: &Routes) -> impl Iterator<Item = String> {
    let is_asked = |route: &Route| matches!(route.visibility, Visibility::Upstream(_));
    let lost = routes.iter().filter(move |route| is_asked(route) && !routes.has_item_path(route));
    lost.map(|route| {
        format!(
            "route {} shows its events to whom the backend shows the record, and no route of its model has a path \
             that ends with the id and has no other parameters than its own: nobody gets them",
            route.path
        )
    })
}
