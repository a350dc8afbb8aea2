//! The endpoints that an application's `manifest.json` declares (`protocols.md`, section 2.1). It says much else,
//! which is none of our business and passed over; inside of `websockets` an unknown key is an error.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::super::Options;
use super::settings::{PING_SECONDS, is_name};
use crate::query::Resources;

/// One endpoint that a manifest declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Exact request path.
    pub path: String,
    /// Who may come in.
    pub entry: Entry,
    /// Its name among those of the application.
    pub name: String,
    slug: Option<String>,
    ping_interval: Option<Duration>,
}

/// Who may come in at a declared endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Who has a token that is believed.
    Token,
    /// Also who has none; a bad one is refused.
    TokenOrNone,
    /// Everybody; a good token says who it is.
    Anyone,
}

/// What is not known because the manifest is wrong; no name.
const UNKNOWN: &str = "unknown name";

type Object = Map<String, Value>;

/// Reads a manifest.
///
/// # Errors
/// Everything that is wrong with it, each with its key.
pub fn read_manifest(text: &str) -> Result<Vec<Declaration>, Vec<String>> {
    let document: Object = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => return Err(vec![format!("expected a JSON object: {error}")]),
    };
    let mut manifest = Manifest { errors: Vec::new() };
    let slug = manifest.slug(&document);
    let required = manifest.required(&document);
    let declarations = manifest.websockets(&document, slug.as_ref(), required);
    if manifest.errors.is_empty() { Ok(declarations) } else { Err(manifest.errors) }
}

struct Manifest {
    errors: Vec<String>,
}

impl Manifest {
    fn report(&mut self, key: &str, value: &Value, expected: &str) {
        self.errors.push(format!("{key} = {value}: expected {expected}"));
    }

    /// The value at `key`, if it is one that `read` takes.
    fn get<T>(
        &mut self,
        object: &Object,
        (place, key): (&str, &str),
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = object.get(key)?;
        let taken = read(value);
        if taken.is_none() {
            self.report(&format!("{place}{key}"), value, expected);
        }
        taken
    }

    fn flag(&mut self, object: &Object, place: &str, key: &str) -> Option<bool> {
        self.get(object, (place, key), "true or false", Value::as_bool)
    }

    fn slug(&mut self, document: &Object) -> Option<String> {
        self.get(document, ("", "slug"), "letters, digits, _ and -", |value| {
            value.as_str().filter(|slug| is_name(slug)).map(ToOwned::to_owned)
        })
    }

    /// Whether the application's endpoints need a token where they do not say so themselves.
    fn required(&mut self, document: &Object) -> bool {
        let older = ["require_auth", "auth_required"].map(|key| self.flag(document, "", key));
        let policy = self.get(document, ("", "auth_policy"), "an object", |value| value.as_object().cloned());
        let policy = policy.and_then(|policy| self.flag(&policy, "auth_policy.", "required"));
        older.into_iter().flatten().next().or(policy).unwrap_or(true)
    }

    fn websockets(&mut self, document: &Object, slug: Option<&String>, required: bool) -> Vec<Declaration> {
        let expected = "an object with an endpoint, such as {\"realtime\": {\"path\": \"/ws\"}}";
        let Some(declared) = document.get("websockets") else {
            self.errors.push(format!("websockets: is missing: {expected}"));
            return Vec::new();
        };
        let Some(declared) = declared.as_object().filter(|declared| !declared.is_empty()) else {
            self.report("websockets", declared, expected);
            return Vec::new();
        };
        let mut declarations = Vec::new();
        for (name, endpoint) in declared {
            let place = format!("websockets.{name}");
            if !is_name(name) {
                self.errors.push(format!("{place}: expected a name of letters, digits, _ and -"));
            }
            match endpoint.as_object() {
                Some(endpoint) => {
                    declarations.extend(self.declaration((name, endpoint), &place, required));
                }
                None => self.report(&place, endpoint, "an object, such as {\"path\": \"/ws\"}"),
            }
        }
        for declaration in &mut declarations {
            declaration.slug = slug.cloned();
        }
        declarations
    }

