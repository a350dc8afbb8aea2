//! The system of `deploy/socketio.toml` over a REST backend, with the clients that people have: the acceptance checks
//! of `protocols.md`, section 4.9, by their numbers.

mod entering;
mod lasting;
mod pages;
mod publishing;
mod python;
mod readme;
mod requests;
mod talk;
mod wire;
mod writes;

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::*;
use crate::tools::{self, Backend};
use talk::Clients;

const SEED: &str = "003-socketio.md";
const SECRET: &str = "a secret of more than thirty-two bytes";
/// One of those that the config lists.
const ORIGIN: &str = "http://localhost:5173";

/// The shipped tables, without those of addresses; `changes`: what stands there, and what is to.
fn tables(changes: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/socketio.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, tables) = text.split_once("[auth.jwt]").unwrap();
    let tables = format!("[auth.jwt]{tables}");
    changes.iter().fold(tables, |tables, (old, new)| {
        assert!(tables.contains(old), "{old} is not in the config");
        tables.replace(old, new)
    })
}

/// The backend, the proxy in front of it, and clients of `socket.io-client`.
struct System {
    clients: Clients,
    proxy: Proxy,
    backend: Backend,
}

impl System {
    /// As it is shipped.
    fn start() -> Option<Self> {
        Self::with(&[], Path::new("/nonexistent"))
    }

    /// `pages`: what the backend serves.
    fn with(changes: &[(&str, &str)], pages: &Path) -> Option<Self> {
        let (node, python) = (tools::node()?, tools::python()?);
        let backend = python.socketio_backend(&["--secret", SECRET, "--pages", pages.to_str().unwrap()]);
        let environment = [("RESTCAST_JWT_SECRET", SECRET)];
        let proxy = Proxy::with_environment(&environment, backend.address, &tables(changes));
        Some(Self { clients: Clients::new(node.socketio()), proxy, backend })
    }

    fn url(&self, namespace: &str) -> String {
        format!("http://{}{namespace}", self.proxy.address)
    }

    /// A token of an account of the backend, good for 15 minutes.
    fn token(&self, user: &str) -> String {
        self.token_for(user, 900)
    }

    fn token_for(&self, user: &str, seconds: i64) -> String {
        let login = json!({"user": user, "seconds": seconds}).to_string();
        let answer = self.proxy.send("POST", "/api/auth/login", &login);
        let answer: Value = serde_json::from_str(&answer.text()).unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    /// A socket in a namespace, with options besides its token.
    fn open(&mut self, who: &str, namespace: &str, user: &str, options: &Value) {
        let token = self.token(user);
        let mut options = options.clone();
        options["auth"] = json!({"token": token});
        let url = self.url(namespace);
        self.clients.open(who, &url, &options);
    }

    /// The same, once it has been greeted; gives the greeting.
    fn enter(&mut self, who: &str, namespace: &str, user: &str, options: &Value) -> Value {
        self.open(who, namespace, user, options);
        self.clients.next(who, "connect");
        self.clients.greeted(who, namespace)
    }

    /// An administrator and a customer, on connections of their own.
    fn enter_both(&mut self) {
        self.enter("admin", "/admin", "owner", &json!({}));
        self.enter("client", "/client", "client3", &json!({}));
    }

    /// A write with the owner's token; gives its status.
    fn write(&self, method: &str, path: &str, body: &Value) -> u16 {
        let bearer = format!("Bearer {}", self.token("owner"));
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let path = format!("/api/admin/{path}");
        request(self.proxy.address, method, &path, &headers, body.to_string().as_bytes()).status
    }

    /// A program has something said, by the admin port; gives the answer.
    fn publish(&self, what: &str, body: &Value) -> Value {
        let headers = [("Content-Type", "application/json")];
        let path = format!("/api/socketio/{what}");
        let answer = request(self.proxy.admin, "POST", &path, &headers, body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        serde_json::from_str(&answer.text()).unwrap()
    }

    /// PUT or DELETE a fault of the backend's: `broken`, `held`.
    fn fault(&self, method: &str, fault: &str) {
        assert_eq!(request(self.backend.address, method, &format!("/{fault}"), &[], b"").status, 204);
    }
}

/// Without its time, which is one.
fn timeless(mut data: Value) -> Value {
    let time = data.as_object_mut().unwrap().remove("timestamp");
    let is_time = |time: &str| time.len() >= 20 && time.contains('T') && time.ends_with("+00:00");
    assert!(time.as_ref().and_then(Value::as_str).is_some_and(is_time), "{time:?} of {data}");
    data
}
