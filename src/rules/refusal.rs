//! Why a client may not do something.

use crate::filter::FilterError;

/// Longer names are not repeated to the client.
const MAX_NAME: usize = 100;

/// The texts are for clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody may.
    #[error("operation not allowed: {0}")]
    Operation(&'static str),
    /// Which records are its business follows from a claim that it does not have.
    #[error("not allowed without the claim {0}")]
    Claim(String),
    /// It may not ask by this column.
    #[error("column not allowed: {0}")]
    Column(String),
    /// It may not ask by a name of which the server does not know that it is a column.
    #[error("column not allowed: {0} is not among the fields that the server lists")]
    Unlisted(String),
    /// It may not have the records of this relation inside of others.
    #[error("relation not allowed: {0} is not among the relations that the server lists")]
    Relation(String),
    /// It may not compare with an object, which could hold what is hidden.
    #[error(
        "a filter may only compare with texts that are no JSON, numbers, true, false, null and lists of them"
    )]
    Value,
    /// It may not say what this field is, or not this of it.
    #[error("field not allowed: {0}")]
    Forbidden(String),
    /// It must say what this field is.
    #[error("field required: {0}")]
    Required(String),
    /// What it sent cannot be looked through.
    #[error("the data must be an object, or for new records a list of objects")]
    Data,
    /// Its filter is none.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl Refusal {
    pub(super) fn column(name: &str) -> Self {
        Self::Column(name.chars().take(MAX_NAME).collect())
    }

    pub(crate) fn unlisted(name: &str) -> Self {
        Self::Unlisted(name.chars().take(MAX_NAME).collect())
    }

    pub(crate) fn relation(name: &str) -> Self {
        Self::Relation(name.chars().take(MAX_NAME).collect())
    }

    /// The field that it is about.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Forbidden(field) | Self::Required(field) => Some(field),
            Self::Operation(_)
            | Self::Claim(_)
            | Self::Column(_)
            | Self::Unlisted(_)
            | Self::Relation(_)
            | Self::Value
            | Self::Data
            | Self::Filter(_) => None,
        }
    }
}
