//! `[[endpoint]]`.

use http::Uri;
use toml::de::{DeTable, DeValue};

use super::reader::{Reader, Section};
use super::setting::{Bytes, Setting, word};
use super::{EndpointAuth, EndpointConfig, KIB};
use crate::dialect;

const AUTH: [(&str, EndpointAuth); 3] = [
    ("none", EndpointAuth::None),
    ("optional", EndpointAuth::Optional),
    ("required", EndpointAuth::Required),
];

/// Reads every endpoint.
pub(super) fn endpoints<'a>(reader: &'a Reader<'a>, root: &'a DeTable<'a>) -> Vec<EndpointConfig> {
    let mut endpoints: Vec<EndpointConfig> = Vec::new();
    let has_issuers = root.get("auth").and_then(|auth| auth.get_ref().as_table()?.get("jwt")).is_some();
    for section in reader.sections(root, "endpoint") {
        let endpoint = endpoint(&section, has_issuers);
        if endpoint.as_ref().is_some_and(|new| endpoints.iter().any(|old| old.path == new.path)) {
            section.report("path", "another [[endpoint]] has this path already");
        }
        endpoints.extend(endpoint);
        section.finish();
    }
    endpoints
}

fn endpoint(section: &Section<'_>, has_issuers: bool) -> Option<EndpointConfig> {
    let path = section.require("path", "\"/ws\"", |value| {
        let path = String::read(value)?;
        let plain = path.starts_with('/') && !path.contains(['?', '#', '{', '}', ' ']);
        if plain { Ok(path) } else { Err("a path such as \"/ws\", without parameters".to_owned()) }
    });
    let dialect = section.require("dialect", "\"flarchitect\"", dialect_name);
    let Bytes(max_message) = section.get("max_message", Bytes(64 * KIB));
    let auth = section.read("auth", |value| word(value, &AUTH)).unwrap_or(EndpointAuth::None);
    let cookie = section.read("cookie", cookie).filter(|name| !name.is_empty());
    let origins = section.read("origins", origins).unwrap_or_default();
    if auth != EndpointAuth::None && !has_issuers {
        section.report("auth", "needs an [auth.jwt] that says whose tokens are believed");
    }
    if auth == EndpointAuth::None && cookie.is_some() {
        section.report("cookie", "needs auth = \"optional\" or \"required\": without, no token is looked at");
    }
    Some(EndpointConfig { path: path?, dialect: dialect?, max_message, auth, cookie, origins })
}

fn dialect_name(value: &DeValue<'_>) -> Result<&'static str, String> {
    let names: Vec<(&str, &'static str)> = dialect::DIALECTS.iter().map(|(name, _)| (*name, *name)).collect();
    word(value, &names)
}

fn cookie(value: &DeValue<'_>) -> Result<String, String> {
    let name = String::read(value)?;
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !b"=;,\"".contains(&byte));
    if plain { Ok(name) } else { Err("the name of a cookie".to_owned()) }
}

/// Scheme, host and, where it is not the usual one, port: as browsers send it.
fn origins(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let origins = Vec::<String>::read(value)?;
    let is_origin = |text: &String| {
        let uri = text.parse::<Uri>().ok();
        uri.is_some_and(|uri| {
            let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.authority());
            host.is_some_and(|host| format!("{scheme}://{host}") == *text)
        })
    };
    let all = origins.iter().all(is_origin);
    if all {
        Ok(origins)
    } else {
        Err("a list of origins such as \"https://app.example.com\", without a path".to_owned())
    }
}
