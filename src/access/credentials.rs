//! A reader's credentials, and the keys by which they are known.

use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Makes keys of what must not be kept as it is, or is too long for that. They are hashes under secrets that
/// nobody outside this process knows, and so wide that no two things share one.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<[RandomState; 2]>);

impl Keys {
    pub(super) fn of<T: Hash + ?Sized>(&self, value: &T) -> u128 {
        let [high, low] = self.0.each_ref().map(|secret| secret.hash_one(value));
        u128::from(high) << 64 | u128::from(low)
    }
}

/// What a reader's own GETs are sent with.
pub struct Credentials {
    key: u128,
    headers: HeaderMap,
    client: Option<IpAddr>,
}

impl fmt::Debug for Credentials {
    /// Not even the key: what is logged lives longer than the process.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("headers", &self.headers.len()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// `headers`: all that goes with a GET, the credentials among them. `client`: where the reader is
    /// connected from.
    ///
    /// Readers that differ only in where they come from count as one: the backend is told of the first.
    pub fn new(keys: &Keys, headers: HeaderMap, client: Option<IpAddr>) -> Self {
        let mut told: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        told.retain(|(name, _)| *name != X_FORWARDED_FOR && *name != header::FORWARDED);
        // Stable: several lines of one name keep their order.
        told.sort_by_key(|(name, _)| *name);
        Self { key: keys.of(&told), headers, client }
    }

    /// The same of somebody else: who proves with `token` who it is, or with nothing.
    #[must_use]
    pub fn of_bearer(&self, keys: &Keys, token: Option<&str>) -> Self {
        let mut headers = self.headers.clone();
        headers.remove(header::COOKIE);
        headers.remove(header::AUTHORIZATION);
        if let Some(value) = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok()) {
            headers.insert(header::AUTHORIZATION, value);
        }
        Self::new(keys, headers, self.client)
    }

    /// By which they are known.
    pub(super) fn key(&self) -> u128 {
        self.key
    }

    /// What a GET is sent with.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Where the reader is connected from.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Credentials {}

impl Hash for Credentials {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
