//! Why a client does not come in (`protocols.md`, section 4.2).

use crate::identity::{Credential, Identity};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Missing,
    Invalid,
    Expired,
    Unchecked,
    /// The token is good, and not for this namespace.
    Forbidden,
}

impl Refusal {
    /// Who a credential proves somebody to be.
    pub(super) fn of(credential: &Credential) -> Result<Identity, Self> {
        match credential {
            Credential::Valid(identity) => Ok(identity.clone()),
            Credential::Missing => Err(Self::Missing),
            Credential::Expired => Err(Self::Expired),
            Credential::Invalid => Err(Self::Invalid),
            Credential::Unchecked => Err(Self::Unchecked),
        }
    }

    /// For programs.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing_token",
            Self::Invalid => "invalid_token",
            Self::Expired => "expired_token",
            Self::Unchecked => "unavailable",
            Self::Forbidden => "forbidden",
        }
    }

    /// For people; `forbidden`: the namespace's own.
    pub(super) fn text(self, forbidden: &str) -> &str {
        match self {
            Self::Missing => "Authentication required",
            Self::Invalid | Self::Expired => "Invalid authentication",
            Self::Unchecked => "Connection failed",
            Self::Forbidden => forbidden,
        }
    }
}
