//! A row as it is played: what goes over the wire, and what must come of it.

use serde::Deserialize;
use serde::de::IntoDeserializer as _;

use crate::message::Kind;
use crate::step::Step;

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

impl Framing {
    pub fn named(name: &str) -> Self {
        Self::deserialize(name.into_deserializer())
            .unwrap_or_else(|error: serde::de::value::Error| panic!("{error}"))
    }
}
