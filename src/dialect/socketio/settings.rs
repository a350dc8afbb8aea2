//! What an endpoint says of itself in the config.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::super::multiplex::Engine;
use super::super::options::forward_headers;
use super::super::webhook::{self, Keys};
use super::super::{Dialect, Options};
use super::Within;
use super::broadcast::Broadcast;
use super::emission::Emission;
use super::namespace::Namespace;
use super::request::Request;
use super::shortcut::Shortcut;
use super::trespass;
use crate::message::Webhook;

/// As the original has them (`protocols.md`, section 4.1.1).
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);
const MAX_PAYLOAD_BYTES: usize = 1_000_000;

const KEYS: Keys = Keys {
    url: "webhook",
    secret: "webhook_secret",
    authorities: "webhook_ca_file",
    timeout: "webhook_timeout",
    retries: "webhook_retries",
};

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) engine: Engine,
    pub(super) namespaces: Vec<(Arc<str>, Arc<dyn Dialect>)>,
    pub(super) webhook: Option<Arc<Webhook>>,
    /// Headers of the handshake that go along to the backend. `None`: it is never asked, and nothing is kept for that.
    pub(super) forward: Option<Vec<HeaderName>>,
    /// What is allowed and probably not meant.
    pub(super) warnings: Vec<String>,
    /// What programs say by a name.
    pub(super) shortcuts: Vec<Arc<Shortcut>>,
}

impl Settings {
    /// What is wrong is reported.
    pub(super) fn read(options: &dyn Options) -> Self {
        let path: Arc<str> = Arc::from(options.text("path", ""));
        let webhook = webhook::read(options, KEYS).map(Arc::new);
        let mut namespaces: Vec<Namespace> = options
            .tables("namespace", "endpoint.namespace")
            .iter()
            .map(|own| Namespace::read(&**own, &path))
            .collect();
        if namespaces.is_empty() {
            options.report(
                "namespace",
                "there is none; for example [[endpoint.namespace]] with name = \"/\"".to_owned(),
            );
        }
        let twice = namespaces
            .iter()
            .enumerate()
            .any(|(at, one)| namespaces.iter().take(at).any(|other| other.name == one.name));
        if twice {
            options.report("namespace", "two have the same name".to_owned());
        }
        add_broadcasts(options, &mut namespaces);
        add_requests(options, &mut namespaces, webhook.is_some());
        let shortcuts = shortcuts(options, &path, &namespaces);
        let engine = engine(options);
        for namespace in &mut namespaces {
            namespace.webhook.clone_from(&webhook);
            namespace.says_offset = engine.recovery.is_some();
            namespace.name_events();
        }
        let warnings = namespaces.iter().flat_map(trespass::warnings).collect();
        let forward = Some(forward_headers(options)).filter(|_| namespaces.iter().any(Namespace::asks));
        let within = |namespace: Namespace| {
            let name = Arc::clone(&namespace.name);
            (name, Arc::new(Within(Arc::new(namespace))) as Arc<dyn Dialect>)
        };
        Self {
            engine,
            namespaces: namespaces.into_iter().map(within).collect(),
            webhook,
            forward,
            warnings,
            shortcuts,
        }
    }
}

fn add_broadcasts(options: &dyn Options, namespaces: &mut [Namespace]) {
    let mut models: Vec<String> = Vec::new();
    for own in options.tables("broadcast", "endpoint.broadcast") {
        let broadcast = Arc::new(Broadcast::read(&*own));
        if models.contains(&broadcast.model) {
            own.report(
                "model",
                "another [[endpoint.broadcast]] tells of it: rooms are those of a model".to_owned(),
            );
        }
        models.push(broadcast.model.clone());
        for name in broadcast.to.keys() {
            match namespaces.iter_mut().find(|namespace| *namespace.name == **name) {
                Some(namespace) => namespace.broadcasts.push(Arc::clone(&broadcast)),
                None => own.report("to", unknown(name)),
            }
        }
    }
}

fn add_requests(options: &dyn Options, namespaces: &mut [Namespace], has_webhook: bool) {
    for own in options.tables("request", "endpoint.request") {
        let request = Arc::new(Request::read(&*own));
        if request.webhook && !has_webhook {
            own.report("webhook", "needs the webhook of the [[endpoint]], which is asked".to_owned());
        }
        let known: Vec<Arc<str>> = namespaces.iter().map(|namespace| Arc::clone(&namespace.name)).collect();
        let named = request.emissions.iter().flat_map(Emission::namespaces);
        for name in named.filter(|name| !known.iter().any(|known| **known == ***name)) {
            own.report("emit", unknown(name));
        }
        match namespaces.iter_mut().find(|namespace| *namespace.name == *request.namespace) {
            Some(namespace) if namespace.connect_event == request.event => {
                own.report("event", "is the connect_event of the namespace".to_owned());
            }
            Some(namespace) => {
                if namespace.requests.insert(request.event.clone(), request).is_some() {
                    own.report("event", "another [[endpoint.request]] of the namespace has it".to_owned());
                }
            }
            None => own.report("namespace", unknown(&request.namespace)),
        }
    }
}

fn shortcuts(options: &dyn Options, path: &Arc<str>, namespaces: &[Namespace]) -> Vec<Arc<Shortcut>> {
    let mut shortcuts: Vec<Arc<Shortcut>> = Vec::new();
    for own in options.tables("shortcut", "endpoint.shortcut") {
        let shortcut = Shortcut::read(&*own, path);
        if shortcuts.iter().any(|other| other.is_called_as(&shortcut)) {
            own.report("name", "another [[endpoint.shortcut]] has it".to_owned());
        }
        for name in shortcut.namespaces() {
            if !namespaces.iter().any(|known| *known.name == **name) {
                own.report("emit", unknown(name));
            }
        }
        shortcuts.push(Arc::new(shortcut));
    }
    shortcuts
}

fn unknown(namespace: &str) -> String {
    format!("no [[endpoint.namespace]] has the name \"{namespace}\"")
}

fn engine(options: &dyn Options) -> Engine {
    let recovery = options.text("recovery", "off");
    let recovery = match recovery.as_str() {
        "off" => None,
        _ => Some(options.duration("recovery", Duration::from_mins(2))),
    };
    Engine {
        ping_interval: options.duration("ping_interval", PING_INTERVAL),
        ping_timeout: options.duration("ping_timeout", PING_TIMEOUT),
        connect_timeout: options.duration("connect_timeout", CONNECT_TIMEOUT),
        max_payload: options.size("max_payload", MAX_PAYLOAD_BYTES),
        recovery,
    }
}
