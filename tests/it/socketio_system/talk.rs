//! Clients in a process of their own, told what to do, and what happens to each of them, in its order.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::harness::*;

pub struct Clients {
    process: Process,
    /// How much of what happened to each has been looked at.
    seen: HashMap<String, usize>,
}

impl Clients {
    /// `process` speaks as `tests/clients/socketio_clients.js` does.
    pub fn new(process: Process) -> Self {
        Self { process, seen: HashMap::new() }
    }

    pub fn tell(&mut self, order: &Value) {
        self.process.tell(&order.to_string());
    }

    pub fn open(&mut self, who: &str, url: &str, options: &Value) {
        self.tell(&json!({"open": who, "url": url, "options": options}));
    }

    pub fn close(&mut self, who: &str) {
        self.tell(&json!({"who": who, "close": true}));
    }

    /// `event`: its name and its arguments.
    pub fn emit(&mut self, who: &str, event: &Value) {
        self.tell(&json!({"who": who, "emit": event}));
    }

    pub fn emit_with_ack(&mut self, who: &str, event: &Value) {
        self.tell(&json!({"who": who, "emit": event, "ack": true}));
    }

    /// All that has happened to one, as pairs of what and its arguments.
    fn happened(&self, who: &str) -> Vec<(String, Value)> {
        let output = self.process.output();
        let lines = output.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("not a line of JSON: {line}"))
        });
        let own = lines.filter(|line| line["who"] == who);
        own.map(|line| (line["got"].as_str().unwrap().to_owned(), line["args"].clone())).collect()
    }

    /// What comes when it likes is looked at apart.
    fn said(&self, who: &str) -> Vec<(String, Value)> {
        let is_apart = |got: &str| got == "ping" || got == "upgrade";
        self.happened(who).into_iter().filter(|(got, _)| !is_apart(got)).collect()
    }

    /// The next thing that happens to one.
    pub fn any(&mut self, who: &str) -> (String, Value) {
        let seen = self.seen.get(who).copied().unwrap_or_default();
        let next = eventually(&format!("something happens to {who}"), || self.said(who).get(seen).cloned());
        self.seen.insert(who.to_owned(), seen + 1);
        next
    }

    /// The arguments of the next thing, which is `what`.
    pub fn next(&mut self, who: &str, what: &str) -> Value {
        let (got, args) = self.any(who);
        assert_eq!(got, what, "{who} got {args}");
        args
    }

    /// It is in again, after as many attempts as it took.
    pub fn connected_again(&mut self, who: &str) {
        loop {
            let (got, args) = self.any(who);
            match got.as_str() {
                "connect" => return,
                "connect_error" => {}
                _ => panic!("{who} got {got} {args}"),
            }
        }
    }

    /// The data of the next thing, which is an event of that name with one argument.
    pub fn event(&mut self, who: &str, name: &str) -> Value {
        let args = self.next(who, "event");
        assert_eq!(args[0], name, "{who} got {args}");
        assert_eq!(args.as_array().unwrap().len(), 2, "{args}");
        args[1].clone()
    }

    /// The message of the next thing, which is an event `error`.
    pub fn error(&mut self, who: &str) -> String {
        let data = self.event(who, "error");
        assert_eq!(data.as_object().unwrap().len(), 1, "{data}");
        data["message"].as_str().unwrap().to_owned()
    }

    /// The next thing is what the namespace says to who comes in.
    pub fn greeted(&mut self, who: &str, namespace: &str) -> Value {
        let greeting = match namespace {
            "/admin" => "admin_connected",
            "/client" => "client_connected",
            _ => "connected",
        };
        self.event(who, greeting)
    }

    /// Emits, and gives the data of the event that comes next.
    pub fn ask(&mut self, who: &str, event: &Value, reply: &str) -> Value {
        self.emit(who, event);
        self.event(who, reply)
    }

    /// Nothing is on its way to one that is in: what it asks now is answered next.
    pub fn is_quiet(&mut self, who: &str) {
        self.emit_with_ack(who, &json!(["an event that nothing is known of"]));
        assert_eq!(self.next(who, "ack"), json!([{"error": "unknown_event"}]));
    }

    /// How many things happened to one that have not been looked at.
    pub fn unseen(&self, who: &str) -> usize {
        self.said(who).len() - self.seen.get(who).copied().unwrap_or_default()
    }

    /// Waits until the connection of one has gone over to a WebSocket.
    pub fn upgraded(&self, who: &str) {
        let has = || self.happened(who).contains(&("upgrade".to_owned(), json!(["websocket"]))).then_some(());
        eventually("it is upgraded", has);
    }

    /// How often the server has looked for one.
    pub fn pings(&self, who: &str) -> usize {
        self.happened(who).iter().filter(|(got, _)| got == "ping").count()
    }
}
