//! `[[admin.key]]`: who may use the publish API.

use std::path::Path;

use toml::de::DeValue;

use super::auth::secret;
use super::reader::Section;
use super::setting::Setting;
use crate::api::{ApiKey, Scope};
use crate::route::Model;

/// Reads them.
pub(super) fn keys(admin: &Section<'_>, folder: &Path) -> Vec<ApiKey> {
    let mut keys: Vec<ApiKey> = Vec::new();
    for section in admin.tables("key", "admin.key") {
        let key = key(&section, folder);
        if let Some(key) = key {
            if keys.iter().any(|other| other.name == key.name) {
                section.report("name", "another [[admin.key]] is called so already");
            }
            if keys.iter().any(|other| other.is_same_as(&key)) {
                section.report("secret", "another [[admin.key]] has this secret already");
            }
            keys.push(key);
        }
        section.finish();
    }
    keys
}

fn key(section: &Section<'_>, folder: &Path) -> Option<ApiKey> {
    let name = section.require("name", "\"billing\"", |value| {
        let name = String::read(value)?;
        if name.is_empty() { Err("a name".to_owned()) } else { Ok(name) }
    });
    let secret = section.require("secret", "\"env:RESTCAST_API_KEY\"", |value| {
        let secret = secret(value, folder)?;
        let is_plain = !secret.is_empty() && secret.iter().all(u8::is_ascii_graphic);
        if is_plain { Ok(secret) } else { Err("a secret of visible ASCII characters".to_owned()) }
    });
    let scopes = section.read("scopes", scopes);
    let models = section.read("models", models).unwrap_or_default();
    let apps = section.get("apps", Vec::new());
    let mut key = ApiKey::new(name?, &secret?);
    (key.models, key.apps) = (models, apps);
    key.scopes = scopes.unwrap_or(key.scopes);
    Some(key)
}

fn scopes(value: &DeValue<'_>) -> Result<Vec<Scope>, String> {
    let find = |name: &String| Scope::ALL.iter().find(|scope| scope.name() == name).copied();
    let scopes: Option<Vec<Scope>> = Vec::<String>::read(value)?.iter().map(find).collect();
    let expected = || format!("a list of {}", Scope::ALL.map(Scope::name).join(", "));
    scopes.filter(|scopes| !scopes.is_empty()).ok_or_else(expected)
}

fn models(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let models = Vec::<String>::read(value)?;
    let all = models.iter().all(|name| Model::is_name(name));
    if all { Ok(models) } else { Err("a list of models, as their routes name them".to_owned()) }
}

/// Secrets that somebody could guess.
pub(super) fn warnings(keys: &[ApiKey]) -> Vec<String> {
    let short = keys.iter().filter(|key| key.is_guessable());
    short
        .map(|key| {
            format!("the secret of admin.key {} is shorter than 16 bytes: it can be guessed", key.name)
        })
        .collect()
}
