//! Who may not come in, where that is told behind the upgrade.

use super::{Conversation, Opening};
use crate::identity::Credential;
use crate::message::{CloseReason, Message, Now, Turn};

/// Why the client is closed at once; `None`: it comes in, with a token that is good or where none is needed.
pub(super) fn reason(opening: &Opening<'_>) -> Option<CloseReason> {
    match opening.credential {
        Credential::Valid(_) => None,
        Credential::Missing if !opening.required => None,
        Credential::Missing => Some(CloseReason::Unauthenticated),
        Credential::Expired => Some(CloseReason::Expired),
        Credential::Invalid => Some(CloseReason::InvalidToken),
        Credential::Unchecked => Some(CloseReason::Unchecked),
    }
}

/// Nothing more is said to it, and nothing it says is heard.
#[derive(Debug)]
pub(super) struct Refused;

impl Conversation for Refused {
    fn receive(&mut self, _: Message, _: Now, _: &mut Turn) {}
}
