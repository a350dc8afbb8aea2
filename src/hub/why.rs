//! Why a reader does not get an event, or a part of one, that the backend decides on.

/// See the module's documentation; the `reason` label of `restcast_access_withheld_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It may not see the record, and could not before.
    Hidden,
    /// The backend failed, or did not answer in time, or said something else.
    Unclear,
    /// Too much was asked already.
    Full,
    /// Nobody knows where the record is.
    NoPath,
    /// It is somebody else by now.
    Changed,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Hidden, Self::Unclear, Self::Full, Self::NoPath, Self::Changed];

    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Unclear => "unclear",
            Self::Full => "full",
            Self::NoPath => "no_path",
            Self::Changed => "changed",
        }
    }
}
