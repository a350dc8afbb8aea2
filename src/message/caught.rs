//! What became of subscriptions.

use std::fmt;

use super::Frame;
use crate::event::Position;

/// What became of subscriptions: the hub's answer to the commands of a turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caught {
    /// From here on nothing is missed; `None`: positions are not told.
    pub position: Option<Position>,
    /// Where the client said what it [got last](super::Turn::since): it gets what it missed, or it is not known what that is.
    pub recovered: Option<Result<(), Loss>>,
}

/// Why what a client missed is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Offsets began anew since then.
    UnknownEpoch,
    /// Too much has come since then, or too long ago.
    Expired,
    /// What it says it has got has not come yet.
    Ahead,
}

/// Which of the events that it missed a client gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pick {
    /// Each.
    #[default]
    All,
    /// Of those that wrote one record the last: whoever has it needs no other. All that are something else.
    Latest,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::UnknownEpoch, Self::Expired, Self::Ahead];

    /// Lower-case name; the `outcome` label of `restcast_recoveries_total`.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownEpoch => "unknown_epoch",
            Self::Expired => "expired",
            Self::Ahead => "ahead",
        }
    }

    /// For clients.
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnknownEpoch => "unknown epoch",
            Self::Expired => "expired",
            Self::Ahead => "ahead",
        }
    }
}

impl Caught {
    /// As further members of a JSON object, each with a comma before it.
    pub fn members(&self) -> String {
        let position = self.position.map(Position::member).unwrap_or_default();
        match self.recovered {
            None => position,
            Some(Ok(())) => format!(r#"{position},"recovered":true"#),
            Some(Err(loss)) => format!(r#"{position},"recovered":false,"reason":"{}""#, loss.reason()),
        }
    }
}

/// The answer to the commands of a turn: made when they are done, of what became of them.
pub struct Ack(Box<dyn FnOnce(&Caught) -> Frame + Send>);

impl Ack {
    /// `make` puts the [members](Caught::members) where clients look for them.
    pub fn new(make: impl FnOnce(&Caught) -> Frame + Send + 'static) -> Self {
        Self(Box::new(make))
    }

    /// The words to the client.
    pub fn frame(self, caught: &Caught) -> Frame {
        (self.0)(caught)
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ack").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Epoch;

    #[test]
    fn what_became_of_a_subscription_is_said_in_members_of_an_object() {
        let position = Some(Position { epoch: Epoch::new(1), offset: 7 });
        let at = r#","position":"0000000000000001.7""#;
        let rows = [
            (None, None, String::new()),
            (position, None, at.to_owned()),
            (position, Some(Ok(())), format!(r#"{at},"recovered":true"#)),
            (position, Some(Err(Loss::Ahead)), format!(r#"{at},"recovered":false,"reason":"ahead""#)),
            (None, Some(Err(Loss::Expired)), r#","recovered":false,"reason":"expired""#.to_owned()),
        ];
        for (position, recovered, members) in rows {
            assert_eq!(Caught { position, recovered }.members(), members);
        }
    }
}
