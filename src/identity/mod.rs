//! Who a client is, and what it may read.

mod claims;

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use crate::event::{Audience, Event, Item};
pub use claims::Claims;

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

/// What a client has shown to say who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    Missing,
    /// Something that proves it.
    Valid(Identity),
    /// A token whose time is over.
    Expired,
    /// Something that proves nothing.
    Invalid,
    /// What could prove it cannot be asked at present.
    Unchecked,
}

impl Credential {
    /// Who the client is as far as it has proven it.
    pub fn identity(&self) -> Identity {
        match self {
            Self::Valid(identity) => identity.clone(),
            Self::Missing | Self::Expired | Self::Invalid | Self::Unchecked => Identity::Anonymous,
        }
    }

    /// What it is worth later.
    #[must_use]
    pub fn at(&self, time: SystemTime) -> Self {
        let is_over = self.identity().expires().is_some_and(|end| end <= time);
        if is_over { Self::Expired } else { self.clone() }
    }
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
    pub claims: Claims,
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
    /// Whether `item` of an event for `audience` may be shown to it. Allocates nothing.
    pub fn may_read(&self, audience: &Audience, item: &Item) -> bool {
        match (audience, self) {
            (Audience::Everyone, _) | (_, Self::Operator) | (Audience::Authenticated, Self::User(_)) => true,
            (Audience::Roles(roles), Self::User(user)) => user.roles.iter().any(|role| roles.contains(role)),
            (Audience::Owner(claim), Self::User(user)) => {
                let claim = find(&user.claims, claim);
                claim.zip(item.owner.as_deref()).is_some_and(|(claim, owner)| is_text(claim, owner))
            }
            (Audience::User(id), Self::User(user)) => *user.id == **id,
            // The backend is asked, not the identity.
            (Audience::Upstream(_), Self::User(_)) | (_, Self::Anonymous) => false,
        }
    }

    /// Whether `item` of an event for `audience` belonged to it and does not any more.
    pub fn loses(&self, audience: &Audience, item: &Item) -> bool {
        let (Audience::Owner(claim), Self::User(user), Some(was)) = (audience, self, &item.was) else {
            return false;
        };
        find(&user.claims, claim).is_some_and(|claim| is_text(claim, was)) && !self.may_read(audience, item)
    }

    /// Whether the whole event may be shown to it: each of its items. One without items holds nothing of
    /// anybody's, and still says that something was written; whose is not known.
    pub fn may_read_all(&self, event: &Event) -> bool {
        match (&event.audience, event.items.as_slice()) {
            (Audience::Owner(_), []) => *self == Self::Operator,
            (audience, []) => self.may_read(audience, &Item::default()),
            (audience, items) => items.iter().all(|item| self.may_read(audience, item)),
        }
    }

    /// Whether both are the same user by tokens that say the same of it: all but when they were made and end, and what they
    /// are called themselves.
    pub fn is_renewed(&self, by: &Self) -> bool {
        let (Self::User(old), Self::User(new)) = (self, by) else { return false };
        (&old.id, &old.email, &old.roles) == (&new.id, &new.email, &new.roles)
            && lasting(&old.claims).eq(lasting(&new.claims))
    }

