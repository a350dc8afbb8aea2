//! What any bytes from outside may do to restcast, by decoder: each target takes bytes, feeds them to the
//! product and panics where a promise is broken. Built twice: by cargo-fuzz, and by the ordinary tests, which
//! run every target for seconds. So only what is public is used.

pub mod body;
pub mod config;
pub mod dialects;
pub mod exchange;
pub mod filter;
pub mod json;
pub mod keys;
pub mod websocket;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, request};
use restcast::capture::{Budget, Capture, Limits, Verdict};
use restcast::config::Config;
use restcast::dialect::{DIALECTS, Defaults};
use restcast::event::{Event, Json, Position};
use restcast::message::Publication;
use restcast::route::Routes;

/// Panics if what these bytes do breaks a promise.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 8] = [
    ("body", body::run),
    ("config", config::run),
    ("dialects", dialects::run),
    ("exchange", exchange::run),
    ("filter", filter::run),
    ("json", json::run),
    ("keys", keys::run),
    ("websocket", websocket::run),
];

/// What `text` loads as, with a server in front of it.
fn load(text: &str) -> Option<Config> {
    let text = format!("upstream.servers = [\"http://127.0.0.1:9\"]\n{text}");
    Config::parse("proxy.toml", &text).ok()
}

/// Splits at the first `separator`; without one, everything is in front.
fn split<'a>(data: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    let found = data.windows(separator.len()).position(|window| window == separator);
    found.map_or((data, &[]), |at| (&data[..at], &data[at + separator.len()..]))
}

/// Reads `FIRST LINE \n Name: value \n …`; lines that are no header are passed over.
fn head(data: &[u8]) -> (&[u8], HeaderMap) {
    let (first, lines) = split(data, b"\n");
    let header = |line: &[u8]| {
        let (name, value) = split(line, b":");
        let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
        Some((HeaderName::from_bytes(name).ok()?, value))
    };
    // A map of headers holds fewer than 32,768.
    (first, lines.split(|byte| *byte == b'\n').take(1000).filter_map(header).collect())
}

/// Reads `METHOD TARGET` and headers.
fn request(data: &[u8]) -> Option<request::Parts> {
    let (line, headers) = head(data);
    let (method, target) = split(line, b" ");
    let mut request = Request::builder().method(method).uri(target).body(()).ok()?.into_parts().0;
    request.headers = headers;
    Some(request)
}

/// What came back from the backend.
struct Answer<'a> {
    status: StatusCode,
    headers: HeaderMap,
    body: &'a [u8],
    whole: bool,
}

fn limits(body: usize, decoded: usize) -> Limits {
    Limits { body, decoded, memory: Budget::new(body) }
}

/// Plays an exchange; `None` where it is not tapped.
fn play(request: &request::Parts, answer: &Answer<'_>, routes: &Routes, limits: &Limits) -> Option<Verdict> {
    let matched = routes.of_request(request).filter(|matched| matched.tapped)?;
    let mut capture = Box::new(Capture::begin(matched, request, limits.clone()));
    capture.attempt();
    // Kept only where the routes ask for it.
    capture.request_chunk(answer.body);
    capture.request_sent();
    capture.response_head(answer.status, &answer.headers);
    for chunk in answer.body.chunks([1, 7, 4096][answer.body.len() % 3]) {
        capture.response_chunk(chunk);
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let verdict = capture.finish(answer.whole, time, uuid::Uuid::nil()).read(routes);
    if let Some(event) = &verdict.event {
        check_event(event);
    }
    Some(verdict)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

/// Every id is a string or a number, what is shown is JSON, and so is what readers get.
fn check_event(event: &Event) {
    assert!(event.many || event.items.len() == 1, "{event:?}");
    for item in &event.items {
        let parts = [item.id.as_ref(), item.record.as_ref()];
        assert!(parts.iter().flatten().all(|part| is_json(part.as_str())), "{item:?}");
        assert!(item.id.as_ref().is_none_or(|id| id.scalar_text().is_some()), "{item:?}");
        assert!(item.record.is_some() || !item.partial, "{item:?}");
    }
    let is_object = |body: &Json| is_json(body.as_str()) && body.as_str().starts_with('{');
    assert!(event.request_body.as_ref().is_none_or(is_object), "{event:?}");
    assert!(event.topics().len() >= 2);
    let publication = Publication { position: Position::untold(1), time: event.time, event: event.clone() };
    for (name, dialect) in DIALECTS {
        for frame in dialect(&Defaults).encode(&publication).into_frames() {
            let payload = frame.payload();
            let text = std::str::from_utf8(&payload).unwrap();
            let said = if *name == "sse" { data(text) } else { text.to_owned() };
            assert!(is_json(&said), "{name} says {text}");
        }
    }
}

/// What the lines of a block say, of which none may be anything else.
fn data(block: &str) -> String {
    let lines = block.strip_suffix("\n\n").unwrap().split(['\n', '\r']);
    lines.map(|line| line.strip_prefix("data: ").unwrap()).collect::<Vec<_>>().join("\n")
}
