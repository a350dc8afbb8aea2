//! Requests: what the backend is asked, and what its answer becomes.

use http::StatusCode;

use super::*;

fn request(operation: &str, inside: &str) -> String {
    format!(r#"{{"id":"r","type":"request","operation":"{operation}","entity":"users"{inside}}}"#)
}

#[test]
fn each_operation_becomes_one_request() {
    let rows = [
        ("read", "", "ask GET /api/users"),
        ("read", r#","record_id":"7""#, "ask GET /api/users/7"),
        ("read", r#","record_id":7"#, "ask GET /api/users/7"),
        ("create", r#","data":{"a": 1.0}"#, r#"ask POST /api/users {"a": 1.0}"#),
        ("update", r#","record_id":"7","data":{"a":1}"#, r#"ask PATCH /api/users/7 {"a":1}"#),
        ("delete", r#","record_id":"a b","options":{}"#, "ask DELETE /api/users/a%20b"),
        ("meta", "", "ask GET /api/users"),
    ];
    for (operation, inside, expected) in rows {
        assert_eq!(Talk::open("").say(&request(operation, inside)), [expected], "{operation} {inside}");
    }
}

#[test]
fn what_the_backend_answers_comes_as_it_is() {
    let big = r#"{"id":12345678901234567890,"one": 1.0}"#;
    let rows = [
        (
            "read",
            "",
            200,
            format!("[{big}, {big}]"),
            format!(r#"[{big}, {big}],"metadata":{{"total":2,"count":2}}"#),
        ),
        ("read", r#","record_id":"7""#, 200, big.to_owned(), format!(r#"{big},"metadata":{{"total":1}}"#)),
        ("create", r#","data":{}"#, 201, big.to_owned(), big.to_owned()),
        ("create", r#","data":{}"#, 204, String::new(), "null".to_owned()),
        ("update", r#","record_id":"7","data":{}"#, 200, big.to_owned(), big.to_owned()),
        ("delete", r#","record_id":"7""#, 200, "{}".to_owned(), r#"{"deleted":true}"#.to_owned()),
        ("delete", r#","record_id":"7""#, 204, String::new(), r#"{"deleted":true}"#.to_owned()),
    ];
    for (operation, inside, status, body, expected) in rows {
        let told = Talk::open("").ask(&request(operation, inside), status, &body);
        assert_eq!(told, done("r", &format!(r#""data":{expected}"#)), "{operation} {inside}");
    }
}

#[test]
fn each_status_has_its_code() {
    let (create, update) = (r#","data":{}"#, r#","data":{},"record_id":"7""#);
    let taken = r#"{"message":"Email is taken","field":"email"}"#;
    let status = |status: u16| format!(r#"{{"status":{status}}}"#);
    let rows = [
        ("create", create, 422, taken, "validation_error", "Email is taken", taken.to_owned()),
        ("create", create, 422, "no JSON", "validation_error", "Unprocessable Entity", status(422)),
        ("update", update, 400, taken, "validation_error", "Email is taken", taken.to_owned()),
        ("read", "", 400, taken, "read_error", "Email is taken", status(400)),
        ("delete", r#","record_id":"7""#, 422, taken, "delete_error", "Email is taken", status(422)),
        ("read", r#","record_id":"7""#, 404, "{}", "read_error", "Not Found", status(404)),
        ("create", create, 401, "", "unauthorized", "Unauthorized", status(401)),
        ("read", "", 403, r#"{"detail":"no"}"#, "unauthorized", "no", status(403)),
        ("update", update, 409, "", "update_error", "Conflict", status(409)),
        ("delete", r#","record_id":"7""#, 405, "", "delete_error", "Method Not Allowed", status(405)),
        ("create", create, 500, r#"{"error":"down"}"#, "create_error", "down", status(500)),
    ];
    for (operation, inside, number, body, code, message, details) in rows {
        let told = Talk::open("").ask(&request(operation, inside), number, body);
        assert_eq!(told, failed_with(r#""r""#, code, message, &details), "{operation} {number}");
    }
}

#[test]
fn what_is_wrong_with_a_record_can_have_the_code_of_the_operation() {
    let mut talk = Talk::open("validation_code = \"operation_error\"");
    let told = talk.ask(&request("create", r#","data":{}"#), 422, r#"{"message":"Email is taken"}"#);
    assert_eq!(told, failed_with(r#""r""#, "create_error", "Email is taken", r#"{"status":422}"#));
}

#[test]
fn a_backend_that_does_not_answer_is_told() {
    let rows = [
        (UpstreamError::Busy, "Too many requests are under way", 503),
        (UpstreamError::TimedOut, "The backend did not answer in time", 504),
        (UpstreamError::TooLarge(StatusCode::CONFLICT), "The backend's answer is too large", 502),
        (UpstreamError::Cut(StatusCode::CONFLICT), "The backend's answer broke off", 502),
        (UpstreamError::Broken, "The backend cannot be reached", 502),
    ];
    let mut talk = Talk::open("");
    for (error, message, status) in rows {
        talk.say(&request("create", r#","data":{}"#));
        let details = format!(r#"{{"status":{status}}}"#);
        assert_eq!(talk.returned(Err(error)), failed_with(r#""r""#, "create_error", message, &details));
    }
}

/// The client would have done it once more.
#[test]
fn a_write_that_was_done_was_told_as_a_failure_because_its_answer_was_large() {
    let large = UpstreamError::TooLarge(StatusCode::OK);
    let cut = UpstreamError::Cut(StatusCode::OK);
    let mut talk = Talk::open("");
    for (operation, inside, expected) in [
        ("create", r#","data":{}"#, "null"),
        ("update", r#","record_id":"7","data":{}"#, "null"),
        ("delete", r#","record_id":"7""#, r#"{"deleted":true}"#),
    ] {
        talk.say(&request(operation, inside));
        assert_eq!(talk.returned(Err(large)), done("r", &format!(r#""data":{expected}"#)));
        talk.say(&request(operation, inside));
        let mut told = talk.come_back(Returned::Upstream(Err(cut)));
        if operation == "update" {
            assert_eq!(told, ["ask GET /api/users/7"]);
            told = talk.come_back(Returned::Upstream(Err(cut)));
        }
        assert_eq!(told, [done("r", &format!(r#""data":{expected}"#))]);
    }
    for inside in ["", r#","record_id":"7""#] {
        talk.say(&request("read", inside));
        let details = r#"{"status":502}"#;
        let told = failed_with(r#""r""#, "read_error", "The backend's answer is too large", details);
        assert_eq!(talk.returned(Err(large)), told);
    }
    // What the answer itself would have to prove is not known.
    let route = "[[route]]\npath = \"/api/users/{id}\"\nmodel = \"user\"\n\
        success_when = { pointer = \"/ok\", equals = true }\n";
    let mut talk = Talk(open(&*with_routes(route, ""), "/ws", ANYBODY, NOW).0);
    talk.say(&request("create", r#","data":{}"#));
    assert!(talk.returned(Err(large)).contains("create_error"));
}

#[test]
fn options_that_are_none_are_told_before_anybody_is_asked() {
    for (inside, expected) in [
        (r#","options":{"filters":[{"column":"a","operator":"near"}]}"#, "Unknown operator: near"),
        (r#","options":{"filters":7}"#, "The filters must be a list"),
    ] {
        let told = Talk::open("").say(&request("read", inside));
        assert_eq!(told, [failed(r#""r""#, "invalid_message", expected)]);
    }
    let told = Talk::open("").say(&request("read", r#","options":{"limit":"ten"}"#));
    assert!(told[0].contains(r#""code":"invalid_message""#), "{told:?}");
}

/// A record tells them that the client may read.
#[test]
fn columns_that_nobody_has_written_down_are_those_of_a_record() {
    let mut talk = Talk::open("");
    let meta = request("meta", "");
    let told = talk.ask(&meta, 200, r#"[{"id":1,"b":2,"a":3},{"c":4}]"#);
    let data = r#"{"schema":"public","entity":"users","table_name":"users","columns":["id","b","a"],"primary_key":"id"}"#;
    assert_eq!(told, done("r", &format!(r#""data":{data}"#)));
    let unknown = failed(r#""r""#, "invalid_operation", "The columns are not known");
    assert_eq!(talk.ask(&meta, 200, "[]"), unknown);
    let refused = failed_with(r#""r""#, "unauthorized", "Forbidden", r#"{"status":403}"#);
    assert_eq!(talk.ask(&meta, 403, ""), refused);
}

/// Clients take no frame of any size.
#[test]
fn what_a_backend_said_at_length_was_told_twice() {
    let long = "x".repeat(500_000);
    let told =
        Talk::open("").ask(&request("create", r#","data":{}"#), 422, &format!(r#"{{"detail":"{long}"}}"#));
    assert!(told.len() < 502_000, "{}", told.len());
    assert!(told.contains(&format!(r#""message":"{}","details""#, "x".repeat(1000))));
}

/// 60 KB came back for each 60 KB.
#[test]
fn a_name_that_nobody_knows_was_repeated_whole() {
    let (long, short) = ("é".repeat(30_000), "é".repeat(100));
    let rows = [
        (
            format!(r#""type":"request","operation":"read","entity":"{long}""#),
            "model_not_found",
            format!("Model not found: public.{short}"),
        ),
        (
            format!(r#""type":"request","operation":"read","entity":"{long}","schema":"{long}""#),
            "model_not_found",
            format!("Model not found: {short}.{short}"),
        ),
        (
            format!(r#""type":"subscription","operation":"unsubscribe","subscription_id":"{long}""#),
            "subscription_not_found",
            format!("Subscription not found: {short}"),
        ),
    ];
    for (inside, code, message) in rows {
        assert_eq!(
            Talk::open("").say(&format!(r#"{{"id":"r",{inside}}}"#)),
            [failed(r#""r""#, code, &message)]
        );
    }
    for inside in [
        format!(r#""options":{{"limit":"{long}"}}"#),
        format!(r#""options":{{"filters":[{{"column":"{long}","operator":"{long}"}}]}}"#),
        format!(r#""options":{{"sort":[{{"column":"{long}","direction":{{"{long}":1}}}}]}}"#),
        format!(r#""options":{{"preload":["{long}"]}}"#),
    ] {
        let told = Talk::open("").say(&request("read", &format!(",{inside}")));
        assert!(told[0].len() < 3000, "{}", told[0].len());
    }
}
