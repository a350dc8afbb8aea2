//! What real APIs answer, and the options that read it: each write goes through the running proxy, and
//! `restcast explain` must show the same event.

use std::io::Write;

use serde_json::Value;

use crate::harness::*;

const TABLES: &str = r#"
[[route]]
path = "/plain/{id}"
model = "plain"
method_override = ["X-HTTP-Method-Override"]

[[route]]
path = "/data/{id}"
model = "data"
envelope = "data"
success_when = { pointer = "/success", equals = true }

[[route]]
path = "/jsonapi/{id}"
model = "jsonapi"
envelope = "jsonapi"

[[route]]
path = "/hal/{id}"
model = "hal"
envelope = "hal"
list = "/_embedded/items"

[[route]]
path = "/odata/Authors({id})"
model = "odata"
envelope = "odata"

[[route]]
path = "/orders/{order_id}/lines/{line_no}"
model = "line"
id = ["/order_id", "/line_no"]

[[route]]
path = "/batch/{slug}"
model = "batch"
key = "slug"
id = "/slug"
list = "/results"
item = "/body"
item_status = "/status"

[[endpoint]]
path = "/ws"
dialect = "canonical"
"#;

/// A write, what the backend answers, and `outcome operation items` of the event; `-`: there is none.
struct Case {
    write: (&'static str, &'static str, &'static [&'static str]),
    answer: (u16, &'static [&'static str], &'static str),
    expected: &'static str,
}

const fn case(
    write: (&'static str, &'static str, &'static [&'static str]),
    answer: (u16, &'static [&'static str], &'static str),
    expected: &'static str,
) -> Case {
    Case { write, answer, expected }
}

const OVERRIDE: &[&str] = &["X-HTTP-Method-Override: DELETE"];