    /// The user's id, if it is one.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::User(user) => Some(user),
            Self::Anonymous | Self::Operator => None,
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

/// What a token says of its bearer, and not of itself (RFC 7519, section 4.1).
fn lasting(claims: &Claims) -> impl Iterator<Item = (&str, &Value)> {
    claims.iter().filter(|(name, _)| !["exp", "nbf", "iat", "jti"].contains(name))
}

/// The claim of that name, or, with dots, the one inside others: `realm_access.roles`. A name that holds
/// dots itself, such as `https://example.com/roles`, is found first.
pub fn find<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
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
        let claims = Claims::from(claims.as_object().unwrap().clone());
        Identity::User(Arc::new(User { id: "u".to_owned(), email: None, roles, claims, expires: None }))
    }

    fn owned(owner: Option<&str>) -> Item {
        Item { owner: owner.map(Arc::from), ..Item::default() }
    }

    #[test]
    fn only_operators_and_whom_an_audience_names_may_read() {
        let roles = |names: &[&str]| Audience::Roles(names.iter().map(|&name| name.to_owned()).collect());
        let by = |claim: &str| Audience::Owner(Arc::from(claim));
        let alice = user(&json!({"sub": "alice"}));
        // (audience, owner, anonymous, alice)
        let rows = [
            (Audience::Everyone, None, true, true),
            (Audience::Authenticated, None, false, true),
            (roles(&["admin", "editor"]), None, false, true),
            (roles(&["admin"]), None, false, false),
            (roles(&["edit"]), None, false, false),
            (roles(&[]), None, false, false),
            (by("sub"), Some("alice"), false, true),
            (by("sub"), Some("alic"), false, false),
            (by("sub"), Some("alice2"), false, false),
            (by("sub"), None, false, false),
            (by("org"), Some("alice"), false, false),
            (Audience::User(Arc::from("u")), None, false, true),
            (Audience::User(Arc::from("alice")), Some("alice"), false, false),
        ];
        for (audience, owner, anonymous, for_alice) in rows {
            let item = owned(owner);
            assert_eq!(Identity::Anonymous.may_read(&audience, &item), anonymous, "{audience:?} {owner:?}");
            assert_eq!(alice.may_read(&audience, &item), for_alice, "{audience:?} {owner:?}");
            assert!(Identity::Operator.may_read(&audience, &item), "{audience:?} {owner:?}");
        }
    }

    #[test]
    fn a_whole_event_is_for_those_who_may_read_each_of_its_items() {
        let alice = user(&json!({"sub": "alice"}));
        let mut event = Event::sample("note", "1");
        // (owners, public, owned)
        let rows: [(&[Option<&str>], bool, bool); 5] = [
            (&[Some("alice")], true, true),
            (&[Some("alice"), Some("alice")], true, true),
            (&[Some("alice"), Some("bob")], true, false),
            (&[Some("alice"), None], true, false),
            (&[], true, false),
        ];
        for (owners, public, by_owner) in rows {
            event.items = owners.iter().map(|owner| owned(*owner)).collect();
            event.audience = Audience::Everyone;
            assert_eq!(alice.may_read_all(&event), public, "{owners:?}");
            event.audience = Audience::Owner(Arc::from("sub"));
            assert_eq!(alice.may_read_all(&event), by_owner, "{owners:?}");
            assert!(Identity::Operator.may_read_all(&event), "{owners:?}");
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
            let audience = Audience::Owner(Arc::from(claim));
            assert_eq!(reader.may_read(&audience, &owned(Some(owner))), may, "{claim} {owner}");
        }
    }

    #[test]
    fn claims_stay_out_of_logs() {
        let shown = format!("{:?}", user(&json!({"phone": "555"})));
        assert!(shown.contains('u') && !shown.contains("555"), "{shown}");
    }
    #[test]
    fn a_user_is_renewed_by_a_token_that_says_the_same_later() {
        let old = user(&json!({"sub": "u", "org": 1, "iat": 1, "nbf": 1, "exp": 5, "jti": "a"}));
        let rows = [
            (user(&json!({"sub": "u", "org": 1, "iat": 4, "nbf": 4, "exp": 9, "jti": "b"})), true),
            (user(&json!({"sub": "u", "org": 1})), true),
            (user(&json!({"sub": "u", "org": 2, "exp": 9})), false),
            (user(&json!({"sub": "u", "exp": 9})), false),
            (user(&json!({"sub": "u", "org": 1, "scope": "less"})), false),
            (Identity::Anonymous, false),
            (Identity::Operator, false),
        ];
        for (new, expected) in rows {
            assert_eq!(old.is_renewed(&new), expected, "{new:?}");
            assert!(!Identity::Anonymous.is_renewed(&new) && !Identity::Operator.is_renewed(&new));
        }
        let Identity::User(known) = &old else { return };
        for other in [
            User { id: "v".to_owned(), ..User::clone(known) },
            User { roles: vec!["reader".to_owned()], ..User::clone(known) },
            User { email: Some("u@example.com".to_owned()), ..User::clone(known) },
        ] {
            assert!(!old.is_renewed(&Identity::User(Arc::new(other))));
        }
    }
}
