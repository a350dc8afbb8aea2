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
    holder: u128,
    headers: HeaderMap,
    client: Option<(IpAddr, HeaderValue)>,
}

impl fmt::Debug for Credentials {
    /// Not even the key: what is logged lives longer than the process.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("headers", &self.headers.len()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// `headers`: all that goes with a GET, the credentials among them. `client`: who is at the other end of
    /// the reader's connection, a proxy of the site's own or the reader itself.
    ///
    /// Readers that differ only in where they come from count as one: the backend is told of the first.
    pub fn new(keys: &Keys, headers: HeaderMap, client: Option<IpAddr>) -> Self {
        let mut told: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        told.retain(|(name, _)| *name != X_FORWARDED_FOR && *name != header::FORWARDED);
        // Stable: several lines of one name keep their order.
        told.sort_by_key(|(name, _)| *name);
        let (key, holder) = (keys.of(&told), keys.of(&proof(&headers)));
        let client =
            client.and_then(|address| Some((address, HeaderValue::try_from(address.to_string()).ok()?)));
        Self { key, holder, headers, client }
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
        Self::new(keys, headers, self.client.as_ref().map(|(address, _)| *address))
    }

    /// By which they are known.
    pub(super) fn key(&self) -> u128 {
        self.key
    }

    /// By which whoever has them is known, whatever else they ask with: a page's GETs and its WebSocket differ
    /// in the language that they ask for, and in where a token stands.
    pub(super) fn holder(&self) -> u128 {
        self.holder
    }

    /// What a GET is sent with.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Who is at the other end of the reader's connection, also in the form of a header.
    pub fn client(&self) -> Option<&(IpAddr, HeaderValue)> {
        self.client.as_ref()
    }
}

/// What proves who somebody is, and to which site: a bearer's token alone, else all that may prove it.
fn proof(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    let all = |name: &'static str| headers.get_all(name).iter().map(move |value| (name, value.as_bytes()));
    let site = all("host").chain(all("x-forwarded-host"));
    match bearer(headers) {
        Some(token) => site.chain([("bearer", token)]).collect(),
        None => site.chain(all("authorization")).chain(all("cookie")).collect(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?.as_bytes();
    let (scheme, token) = line.split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token.trim_ascii())
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
