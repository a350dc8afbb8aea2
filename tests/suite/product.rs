//! `tests/rows/product.toml`: every combination of its lists, and what each must give.

use std::path::Path;

use serde::Deserialize;

use crate::coding::encode;
use crate::row::{Answer, Client, Expected, Framing, Request, Row};
use crate::sheet::Sheet;
use crate::step::{STANDARD, Step};
use crate::text;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    title: String,
    config: String,
    method: Vec<Method>,
    status: Vec<Status>,
    body: Vec<Body>,
    coding: Vec<Coding>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Method {
    name: String,
    #[serde(default)]
    headers: Vec<String>,
    path: String,
    /// Empty: no write.
    #[serde(default)]
    operation: String,
    #[serde(default)]
    tells: Tells,
    /// The path names the record.
    #[serde(default)]
    names_record: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    codes: Vec<u16>,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    tells: Tells,
    #[serde(default)]
    action: Option<String>,
    /// The bodies that such an answer can have; empty: all.
    #[serde(default)]
    bodies: Vec<String>,
    /// Operations of which it leaves open whether they were done.
    #[serde(default)]
    in_doubt_for: Vec<String>,
    /// Its location names the record.
    #[serde(default)]
    names_record: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    name: String,
    text: Option<String>,
    #[serde(default)]
    framing: Framing,
    #[serde(default)]
    tells: Tells,
    /// The outcome where nothing else spoils the record: `too_large`, `undecodable`.
    #[serde(default)]
    outcome: Option<String>,
    /// It is over the cap however it is coded.
    #[serde(default)]
    over_cap: bool,
    /// What of it is the record; absent: all.
    record: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Coding {
    name: String,
    label: String,
    how: String,
    #[serde(default)]
    outcome: Option<String>,
}

/// The most that an event can say, weakest first: a combination tells what its weakest part does.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Tells {
    Nothing,
    Doubt,
    Change,
    Partial,
    #[default]
    Record,
}

/// Every combination as a row.
pub fn sheet() -> Sheet {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows/product.toml");
    let source = std::fs::read_to_string(&path).unwrap();
    let product: Product =
        toml::from_str(&source).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rows = Vec::new();
    for coding in &product.coding {
        for body in &product.body {
            let coded = body.text.as_ref().map(|text| encode(&coding.how, &text::bytes(text)));
            for status in product.status.iter().filter(|status| status.allows(body)) {
                for (code, method) in
                    status.codes.iter().flat_map(|code| product.method.iter().map(move |m| (code, m)))
                {
                    let part = Parts { method, status, code: *code, body, coding };
                    rows.extend(part.row(rows.len(), coded.as_deref()));
                }
            }
        }
    }
    Sheet { title: product.title, upstream: String::new(), config: product.config, is_product: true, rows }
}

impl Status {
    fn allows(&self, body: &Body) -> bool {
        self.bodies.is_empty() || self.bodies.contains(&body.name)
    }
}

/// One of each list.
struct Parts<'a> {
    method: &'a Method,
    status: &'a Status,
    code: u16,
    body: &'a Body,
    coding: &'a Coding,
}

impl Parts<'_> {
    /// `None`: there is nothing to encode in an empty body.
    fn row(&self, number: usize, coded: Option<&[u8]>) -> Option<Row> {
        let plain = self.coding.label.is_empty();
        if coded.is_none() && !plain {
            return None;
        }
        let numbered = |text: &String| text.replace("{row}", &number.to_string());
        let mut headers = vec!["Content-Type: application/json".to_owned()];
        if !plain {
            headers.push(format!("Content-Encoding: {}", self.coding.label));
        }
        headers.extend(self.status.headers.iter().map(numbered));
        let has_body = matches!(self.method.name.as_str(), "POST" | "PUT" | "PATCH");
        let Self { method, code, body, .. } = self;
        Some(Row {
            name: self.name(),
            request: Request {
                method: method.name.clone(),
                target: numbered(&method.path),
                headers: method.headers.clone(),
                body: if has_body { b"{\"title\":\"Dune\"}".to_vec() } else { Vec::new() },
            },
            answer: Answer {
                status: format!("{code} Reason"),
                headers,
                body: coded.unwrap_or_default().to_vec(),
                framing: body.framing,
                keep: false,
            },
            steps: STANDARD.iter().map(|step| Step::read(step)).collect(),
            client: Client::Direct,
            expected: self.expected(),
            endings: vec!["whole".to_owned()],
            limit: None,
        })
    }

    fn name(&self) -> String {
        let Self { method, code, body, coding, .. } = self;
        let headers: String = method.headers.iter().map(|line| format!(" with {line}")).collect();
        format!("{}{headers} {code}, {}, {}", method.name, body.name, coding.name)
    }

    fn expected(&self) -> Expected {
        let Self { method, status, body, .. } = self;
        if method.operation.is_empty() {
            return Expected { events: Vec::new(), outcomes: Vec::new(), record: None };
        }
        let doubted = status.in_doubt_for.contains(&method.operation);
        let tells = if doubted { Tells::Doubt } else { method.tells.min(status.tells) };
        let (word, outcome) = match tells {
            Tells::Nothing => {
                return Expected { events: Vec::new(), outcomes: vec!["refused".to_owned()], record: None };
            }
            Tells::Doubt => ("changed", "uncertain"),
            Tells::Change if method.operation == "delete" => ("changed", "event"),
            Tells::Change => ("changed", "no_record"),
            Tells::Partial | Tells::Record => self.of_body(tells),
        };
        let in_body = word != "changed";
        let id = if in_body || method.names_record || status.names_record { "7" } else { "null" };
        let action = status.action.as_ref().map(|action| format!(" action={action}")).unwrap_or_default();
        let doubt = if tells == Tells::Doubt { " uncertain" } else { "" };
        let text = body.record.as_ref().or(body.text.as_ref());
        Expected {
            events: vec![format!("{} book {id} {word}{action}{doubt}", method.operation)],
            outcomes: vec![outcome.to_owned()],
            record: text.filter(|_| in_body).map(|text| text::bytes(text)),
        }
    }

    /// What an answer that may hold a record tells: what spoils it first decides.
    fn of_body(&self, tells: Tells) -> (&'static str, &str) {
        let Self { body, coding, .. } = self;
        let spoilt = if body.over_cap { &body.outcome } else { &None };
        if let Some(outcome) = spoilt.as_ref().or(coding.outcome.as_ref()).or(body.outcome.as_ref()) {
            return ("changed", outcome);
        }
        match tells.min(body.tells) {
            Tells::Record => ("record", "event"),
            Tells::Partial => ("partial", "event"),
            _ => ("changed", "no_record"),
        }
    }
}
