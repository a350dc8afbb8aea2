//! Any token under any set of keys: believed only where who holds a key has signed it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Uri};
use restcast::auth::{Issuer, Issuers, Jwks, Key, KeySet, Policy, Source};

/// All tokens whose keys the seeds hold.
const SIGNED: &str = include_str!("../../tokens/published.json");
const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// The input is a token, an empty line, and what the issuer answers.
pub fn run(data: &[u8]) {
    let (token, document) = super::split(data, b"\n\n");
    let Ok(token) = std::str::from_utf8(token) else { return };
    let source = Source { url: Uri::from_static("https://issuer.example/jwks"), authorities: None };
    let jwks = Arc::new(Jwks::new(source, Policy::new(Duration::from_mins(5))));
    let algorithms = ALGORITHMS.iter().filter_map(|name| name.parse().ok()).collect();
    let issuers = Issuers::new(vec![Issuer::new(algorithms, Key::Published(Arc::clone(&jwks)))]);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
    assert!(issuers.identify(token, now).is_err(), "there are no keys");
    match KeySet::parse(document) {
        Ok(set) => drop(jwks.loaded(set, &HeaderMap::new(), Duration::ZERO)),
        Err(error) => jwks.failed(&error.to_string(), Duration::ZERO, 0),
    }
    let judgement = issuers.judge(token, now);
    if judgement.verdict.is_ok() {
        let (message, _) = token.rsplit_once('.').expect("a token has a signature");
        assert!(SIGNED.contains(message), "{token}");
    }
    for jwks in judgement.lacking {
        assert!(jwks.want(judgement.kid.as_deref(), Duration::from_hours(1)) || token.len() > 256, "{token}");
    }
    let lines = jwks.describe();
    assert!(lines.len() <= 66 && lines.iter().all(|line| !line.contains(char::is_control)), "{lines:?}");
}
