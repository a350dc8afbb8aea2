//! Who may use the publish API: API keys, and how far each of them reaches.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use ring::hmac;

use super::fault::{Code, Fault};
use super::place::{Action, Telling};

/// Secrets are compared by their tags, in a time that says nothing of them; what makes the tags is no secret.
const TAG: &[u8] = b"restcast admin.key";
/// A shorter secret can be guessed.
const SAFE_BYTES: usize = 16;
const SCHEME: &str = "bearer ";
const BASIC: &str = "basic ";

/// Who may use it.
#[derive(Debug)]
pub enum Access {
    /// Whoever can connect: the admin port listens on loopback, and there are no keys.
    Open,
    /// Nobody: the admin port can be reached from elsewhere, and there are no keys.
    Closed,
    /// Whoever has one of these.
    Keys(Vec<ApiKey>),
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Publish events.
    Publish,
    /// Send messages to connections.
    Send,
    /// Count and list connections.
    Read,
    /// End connections.
    Disconnect,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Publish, Self::Send, Self::Read, Self::Disconnect];

    /// As it stands in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Send => "send",
            Self::Read => "read",
            Self::Disconnect => "disconnect",
        }
    }
}

/// One `[[admin.key]]`. Its secret is never shown.
#[derive(Clone)]
pub struct ApiKey {
    /// Unique.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The models that it publishes events of, and
    pub models: Vec<String>,
    /// the applications that it reaches; with neither it reaches everything.
    pub apps: Vec<String>,
    tag: hmac::Tag,
    is_guessable: bool,
}

impl ApiKey {
    /// A key of all scopes that reaches everything.
    pub fn new(name: String, secret: &[u8]) -> Self {
        let (tag, is_guessable) = (hmac::sign(&tagging(), secret), secret.len() < SAFE_BYTES);
        Self { name, scopes: Scope::ALL.to_vec(), models: Vec::new(), apps: Vec::new(), tag, is_guessable }
    }

    /// Its secret is short.
    pub fn is_guessable(&self) -> bool {
        self.is_guessable
    }

    /// Both have one secret.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.tag.as_ref() == other.tag.as_ref()
    }

    fn is_limited(&self) -> bool {
        !(self.models.is_empty() && self.apps.is_empty())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ApiKey");
        shown.field("name", &self.name).field("scopes", &self.scopes);
        shown.field("models", &self.models).field("apps", &self.apps).finish_non_exhaustive()
    }
}

fn tagging() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, TAG)
}

impl Access {
    /// Whoever connects has to prove something.
    pub(super) fn needs_key(&self) -> bool {
        !matches!(self, Self::Open)
    }

    /// Who asks.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller<'_>, Fault> {
        self.bearer_of(bearer(headers))
    }

    /// Whether somebody may see all there is.
    pub(super) fn onlooker(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let password = password(headers);
        let Caller(key) = self.bearer_of(bearer(headers).or(password.as_deref()))?;
        match key {
            Some(key) if key.is_limited() || !key.scopes.contains(&Scope::Read) => {
                Err(refusal("this needs an API key with the scope read, and without models and apps"))
            }
            _ => Ok(()),
        }
    }

    fn bearer_of(&self, presented: Option<&[u8]>) -> Result<Caller<'_>, Fault> {
        let keys = match self {
            Self::Open => return Ok(Caller(None)),
            Self::Closed => {
                return Err(Fault::new(
                    Code::Forbidden,
                    "admin.listen is no loopback address: this needs an [[admin.key]] in the configuration",
                ));
            }
            Self::Keys(keys) => keys,
        };
        let presented = presented.ok_or_else(|| {
            Fault::new(Code::Unauthorized, "Authorization: Bearer with an API key is missing")
        })?;
        let tagging = tagging();
        let is_it = |key: &&ApiKey| hmac::verify(&tagging, presented, key.tag.as_ref()).is_ok();
        // Every key is compared, so that the time does not tell which one it was either.
        let found = keys.iter().filter(is_it).fold(None, |found, key| found.or(Some(key)));
        let unknown = || Fault::new(Code::Unauthorized, "the API key is not known");
        found.map(|key| Caller(Some(key))).ok_or_else(unknown)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    after(headers, SCHEME)
}

/// Of Basic; whatever the user is called.
fn password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let pair = STANDARD.decode(after(headers, BASIC)?).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    pair.get(colon + 1..).map(<[u8]>::to_vec)
}

fn after<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a [u8]> {
    let (found, rest) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(scheme.len())?;
    found.eq_ignore_ascii_case(scheme.as_bytes()).then(|| rest.trim_ascii())
}

/// Who asks; without a key it may do everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a>(Option<&'a ApiKey>);

impl<'a> Caller<'a> {
    /// The name of its key.
    pub(super) fn name(self) -> &'a str {
        self.0.map_or("", |key| &key.name)
    }

    pub(super) fn check(self, action: &Action) -> Result<(), Fault> {
        let (Some(key), Some(scope)) = (self.0, scope(action)) else { return Ok(()) };
        if !key.scopes.contains(&scope) {
            return Err(refusal(format!("this API key has not the scope {}", scope.name())));
        }
        if *action == Action::Tell(Telling::Event) || !key.is_limited() {
            return Ok(());
        }
        match action.app() {
            Some(app) if key.apps.iter().any(|known| **known == **app) => Ok(()),
            Some(_) => Err(refusal("this API key does not reach this app")),
            None => Err(refusal("this API key does not reach all connections, only apps of its own")),
        }
    }

    /// Whether it may publish events of `model`.
    pub(super) fn check_model(self, model: &str) -> Result<(), Fault> {
        let is_known =
            |key: &ApiKey| key.models.iter().any(|known| known.to_lowercase() == model.to_lowercase());
        match self.0 {
            Some(key) if key.is_limited() && !is_known(key) => {
                Err(refusal("this API key publishes no events of this model"))
            }
            _ => Ok(()),
        }
    }
}

fn refusal(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Code::Forbidden, message)
}

fn scope(action: &Action) -> Option<Scope> {
    match action {
        Action::Describe => None,
        Action::Tell(Telling::Event) => Some(Scope::Publish),
        Action::Tell(
            Telling::Broadcast { .. } | Telling::Send { .. } | Telling::Emit | Telling::Shortcut(_),
        ) => Some(Scope::Send),
        Action::List { .. } => Some(Scope::Read),
        Action::Disconnect { .. } => Some(Scope::Disconnect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_looks_in_from_elsewhere_without_a_key() {
        let refused = Access::Closed.onlooker(&HeaderMap::new()).unwrap_err();
        assert_eq!(refused.code, Code::Forbidden);
        assert!(refused.message.contains("[[admin.key]]"), "{refused:?}");
        assert_eq!(Access::Open.onlooker(&HeaderMap::new()), Ok(()));
    }
}
