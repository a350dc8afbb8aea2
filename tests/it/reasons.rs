//! `restcast explain` says why there is no record, and names the option that decided.

use crate::harness::*;

const TABLES: &str = r#"
[[route]]
path = "/plain/{id}"
model = "plain"

[[route]]
path = "/data/{id}"
model = "data"
envelope = "data"
success_when = { pointer = "/success", equals = true }

[[route]]
path = "/hal/{id}"
model = "hal"
envelope = "hal"

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

[[route]]
path = "/collections/{collection}/{id}"
model = "{collection}"

[[endpoint]]
path = "/ws"
dialect = "canonical"
"#;

/// What `explain` says of a POST.
fn explain(path: &str, status: u16, body: &str) -> String {
    let folder = Folder::new();
    let config = format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{TABLES}");
    let mut command = restcast();
    command.args(["explain", "POST", path, "--status", &status.to_string()]);
    command
        .arg("--config")
        .arg(folder.write("proxy.toml", config))
        .arg("--body")
        .arg(folder.write("body", body));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn explain_says_why_there_is_no_record() {
    for (path, answer, expected) in [
        ("/plain", (201, r#"{"name":"Ada"}"#), "no id found at /id (id), in the path, or in a Location"),
        ("/hal", (201, "{}"), "no reference at /_links/self/href (id_reference)"),
        ("/orders/1/lines", (201, "{}"), "no id found at /order_id and /line_no (id)"),
        ("/data", (201, r#"{"id":7}"#), "there is nothing at /data (record)"),
        ("/plain", (201, "[1]"), "no element of the list is a record"),
        ("/plain", (201, "7"), "what is at the top (record) is no object"),
        ("/plain", (201, ""), "the answer has no body"),
        ("/plain", (202, "{}"), "an answer of this status holds no record"),
        ("/plain", (303, ""), "a 303 proves a write only with a Location"),
        ("/plain", (207, "[]"), "item_status says where each element's status is"),
        ("/batch", (207, "{}"), "a 207 without a list at /results (list)"),
        ("/batch", (207, r#"{"results":[{}]}"#), "no element of the list is a record"),
        ("/batch", (207, r#"{"results":[]}"#), "no element of the list has a 2xx at /status (item_status)"),
        ("/data", (200, r#"{"success":0}"#), "/success (success_when) holds another value"),
        ("/data", (200, "x"), "so /success (success_when) is not known"),
    ] {
        let (status, body) = answer;
        let told = explain(path, status, body);
        let because =
            told.lines().find_map(|line| line.trim().strip_prefix("because   ")).unwrap_or_default();
        assert!(because.contains(expected), "{path} {answer:?}: {expected}\n{told}");
    }
    let path = format!("/collections/{}", "x".repeat(129));
    let told = explain(&path, 201, r#"{"id":7}"#);
    assert!(
        told.contains("because   the path names the model, and models have names of up to 128"),
        "{told}"
    );
    assert!(told.contains("model     {collection}\n"), "{told}");
    let whole = explain("/plain", 201, r#"{"id":7}"#);
    assert!(!whole.contains("because"), "{whole}");
}
