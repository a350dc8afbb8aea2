//! From the text of a token to an identity. Pure: keys are there already, and the time comes in as an
//! argument. Which keys there are is said by [`Issuer`]. Where they change while the process runs, [`Jwks`]
//! says when they are to be fetched, and `verify` does it.
//!
//! `jsonwebtoken` checks the signature, with the algorithms that the configuration pins; the claims are
//! checked here, since it would ask the clock itself.

mod error;
mod jwks;
mod key;
mod ring;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{DecodingKey, Header, encode};
use serde_json::{Map, Value};

use crate::identity::{Claims, Identity, User, find};
pub use error::TokenError;
pub use jsonwebtoken::Algorithm;
pub use jwks::{Jwks, KeySet, KeySetError, Loaded, MAX_BYTES, Policy, Source};
pub use key::{Key, Secret};

/// Who the user is (`protocols.md`, section 2.1): the first that is there.
pub const USER_CLAIMS: [&str; 2] = ["sub", "user_id"];
/// A longer text is no token.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Claims that say what a token is for: simplejwt's, Flask-JWT-Extended's and Keycloak's names.
const PURPOSE: [&str; 3] = ["token_type", "type", "typ"];

/// One `[auth.jwt]`: whose tokens are believed, and what their claims are called.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// What tokens may be signed with; the first one signs.
    pub algorithms: Vec<Algorithm>,
    /// What they are checked with.
    pub key: Key,
    /// What `iss` must be; `None`: anything.
    pub issuer: Option<String>,
    /// What `aud` must hold one of; empty: tokens that are meant for nobody in particular.
    pub audience: Vec<String>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// The claims that may be the user's id; the first that holds a text or a number is.
    pub user_claims: Vec<String>,
    /// The claim that is the user's address.
    pub email_claim: String,
    /// The claim that lists the user's roles.
    pub roles_claim: String,
}

/// Every issuer.
#[derive(Debug, Clone)]
pub struct Issuers(Arc<[Issuer]>);

impl Issuers {
    /// Takes them; of several that could have issued a token the first one whose key fits counts.
    pub fn new(issuers: Vec<Issuer>) -> Self {
        ring::install();
        Self(issuers.into())
    }

    /// In the order of the config.
    pub fn iter(&self) -> impl Iterator<Item = &Issuer> {
        self.0.iter()
    }

    /// Who bears this token, by the keys that are known.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn identify(&self, token: &str, now: SystemTime) -> Result<Identity, TokenError> {
        self.judge(token, now).verdict
    }

    /// The same, and which keys it would take to be sure.
    pub fn judge(&self, token: &str, now: SystemTime) -> Judgement {
        let token = match Token::parse(token) {
            Ok(token) => token,
            Err(error) => return Judgement { verdict: Err(error), lacking: Vec::new(), kid: None },
        };
        let mut lacking = Vec::new();
        let verdict = self.decide(&token, now, &mut lacking);
        if verdict.is_ok() {
            lacking.clear();
        }
        Judgement { verdict, lacking, kid: token.kid }
    }

    fn decide(
        &self,
        token: &Token<'_>,
        now: SystemTime,
        lacking: &mut Vec<Arc<Jwks>>,
    ) -> Result<Identity, TokenError> {
        let issuer = token.claims.get("iss").and_then(Value::as_str);
        let named = |known: &&Issuer| known.issuer.as_deref().is_none_or(|name| Some(name) == issuer);
        let mut error = TokenError::Issuer;
        for known in self.0.iter().filter(named) {
            let Err(next) = known.check_signature(token) else { return known.accept(token, now) };
            // Another key of the same issuer may fit. A key that is not here may be had, where nothing else
            // is wrong with the token.
            let next = match (&known.key, next.is_for_want_of_keys()) {
                (Key::Published(jwks), true) => match known.accept(token, now) {
                    Ok(_) => {
                        lacking.push(Arc::clone(jwks));
                        next
                    }
                    Err(other) => other,
                },
                _ => next,
            };
            if !error.is_for_want_of_keys() || next == TokenError::NoKeys {
                error = next;
            }
        }
        Err(error)
    }
}

/// What is known of a token.
#[derive(Debug)]
pub struct Judgement {
    /// By the keys that are here.
    pub verdict: Result<Identity, TokenError>,
    /// Where there may be a key that makes it a good one; empty: the verdict stands.
    pub lacking: Vec<Arc<Jwks>>,
    /// Which key that would be; `None`: the token does not say.
    pub kid: Option<String>,
}

/// A token taken apart. Nothing of it is proven.
struct Token<'a> {
    /// `None`: none that there is, such as `none`.
    algorithm: Option<Algorithm>,
    /// Which key it says that it was signed with.
    kid: Option<String>,
    claims: Map<String, Value>,
    /// What is signed.
    message: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = json(header).zip(json(claims)).ok_or(TokenError::Malformed)?;
        // `crit` lists extensions without which it means something else (RFC 7515, section 4.1.11).
        if header.contains_key("crit") {
            return Err(TokenError::Malformed);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let kid = header.get("kid").and_then(Value::as_str).map(ToOwned::to_owned);
        Ok(Self { algorithm, kid, claims, message, signature })
    }
}