const CASES: [Case; 20] = [
    case(("POST", "/plain/7", OVERRIDE), (204, &[], ""), "certain DELETE delete 7:changed"),
    case(("POST", "/hal/7", OVERRIDE), (204, &[], ""), "certain POST create 7:changed"),
    case(("POST", "/plain", &[]), (303, &["Location: /data/9"], ""), "certain POST create null:changed"),
    case(("POST", "/plain", &[]), (303, &["Location: /login"], ""), "uncertain POST create null:changed"),
    case(("POST", "/plain", &[]), (200, &[], r#"{"message":"ok"}"#), "certain POST create null:changed"),
    case(
        ("POST", "/data", &[]),
        (201, &[], r#"{"success":true,"data":{"id":7}}"#),
        "certain POST create 7:record",
    ),
    case(("DELETE", "/data/7", &[]), (200, &[], r#"{"success":false}"#), "-"),
    case(("DELETE", "/data/7", &[]), (200, &[], r#"{"success":"#), "uncertain DELETE delete 7:changed"),
    case(("DELETE", "/data/7", &[]), (204, &[], ""), "certain DELETE delete 7:changed"),
    case(
        ("POST", "/jsonapi", &[]),
        (201, &[], r#"{"data":{"type":"a","id":"7","attributes":{}}}"#),
        r#"certain POST create "7":record"#,
    ),
    case(
        ("POST", "/hal", &[]),
        (201, &[], r#"{"_links":{"self":{"href":"/hal/7"}}}"#),
        "certain POST create 7:record",
    ),
    case(
        ("POST", "/hal", &[]),
        (201, &[], r#"{"_embedded":{"items":[{"id":1},{"_links":{"self":{"href":"/hal/2"}}}]}}"#),
        "certain POST create 1:record 2:record",
    ),
    case(
        ("POST", "/odata/Authors", &[]),
        (201, &["Location: Authors(7)"], r#"{"Name":"Ada"}"#),
        "certain POST create 7:partial",
    ),
    case(
        ("DELETE", "/odata/Authors('O''Neil')", &[]),
        (204, &[], ""),
        r#"certain DELETE delete "O'Neil":changed"#,
    ),
    case(
        ("POST", "/odata/Authors", &[]),
        (200, &[], r#"{"value":[{"id":1},{"@odata.id":"Authors(2)"}]}"#),
        "certain POST create 1:record 2:record",
    ),
    case(
        ("POST", "/orders/1/lines", &[]),
        (201, &[], r#"{"order_id":1,"line_no":2}"#),
        r#"certain POST create "1,2":record"#,
    ),
    case(("DELETE", "/orders/1/lines/2", &[]), (204, &[], ""), r#"certain DELETE delete "1,2":changed"#),
    case(
        ("POST", "/batch", &[]),
        (207, &[], r#"{"results":[{"status":201,"body":{"slug":"a"}},{"status":400,"body":{"slug":"b"}}]}"#),
        r#"certain POST create "a":record"#,
    ),
    case(("POST", "/batch", &[]), (200, &[], r#"{"results":[{"status":"409"}]}"#), "-"),
    case(("DELETE", "/plain/7", &[]), (207, &[], "[]"), "uncertain DELETE delete 7:changed"),
];

/// The bytes of an answer.
fn bytes(answer: (u16, &[&str], &str)) -> Vec<u8> {
    let (status, headers, body) = answer;
    let mut head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n");
    for header in headers {
        head.push_str(&format!("{header}\r\n"));
    }
    if status != 204 {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    format!("{head}\r\n{body}").into_bytes()
}

/// Answers with the body of the request.
fn echo() -> Origin {
    Origin::start(|request, stream| stream.write_all(&request.body).is_ok())
}

fn pairs<'a>(headers: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    headers.iter().map(|header| header.split_once(": ").unwrap()).collect()
}

/// What `explain` says of a case.
fn explain(proxy: &Proxy, case: &Case) -> String {
    let (method, path, headers) = case.write;
    let (status, answer_headers, body) = case.answer;
    let folder = Folder::new();
    let mut command = restcast();
    command.args(["explain", method, path, "--status", &status.to_string()]);
    command.arg("--config").arg(&proxy.config).arg("--body").arg(folder.write("body", body));
    command.args(headers.iter().flat_map(|header| ["--header", header]));
    command.args(answer_headers.iter().flat_map(|header| ["--answer-header", header]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A frame without its id and time.
fn timeless(frame: &str) -> String {
    frame.split_once(",\"model\"").unwrap().1.to_owned()
}

fn summary(frame: &str) -> String {
    let event: Value = serde_json::from_str(frame).unwrap();
    let items = event["items"].as_array().unwrap().iter();
    let items: Vec<String> =
        items.map(|item| format!("{}:{}", item["id"], item["strength"].as_str().unwrap())).collect();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let (outcome, operation) = (word(&event["outcome"]), word(&event["operation"]));
    format!("{outcome} {} {operation} {}", word(&event["http"]["method"]), items.join(" "))
}

#[test]
fn every_shape_of_answer_is_read_alike_by_the_tap_and_by_explain() {
    let proxy = Proxy::with(echo().address, TABLES);
    let mut reader = proxy.reader("/ws");
    for case in &CASES {
        let (method, path, headers) = case.write;
        let answer = request(proxy.address, method, path, &pairs(headers), &bytes(case.answer));
        assert_eq!(answer.status, case.answer.0);
        let told = explain(&proxy, case);
        let shown = told.lines().find_map(|line| line.trim().strip_prefix("/ws gets "));
        assert_eq!(shown.map_or("-".to_owned(), summary), case.expected, "{path}\n{told}");
        // Had an event come where none should, it would stand before the next one.
        if let Some(shown) = shown {
            assert_eq!(timeless(&reader.next_text()), timeless(shown), "{path}");
        }
    }
    reader.expect_silence();
}

#[test]
fn explain_says_why_there_is_no_record() {
    let proxy = Proxy::with(echo().address, TABLES);
    let post = |path| ("POST", path, &[] as &[&str]);
    for (write, answer, expected) in [
        (
            post("/plain"),
            (201, r#"{"name":"Ada"}"#),
            "no id found at /id (id), in the path, or in a Location",
        ),
        (post("/hal"), (201, "{}"), "no reference at /_links/self/href (id_reference)"),
        (post("/orders/1/lines"), (201, "{}"), "no id found at /order_id and /line_no (id)"),
        (post("/data"), (201, r#"{"id":7}"#), "there is nothing at /data (record)"),
        (post("/plain"), (201, "[1]"), "no element of the list is a record"),
        (post("/plain"), (201, "7"), "what is at the top (record) is no object"),
        (post("/plain"), (201, ""), "the answer has no body"),
        (post("/plain"), (202, "{}"), "an answer of this status holds no record"),
        (post("/plain"), (303, ""), "a 303 proves a write only with a Location"),
        (post("/plain"), (207, "[]"), "item_status says where each element's status is"),
        (post("/batch"), (207, "{}"), "a 207 without a list at /results (list)"),
        (post("/batch"), (207, r#"{"results":[{}]}"#), "no element of the list is a record"),
        (
            post("/batch"),
            (207, r#"{"results":[]}"#),
            "no element of the list has a 2xx at /status (item_status)",
        ),
        (post("/data"), (200, r#"{"success":0}"#), "/success (success_when) holds another value"),
        (post("/data"), (200, "x"), "so /success (success_when) is not known"),
    ] {
        let (status, body) = answer;
        let told = explain(&proxy, &case(write, (status, &[], body), ""));
        let because =
            told.lines().find_map(|line| line.trim().strip_prefix("because   ")).unwrap_or_default();
        assert!(because.contains(expected), "{write:?} {answer:?}: {expected}\n{told}");
    }
    let whole = explain(&proxy, &case(post("/plain"), (201, &[], r#"{"id":7}"#), ""));
    assert!(!whole.contains("because"), "{whole}");
}

#[test]
fn a_reference_to_the_public_name_that_a_trusted_proxy_passes_on_is_ours() {
    let location = bytes((201, &["Location: https://shop.test/plain/9"], ""));
    let forwarded = ["X-Forwarded-Host: shop.test"];
    let ids = ["trusted_proxies = [\"127.0.0.1\"]", ""].map(|server| {
        let servers = format!("servers = [\"http://{}\"]", echo().address);
        let proxy = Proxy::with_server(server, &servers, TABLES);
        let mut reader = proxy.reader("/ws");
        request(proxy.address, "POST", "/plain", &pairs(&forwarded), &location);
        summary(&reader.next_text())
    });
    // What anybody may claim is not passed on, so it says nothing.
    assert_eq!(ids, ["certain POST create 9:changed", "certain POST create null:changed"]);
}
