//! What a token says of its bearer. There are as many as readers, so they take no more room than they need: a map of
//! three has room for eleven.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// See the module's documentation.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Claims(
    /// By name, each once.
    Box<[(Box<str>, Value)]>,
);

impl Claims {
    /// The claim of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let place = self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl From<Map<String, Value>> for Claims {
    fn from(claims: Map<String, Value>) -> Self {
        let mut claims: Box<[_]> =
            claims.into_iter().map(|(name, value)| (name.into_boxed_str(), value)).collect();
        // A map may keep the order in which they were said.
        claims.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self(claims)
    }
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl fmt::Debug for Claims {
    /// They may be private, so they stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claims").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(said: Value) -> Claims {
        let Value::Object(said) = said else { panic!("no claims") };
        Claims::from(said)
    }

    #[test]
    fn claims_are_found_by_their_names_and_written_as_they_were_read() {
        let said = json!({"sub": "ann", "exp": 4, "": null, "ab": {"c": [1]}, "abc": true});
        let claims = claims(said.clone());
        for (name, value) in said.as_object().unwrap() {
            assert_eq!(claims.get(name), Some(value), "{name}");
        }
        for name in ["a", "sub ", "zz", "Sub"] {
            assert_eq!(claims.get(name), None, "{name}");
        }
        assert_eq!(serde_json::to_value(&claims).unwrap(), said);
    }

    #[test]
    fn claims_take_the_room_that_they_need() {
        let said = json!({"sub": "ann", "exp": 4, "role": "admin"});
        let bytes = allocation_counter::measure(|| drop(std::hint::black_box(said.clone()))).bytes_max;
        let claims = claims(said.clone());
        let compact = allocation_counter::measure(|| drop(std::hint::black_box(claims.clone()))).bytes_max;
        assert!(compact * 3 < bytes, "{compact} of {bytes}");
    }
}
