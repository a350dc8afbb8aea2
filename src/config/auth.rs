//! `[auth.jwt]`: whose tokens are believed.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::jwks;
use super::reader::{Reader, Section};
use super::setting::{Setting, zero_or_more};
use crate::auth::{Algorithm, Issuer, Issuers, Key, Secret, USER_CLAIMS};

/// A larger file is neither a key nor a list of authorities.
const MAX_KEY_BYTES: u64 = 1024 * 1024;
/// Where keys can come from.
const KEYS: [&str; 3] = ["secret", "public_key_file", "jwks_url"];

/// Reads them; `None` where there are none. `folder`: where files are looked for.
pub(super) fn issuers<'a>(reader: &'a Reader<'a>, root: &'a DeTable<'a>, folder: &Path) -> Option<Issuers> {
    let sections = reader.nested(root, "auth", "jwt", "auth.jwt");
    let ways = if sections.len() > 1 { Ways::Several } else { Ways::One };
    let read = |section| issuer(section, folder, ways);
    let issuers: Vec<Issuer> = sections.into_iter().filter_map(read).collect();
    (!issuers.is_empty()).then(|| Issuers::new(issuers))
}

/// How many of them there are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ways {
    One,
    Several,
}

fn issuer(section: Section<'_>, folder: &Path, ways: Ways) -> Option<Issuer> {
    let algorithms = section.require("algorithms", "[\"HS256\"]", algorithms).unwrap_or_default();
    let secret = section.read("secret", |value| secret(value, folder));
    let file = section.read("public_key_file", |value| file(&String::read(value)?, folder));
    let published = jwks::key(&section, folder, &algorithms);
    let given: Vec<&'static str> = KEYS.into_iter().filter(|name| section.has(name)).collect();
    let key = match given[..] {
        [] => {
            section.report("secret", "is missing; for example secret = \"env:RESTCAST_JWT_SECRET\", or public_key_file = \"issuer.pem\", or jwks_url = \"https://login.example/.well-known/jwks.json\"");
            None
        }
        // Without algorithms nothing can be said of a key.
        _ if algorithms.is_empty() => None,
        ["secret"] => key(&section, "secret", Key::shared(Secret::new(secret?), &algorithms)),
        ["public_key_file"] => key(&section, "public_key_file", Key::public(&file?, &algorithms)),
        ["jwks_url"] => published,
        [one, other, ..] => {
            section.report(other, format!("a [auth.jwt] has one of {one} and {other}: leave one out"));
            None
        }
        [_] => None,
    };
    let claim = |key, default: &str| {
        let one = |value: &DeValue<'_>| {
            let name = String::read(value)?;
            if name.is_empty() { Err("the name of a claim".to_owned()) } else { Ok(name) }
        };
        section.read(key, one).unwrap_or_else(|| default.to_owned())
    };
    let issuer = section.get("issuer", String::new());
    // Without a name the key of one could sign for the users of all others.
    if issuer.is_empty() && ways == Ways::Several {
        section.report("issuer", "with several [[auth.jwt]] each needs the iss of its tokens; for example issuer = \"https://login.example\"");
    }
    let audience = section.get("audience", Vec::new());
    let leeway = section.read("leeway", zero_or_more).unwrap_or(Duration::from_secs(30));
    let user_claims = section.read("user_claim", claims);
    let user_claims = user_claims.unwrap_or_else(|| USER_CLAIMS.map(ToOwned::to_owned).to_vec());
    let (email_claim, roles_claim) = (claim("email_claim", "email"), claim("roles_claim", "roles"));
    section.finish();
    let issuer = (!issuer.is_empty()).then_some(issuer);
    Some(Issuer { algorithms, key: key?, issuer, audience, leeway, user_claims, email_claim, roles_claim })
}

fn key(section: &Section<'_>, name: &'static str, key: Result<Key, String>) -> Option<Key> {
    key.map_err(|expected| section.report(name, format!("expected {expected}"))).ok()
}

/// One, or several.
fn claims(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let names = Vec::<String>::read(value)?;
    let is_wrong = names.is_empty() || names.iter().any(String::is_empty);
    if is_wrong { Err("the name of a claim, or a list of them".to_owned()) } else { Ok(names) }
}

fn algorithms(value: &DeValue<'_>) -> Result<Vec<Algorithm>, String> {
    let names = Vec::<String>::read(value)?;
    let parsed: Option<Vec<Algorithm>> = names.iter().map(|name| name.parse().ok()).collect();
    parsed.filter(|algorithms| !algorithms.is_empty()).ok_or_else(|| {
        "a list of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA"
            .to_owned()
    })
}

/// `env:NAME`, `file:PATH`, or the secret itself.
pub(super) fn secret(value: &DeValue<'_>, folder: &Path) -> Result<Vec<u8>, String> {
    let text = String::read(value)?;
    if let Some(name) = text.strip_prefix("env:") {
        let found = std::env::var(name).ok().filter(|value| !value.is_empty());
        return found
            .map(Into::into)
            .ok_or_else(|| format!("the environment variable {name} to be set, and not empty"));
    }
    let Some(path) = text.strip_prefix("file:") else { return Ok(text.into_bytes()) };
    let mut bytes = file(path, folder)?;
    // What an editor or echo puts at the end is no part of it.
    for end in [b'\n', b'\r'] {
        bytes.pop_if(|last| *last == end);
    }
    Ok(bytes)
}

/// The content of a file that is a key; nothing that could keep the start waiting.
pub(super) fn file(path: &str, folder: &Path) -> Result<Vec<u8>, String> {
    let path = folder.join(path);
    let expected = |error: &str| format!("a readable file: {}: {error}", path.display());
    let is_file = std::fs::metadata(&path).map_err(|error| expected(&error.to_string()))?.is_file();
    if !is_file {
        return Err(expected("not a file"));
    }
    let opened = std::fs::File::open(&path).map_err(|error| expected(&error.to_string()))?;
    let mut bytes = Vec::new();
    let read = opened.take(MAX_KEY_BYTES + 1).read_to_end(&mut bytes);
    match read {
        Ok(length) if length as u64 > MAX_KEY_BYTES => Err(expected("too large")),
        Ok(_) => Ok(bytes),
        Err(error) => Err(expected(&error.to_string())),
    }
}
