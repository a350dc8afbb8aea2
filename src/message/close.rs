//! Why connections end.

use std::borrow::Cow;

use crate::event::Position;

/// Why restcast closes a connection (`protocols.md`, section 6.4; RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Nothing is wrong with the client; reconnect.
    GoingAway,
    /// The process stops; reconnect, and go on behind this position, up to where everything was sent.
    Restart(Position),
    /// The client broke the WebSocket protocol.
    Protocol,
    /// A text message or a close reason was not UTF-8.
    NotUtf8,
    /// A message was larger than the endpoint's `max_message`.
    TooBig,
    /// The reader's queue is full; reconnect and reload.
    Overflow,
    /// Events were lost before they reached the hub; reconnect and reload.
    Lagging,
    /// Two PINGs stayed unanswered.
    Silent,
    /// The token that said who the reader is has expired.
    Expired,
    /// A token is needed, and there was none that names a user.
    Unauthenticated,
    /// The token proves nothing.
    InvalidToken,
    /// The application does not want it.
    Refused,
    /// What could check the token cannot be asked.
    Unchecked,
    /// The dialect's own sign of life stayed away.
    Heartbeat,
    /// The client goes on sending more than it may.
    RateLimit,
    /// The user has as many connections as one may have.
    TooMany,
    /// Somebody on the admin port ended it.
    Ended,
    /// What a webhook asked for: a code that applications may choose (3000 to 4999), or 1000.
    Application(u16),
}

impl CloseReason {
    /// The status code of the close frame.
    pub fn code(self) -> u16 {
        match self {
            Self::GoingAway | Self::Silent => 1001,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::Expired
            | Self::Unauthenticated
            | Self::InvalidToken
            | Self::Refused
            | Self::Heartbeat
            | Self::RateLimit
            | Self::TooMany
            | Self::Ended => 1008,
            Self::TooBig => 1009,
            // Not 1001: some clients take that for the end that was meant, and do not come back.
            Self::Restart(_) => 1012,
            Self::Unchecked => 1011,
            Self::Overflow | Self::Lagging => 1013,
            Self::Application(code) => code,
        }
    }

    /// The text of the close frame; at most 123 bytes.
    pub fn text(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Restart(position) if position.is_told() => {
                return Cow::Owned(format!("service restart; since={position}"));
            }
            Self::Restart(_) => "service restart",
            Self::GoingAway => "going away",
            Self::Protocol => "protocol error",
            Self::NotUtf8 => "not utf-8",
            Self::TooBig => "message too big",
            Self::Overflow => "reader too slow",
            Self::Lagging => "events lost",
            Self::Silent => "no pong",
            Self::Expired => "Token expired",
            Self::Unauthenticated => "Authentication required",
            Self::InvalidToken => "Invalid token",
            Self::Refused => "Connection refused",
            Self::Unchecked => "Internal server error during authentication",
            Self::Heartbeat => "Heartbeat timeout",
            Self::RateLimit => "Rate limit exceeded",
            Self::TooMany => "Too many connections",
            Self::Ended => "Ended by an operator",
            Self::Application(_) => "",
        })
    }
}
