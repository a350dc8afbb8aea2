//! `jwks_url` of `[auth.jwt]`, and what goes with it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use toml::de::DeValue;

use super::reader::Section;
use super::setting::Setting;
use crate::auth::{Algorithm, Issuers, Jwks, Key, Policy, Source};
use crate::outbound::Roots;
use crate::url;

const OPTIONS: [&str; 2] = ["jwks_cache", "jwks_ca_file"];
const FRESH: Duration = Duration::from_mins(5);
/// Below, an issuer would be asked without a break; above, a key that was stolen would count too long.
const BOUNDS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// Reads them. `None`: there is no `jwks_url`, or something is wrong and was reported.
pub(super) fn key(section: &Section<'_>, folder: &Path, algorithms: &[Algorithm]) -> Option<Key> {
    let url = section.read("jwks_url", url);
    let fresh = section.read("jwks_cache", fresh).unwrap_or(FRESH);
    let authorities = section.read("jwks_ca_file", |value| authorities(value, folder));
    for option in OPTIONS.into_iter().filter(|option| section.has(option)) {
        if !section.has("jwks_url") {
            section.report(option, "needs a jwks_url");
        }
    }
    let url = url?;
    if authorities.is_some() && url.scheme_str() == Some("http") {
        section.report("jwks_ca_file", "needs a jwks_url of https: over http nobody shows a certificate");
    }
    if let Err(expected) = Jwks::check_algorithms(algorithms) {
        section.report("jwks_url", format!("expected {expected}"));
    }
    Some(Key::Published(Arc::new(Jwks::new(Source { url, authorities }, Policy::new(fresh)))))
}

/// Whoever is between here and the issuer can put keys of his own in.
pub(super) fn warnings(issuers: &Issuers) -> impl Iterator<Item = String> {
    let open = issuers.iter().filter_map(|issuer| match &issuer.key {
        Key::Published(jwks) if is_open(&jwks.source().url) => Some(jwks.name()),
        Key::Published(_) | Key::Shared(_) | Key::Public(_) => None,
    });
    open.map(|name| {
        format!("auth.jwt.jwks_url = {name} is not https: who can answer for it on the way can be anybody")
    })
}

fn is_open(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    url.scheme_str() == Some("http") && !is_here
}

fn url(value: &DeValue<'_>) -> Result<Uri, String> {
    let text = String::read(value)?;
    let such_as = "such as \"https://login.example/.well-known/jwks.json\"";
    url::read(&text).filter(|_| !text.contains('#')).ok_or_else(|| format!("{}, {such_as}", url::EXPECTED))
}

fn fresh(value: &DeValue<'_>) -> Result<Duration, String> {
    let fresh = Duration::read(value)?;
    let expected = || "a duration from \"1s\" to \"24h\", such as \"5m\"".to_owned();
    Some(fresh).filter(|fresh| BOUNDS.contains(fresh)).ok_or_else(expected)
}

/// The content of a file that names authorities.
pub(super) fn authorities(value: &DeValue<'_>, folder: &Path) -> Result<Vec<u8>, String> {
    let pem = super::auth::file(&String::read(value)?, folder)?;
    Roots::of_file(&pem).map_err(|expected| expected.to_string())?;
    Ok(pem)
}
