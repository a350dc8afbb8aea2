//! What is told to a client that asked for something that cannot be: texts are all that there is, no codes.

use super::action::MAX_FILTER_BYTES;
use crate::filter::FilterError;
use crate::identity::Credential;
use crate::message::CloseReason;

/// Its text is the message (`protocols.md`, section 3.2); the last seven are of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("Invalid JSON format")]
    NotJson,
    #[error("Invalid JSON format")]
    NotAnObject,
    #[error("Unknown action: {0}")]
    UnknownAction(String),
    #[error("Collection name required for subscription")]
    NothingToSubscribe,
    #[error("Collection name required for unsubscription")]
    NothingToUnsubscribe,
    #[error("Authentication token required")]
    NoToken,
    #[error("Invalid or expired token")]
    BadToken,
    #[error("Authentication failed")]
    Unchecked,
    #[error("Authentication required")]
    Unauthenticated,
    #[error("Filter must be an object")]
    FilterIsNoObject,
    #[error("Filter too large (at most {MAX_FILTER_BYTES} bytes)")]
    LargeFilter,
    #[error("Invalid filter: {0}")]
    BadFilter(FilterError),
    #[error("Collection name too long")]
    LongName,
    #[error("Too many subscriptions (at most {0})")]
    TooManySubscriptions(usize),
    #[error("No snapshot: {0}")]
    NoSnapshot(&'static str),
    #[error("Rate limit exceeded")]
    TooFast,
}

impl Fault {
    /// What a credential lacks that names nobody, and why a connection ends that needed a good one.
    pub(super) fn of(credential: &Credential) -> (Self, CloseReason) {
        match credential {
            Credential::Unchecked => (Self::Unchecked, CloseReason::Unchecked),
            Credential::Expired => (Self::BadToken, CloseReason::Expired),
            Credential::Invalid | Credential::Missing | Credential::Valid(_) => {
                (Self::BadToken, CloseReason::InvalidToken)
            }
        }
    }
}
