//! Clients in a process of their own, told what to do, and what happens to each of them, in its order.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::harness::*;

/// What happened, and its arguments.
type Happening = (String, Value);

pub struct Clients {
    process: Process,
    /// Bytes of its output: each line is read once, since there are many, and it is looked for more again and again.
    read: usize,
    /// What happened to each.
    said: HashMap<String, Vec<Happening>>,
    /// What comes when it likes.
    apart: HashMap<String, Vec<Happening>>,
    /// How much of what happened to each has been looked at.
    seen: HashMap<String, usize>,
}

impl Clients {
    /// `process` speaks as `tests/clients/socketio_clients.js` does.
    pub fn new(process: Process) -> Self {
        Self { process, read: 0, said: HashMap::new(), apart: HashMap::new(), seen: HashMap::new() }
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

    /// Takes in what has happened since.
    fn read_on(&mut self) {
        let output = self.process.output_behind(self.read);
        self.read += output.len();
        for line in output.lines() {
            let mut line: Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("not a line of JSON: {line}"));
            let (who, got) = (line["who"].as_str().unwrap(), line["got"].as_str().unwrap().to_owned());
            let is_apart = got == "ping" || got == "upgrade";
            let happened = if is_apart { &mut self.apart } else { &mut self.said };
            happened.entry(who.to_owned()).or_default().push((got, line["args"].take()));
        }
    }

    /// The next thing that happens to one.
    pub fn any(&mut self, who: &str) -> (String, Value) {
        let seen = self.seen.get(who).copied().unwrap_or_default();
        let next = eventually(&format!("something happens to {who}"), || {
            self.read_on();
            self.said.get(who)?.get(seen).cloned()
        });
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
    pub fn unseen(&mut self, who: &str) -> usize {
        self.read_on();
        self.said.get(who).map_or(0, Vec::len) - self.seen.get(who).copied().unwrap_or_default()
    }

    /// Waits until the connection of one has gone over to a WebSocket.
    pub fn upgraded(&mut self, who: &str) {
        let upgrade = ("upgrade".to_owned(), json!(["websocket"]));
        eventually("it is upgraded", || self.apart(who).contains(&upgrade).then_some(()));
    }

    /// How often the server has looked for one.
    pub fn pings(&mut self, who: &str) -> usize {
        self.apart(who).iter().filter(|(got, _)| got == "ping").count()
    }

    fn apart(&mut self, who: &str) -> &[Happening] {
        self.read_on();
        self.apart.get(who).map_or(&[], Vec::as_slice)
    }
}
