//! Scenes as text: who asks what and when, what is asked of the backend, who is told what.

mod answers;
mod bounds;
mod credentials;
mod loaded;
mod property;

use std::collections::HashMap;

use http::{HeaderMap, HeaderValue};

use super::*;

const LIMITS: Limits = Limits {
    ttl: Duration::from_secs(10),
    at_once: 100,
    at_once_each: 100,
    waiting: 100,
    waiting_each: 100,
    waiters: 100,
    bytes: 10_000,
    patience: Duration::from_secs(5),
    remembered: 100,
};

struct Scene {
    access: Access<String>,
    keys: Keys,
    tickets: HashMap<String, Ticket>,
}

fn credentials(keys: &Keys, token: &str) -> Credentials {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(token).unwrap());
    Credentials::new(keys, headers, None)
}

fn told(told: Vec<(String, Verdict)>) -> String {
    let words = |(waiter, verdict): (String, Verdict)| format!("{waiter} {}", word(verdict));
    told.into_iter().map(words).collect::<Vec<_>>().join(", ")
}

fn word(verdict: Verdict) -> String {
    let before = if verdict.before { "+" } else { "" };
    let superseded = if verdict.superseded { " old" } else { "" };
    format!("{:?}{before}{superseded}", verdict.answer).to_lowercase()
}

impl Scene {
    fn act(&mut self, now: Duration, words: &[&str]) -> String {
        match words {
            ["change", record, position] => {
                self.access.changed(record, position.parse().unwrap());
                String::new()
            }
            ["forget", position] => {
                self.access.forget(position.parse().unwrap());
                String::new()
            }
            ["ask", who, record, change, position] => {
                let change = match *change {
                    "write" => Change::Changed,
                    "read" => Change::Unchanged,
                    _ => Change::Deleted,
                };
                let asking = Asking {
                    who: Arc::new(credentials(&self.keys, who)),
                    record: Arc::from(*record),
                    position: position.parse().unwrap(),
                    change,
                    fresh: false,
                };
                match self.access.ask(asking, format!("{who}{position}"), now) {
                    Asked::Known(verdict) => word(verdict),
                    other @ (Asked::Waits | Asked::Full) => format!("{other:?}").to_lowercase(),
                }
            }
            ["due"] => {
                let due = self.access.due(now);
                let name = |question: &Question| {
                    let who = question.who.headers()["authorization"].to_str().unwrap();
                    format!("{who} {}", question.record)
                };
                let asked: Vec<String> = due.ask.iter().map(name).collect();
                self.tickets
                    .extend(asked.iter().cloned().zip(due.ask.iter().map(|question| question.ticket)));
                let late = told(due.late);
                if late.is_empty() { asked.join(", ") } else { format!("{}; late {late}", asked.join(", ")) }
            }
            ["answer", who, record, status] => {
                let ticket = self.tickets.remove(&format!("{who} {record}")).unwrap();
                told(self.access.returned(ticket, Answer::of_status(status.parse().unwrap()), now))
            }
            ["load", who, record, status, began] => {
                let began = Duration::from_secs(began.parse().unwrap());
                let answer = Answer::of_status(status.parse().unwrap());
                self.access.loaded(&credentials(&self.keys, who), record, answer, began);
                String::new()
            }
            _ => panic!("{words:?}"),
        }
    }
}

/// Plays lines of `SECONDS ACTION… => what comes of it`.
fn play(limits: Limits, script: &str) -> Access<String> {
    let keys = Keys::default();
    let access = Access::new(limits, keys.clone());
    let mut scene = Scene { access, keys, tickets: HashMap::new() };
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (action, expected) = line.split_once("=>").unwrap_or((line, ""));
        let words: Vec<&str> = action.split_whitespace().collect();
        let now = Duration::from_secs(words[0].parse().unwrap());
        assert_eq!(scene.act(now, &words[1..]), expected.trim(), "{line}");
    }
    scene.access
}
