//! `[limits]`: how much of everything one client may have.

use super::reader::Section;
use super::up_to;
use crate::hub::Shares;
use crate::transport::Rate;

const MAX_CONNECTIONS: usize = 1 << 24;
const MAX_MESSAGES: usize = 1_000_000;

/// `[limits]`
#[derive(Debug, Clone, Copy)]
pub struct LimitsConfig {
    /// Connections.
    pub shares: Shares,
    /// Messages; `None`: any number.
    pub rate: Option<Rate>,
}

pub(super) fn limits(section: Section<'_>) -> LimitsConfig {
    let number = |key, most, default| section.read(key, |value| up_to(value, most)).unwrap_or(default);
    // None of them: no limit.
    let share = |key| Some(number(key, MAX_CONNECTIONS, 0)).filter(|share| *share > 0);
    let shares =
        Shares { per_address: share("connections_per_address"), per_user: share("connections_per_user") };
    let per_second = number("messages_per_second", MAX_MESSAGES, 100);
    let burst = number("message_burst", MAX_MESSAGES, 1000);
    if per_second > 0 && burst == 0 {
        section.report("message_burst", "expected at least 1: no message at all would be read");
    }
    section.finish();
    let whole = |number| u32::try_from(number).unwrap_or(u32::MAX);
    let rate = Rate { per_second: whole(per_second), burst: whole(burst) };
    LimitsConfig { shares, rate: (per_second > 0).then_some(rate) }
}