fn json(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// An error is a key of another kind, or a signature that is no base64.
fn is_signed(token: &Token<'_>, key: &DecodingKey, algorithm: Algorithm) -> bool {
    verify(token.signature, token.message.as_bytes(), key, algorithm).unwrap_or(false)
}

impl Issuer {
    /// Believes tokens of any `iss` that are meant for nobody in particular, to the second; the user is told by
    /// the usual claims.
    pub fn new(algorithms: Vec<Algorithm>, key: Key) -> Self {
        Self {
            algorithms,
            key,
            issuer: None,
            audience: Vec::new(),
            leeway: Duration::ZERO,
            user_claims: USER_CLAIMS.map(ToOwned::to_owned).to_vec(),
            email_claim: "email".to_owned(),
            roles_claim: "roles".to_owned(),
        }
    }

    fn check_signature(&self, token: &Token<'_>) -> Result<(), TokenError> {
        let algorithm = token.algorithm.filter(|algorithm| self.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(TokenError::Algorithm)?;
        let key = match &self.key {
            Key::Shared(secret) => &secret.decoding(),
            Key::Public(key) => key,
            Key::Published(jwks) => return jwks.check(token, algorithm),
        };
        if is_signed(token, key, algorithm) { Ok(()) } else { Err(TokenError::Signature) }
    }

    /// What the claims say, once the signature is known to be good.
    fn accept(&self, token: &Token<'_>, now: SystemTime) -> Result<Identity, TokenError> {
        let claims = token.claims.clone();
        self.check_names(&claims)?;
        let expires = self.check_time(&claims, now)?;
        if is_refresh(&claims) {
            return Err(TokenError::Refresh);
        }
        self.user(claims, expires)
    }

    /// Who somebody is of whom these claims are true.
    ///
    /// # Errors
    /// They name no user.
    pub fn user(
        &self,
        claims: Map<String, Value>,
        expires: Option<SystemTime>,
    ) -> Result<Identity, TokenError> {
        let claims = Claims::from(claims);
        let mut ids = self.user_claims.iter().filter_map(|claim| find(&claims, claim).and_then(name));
        let id = ids.next().ok_or(TokenError::NoUser)?;
        let email = find(&claims, &self.email_claim).and_then(Value::as_str).map(ToOwned::to_owned);
        let roles = find(&claims, &self.roles_claim).map(roles).unwrap_or_default();
        Ok(Identity::User(Arc::new(User { id, email, roles, claims, expires })))
    }

    fn check_names(&self, claims: &Map<String, Value>) -> Result<(), TokenError> {
        let is_issuer = |name: &String| claims.get("iss").and_then(Value::as_str) == Some(name);
        if !self.issuer.as_ref().is_none_or(is_issuer) {
            return Err(TokenError::Issuer);
        }
        let audience = claims.get("aud").map(texts).unwrap_or_default();
        // A token for somebody else must not pass where nobody said who is meant (RFC 7519, section 4.1.3).
        let meant = match (self.audience.is_empty(), claims.get("aud")) {
            (true, None | Some(Value::Null)) => true,
            (true, Some(_)) => false,
            (false, _) => self.audience.iter().any(|name| audience.contains(&name.as_str())),
        };
        if meant { Ok(()) } else { Err(TokenError::Audience) }
    }

    /// Until when the token counts.
    fn check_time(
        &self,
        claims: &Map<String, Value>,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, TokenError> {
        let expires = claims.get("exp").and_then(seconds).ok_or(TokenError::NoExpiry)?;
        let until = SystemTime::UNIX_EPOCH.checked_add(expires.saturating_add(self.leeway));
        if until.is_some_and(|until| until <= now) {
            return Err(TokenError::Expired);
        }
        let since = match claims.get("nbf") {
            None | Some(Value::Null) => Duration::ZERO,
            Some(value) => seconds(value).ok_or(TokenError::NotYetValid)?,
        };
        let since = SystemTime::UNIX_EPOCH.checked_add(since.saturating_sub(self.leeway));
        if since.is_none_or(|since| since > now) {
            return Err(TokenError::NotYetValid);
        }
        Ok(until)
    }

    /// Its secret is shorter than the shortest hash (RFC 7518, section 3.2).
    pub fn is_guessable(&self) -> bool {
        matches!(&self.key, Key::Shared(secret) if secret.length() < 32)
    }

    /// Its key makes tokens too.
    pub fn can_sign(&self) -> bool {
        matches!(self.key, Key::Shared(_))
    }

    /// Signs claims; `None` without a shared secret.
    pub fn sign(&self, claims: &Map<String, Value>) -> Option<String> {
        let Key::Shared(secret) = &self.key else { return None };
        encode(&Header::new(*self.algorithms.first()?), claims, &secret.signing()).ok()
    }
}

/// The backend's own API refuses it; signed with the same key, it looks like any other token.
fn is_refresh(claims: &Map<String, Value>) -> bool {
    let purposes = PURPOSE.iter().filter_map(|name| claims.get(*name)?.as_str());
    purposes.into_iter().any(|purpose| purpose.eq_ignore_ascii_case("refresh"))
}

/// Seconds since 1970; with a fraction, as some issuers give them.
fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()?).ok()
}

/// A text or a whole number.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::String(_)
        | Value::Number(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Array(_)
        | Value::Object(_) => None,
    }
}

/// One text, or the texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::Object(_) => Vec::new(),
    }
}

/// A text with spaces between them, or a list.
fn roles(value: &Value) -> Vec<String> {
    let split = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect();
    value.as_str().map_or_else(|| texts(value).into_iter().map(ToOwned::to_owned).collect(), split)
}
