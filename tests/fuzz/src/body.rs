//! Any bytes under any `Content-Encoding`: what comes out is bounded, what was encoded comes out as it was,
//! and the memory is given back.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, request};
use restcast::capture::{Limits, Outcome, Verdict};
use restcast::config::Config;

use super::{Answer, limits, load, play};

/// Bytes of an answer as it comes; also all the memory there is.
const BODY: usize = 20_000;
/// Bytes of an answer after decoding.
const DECODED: usize = 30_000;
/// As the product has it.
const MAX_CODINGS: usize = 3;

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    load("[[route]]\npath=\"/a/{id}\"\nmodel=\"a\"\n[[endpoint]]\npath=\"/ws\"\ndialect=\"echo\"").unwrap()
});
static REQUEST: LazyLock<request::Parts> = LazyLock::new(|| super::request(b"PUT /a/7").unwrap());

/// The input is a line of codings and a body.
pub fn run(data: &[u8]) {
    let (codings, body) = super::split(data, b"\n");
    let Ok(value) = HeaderValue::from_bytes(codings) else { return };
    let limits = limits(BODY, DECODED);
    let verdict = read(&value, body, &limits);
    let records = verdict.event.as_ref().into_iter().flat_map(|event| &event.items);
    let shown: usize = records.filter_map(|item| Some(item.record.as_ref()?.as_str().len())).sum();
    assert!(shown <= DECODED, "{shown} bytes of records");
    check_return(&value, body, &limits);

    let full = format!("{{\"a\":\"{}\"}}", "1".repeat(BODY - "{\"a\":\"\"}".len())).into_bytes();
    let verdict = read(&HeaderValue::from_static("identity"), &full, &limits);
    assert_eq!(verdict.outcome, Outcome::Event, "memory was not given back");
}

fn read(codings: &HeaderValue, body: &[u8], limits: &Limits) -> Verdict {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_ENCODING, codings.clone())]);
    let answer = Answer { status: StatusCode::OK, headers, body, whole: true };
    let verdict = play(&REQUEST, &answer, &CONFIG.routes, limits).expect("the route is tapped");
    assert!(verdict.event.is_some(), "one write, one event");
    verdict
}

/// A record that holds `text`, encoded as the line says, comes back, unless it is over a limit.
fn check_return(value: &HeaderValue, text: &[u8], limits: &Limits) {
    let Ok(line) = value.to_str() else { return };
    let codings: Vec<String> =
        line.split(',').map(|coding| coding.trim().to_ascii_lowercase()).filter(|c| !c.is_empty()).collect();
    if codings.len() > MAX_CODINGS {
        return;
    }
    let record = serde_json::json!({ "a": String::from_utf8_lossy(text) }).to_string();
    let (mut body, mut largest) = (record.clone().into_bytes(), 0);
    for coding in &codings {
        largest = largest.max(body.len());
        let Some(encoded) = encode(coding, &body) else { return };
        body = encoded;
    }
    let verdict = read(value, &body, limits);
    if body.len() > BODY || record.len() > DECODED || largest > DECODED {
        assert_eq!(verdict.outcome, Outcome::TooLarge);
    } else {
        let record = Some(record);
        let found =
            verdict.event.and_then(|event| Some(event.items.first()?.record.as_ref()?.as_str().to_owned()));
        assert_eq!(found, record, "{line}: {:?}", verdict.outcome);
    }
}

/// `None` for a coding that nobody knows.
fn encode(coding: &str, body: &[u8]) -> Option<Vec<u8>> {
    let encoded = match coding {
        "identity" => body.to_vec(),
        "gzip" | "x-gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()?
        }
        "deflate" if body.len().is_multiple_of(2) => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()?
        }
        "deflate" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()?
        }
        "br" => {
            let mut encoded = Vec::new();
            brotli::CompressorWriter::new(&mut encoded, 4096, 1, 18).write_all(body).ok()?;
            encoded
        }
        "zstd" => zstd::encode_all(body, 1).ok()?,
        _ => return None,
    };
    Some(encoded)
}
