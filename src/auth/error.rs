//! Why a token is refused.

/// See the module's documentation. None of them holds a piece of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub enum TokenError {
    /// There is none, and there must be one.
    Missing,
    /// It is no JWT.
    Malformed,
    /// Its header names an algorithm that is not configured, `none` among them.
    Algorithm,
    /// It was signed with another key, or changed since.
    Signature,
    /// It was signed with a key that its issuer does not publish.
    UnknownKey,
    /// Nothing can be said: the keys that its issuer publishes could not be fetched.
    NoKeys,
    /// Nobody that is configured issued it.
    Issuer,
    /// It is meant for others.
    Audience,
    /// Its `exp` is over.
    Expired,
    /// It has no `exp`, or one that is no number.
    NoExpiry,
    /// Its `nbf` is to come, or no number.
    NotYetValid,
    /// It is for getting other tokens, and lives longer than its bearer's access should.
    Refresh,
    /// The claim of the user is not there, empty, or neither a text nor a whole number.
    NoUser,
}

impl TokenError {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Missing,
        Self::Malformed,
        Self::Algorithm,
        Self::Signature,
        Self::UnknownKey,
        Self::NoKeys,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::NoExpiry,
        Self::NotYetValid,
        Self::Refresh,
        Self::NoUser,
    ];

    /// Its place in [`ALL`](Self::ALL), by which it is counted.
    pub fn number(self) -> usize {
        self as usize
    }

    /// It may be a good one: other keys could prove it.
    pub fn is_for_want_of_keys(self) -> bool {
        matches!(self, Self::UnknownKey | Self::NoKeys)
    }

    /// The `reason` label of `restcast_auth_failures_total`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::UnknownKey => "unknown_key",
            Self::NoKeys => "keys",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NoExpiry => "no_expiry",
            Self::NotYetValid => "not_yet_valid",
            Self::Refresh => "refresh",
            Self::NoUser => "no_user",
        }
    }

    /// One sentence without a full stop.
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "a token is needed",
            Self::Malformed => {
                "not a token: three parts in base64url with JSON in the first two are expected"
            }
            Self::Algorithm => "the token's algorithm is not allowed",
            Self::Signature => "the token's signature is wrong",
            Self::UnknownKey => "none of the keys that its issuer publishes fits the token",
            Self::NoKeys => "the keys that the token's issuer publishes are not available",
            Self::Issuer => "the token's issuer is not the one expected",
            Self::Audience => "the token's audience is not the one expected",
            Self::Expired => "the token has expired",
            Self::NoExpiry => "the token does not say when it expires",
            Self::NotYetValid => "the token is not valid yet",
            Self::Refresh => "the token is a refresh token: an access token is needed",
            Self::NoUser => "the token names no user",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_at_its_own_place() {
        for (number, error) in TokenError::ALL.into_iter().enumerate() {
            assert_eq!(error.number(), number, "{error:?}");
        }
    }
}
