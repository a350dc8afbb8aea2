//! What the body of an answer must say for its success status to be believed.

use super::Pointer;

/// `success_when`: a value of the body, and what it is in a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Where the value stands.
    pub pointer: Pointer,
    /// What it must be.
    pub equals: Scalar,
}

/// A value that a condition can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// A string.
    Text(String),
}

impl Scalar {
    /// Whether a JSON value is the same. `1` and `1.0` are; `1` and `"1"` are not.
    pub fn is(&self, json: &str) -> bool {
        match self {
            Self::Bool(expected) => json == if *expected { "true" } else { "false" },
            Self::Integer(expected) => integer(json) == Some(*expected),
            Self::Text(expected) => {
                json.starts_with('"')
                    && serde_json::from_str::<String>(json).is_ok_and(|text| text == *expected)
            }
        }
    }
}

/// A JSON number without a fraction; one with an exponent is none that a flag or code is written as.
fn integer(json: &str) -> Option<i64> {
    let (whole, fraction) = json.split_once('.').unwrap_or((json, ""));
    fraction.bytes().all(|digit| digit == b'0').then(|| whole.parse().ok()).flatten()
}