    fn declaration(
        &mut self,
        (name, endpoint): (&str, &Object),
        place: &str,
        required: bool,
    ) -> Option<Declaration> {
        let inside = format!("{place}.");
        self.refuse_unknown(endpoint, &inside, &["path", "description", "auth", "ping_interval"]);
        self.get(endpoint, (&inside, "description"), "a text", |value| value.as_str().map(drop));
        let path = self.get(endpoint, (&inside, "path"), "a path of letters, digits, _, - and /", path);
        if !endpoint.contains_key("path") {
            self.errors.push(format!("{inside}path: is missing; for example \"/ws\""));
        }
        let seconds = self.get(
            endpoint,
            (&inside, "ping_interval"),
            "a whole number of seconds from 5 to 300",
            |value| value.as_u64().filter(|seconds| PING_SECONDS.contains(seconds)),
        );
        let auth = self.get(endpoint, (&inside, "auth"), "an object", |value| value.as_object().cloned());
        let entry = self.entry(&auth.unwrap_or_default(), &format!("{inside}auth."), required);
        let ping_interval = seconds.map(Duration::from_secs);
        Some(Declaration { path: path?, entry, name: name.to_owned(), slug: None, ping_interval })
    }

    fn entry(&mut self, auth: &Object, inside: &str, required: bool) -> Entry {
        self.refuse_unknown(auth, inside, &["required", "allow_anonymous"]);
        let required = self.flag(auth, inside, "required").unwrap_or(required);
        let anonymous = self.flag(auth, inside, "allow_anonymous").unwrap_or(false);
        match (required, anonymous) {
            (true, false) => Entry::Token,
            (true, true) => Entry::TokenOrNone,
            (false, _) => Entry::Anyone,
        }
    }

    fn refuse_unknown(&mut self, object: &Object, inside: &str, known: &[&str]) {
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            self.errors.push(format!("{inside}{key}: unknown key; there are {}", known.join(", ")));
        }
    }
}

fn path(value: &Value) -> Option<String> {
    let rest = value.as_str()?.strip_prefix('/')?;
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_/-".contains(&byte));
    (is_plain && !rest.is_empty()).then(|| format!("/{rest}"))
}

impl Declaration {
    /// In place of those of a manifest that cannot be read.
    pub fn unknown() -> Self {
        let (path, entry, name) = ("/".to_owned(), Entry::Anyone, UNKNOWN.to_owned());
        Self { path, entry, slug: Some(name.clone()), name, ping_interval: None }
    }

    /// An endpoint's options, with what the manifest says of this endpoint.
    pub fn over<'a>(&'a self, options: &'a dyn Options) -> impl Options + 'a {
        Declared { declaration: self, options }
    }
}

struct Declared<'a> {
    declaration: &'a Declaration,
    options: &'a dyn Options,
}

impl Declared<'_> {
    fn declared(&self, key: &str) -> Option<&String> {
        match key {
            "app" => self.declaration.slug.as_ref(),
            "name" => Some(&self.declaration.name),
            _ => None,
        }
    }
}

