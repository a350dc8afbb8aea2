//! What is asked, and what is said to it.

use std::sync::Arc;
use std::time::Duration;

use super::Credentials;

/// How much may be asked, and for how long an answer holds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long an answer holds while the record does not change.
    pub ttl: Duration,
    /// Questions asked at the same time.
    pub at_once: usize,
    /// Of these, by one credential.
    pub at_once_each: usize,
    /// Questions that wait to be asked.
    pub waiting: usize,
    /// Of these, by one credential.
    pub waiting_each: usize,
    /// Events that wait for one question.
    pub waiters: usize,
    /// Bytes of all events that wait. Whoever holds the events counts them.
    pub bytes: usize,
    /// A question that has waited for so long is not asked any more.
    pub patience: Duration,
    /// Answers that are remembered; twice as many at most. As many records that readers have loaded.
    pub remembered: usize,
}

/// What a GET says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The record may be seen.
    Seen,
    /// It may not, or is not there.
    Hidden,
    /// Nobody knows: the backend failed, or said something else.
    Unclear,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Seen, Self::Hidden, Self::Unclear];

    /// Lower-case name; the `answer` label of `restcast_access_questions_total`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Hidden => "hidden",
            Self::Unclear => "unclear",
        }
    }

    /// What an answer of this status says.
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Seen,
            401 | 403 | 404 | 410 => Self::Hidden,
            _ => Self::Unclear,
        }
    }
}

/// What is to be done for one who waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the record may be seen.
    pub answer: Answer,
    /// Whether it could be seen before.
    pub before: bool,
    /// The record has changed again meanwhile: the answer may be about what it is now.
    pub superseded: bool,
}

/// What an event did to the record that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It may be another now: what was known of it counts no more.
    Changed,
    /// It was read.
    Unchanged,
    /// It is gone: there is nothing to ask.
    Deleted,
}

/// What one credential wants to know for one event.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Who.
    pub who: Arc<Credentials>,
    /// The path of the record.
    pub record: Arc<str>,
    /// The event's position: an answer must be later.
    pub position: u64,
    /// What the event did.
    pub change: Change,
    /// An answer that is remembered is not enough: what a GET returns is wanted.
    pub fresh: bool,
}

/// What became of an [`Asking`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The answer is known.
    Known(Verdict),
    /// It will be told.
    Waits,
    /// Too much is asked already, or too many wait for this.
    Full,
}

/// A question that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub(super) u128);

/// A question for the backend.
#[derive(Debug, Clone)]
pub struct Question {
    /// To be named with the answer.
    pub ticket: Ticket,
    /// Who asks.
    pub who: Arc<Credentials>,
    /// The path to GET.
    pub record: Arc<str>,
}

/// What is to be done now.
#[derive(Debug)]
pub struct Due<W> {
    /// To be asked, each of them, and answered with [`Access::returned`](super::Access::returned), whatever happens.
    pub ask: Vec<Question>,
    /// They have waited for too long.
    pub late: Vec<(W, Verdict)>,
}
