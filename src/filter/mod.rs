//! Which events of a topic a reader wants: read once from what the client sent, then held against records
//! without allocating anything.
//!
//! There are two forms (`protocols.md`, sections 3.4 and 5.4): a map of fields that must be equal as Python
//! has it, and a list of conditions with operators as SQL has them. Both become a conjunction of groups, in
//! each of which one condition must hold.
//!
//! A filter sees of a record what its reader may be shown, and nothing else.
//!
//! To find the filters that a record may match among many, see [`Filter::keys`].

mod condition;
mod error;
mod key;
mod number;
mod pattern;
mod read;
mod reader;
mod record;
#[cfg(test)]
mod tests;
mod value;

pub use error::FilterError;
pub use key::Key;
pub use pattern::MAX_PATTERN;
pub use record::Record;

use crate::event::Json;

/// Bytes of a filter's JSON text.
pub const MAX_BYTES: usize = 16 * 1024;
/// Conditions of one filter.
pub const MAX_CONDITIONS: usize = 64;
/// Lists and objects inside each other, in one value of a filter.
pub const MAX_DEPTH: usize = 8;
/// Keys of one group; with more, the group is none to look a filter up by.
pub const MAX_KEYS: usize = 64;

/// What a filter says of a record of which only the id is known: a deleted one, or one that the event does
/// not hold. A filter that asks for nothing but the id is held against it in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unknown {
    /// The record is `{"id": …}`, so that every other field counts as null (`protocols.md`, section 3.4).
    #[default]
    Judge,
    /// It is wanted, so that the client can take it off its list (`protocols.md`, section 5.4).
    Deliver,
    /// It is not wanted.
    Drop,
}

/// Says of each record whether a reader wants it.
#[derive(Debug)]
pub struct Filter {
    groups: Vec<read::Group>,
    unknown: Unknown,
}

impl Filter {
    /// Reads a map of fields and the values that they must have. `null` and `{}` are no filter.
    ///
    /// # Errors
    /// [`FilterError`], among them [`FilterError::NotAnObject`].
    pub fn from_map(json: &Json, unknown: Unknown) -> Result<Option<Self>, FilterError> {
        read::map(json).map(|groups| Self::of(groups, unknown))
    }

    /// Reads a list of conditions. `null` and `[]` are no filter.
    ///
    /// # Errors
    /// [`FilterError`], among them [`FilterError::UnknownOperator`].
    pub fn from_list(json: &Json, unknown: Unknown) -> Result<Option<Self>, FilterError> {
        read::list(json).map(|groups| Self::of(groups, unknown))
    }

    fn of(groups: Vec<read::Group>, unknown: Unknown) -> Option<Self> {
        (!groups.is_empty()).then_some(Self { groups, unknown })
    }

    /// Whether the reader wants this record. Allocates nothing; the time is that of one look at each
    /// condition's field, for patterns at each of its characters.
    pub fn matches(&self, record: &Record<'_>) -> bool {
        if !record.is_known() && self.takes_unknown() {
            return true;
        }
        if !record.is_known() && self.unknown == Unknown::Drop && !self.is_about_id() {
            return false;
        }
        self.groups.iter().all(|group| group.iter().any(|condition| condition.holds(record)))
    }

    /// It matches every record that is not known, whatever the record's [keys](Record::keys).
    pub fn takes_unknown(&self) -> bool {
        self.unknown == Unknown::Deliver && !self.is_about_id()
    }

    /// The ways to look it up. If a known record matches, then of *each* of these lists it
    /// [has](Record::keys) at least one key; so does one that is not known, unless the filter
    /// [takes](Self::takes_unknown) all of these. An empty list: nothing matches. No list: every record may.
    pub fn keys(&self) -> Vec<Vec<Key>> {
        let keys = |group: &read::Group| -> Option<Vec<Key>> {
            let keys: Option<Vec<Vec<Key>>> = group.iter().map(condition::Condition::keys).collect();
            let mut keys = keys?.concat();
            keys.sort_unstable();
            keys.dedup();
            (keys.len() <= MAX_KEYS).then_some(keys)
        };
        self.groups.iter().filter_map(keys).collect()
    }

    fn is_about_id(&self) -> bool {
        self.groups.iter().flatten().all(condition::Condition::is_about_id)
    }
}