impl Options for Declared<'_> {
    fn text(&self, key: &'static str, default: &str) -> String {
        let Some(declared) = self.declared(key) else { return self.options.text(key, default) };
        let own = self.options.text(key, declared);
        if declared == UNKNOWN {
            return key.to_owned();
        }
        if own != *declared {
            self.options.report(key, format!("the manifest says {declared}"));
        }
        own
    }

    fn texts(&self, key: &'static str) -> Vec<String> {
        self.options.texts(key)
    }

    fn flag(&self, key: &'static str, default: bool) -> bool {
        let own = self.options.flag(key, default);
        own || (key == "allow_bad_token" && self.declaration.entry == Entry::Anyone)
    }

    fn number(&self, key: &'static str, default: usize) -> usize {
        self.options.number(key, default)
    }

    fn duration(&self, key: &'static str, default: Duration) -> Duration {
        let own = self.options.duration(key, default);
        self.declaration.ping_interval.filter(|_| key == "ping_interval").unwrap_or(own)
    }

    fn secret(&self, key: &'static str) -> Option<Vec<u8>> {
        self.options.secret(key)
    }

    fn authorities(&self, key: &'static str) -> Option<Vec<u8>> {
        self.options.authorities(key)
    }

    fn resources(&self) -> Arc<Resources> {
        self.options.resources()
    }

    fn report(&self, key: &'static str, message: String) {
        self.options.report(key, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> String {
        read_manifest(text).unwrap_err().join("\n")
    }

    #[test]
    fn whom_an_endpoint_lets_in_is_said_by_itself_then_by_the_app() {
        use Entry::{Anyone, Token, TokenOrNone};
        for (app, auth, expected) in [
            ("", "", Token),
            ("", r#","auth":{}"#, Token),
            ("", r#","auth":{"required":true}"#, Token),
            ("", r#","auth":{"required":true,"allow_anonymous":true}"#, TokenOrNone),
            ("", r#","auth":{"allow_anonymous":true}"#, TokenOrNone),
            ("", r#","auth":{"required":false}"#, Anyone),
            ("", r#","auth":{"required":false,"allow_anonymous":false}"#, Anyone),
            (r#""auth_policy":{"required":false},"#, "", Anyone),
            (r#""auth_policy":{"required":false},"#, r#","auth":{"required":true}"#, Token),
            (r#""auth_policy":{"required":true,"provider":"casbin"},"#, "", Token),
            (r#""auth_required":false,"#, "", Anyone),
            (r#""require_auth":false,"auth_policy":{"required":true},"#, "", Anyone),
        ] {
            let text = format!(r#"{{{app}"websockets":{{"realtime":{{"path":"/ws"{auth}}}}}}}"#);
            assert_eq!(read_manifest(&text).unwrap()[0].entry, expected, "{text}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let text = r#"{"slug":"my app","name":"passed over","auth_policy":{"required":1},"websockets":{
            "a":{"path":"ws","ping_interval":4,"auth":{"required":"no","allow":true},"pings":1},
            "b c":{"description":7},"d":[],"e":{"path":"/e","ping_interval":301},"f":{"path":"/f?x","ping_interval":5.5}}}"#;
        let expected = r#"slug = "my app": expected letters, digits, _ and -
auth_policy.required = 1: expected true or false
websockets.a.pings: unknown key; there are path, description, auth, ping_interval
websockets.a.path = "ws": expected a path of letters, digits, _, - and /
websockets.a.ping_interval = 4: expected a whole number of seconds from 5 to 300
websockets.a.auth.allow: unknown key; there are required, allow_anonymous
websockets.a.auth.required = "no": expected true or false
websockets.b c: expected a name of letters, digits, _ and -
websockets.b c.description = 7: expected a text
websockets.b c.path: is missing; for example "/ws"
websockets.d = []: expected an object, such as {"path": "/ws"}
websockets.e.ping_interval = 301: expected a whole number of seconds from 5 to 300
websockets.f.path = "/f?x": expected a path of letters, digits, _, - and /
websockets.f.ping_interval = 5.5: expected a whole number of seconds from 5 to 300"#;
        assert_eq!(errors(text), expected);
        assert!(errors("{}").starts_with("websockets: is missing: an object with an endpoint"));
        assert!(
            errors(r#"{"websockets":{}}"#)
                .starts_with("websockets = {}: expected an object with an endpoint")
        );
        for text in ["", "[]", "{\"slug\":}"] {
            assert!(errors(text).starts_with("expected a JSON object: "), "{text}");
        }
    }
}
