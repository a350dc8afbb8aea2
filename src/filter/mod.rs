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
pub use record::{Known, Record};

use crate::event::Json;

/// Bytes of a filter's JSON text.
pub const MAX_BYTES: usize = 16 * 1024;
/// Conditions of one filter.
pub const MAX_CONDITIONS: usize = 64;
/// Values in the list of one `in`: each record is held against all of them.
pub const MAX_VALUES: usize = 1000;
/// Lists and objects inside each other, in one value of a filter.
pub const MAX_DEPTH: usize = 8;
/// Keys of one group; with more, the group is none to look a filter up by.
pub const MAX_KEYS: usize = 64;

/// What a filter that asks for more than the id says of a deleted record, of which only the id is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deletes {
    /// The record is `{"id": …}`, so that every other field counts as null (`protocols.md`, section 3.4).
    #[default]
    Judge,
    /// It is wanted, so that the client can take it off its list (`protocols.md`, section 5.4).
    Deliver,
    /// It is not wanted.
    Drop,
    /// It is not wanted, and neither is a record that was changed and is not shown: the filter says what its
    /// reader may hear of, so that a record must be known to match. A field that is missing is not known.
    Prove,
}

/// Says of each record whether a reader wants it.
#[derive(Debug, PartialEq, Eq)]
pub struct Filter {
    groups: Vec<read::Group>,
    deletes: Deletes,
}

impl Filter {
    /// Reads a map of fields and the values that they must have. `null` and `{}` are no filter.
    ///
    /// # Errors
    /// [`FilterError`], among them [`FilterError::NotAnObject`].
    pub fn from_map(json: &Json, deletes: Deletes) -> Result<Option<Self>, FilterError> {
        read::map(json).map(|groups| Self::of(groups, deletes))
    }

    /// Reads a list of conditions. `null` and `[]` are no filter.
    ///
    /// # Errors
    /// [`FilterError`], among them [`FilterError::UnknownOperator`].
    pub fn from_list(json: &Json, deletes: Deletes) -> Result<Option<Self>, FilterError> {
        read::list(json).map(|groups| Self::of(groups, deletes))
    }

    fn of(groups: Vec<read::Group>, deletes: Deletes) -> Option<Self> {
        (!groups.is_empty()).then_some(Self { groups, deletes })
    }

    /// Whether the reader wants this record. Allocates nothing; the time is that of one look at each
    /// condition's field, for patterns at each of its characters.
    pub fn matches(&self, record: &Record<'_>) -> bool {
        let known = record.known();
        self.takes_each(known)
            || (!self.drops_each(known)
                && self
                    .groups
                    .iter()
                    .all(|group| group.iter().any(|condition| self.holds(condition, record))))
    }

    fn holds(&self, condition: &condition::Condition, record: &Record<'_>) -> bool {
        let is_known = self.deletes != Deletes::Prove || condition.is_told_by(record);
        is_known && condition.holds(record)
    }

    /// Every record of which that much is known matches, whatever its [keys](Record::keys). One that is still
    /// there but not shown may be what the reader wants, so it is told of it.
    pub fn takes_each(&self, known: Known) -> bool {
        let takes = match known {
            Known::Fields => false,
            Known::Changed => self.deletes != Deletes::Prove,
            Known::Deleted => self.deletes == Deletes::Deliver,
        };
        takes && !self.is_about_id()
    }

    fn drops_each(&self, known: Known) -> bool {
        let drops = match known {
            Known::Fields => false,
            Known::Changed => self.deletes == Deletes::Prove,
            Known::Deleted => matches!(self.deletes, Deletes::Drop | Deletes::Prove),
        };
        drops && !self.is_about_id()
    }

    /// The ways to look it up. If a record matches, then of *each* of these lists it [has](Record::keys) at
    /// least one key, unless the filter [takes each](Self::takes_each) of its kind. An empty list: nothing
    /// else matches. No list: any record may.
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
