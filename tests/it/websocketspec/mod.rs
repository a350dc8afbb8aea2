//! Dialect `websocketspec` with the real executable: the acceptance checks of `protocols.md`, section 5.9, by
//! their numbers.

mod clients;
mod connections;
mod explain;
mod faults;
mod filters;
mod hooks;
mod hostile;
mod readme;
mod reads;
mod rules;
mod writes;

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::*;
use crate::tools::{self, Backend};

const USERS: &str = "[[route]]\npath = \"/api/users/{id}\"\nmodel = \"user\"\n";
/// What json-server can be asked of them.
const QUERY: &str = "[route.query]\npreset = \"json-server\"\n";

fn endpoint(options: &str) -> String {
    format!("[[endpoint]]\npath = \"/ws\"\ndialect = \"websocketspec\"\n{options}\n")
}

/// The proxy in front of json-server, which has users.
struct Spec {
    proxy: Proxy,
    _backend: Backend,
}

impl Spec {
    fn start() -> Option<Self> {
        let backend = tools::node()?.json_server();
        let proxy = Proxy::with(backend.address, &format!("{USERS}{QUERY}{}", endpoint("")));
        Some(Self { proxy, _backend: backend })
    }

    fn client(&self) -> Client {
        Client::open(self.proxy.address)
    }

    /// A write by plain REST; gives what the backend answered.
    fn rest(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.proxy.send(method, &format!("/api/users{path}"), &body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        serde_json::from_str(&answer.text()).unwrap_or_default()
    }
}

/// A backend without memory, and the proxy in front of it.
fn scripted(origin: &Origin, route: &str, tables: &str) -> Proxy {
    Proxy::with(origin.address, &format!("{USERS}{route}{tables}"))
}

/// A client that answers nothing by itself.
struct Client(Reader);

impl Client {
    fn open(address: SocketAddr) -> Self {
        Self(Reader::connect(address, "/ws"))
    }

    fn say(&mut self, message: &Value) {
        self.0.send(message.to_string());
    }

    /// Says it, and gives the answer, which comes next.
    fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        let answer = self.0.next();
        assert_eq!(answer["id"], message["id"], "{answer}");
        assert!(answer["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{answer}");
        answer
    }

    /// A request about users; `inside`: more fields of the message.
    fn request(&mut self, operation: &str, inside: &Value) -> Value {
        let answer = self.ask(&request("r", operation, inside));
        assert_eq!(answer["type"], "response", "{answer}");
        answer
    }

    /// The data of one that succeeds.
    fn data(&mut self, operation: &str, inside: &Value) -> Value {
        let answer = self.request(operation, inside);
        assert_eq!(answer["success"], true, "{answer}");
        answer["data"].clone()
    }

    /// The code and the details of one that fails.
    fn fails(&mut self, operation: &str, inside: &Value) -> (Value, Value) {
        let answer = self.request(operation, inside);
        assert_eq!(answer["success"], false, "{answer}");
        (answer["error"]["code"].clone(), answer["error"]["details"].clone())
    }

    /// Subscribes to users; gives the subscription's id.
    fn subscribe(&mut self, filters: &Value) -> String {
        let answer = self.ask(&json!({
            "id": "s", "type": "subscription", "operation": "subscribe", "entity": "users",
            "options": {"filters": filters},
        }));
        assert_eq!(answer["success"], true, "{answer}");
        answer["data"]["subscription_id"].as_str().unwrap().to_owned()
    }

    fn unsubscribe(&mut self, id: &str) -> Value {
        self.ask(&json!({
            "id": "u", "type": "subscription", "operation": "unsubscribe", "subscription_id": id,
        }))
    }

    /// Operation and data of the notification that comes next, of that subscription.
    fn told(&mut self, subscription: &str) -> (String, Value) {
        let message = self.0.next();
        assert_eq!(message["type"], "notification", "{message}");
        assert_eq!(message["subscription_id"], subscription, "{message}");
        assert_eq!(json!([message["schema"], message["entity"]]), json!(["public", "users"]));
        let keys = ["type", "operation", "subscription_id", "schema", "entity", "data", "timestamp"];
        assert!(message.as_object().unwrap().keys().all(|key| keys.contains(&&**key)), "{message}");
        (message["operation"].as_str().unwrap().to_owned(), message["data"].clone())
    }

    /// Nothing is on its way: what is said next is answered next.
    fn is_quiet(&mut self) {
        assert_eq!(self.ask(&json!({"id": "quiet", "type": "ping"}))["type"], "pong");
    }
}

fn request(id: &str, operation: &str, inside: &Value) -> Value {
    let mut message = json!({"id": id, "type": "request", "operation": operation, "entity": "users"});
    for (key, value) in inside.as_object().unwrap() {
        message[key] = value.clone();
    }
    message
}

fn told(operation: &str, data: Value) -> (String, Value) {
    (operation.to_owned(), data)
}
