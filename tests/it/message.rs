//! HTTP/1 messages as they stand on the wire: read while they arrive, kept byte for byte.

use std::fmt;

/// One message, its body without chunk framing.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The first line, without the version: that is each sender's own (RFC 9112, section 2.3).
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// It came to the end that its framing announced.
    pub whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Answer,
    AnswerToHead,
}

/// What an unfinished message has so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct Progress {
    pub head: bool,
    pub body_bytes: usize,
}

/// Fields of one hop, and those that a proxy adds or changes.
const NOT_COMPARED: [&str; 7] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "date",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
];

impl Message {
    /// The value of the first such field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn status(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// Nothing but the end of the connection tells where its body ends.
    pub fn is_close_delimited(&self) -> bool {
        matches!(framing(self, Kind::Answer), Framing::Close)
    }

    /// What must be the same with and without a proxy: all but the fields of one hop. Fields are sorted by
    /// name; those of one name keep their order, which alone has a meaning (RFC 9110, section 5.3).
    pub fn end_to_end(&self) -> Self {
        Self { headers: end_to_end(self.headers.clone()), ..self.clone() }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<String> = self
            .headers
            .iter()
            .chain(&self.trailers)
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let end = if self.whole { "" } else { ", cut off" };
        let body: String = self.body.escape_ascii().map(char::from).take(200).collect();
        write!(f, "{} [{}] {} bytes{end} {body}", self.line, fields.join("; "), self.body.len())
    }
}

/// See [`Message::end_to_end`].
pub fn end_to_end(mut headers: Vec<(String, String)>) -> Vec<(String, String)> {
    headers.retain(|(name, _)| !NOT_COMPARED.contains(&name.to_ascii_lowercase().as_str()));
    headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    headers
}

/// Where a body ends.
enum Framing {
    Length(usize),
    Chunked,
    Close,
}

/// The first message of `raw` and its length, once it is complete; `ended`: nothing more will come.
pub fn parse(raw: &[u8], kind: Kind, ended: bool) -> Result<(Message, usize), Progress> {
    let Some(head) = raw.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
        return Err(Progress::default());
    };
    let mut message = head_of(&raw[..head], kind);
    let rest = &raw[head..];
    let (length, whole) = match framing(&message, kind) {
        Framing::Length(length) => {
            let there = length.min(rest.len());
            message.body = rest[..there].to_vec();
            (there, there == length)
        }
        Framing::Close => {
            message.body = rest.to_vec();
            (rest.len(), ended)
        }
        Framing::Chunked => dechunk(rest, &mut message),
    };
    message.whole = whole;
    if whole || ended {
        return Ok((message, head + length));
    }
    Err(Progress { head: true, body_bytes: message.body.len() })
}

/// Bytes outside of ASCII become one character each.
fn head_of(bytes: &[u8], kind: Kind) -> Message {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default();
    let line = match kind {
        Kind::Request => line.rsplit_once(' ').map_or(line, |(line, _)| line),
        Kind::Answer | Kind::AnswerToHead => line.split_once(' ').map_or(line, |(_, line)| line),
    };
    Message {
        line: line.to_owned(),
        headers: lines.map(field).collect(),
        body: Vec::new(),
        trailers: Vec::new(),
        whole: false,
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim().to_owned())
}

/// RFC 9112, section 6.3.
fn framing(message: &Message, kind: Kind) -> Framing {
    let status = message.status();
    let bodyless = status.starts_with('1') || matches!(status, "204" | "304");
    if kind == Kind::AnswerToHead || (kind == Kind::Answer && bodyless) {
        return Framing::Length(0);
    }
    if message.header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
        return Framing::Chunked;
    }
    match message.header("content-length").and_then(|length| length.parse().ok()) {
        Some(length) => Framing::Length(length),
        None if kind == Kind::Request => Framing::Length(0),
        None => Framing::Close,
    }
}

/// Takes chunks and trailers; how many bytes they have, and whether the last one is there.
fn dechunk(rest: &[u8], message: &mut Message) -> (usize, bool) {
    let mut at = 0;
    while let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(&rest[at..]) {
        let begin = at + line;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size == 0 {
            return trailers(rest, begin, message);
        }
        let there = rest.len().saturating_sub(begin).min(size);
        message.body.extend_from_slice(&rest[begin..begin + there]);
        if begin + size + 2 > rest.len() {
            break;
        }
        at = begin + size + 2;
    }
    (rest.len(), false)
}

fn trailers(rest: &[u8], begin: usize, message: &mut Message) -> (usize, bool) {
    let mut at = begin;
    while let Some(length) = rest[at..].windows(2).position(|window| window == b"\r\n") {
        let line = String::from_utf8_lossy(&rest[at..at + length]).into_owned();
        at += length + 2;
        if line.is_empty() {
            return (at, true);
        }
        message.trailers.push(field(&line));
    }
    (rest.len(), false)
}
