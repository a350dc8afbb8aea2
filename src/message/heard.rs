//! What became of what clients sent by a name.

/// An event of a client has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Its number among those that the dialect knows by name; `None`: another one.
    pub event: Option<usize>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an event of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// What it asked for.
    Done,
    /// The client may not ask for it, or did not say what is needed.
    Refused,
    /// The backend or the webhook failed.
    Failed,
    /// Nobody knows it.
    Unknown,
    /// It came too fast.
    Dropped,
}

impl Fate {
    /// All of them, by number.
    pub const ALL: [Self; 5] = [Self::Done, Self::Refused, Self::Failed, Self::Unknown, Self::Dropped];

    /// As it is counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Dropped => "dropped",
        }
    }
}
