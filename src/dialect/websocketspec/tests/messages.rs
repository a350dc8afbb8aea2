//! What is no message, or none that can be understood.

use super::*;

const NONE: &str = r#""""#;
const A: &str = r#""a""#;

/// A message with the id `a`.
fn said(inside: &str) -> String {
    format!(r#"{{"id":"a",{inside}}}"#)
}

#[test]
fn of_what_cannot_be_read_the_id_is_kept() {
    let of = |inside: &str| said(&format!(r#""type":"request","operation":"read",{inside}"#));
    let options =
        r#"{"id":"a\"\u00e9","type":"subscription","operation":"subscribe","entity":"u","options":7}"#;
    for (said, id) in [
        ("{oops", NONE),
        ("", NONE),
        ("[1]", NONE),
        ("7", NONE),
        (r#"{"id":7,"type":"ping"}"#, "7"),
        (r#"{"id":{},"type":"ping"}"#, NONE),
        (&said(r#""type":7"#), A),
        (&of(r#""entity":["users"]"#), A),
        (&of(r#""entity":"users","record_id":{}"#), A),
        (options, r#""a\"\u00e9""#),
    ] {
        let expected = failed(id, "invalid_message", "Failed to parse message");
        assert_eq!(Talk::open("").say(said), [expected], "{said}");
    }
}

#[test]
fn a_field_that_is_missing_is_named() {
    let of = |inside: &str| said(&format!(r#""type":"request",{inside}"#));
    for (said, id, field) in [
        ("{}", NONE, "id"),
        (r#"{"id":null,"type":"ping"}"#, NONE, "id"),
        (r#"{"id":"","type":"ping"}"#, NONE, "id"),
        (r#"{"id":"a"}"#, A, "type"),
        (r#"{"id":"a","type":"request"}"#, A, "operation"),
        (&of(r#""operation":"read""#), A, "entity"),
        (&of(r#""operation":"read","entity":"""#), A, "entity"),
        (&said(r#""type":"subscription","operation":"subscribe""#), A, "entity"),
        (&of(r#""operation":"create","entity":"users""#), A, "data"),
        (&of(r#""operation":"update","entity":"users","data":{}"#), A, "record_id"),
        (&of(r#""operation":"delete","entity":"users","record_id":"""#), A, "record_id"),
    ] {
        let details = format!(r#"{{"field":"{field}"}}"#);
        let expected = failed_with(id, "invalid_message", "Message validation failed", &details);
        assert_eq!(Talk::open("").say(said), [expected], "{said}");
    }
}

#[test]
fn a_word_that_nobody_knows_is_repeated() {
    let of = |kind: &str, operation: &str, name: &str| {
        said(&format!(r#""type":"{kind}","operation":"{operation}",{name}"#))
    };
    let (users, ghosts) = (r#""entity":"users""#, r#""entity":"ghosts""#);
    let no_type = "invalid_message_type";
    let (no_operation, no_such) = ("invalid_operation", "invalid_subscription_operation");
    for (said, code, message) in [
        (said(r#""type":"foo""#), no_type, "Unknown message type: foo"),
        (said(r#""type":"response""#), no_type, "Unknown message type: response"),
        (of("request", "foo", users), no_operation, "Unknown operation: foo"),
        (of("request", "subscribe", users), no_operation, "Unknown operation: subscribe"),
        (of("subscription", "read", users), no_such, "Unknown subscription operation: read"),
        (of("request", "read", ghosts), "model_not_found", "Model not found: public.ghosts"),
        (
            of("subscription", "subscribe", r#""schema":"crm","entity":"users""#),
            "model_not_found",
            "Model not found: crm.users",
        ),
    ] {
        assert_eq!(Talk::open("").say(&said), [failed(A, code, message)], "{said}");
    }
}

#[test]
fn a_ping_has_its_pong_in_binary_frames_too() {
    let mut talk = Talk::open("");
    let (ping, pong) = (r#"{"type":"ping","id":"p"}"#, format!(r#"{{"id":"p","type":"pong"{TIME}"#));
    assert_eq!(talk.hear(Message::Binary(ping.into())), talk.say(ping));
    assert_eq!(talk.say(ping), [pong]);
    let parse = failed(NONE, "invalid_message", "Failed to parse message");
    assert_eq!(talk.hear(Message::Binary(vec![0, 255].into())), [parse]);
}

#[test]
fn of_a_long_word_the_beginning_is_repeated() {
    let (long, begin) = ("x".repeat(10_000), "x".repeat(100));
    let said = format!(r#"{{"id":"a","type":"{long}"}}"#);
    let expected = failed(A, "invalid_message_type", &format!("Unknown message type: {begin}"));
    assert_eq!(Talk::open("").say(&said), [expected]);
}
