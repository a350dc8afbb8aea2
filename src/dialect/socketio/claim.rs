//! Who may come in, or do something, by what its token says.

use serde_json::Value;

use crate::identity::{Identity, User, find};

/// A claim must be there, or be one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    name: String,
    /// Empty: anything but nothing.
    is: Vec<Value>,
}

impl Claim {
    /// Reads a list of them: `[{ claim = "role", is = ["admin"] }]`.
    ///
    /// # Errors
    /// What would be right.
    pub(super) fn list(value: &Value) -> Result<Vec<Self>, String> {
        let expected = || "a list such as [{ claim = \"role\", is = [\"admin\"] }]".to_owned();
        value
            .as_array()
            .ok_or_else(expected)?
            .iter()
            .map(|claim| Self::one(claim).ok_or_else(expected))
            .collect()
    }

    fn one(value: &Value) -> Option<Self> {
        let members = value.as_object()?;
        let name = members.get("claim")?.as_str().filter(|name| !name.is_empty())?.to_owned();
        let is = match members.get("is") {
            None => Vec::new(),
            Some(Value::Array(values)) if !values.is_empty() => values.clone(),
            Some(Value::Array(_)) => return None,
            Some(value) => vec![value.clone()],
        };
        let is_known = members.keys().all(|key| key == "claim" || key == "is");
        is_known.then_some(Self { name, is })
    }

    /// A claim that is a list holds if one of its elements does.
    fn holds(&self, identity: &Identity) -> bool {
        let Some(found) = identity.user().and_then(|user| find(&user.claims, &self.name)) else {
            return false;
        };
        let is_one =
            |value: &Value| if self.is.is_empty() { !value.is_null() } else { self.is.contains(value) };
        found.as_array().map_or_else(|| is_one(found), |values| values.iter().any(is_one))
    }
}

/// Whether one of them holds.
pub(super) fn any(claims: &[Claim], identity: &Identity) -> bool {
    claims.iter().any(|claim| claim.holds(identity))
}

/// What a newer token of the same user says anew.
const OF_TOKEN: [&str; 4] = ["exp", "iat", "nbf", "jti"];

/// Whether two tokens say the same of the same user.
pub(super) fn are_equal(one: &Identity, other: &Identity) -> bool {
    let Some((one, other)) = one.user().zip(other.user()) else { return false };
    one.id == other.id && lasting(one).eq(lasting(other))
}

fn lasting(user: &User) -> impl Iterator<Item = (&str, &Value)> {
    user.claims.iter().filter(|(name, _)| !OF_TOKEN.contains(name))
}
