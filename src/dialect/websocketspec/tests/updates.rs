//! Updates: what is answered, and which record is meant.

use http::StatusCode;

use super::rules::{MASKED, OWNED, ann, request, talk};
use super::*;

fn asks(client: &mut Talk, status: u16, body: &str) -> Vec<String> {
    client.come_back(Returned::Upstream(Ok(answer(status, body))))
}

/// Clients show the record after the update.
#[test]
fn an_update_was_answered_with_null_where_the_backend_shows_no_record() {
    let update =
        request("update", r#","record_id":"7","data":{"a":1},"options":{"columns":["a"],"preload":["b"]}"#);
    for (status, body) in [(204, ""), (200, ""), (200, "null"), (200, "[]"), (202, "accepted")] {
        let mut talk = Talk::open("");
        assert_eq!(talk.say(&update), [r#"ask PATCH /api/users/7 {"a":1}"#], "{body}");
        assert_eq!(asks(&mut talk, status, body), ["ask GET /api/users/7"], "{status} {body}");
        let record = r#"{"id":7,"a":1}"#;
        assert_eq!(asks(&mut talk, 200, record), [done("r", &format!(r#""data":{record}"#))]);
    }
}

/// The client would have done it once more.
#[test]
fn an_update_stays_done_whatever_becomes_of_the_read_behind_it() {
    let update = request("update", r#","record_id":"7","data":{"a":1}"#);
    let null = [done("r", r#""data":null"#)];
    for (status, body) in [(404, "{}"), (500, ""), (403, "{}"), (200, "no JSON"), (204, "")] {
        let mut talk = Talk::open("");
        talk.say(&update);
        asks(&mut talk, 204, "");
        assert_eq!(asks(&mut talk, status, body), null, "{status} {body}");
    }
    for error in [UpstreamError::Busy, UpstreamError::TimedOut, UpstreamError::TooLarge(StatusCode::OK)] {
        let mut talk = Talk::open("");
        talk.say(&update);
        asks(&mut talk, 204, "");
        assert_eq!(talk.come_back(Returned::Upstream(Err(error))), null, "{error}");
    }
    let mut talk = Talk::open("");
    talk.say(&update);
    let refused = failed_with(r#""r""#, "update_error", "Conflict", r#"{"status":409}"#);
    assert_eq!(asks(&mut talk, 409, ""), [refused], "what was not done is not read");
}

/// The backend answers some writes without the record, and the client is told what it may see of it.
#[test]
fn the_record_behind_an_update_is_read_under_the_rules() {
    let update = request("update", r#","record_id":"7","data":{"a":1}"#);
    let (own, other) = (r#"{"id":7,"owner":"ann","salary":1}"#, r#"{"id":7,"owner":"bob"}"#);
    for (behind, data) in [(own, r#"{"id":7,"owner":"ann"}"#), (other, "null"), ("{}", "null")] {
        let mut client = talk(&format!("{OWNED}{MASKED}"), &ann(&[]));
        assert_eq!(client.say(&update), ["ask GET /api/users/7"]);
        let returned = |body| Returned::Upstream(Ok(answer(200, body)));
        assert_eq!(client.come_back(returned(own)), [r#"ask PATCH /api/users/7 {"a":1}"#]);
        assert_eq!(client.come_back(returned("")), ["ask GET /api/users/7"]);
        assert_eq!(client.come_back(returned(behind)), [done("r", &format!(r#""data":{data}"#))]);
    }
    let mut client = talk("operations = [\"update\"]\n", &ann(&[]));
    assert_eq!(client.say(&update), [r#"ask PATCH /api/users/7 {"a":1}"#]);
    let told = client.come_back(Returned::Upstream(Ok(answer(204, ""))));
    assert_eq!(told, [done("r", r#""data":null"#)], "who may not read is told nothing");
}

/// Some backends take a record out of the envelope that they put it into.
#[test]
fn an_update_said_another_id_inside_an_envelope() {
    for (envelope, data) in [
        ("envelope = \"data\"", r#"{"data":{"id":8}}"#),
        ("envelope = \"jsonapi\"", r#"{"data":{"type":"users","id":"8"}}"#),
        ("record = \"/a/b\"", r#"{"a":{"b":{"ID":8}}}"#),
        ("record = \"/a/b\"", r#"{"a":{"b":{"id":7,"id":8}}}"#),
        ("record = \"/a/b\"", r#"{"a":{"b":{"id":7}},"a":{"b":{"id":8}}}"#),
        ("record = \"/a/b\"", r#"{"a":{"b":{"id":8}},"a":{"b":{"id":7}}}"#),
        ("record = \"/data\"", r#"{"id":8,"data":{"id":7}}"#),
    ] {
        let routes = format!(
            "[[route]]\npath = \"/api/users/{{id}}\"\nmodel = \"user\"\n{envelope}\n[route.rules]\n{OWNED}"
        );
        let dialect = with_routes(&routes, "");
        let mut client = Talk(open(&*dialect, "/ws", (&ann(&[]), false), NOW).0);
        let told = client.say(&request("update", &format!(r#","record_id":"7","data":{data}"#)));
        assert!(told[0].contains("Field not allowed: id"), "{envelope} {data}: {told:?}");
    }
}

/// The change was sent although nobody had looked for who the client is now, and what was read for who it was
/// was told behind the word that it is nobody.
#[test]
fn what_was_asked_for_by_a_user_went_on_behind_the_end_of_its_token() {
    let expire = |talk: &mut Talk| talk.0.expired(NOW, &mut Turn::default());
    let over = failed(r#""r""#, "unauthorized", "Token expired");
    let found = r#"{"id":1,"owner":"ann"}"#;
    for (operation, inside) in
        [("update", r#","record_id":1,"data":{}"#), ("delete", r#","record_id":1"#), ("read", "")]
    {
        let mut talk = talk(OWNED, &ann(&[]));
        assert!(talk.say(&request(operation, inside)).concat().starts_with("ask GET"));
        expire(&mut talk);
        assert_eq!(talk.returned(Ok(answer(200, found))), over, "{operation}");
    }
    // A write that was done is told as such, and nothing is asked behind it.
    let mut talk = talk(OWNED, &ann(&[]));
    talk.say(&request("update", r#","record_id":1,"data":{}"#));
    assert!(talk.returned(Ok(answer(200, found))).starts_with("ask PATCH"));
    expire(&mut talk);
    let told = talk.returned(Ok(answer(204, "")));
    assert!(told.contains(r#""success":true,"data":null"#), "{told}");
}
