//! Keys that an issuer publishes as a JWK Set at a URL, and changes while the process runs. What is fetched
//! and when is decided here; fetching is the shell's.

mod cache;
#[cfg(test)]
mod cache_tests;
mod document;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Uri, header};
use jsonwebtoken::{Algorithm, AlgorithmFamily};

use super::{Token, TokenError, is_signed};
use cache::Cache;
pub use cache::Policy;
use document::PublishedKey;
pub use document::{KeySet, KeySetError, MAX_BYTES};

/// Where keys are to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `http` or `https`.
    pub url: Uri,
    /// PEM: the authorities that are believed instead of the system's.
    pub authorities: Option<Vec<u8>>,
}

/// The keys of one issuer. Shared by all that check tokens of it.
#[derive(Debug)]
pub struct Jwks {
    source: Source,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cache: Cache,
    /// How the last fetch went, for people.
    skipped: Vec<(Option<String>, &'static str)>,
    failure: Option<String>,
}

/// What changed with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Keys that count now, those of the overlap included.
    pub keys: usize,
    /// Keys that cannot be used.
    pub skipped: usize,
    /// There are others than before.
    pub changed: bool,
}

impl Jwks {
    /// Without keys as yet.
    pub fn new(source: Source, policy: Policy) -> Self {
        let cache = Cache::new(policy);
        Self { source, state: Mutex::new(State { cache, skipped: Vec::new(), failure: None }) }
    }

    /// Public keys are no secrets that could sign.
    ///
    /// # Errors
    /// What would be right.
    pub fn check_algorithms(algorithms: &[Algorithm]) -> Result<(), String> {
        match algorithms.iter().find(|algorithm| algorithm.family() == AlgorithmFamily::Hmac) {
            Some(shared) => Err(format!("secret for the algorithm {shared:?}: published keys are public")),
            None => Ok(()),
        }
    }

    /// Where they come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The URL without its query, which may be secret.
    pub fn name(&self) -> String {
        let url = &self.source.url;
        let host = url.authority().map(ToString::to_string).unwrap_or_default();
        format!("{}://{host}{}", url.scheme_str().unwrap_or_default(), url.path())
    }

    /// Checks a signature with what is known.
    pub(super) fn check(&self, token: &Token<'_>, algorithm: Algorithm) -> Result<(), TokenError> {
        let named = self.named(token.kid.as_deref());
        let is_known = token.kid.is_some() && named.iter().any(|key| key.kid == token.kid);
        let mut fitting = named.iter().filter(|key| key.algorithms.contains(&algorithm)).peekable();
        if is_known && fitting.peek().is_none() {
            return Err(TokenError::Algorithm);
        }
        match (fitting.any(|key| is_signed(token, &key.key, algorithm)), is_known) {
            (true, _) => Ok(()),
            (false, true) => Err(TokenError::Signature),
            (false, false) => Err(self.lack()),
        }
    }

    /// The keys that a token can mean. Whoever names none, or is not named, may be any (RFC 7515, section
    /// 4.1.4).
    fn named(&self, kid: Option<&str>) -> Vec<Arc<PublishedKey>> {
        let state = self.lock();
        let keys = state.cache.keys().iter().map(|held| &held.key);
        let named = keys.filter(|key| key.kid.is_none() || kid.is_none() || key.kid.as_deref() == kid);
        named.cloned().collect()
    }

    /// None of the keys is the one, but the issuer may have another by now.
    fn lack(&self) -> TokenError {
        let state = self.lock();
        let is_current = state.cache.is_loaded() && !state.cache.is_failing();
        if is_current { TokenError::UnknownKey } else { TokenError::NoKeys }
    }

    /// Forgets what does not count any more at `now`, on a clock that never goes back; and so on below.
    pub fn advance(&self, now: Duration) {
        self.lock().cache.advance(now);
    }

    /// A token needs a key that is not here. Whether a document that may have it is on its way, or will be
    /// once [`Self::begin`] is called: then it is worth waiting for.
    pub fn want(&self, kid: Option<&str>, now: Duration) -> bool {
        self.lock().cache.want(kid, now)
    }

    /// `None`: a document is to be fetched now, and [`Self::loaded`] or [`Self::failed`] to be called after
    /// that. Otherwise how long there is nothing to do unless [`Self::want`] says so.
    pub fn begin(&self, now: Duration) -> Option<Duration> {
        self.lock().cache.begin(now)
    }

    /// A document came; `headers` say how long it is fresh.
    pub fn loaded(&self, set: KeySet, headers: &HeaderMap, now: Duration) -> Loaded {
        let mut state = self.lock();
        let before = state.cache.published();
        state.skipped.clone_from(&set.skipped);
        state.failure = None;
        state.cache.loaded(set, lifetime(headers), now);
        let (keys, skipped) = (state.cache.keys().len(), state.skipped.len());
        Loaded { keys, skipped, changed: before != state.cache.published() }
    }

    /// None came. `chance`: any number, for a pause that others do not have.
    pub fn failed(&self, reason: &str, now: Duration, chance: u32) {
        let mut state = self.lock();
        state.failure = Some(reason.to_owned());
        state.cache.failed(now, chance);
    }

    /// What people should know who ask why a token is refused: one line each.
    pub fn describe(&self) -> Vec<String> {
        let state = self.lock();
        let quoted = |kid: &Option<String>| {
            kid.as_ref().map_or("without kid".to_owned(), |kid| format!("kid {kid:?}"))
        };
        let failure = state.failure.iter().map(|reason| format!("{}: {reason}", self.name()));
        let keys = state.cache.keys().iter().map(|held| {
            let names: Vec<String> = held.key.algorithms.iter().map(|known| format!("{known:?}")).collect();
            format!("{} has the key {} for {}", self.name(), quoted(&held.key.kid), names.join(", "))
        });
        let skipped = state.skipped.iter().map(|(kid, reason)| {
            format!("{} has the key {}, which cannot be used: {reason}", self.name(), quoted(kid))
        });
        failure.chain(keys).chain(skipped).collect()
    }

    /// Held for comparisons only; signatures are checked outside.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an answer says that it is fresh (RFC 9111, sections 4.2.1 and 5.1); `None`: it does not.
fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<String> =
        values.flat_map(|value| value.split(',')).map(|part| part.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|directive| directive == "no-store" || directive == "no-cache") {
        return Some(Duration::ZERO);
    }
    let seconds = directives.iter().find_map(|directive| directive.strip_prefix("max-age="))?;
    let seconds: u64 = seconds.trim_matches('"').parse().ok()?;
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    Some(Duration::from_secs(seconds.saturating_sub(age.unwrap_or(0))))
}
