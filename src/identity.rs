//! Who a client is, and what it may read.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::event::Audience;

/// Who a reader is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Nobody in particular.
    Anonymous,
    /// Someone who has proven it.
    User(Arc<User>),
    /// Whoever can reach the admin port: may see everything.
    Operator,
}

/// What a token says of its bearer.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Never empty.
    pub id: String,
    /// Where the token says it.
    pub email: Option<String>,
    /// In the token's order.
    pub roles: Vec<String>,
    /// All that the token says.
    pub claims: Map<String, Value>,
    /// From then on it is nobody any more; `None`: later than this clock can say.
    pub expires: Option<SystemTime>,
}

impl fmt::Debug for User {
    /// Claims may be private, so they stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl Identity {
    /// Whether events for `audience` may be shown to it. Allocates nothing.
    pub fn may_read(&self, audience: &Audience) -> bool {
        match (audience, self) {
            (Audience::Everyone, _) | (_, Self::Operator) | (Audience::Authenticated, Self::User(_)) => true,
            (Audience::Roles(roles), Self::User(user)) => user.roles.iter().any(|role| roles.contains(role)),
            (Audience::Owner { claim, owner: Some(owner) }, Self::User(user)) => {
                find(&user.claims, claim).is_some_and(|value| is_text(value, owner))
            }
            (Audience::Owner { owner: None, .. }, Self::User(_)) | (_, Self::Anonymous) => false,
        }
    }

    /// When it ends.
    pub fn expires(&self) -> Option<SystemTime> {
        match self {
            Self::User(user) => user.expires,
            Self::Anonymous | Self::Operator => None,
        }
    }
}

/// The claim of that name, or, with dots, the one inside others: `realm_access.roles`. A name that holds
/// dots itself, such as `https://example.com/roles`, is found first.
pub fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let mut parts = name.split('.');
    let first = claims.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

/// Whether a claim is this text: a string, or a whole number as it is written in JSON. Nothing else names
/// anybody, and an empty text neither.
fn is_text(claim: &Value, text: &str) -> bool {
    match claim {
        Value::String(claim) => !text.is_empty() && claim == text,
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            let mut rest = Rest(text);
            write!(rest, "{number}").is_ok() && rest.0.is_empty()
        }
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Compares what is written to it with a text, piece by piece.
struct Rest<'a>(&'a str);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(piece).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(claims: &Value) -> Identity {
        let roles = vec!["editor".to_owned(), "reader".to_owned()];
        let claims = claims.as_object().unwrap().clone();
        Identity::User(Arc::new(User { id: "u".to_owned(), email: None, roles, claims, expires: None }))
    }

    fn owned(claim: &str, owner: Option<&str>) -> Audience {
        Audience::Owner { claim: Arc::from(claim), owner: owner.map(Arc::from) }
    }

    #[test]
    fn only_operators_and_whom_an_audience_names_may_read() {
        let roles = |names: &[&str]| Audience::Roles(names.iter().map(|&name| name.to_owned()).collect());
        let alice = user(&json!({"sub": "alice"}));
        // (audience, anonymous, alice)
        let rows = [
            (Audience::Everyone, true, true),
            (Audience::Authenticated, false, true),
            (roles(&["admin", "editor"]), false, true),
            (roles(&["admin"]), false, false),
            (roles(&["edit"]), false, false),
            (roles(&[]), false, false),
            (owned("sub", Some("alice")), false, true),
            (owned("sub", Some("alic")), false, false),
            (owned("sub", Some("alice2")), false, false),
            (owned("sub", None), false, false),
            (owned("org", Some("alice")), false, false),
        ];
        for (audience, anonymous, for_alice) in rows {
            assert_eq!(Identity::Anonymous.may_read(&audience), anonymous, "{audience:?}");
            assert_eq!(alice.may_read(&audience), for_alice, "{audience:?}");
            assert!(Identity::Operator.may_read(&audience), "{audience:?}");
        }
    }

    #[test]
    fn owners_are_compared_as_text_and_what_is_no_name_is_nobody() {
        let claims = json!({
            "number": 12, "text": "12", "float": 12.0, "big": 1e30, "bool": true, "null": null, "empty": "",
            "list": ["12"], "inner": {"org": "12"}, "https://a.b/c": "12", "a.b": {"c": "12"},
        });
        // (claim, owner, may read)
        let rows = [
            ("number", "12", true),
            ("text", "12", true),
            ("number", "1", false),
            ("number", "123", false),
            ("number", "012", false),
            ("float", "12.0", false),
            ("big", "1e30", false),
            ("bool", "true", false),
            ("null", "null", false),
            ("empty", "", false),
            ("list", "12", false),
            ("inner", "12", false),
            ("inner.org", "12", true),
            ("inner.org.x", "12", false),
            ("https://a.b/c", "12", true),
            ("a.b.c", "12", false),
            ("", "12", false),
        ];
        let reader = user(&claims);
        for (claim, owner, may) in rows {
            assert_eq!(reader.may_read(&owned(claim, Some(owner))), may, "{claim} {owner}");
        }
    }

    #[test]
    fn claims_stay_out_of_logs() {
        let shown = format!("{:?}", user(&json!({"phone": "555"})));
        assert!(shown.contains('u') && !shown.contains("555"), "{shown}");
    }
}
