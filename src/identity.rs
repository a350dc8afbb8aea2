//! Who a client is, and what it may read.

use crate::event::Audience;

/// Who a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Nobody in particular.
    Anonymous,
    /// Whoever can reach the admin port: may see everything.
    Operator,
}

impl Identity {
    /// Whether events for `audience` may be shown to it.
    pub fn may_read(self, audience: Audience) -> bool {
        match (audience, self) {
            (Audience::Everyone, _) | (_, Self::Operator) => true,
            (Audience::Authenticated, Self::Anonymous) => false,
        }
    }
}
