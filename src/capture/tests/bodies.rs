//! Bodies that can be read, and bodies that cannot.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

const RECORD: &str = r#"{"id":7,"name":"Ada"}"#;
const SHOWN: &str = r#"event update 7 {"id":7,"name":"Ada"}"#;

fn put(body: impl Into<Vec<u8>>) -> Exchange {
    let mut exchange = Exchange::parse("PUT /api/authors/7 -> 200 x");
    exchange.body = body.into();
    exchange
}

/// What a PUT gives whose answer has that body and `Content-Encoding`.
fn read(body: impl Into<Vec<u8>>, codings: &[&str]) -> String {
    let mut exchange = put(body);
    for coding in codings {
        exchange.headers.append(header::CONTENT_ENCODING, coding.parse().unwrap());
    }
    render(&exchange.read(&library()))
}

fn encode(coding: &str, body: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "zlib" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "bare" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut encoded = Vec::new();
            brotli::CompressorWriter::new(&mut encoded, 4096, 5, 20).write_all(body).unwrap();
            encoded
        }
        "zstd" => zstd::encode_all(body, 3).unwrap(),
        _ => body.to_vec(),
    }
}

#[test]
fn codings_are_undone() {
    for (coding, label) in [
        ("identity", "identity"),
        ("gzip", "gzip"),
        ("gzip", "x-gzip"),
        ("gzip", "GZip"),
        ("zlib", "deflate"),
        ("bare", "deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip", " , gzip, identity,"),
    ] {
        assert_eq!(read(encode(coding, RECORD.as_bytes()), &[label]), SHOWN, "{label}");
    }
}

#[test]
fn stacked_codings_are_undone_from_the_last() {
    let stacked = encode("br", &encode("gzip", RECORD.as_bytes()));
    assert_eq!(read(stacked.clone(), &["gzip, br"]), SHOWN);
    assert_eq!(read(stacked.clone(), &["gzip", "br"]), SHOWN);
    assert_eq!(read(stacked, &["br, gzip"]), "undecodable update 7 -");
    let three = encode("zstd", &encode("bare", &encode("gzip", RECORD.as_bytes())));
    assert_eq!(read(three, &["gzip, deflate, zstd"]), SHOWN);
    let many = ["identity"; 4].join(",");
    assert_eq!(read(RECORD, &[&many]), "undecodable update 7 -", "no server sends so many");
}

#[test]
fn several_members_and_frames_are_one_body() {
    let (front, back) = RECORD.as_bytes().split_at(9);
    for coding in ["gzip", "zstd"] {
        assert_eq!(
            read([encode(coding, front), encode(coding, back)].concat(), &[coding]),
            SHOWN,
            "{coding}"
        );
    }
}

#[test]
fn a_wrong_label_or_a_cut_body_cannot_be_read() {
    let undecodable = "undecodable update 7 -";
    for coding in ["gzip", "br", "zstd", "compress", "aes128gcm", "gzip;q=1", "x"] {
        assert_eq!(read(RECORD, &[coding]), undecodable, "{coding}");
    }
    assert_eq!(read(encode("gzip", RECORD.as_bytes()), &[]), undecodable);
    for (coding, label) in
        [("gzip", "gzip"), ("zlib", "deflate"), ("bare", "deflate"), ("br", "br"), ("zstd", "zstd")]
    {
        let whole = encode(coding, RECORD.as_bytes());
        for length in 1..whole.len() {
            let read = read(&whole[..length], &[label]);
            // A checksum alone may be missing.
            assert!(read == undecodable || read == SHOWN, "{coding}, {length} bytes: {read}");
        }
        assert_eq!(read(&whole[..whole.len() / 2], &[label]), undecodable, "{coding}");
    }
}

