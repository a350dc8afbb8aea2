//! Rows as they stand in the files of `tests/rows`, and as they are played.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::IntoDeserializer as _;

use crate::message::Kind;
use crate::step::{STANDARD, Step};
use crate::text;

/// One file of rows: they share a proxy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SheetText {
    /// What the rows are about, for the report.
    title: String,
    /// More lines of `[upstream]`.
    #[serde(default)]
    upstream: String,
    /// `[[route]]`s and other tables; the endpoint and the fence's route are added.
    config: String,
    row: Vec<RowText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowText {
    name: String,
    request: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    framing: Framing,
    /// The backend keeps its connection open after the answer.
    #[serde(default)]
    keep: bool,
    steps: Option<Vec<String>>,
    #[serde(default)]
    client: Client,
    #[serde(default)]
    events: Vec<String>,
    outcome: Option<String>,
    record: Option<String>,
    /// How each exchange ends, for `restcast explain`: whole, cut, lost, unsent, or half: the end of the
    /// connection came too early, and nothing tells.
    #[serde(default = "whole")]
    ending: String,
    limit: Option<String>,
    /// The row stands for one of each of these: `{name}` in its texts is the value.
    #[serde(default)]
    each: BTreeMap<String, Vec<String>>,
}

fn whole() -> String {
    "whole".to_owned()
}

/// How the end of an answer's body is told.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// `Content-Length`.
    #[default]
    Length,
    /// No body, and no field that speaks of one.
    None,
    Chunked,
    /// Chunked, with a field behind the last chunk.
    Trailers,
    /// The end of the connection.
    Close,
    /// The same from a backend that speaks HTTP/1.0.
    Http10,
}

/// What the client must get.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// What a direct connection gets.
    #[default]
    Direct,
    /// It left; nobody knows what it would have got.
    Gone,
    /// A part of the answer, and the end of the connection.
    Cut,
    /// An answer with this status, which a direct connection could not give.
    Status(u16),
}

#[derive(Debug, Clone)]
pub struct Sheet {
    pub title: String,
    pub upstream: String,
    pub config: String,
    /// Its rows are many, and each has a path of its own.
    pub is_product: bool,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    pub request: Request,
    pub answer: Answer,
    pub steps: Vec<Step>,
    pub client: Client,
    pub expected: Expected,
    /// How each of its exchanges ends; [`crate::explain`] reads it.
    pub endings: Vec<String>,
    /// Why it cannot pass, where the README says so.
    pub limit: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct Answer {
    /// Status and reason.
    pub status: String,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    pub framing: Framing,
    pub keep: bool,
}

/// What readers and counters must show.
#[derive(Debug, Clone)]
pub struct Expected {
    /// One line for each item: `create book 7 record`, as [`crate::judge`] writes it.
    pub events: Vec<String>,
    /// The captures' outcomes.
    pub outcomes: Vec<String>,
    /// The record's bytes.
    pub record: Option<Vec<u8>>,
}

impl Request {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn kind_of_answer(&self) -> Kind {
        if self.method == "HEAD" { Kind::AnswerToHead } else { Kind::Answer }
    }

    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: api.example\r\n", self.method, self.target);
        for line in &self.headers {
            head.push_str(&format!("{line}\r\n"));
        }
        let framed =
            self.headers.iter().any(|line| line.to_ascii_lowercase().starts_with("transfer-encoding"));
        if !framed && (!self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH")) {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        (head + "\r\n").into_bytes()
    }
}

impl Answer {
    /// Head, first half and second half, as they go over the wire.
    pub fn parts(&self, kind: Kind) -> [Vec<u8>; 3] {
        let version = if self.framing == Framing::Http10 { "1.0" } else { "1.1" };
        let mut head = format!("HTTP/{version} {}\r\n", self.status);
        let mut add = |line: &str| head.push_str(&format!("{line}\r\n"));
        self.headers.iter().for_each(|line| add(line));
        if !self.keep {
            add("Connection: close");
        }
        match self.framing {
            Framing::Length => add(&format!("Content-Length: {}", self.body.len())),
            Framing::Chunked => add("Transfer-Encoding: chunked"),
            Framing::Trailers => add("Transfer-Encoding: chunked\r\nTrailer: X-Sum"),
            Framing::None | Framing::Close | Framing::Http10 => {}
        }
        head.push_str("\r\n");
        if kind == Kind::AnswerToHead || self.framing == Framing::None {
            return [head.into_bytes(), Vec::new(), Vec::new()];
        }
        let (first, second) = self.body.split_at(self.body.len().div_ceil(2));
        let halves = match self.framing {
            Framing::Chunked => [chunk(first), [chunk(second), b"0\r\n\r\n".to_vec()].concat()],
            Framing::Trailers => [chunk(first), [chunk(second), b"0\r\nX-Sum: 7\r\n\r\n".to_vec()].concat()],
            _ => [first.to_vec(), second.to_vec()],
        };
        let [first, second] = halves;
        [head.into_bytes(), first, second]
    }

