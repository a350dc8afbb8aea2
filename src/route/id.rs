//! Ids: their JSON type, where an answer holds them, and how several parts make one.

use super::Pointer;

/// The JSON type of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdType {
    /// As last seen in a body of this model; until then, decimal integers are numbers.
    Auto,
    /// Numbers, where the text is a decimal integer up to 2^53.
    Integer,
    /// Strings.
    String,
}

/// Where a record holds its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdSource {
    /// The value that is the id; several are its parts, see [`composite`].
    pub parts: Vec<Pointer>,
    /// A reference to the record itself, such as HAL's `/_links/self/href`: asked where the parts are not there.
    pub reference: Option<Pointer>,
}

impl IdSource {
    /// The id is made of several values, so it is always a string.
    pub fn is_composite(&self) -> bool {
        self.parts.len() > 1
    }
}

/// One id of several parts: joined by commas, with the percent signs and commas inside a part
/// percent-encoded, so that no two lists of parts give one id.
pub fn composite<S: AsRef<str>>(parts: &[S]) -> String {
    let encoded: Vec<String> =
        parts.iter().map(|part| part.as_ref().replace('%', "%25").replace(',', "%2C")).collect();
    encoded.join(",")
}

/// The parts of an id that [`composite`] made.
pub(super) fn decompose(id: &str) -> Vec<String> {
    id.split(',').map(|part| part.replace("%2C", ",").replace("%25", "%")).collect()
}

/// `0|[1-9][0-9]*`, up to 2^53: what every JSON reader takes as the same number.
pub(super) fn is_canonical_integer(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    digits && canonical && text.parse::<u64>().is_ok_and(|n| n <= 1 << 53)
}