#[test]
fn what_is_larger_decoded_than_allowed_is_dropped() {
    let long = format!(r#"{{"id":7,"name":"{}"}}"#, "x".repeat(1_000_000));
    for (coding, label) in
        [("gzip", "gzip"), ("zlib", "deflate"), ("bare", "deflate"), ("br", "br"), ("zstd", "zstd")]
    {
        let bomb = encode(coding, long.as_bytes());
        assert!(bomb.len() < 5000, "{coding}: {}", bomb.len());
        assert_eq!(read(bomb, &[label]), "too_large update 7 -", "{coding}");
    }
    // Small, then large, then small again: every step is bounded.
    let nested = encode("gzip", &encode("gzip", long.as_bytes()));
    assert_eq!(read(nested, &["gzip, gzip"]), "too_large update 7 -");
}

#[test]
fn the_limits_are_the_last_lengths_that_fit() {
    for (less, body, decoded, expected) in [
        (0, RECORD.len(), RECORD.len(), SHOWN),
        (1, RECORD.len(), 1000, "too_large update 7 -"),
        (1, 1000, RECORD.len(), "too_large update 7 -"),
    ] {
        let mut exchange = put(RECORD);
        exchange.limits.body = body - less;
        exchange.limits.decoded = decoded - less;
        assert_eq!(render(&exchange.read(&library())), expected, "{body} {decoded}");
    }
}

#[test]
fn a_larger_body_costs_the_event_its_record_only() {
    let long = format!(r#"{{"id":7,"name":"{}"}}"#, "x".repeat(20_000));
    assert_eq!(read(long.clone(), &[]), "too_large update 7 -");
    let mut post = Exchange::parse("POST /api/authors -> 201 [Location: /api/authors/7] x");
    post.body = long.into_bytes();
    assert_eq!(render(&post.read(&library())), "too_large create 7 -");
}

#[test]
fn without_memory_left_the_event_has_no_record() {
    let routes = library();
    let mut exchange = put(RECORD);
    exchange.limits.memory = Budget::new(RECORD.len() + 5);
    let mut first = exchange.capture(&routes);
    first.response_head(exchange.status, &exchange.headers);
    first.response_chunk(b"{\"id\":");
    assert_eq!(render(&exchange.read(&routes)), "too_large update 7 -");
    drop(first);
    assert_eq!(render(&exchange.read(&routes)), SHOWN);
}

#[test]
fn a_copy_that_is_given_up_gives_its_memory_back_at_once() {
    let routes = library();
    let mut exchange = put(RECORD);
    exchange.limits = Limits { body: 25, decoded: 1000, memory: Budget::new(30) };
    let mut long = exchange.capture(&routes);
    long.response_head(exchange.status, &exchange.headers);
    long.response_chunk(&[b'x'; 20]);
    long.response_chunk(&[b'x'; 20]);
    // The long answer is still on its way.
    assert_eq!(render(&exchange.read(&routes)), SHOWN);
    assert_eq!(render(&finish(long, true, &routes)), "too_large update 7 -");
}

#[test]
fn only_one_whole_json_document_in_utf8_is_read() {
    for (body, expected) in [
        (RECORD.as_bytes(), SHOWN),
        (b"", "no_record update 7 -"),
        (b" ", "undecodable update 7 -"),
        (b"<html>", "undecodable update 7 -"),
        (b"{\"id\":7", "undecodable update 7 -"),
        (b"{\"id\":7}}", "undecodable update 7 -"),
        (b"{\"id\":7} {\"id\":8}", "undecodable update 7 -"),
        (b"{\"id\":NaN}", "undecodable update 7 -"),
        (b"{\"id\":7,}", "undecodable update 7 -"),
        (b"{'id':7}", "undecodable update 7 -"),
        (b"{\"id\":07}", "undecodable update 7 -"),
        (b"{\"id\":7,\"name\":\"\xFF\"}", "undecodable update 7 -"),
        (b"{\"id\":7,\"name\":\"\xED\xA0\x80\"}", "undecodable update 7 -"),
        (b"{\0\"\0i\0d\0\"\0:\x007\0}\0", "undecodable update 7 -"),
    ] {
        assert_eq!(read(body, &[]), expected, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_record() {
    assert_eq!(read(format!("\u{feff}{RECORD}"), &[]), SHOWN);
    assert_eq!(read(encode("gzip", format!("\u{feff}{RECORD}").as_bytes()), &["gzip"]), SHOWN);
    assert_eq!(read(format!("\u{feff}\u{feff}{RECORD}"), &[]), "undecodable update 7 -");
    assert_eq!(read("\u{feff}", &[]), "undecodable update 7 -");
}

#[test]
fn deep_nesting_is_passed_on_and_harms_nobody() {
    let depth = 100_000;
    let record = format!(r#"{{"deep":{}{},"id":7}}"#, "[".repeat(depth), "]".repeat(depth));
    let mut exchange = put(record.clone());
    exchange.limits = Limits { body: 1 << 20, decoded: 1 << 20, memory: Budget::new(1 << 20) };
    assert_eq!(render(&exchange.read(&library())), format!("event update 7 {record}"));
    exchange.body.truncate(depth);
    assert_eq!(render(&exchange.read(&library())), "undecodable update 7 -");
}

#[test]
fn only_json_is_kept() {
    for (content_type, kept) in [
        (None, true),
        (Some("application/json"), true),
        (Some("Application/JSON ; charset=utf-8"), true),
        (Some("application/vnd.api+json"), true),
        (Some("text/json"), true),
        (Some("application/problem+json"), true),
        (Some(""), false),
        (Some("text/html"), false),
        (Some("application/jsonlines"), false),
        (Some("text/event-stream"), false),
        (Some("multipart/mixed; boundary=application/json"), false),
        (Some("application/octet-stream"), false),
    ] {
        let mut exchange = put(RECORD);
        exchange.headers.clear();
        if let Some(content_type) = content_type {
            exchange.headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        let expected = if kept { SHOWN } else { "no_record update 7 -" };
        assert_eq!(render(&exchange.read(&library())), expected, "{content_type:?}");
    }
}

#[test]
fn the_largest_limit_left_nothing_of_a_coded_body() {
    let mut exchange = put(encode("gzip", RECORD.as_bytes()));
    exchange.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    exchange.limits.decoded = usize::MAX;
    assert_eq!(render(&exchange.read(&library())), SHOWN);
}

#[test]
fn a_coding_that_is_no_text_was_passed_over() {
    let mut exchange = put(RECORD);
    exchange.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_bytes(b"gz\xEFp").unwrap());
    assert_eq!(render(&exchange.read(&library())), "undecodable update 7 -");
}

#[test]
fn a_window_that_brotli_does_not_have_was_made() {
    let mut encoded = Vec::new();
    let mut parameters = brotli::enc::BrotliEncoderParams::default();
    (parameters.large_window, parameters.lgwin) = (true, 30);
    brotli::BrotliCompress(&mut RECORD.as_bytes(), &mut encoded, &parameters).unwrap();
    assert_eq!(encoded[0] & 0x7F, 0x11);
    assert_eq!(read(encoded, &["br"]), "undecodable update 7 -");
}