    /// The backend ends its connection behind the answer.
    pub fn closes(&self) -> bool {
        !self.keep || matches!(self.framing, Framing::Close | Framing::Http10)
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Every sheet of `tests/rows`, in the order of the files' names.
pub fn sheets() -> Vec<Sheet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.retain(|path| path.file_stem().is_some_and(|name| name != "product"));
    files.iter().map(|path| sheet(path)).collect()
}

fn sheet(path: &Path) -> Sheet {
    let source = std::fs::read_to_string(path).unwrap();
    let sheet: SheetText =
        toml::from_str(&source).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = sheet.row.iter().flat_map(RowText::read_each).collect();
    Sheet { title: sheet.title, upstream: sheet.upstream, config: sheet.config, is_product: false, rows }
}

impl RowText {
    /// The row, or one for each combination of its lists.
    fn read_each(&self) -> Vec<Row> {
        let mut combinations = vec![Vec::new()];
        for (name, values) in &self.each {
            let with = |before: &Vec<(String, String)>| -> Vec<_> {
                let one = |value: &String| [before.as_slice(), &[(name.clone(), value.clone())]].concat();
                values.iter().map(one).collect()
            };
            combinations = combinations.iter().flat_map(with).collect();
        }
        combinations.iter().map(|values| self.read(values)).collect()
    }

    fn read(&self, values: &[(String, String)]) -> Row {
        let fill = |text: &String| {
            values
                .iter()
                .fold(text.clone(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let (line, headers, body) = parts(&fill(&self.request));
        let (method, target) = line.split_once(' ').unwrap_or_else(|| panic!("{}: no path", self.name));
        let request = Request { method: method.to_owned(), target: target.to_owned(), headers, body };
        let (status, headers, body) = parts(&fill(&self.answer));
        let framing = values.iter().find(|(name, _)| name == "framing");
        let framing = framing.map_or(self.framing, |(_, value)| Framing::named(value));
        let steps: Vec<String> = match &self.steps {
            Some(steps) => steps.iter().map(fill).collect(),
            None => STANDARD.iter().map(|step| (*step).to_owned()).collect(),
        };
        let events: Vec<String> = self.events.iter().map(fill).collect();
        let outcome = self.outcome.clone().unwrap_or_else(|| usual_outcome(&events).to_owned());
        let which: Vec<String> = values.iter().map(|(_, value)| value.clone()).collect();
        Row {
            name: if which.is_empty() {
                self.name.clone()
            } else {
                format!("{} ({})", self.name, which.join(", "))
            },
            steps: steps.iter().map(|step| Step::read(step)).collect(),
            request,
            answer: Answer { status, headers, body, framing, keep: self.keep },
            client: self.client.clone(),
            expected: Expected {
                events,
                outcomes: outcome.split(' ').filter(|name| *name != "none").map(ToOwned::to_owned).collect(),
                record: self.record.as_deref().map(text::bytes),
            },
            endings: self.ending.split(' ').map(ToOwned::to_owned).collect(),
            limit: self.limit.clone(),
        }
    }
}

impl Framing {
    fn named(name: &str) -> Self {
        Self::deserialize(name.into_deserializer())
            .unwrap_or_else(|error: serde::de::value::Error| panic!("{error}"))
    }
}

/// The outcome that goes with such events unless a row says otherwise.
fn usual_outcome(events: &[String]) -> &'static str {
    match events {
        [] => "refused",
        [event, ..] if event.ends_with("uncertain") => "uncertain",
        [event, ..] if event.starts_with("delete") || !event.contains(" changed") => "event",
        _ => "no_record",
    }
}

/// First line, fields and body of a message in a table.
fn parts(message: &str) -> (String, Vec<String>, Vec<u8>) {
    let (head, body) = message.split_once("\n\n").unwrap_or((message, ""));
    let mut lines = head.trim_start().lines().map(ToOwned::to_owned);
    let line = lines.next().unwrap_or_default();
    (
        line,
        lines.filter(|line| !line.is_empty()).collect(),
        text::bytes(body.strip_suffix('\n').unwrap_or(body)),
    )
}
