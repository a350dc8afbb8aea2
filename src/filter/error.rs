//! What can be wrong with a filter.

use super::{MAX_BYTES, MAX_CONDITIONS, MAX_DEPTH, MAX_PATTERN, MAX_VALUES};

/// Why a filter is none. Dialects have their own words for some of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A map is expected.
    #[error("the filter must be an object")]
    NotAnObject,
    /// A list is expected.
    #[error("the filters must be a list")]
    NotAList,
    /// An element of the list, counted from 1, is no object with a `column` and an `operator` that are text.
    #[error("filter {0} must be an object with a column and an operator")]
    NotAFilter(usize),
    /// The first characters of it.
    #[error("unknown operator: {0}")]
    UnknownOperator(String),
    /// An operator that wants text, a number or a truth value has something else.
    #[error("{0} needs a text, a number or a truth value")]
    NotAText(&'static str),
    /// An operator that wants two values has something else.
    #[error("{0} needs a list of two values")]
    NotARange(&'static str),
    /// A pattern ends with the mark that takes the next character as it is.
    #[error("the pattern ends with a backslash")]
    OpenEscape,
    /// More than [`MAX_PATTERN`] characters.
    #[error("a pattern may have {MAX_PATTERN} characters")]
    LongPattern,
    /// More than [`MAX_CONDITIONS`].
    #[error("a filter may have {MAX_CONDITIONS} conditions")]
    TooMany,
    /// More than [`MAX_VALUES`].
    #[error("in may have {MAX_VALUES} values")]
    TooManyValues,
    /// More than [`MAX_BYTES`].
    #[error("a filter may have {MAX_BYTES} bytes")]
    TooLong,
    /// A value has more than [`MAX_DEPTH`] lists and objects inside each other, or a text that is no Unicode.
    #[error("a value must be Unicode, with at most {MAX_DEPTH} lists and objects inside each other")]
    Unreadable,
}
