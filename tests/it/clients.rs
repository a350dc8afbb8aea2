//! Real input: backends and clients that nobody here wrote. A legacy backend is json-server driven with
//! `curl`; readers are the Python `websockets` client and the snippets of the flarchitect document, run as
//! they stand there, one of them in a browser.

use serde_json::{Value, json};

use crate::harness::*;
use crate::tools::{self, Backend, Node, curl};

const SEED: &str = "000-flarchitect.rst";
const JSON: &str = "Content-Type: application/json";
const OPEN: &str = "restcast_connections{dialect=\"flarchitect\"}";

fn legacy(node: &Node) -> (Backend, Proxy) {
    let backend = node.json_server();
    let books = "[[route]]\npath = \"/api/books/{id}\"\nmodel = \"book\"\n";
    let proxy = Proxy::with(backend.address, &format!("{AUTHOR_ROUTE}{books}{WS_ENDPOINT}"));
    (backend, proxy)
}

/// A request with curl; gives the answer's body.
fn write(proxy: &Proxy, method: &str, path: &str, body: &Value) -> Value {
    let url = format!("http://{}{path}", proxy.address);
    let answer = curl(&["--fail", "-X", method, "-H", JSON, "--data", &body.to_string(), &url]);
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer:?}"))
}

fn delete(proxy: &Proxy, path: &str) {
    curl(&["--fail", "-X", "DELETE", &format!("http://{}{path}", proxy.address)]);
}

fn lines(process: &Process) -> Vec<Value> {
    process.output().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_python_client_hears_what_curl_writes_to_json_server() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let (_backend, proxy) = legacy(&node);
    let url = format!("ws://{}/ws?topic=author", proxy.address);
    let mut watch = python.watch(&["--url", &url, "--count", "5"]);
    watch.line(r#"{"open": true}"#);

    let created = write(&proxy, "POST", "/api/authors", &json!({"name": "Ada", "born": 1815}));
    assert_eq!(created, json!({"id": 1, "name": "Ada", "born": 1815}));
    write(&proxy, "POST", "/api/books", &json!({"title": "Notes"}));
    write(&proxy, "PATCH", "/api/authors/1", &json!({"name": "Ada Lovelace"}));
    write(&proxy, "PUT", "/api/authors/1", &json!({"name": "A. Lovelace"}));
    delete(&proxy, "/api/authors/1");
    let long = json!({"id": "ada-2", "name": "x".repeat(5000)});
    let url = format!("http://{}/api/authors", proxy.address);
    let answer = curl(&[
        "--compressed",
        "-H",
        "Accept-Encoding: gzip",
        "-i",
        "-H",
        JSON,
        "--data",
        &long.to_string(),
        &url,
    ]);
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Encoding: gzip"), "{head}");
    assert!(watch.wait().success());

    let events = lines(&watch);
    let heads: Vec<Value> =
        events[1..].iter().map(|e| json!([e["method"], e["model"], e["id"], e["many"]])).collect();
    let expected = [
        json!(["POST", "author", 1, false]),
        json!(["PATCH", "author", 1, false]),
        json!(["PUT", "author", 1, false]),
        json!(["DELETE", "author", 1, false]),
        json!(["POST", "author", "ada-2", false]),
    ];
    assert_eq!(heads, expected);
    let payloads: Vec<&Value> = events[1..].iter().map(|event| &event["payload"]).collect();
    assert_eq!(*payloads[0], created);
    assert_eq!(*payloads[1], json!({"id": 1, "name": "Ada Lovelace", "born": 1815}));
    assert_eq!(*payloads[2], json!({"id": 1, "name": "A. Lovelace"}));
    assert_eq!(*payloads[3], Value::Null);
    assert_eq!(*payloads[4], long);
}

#[test]
fn the_browser_snippet_of_the_seed_hears_what_curl_writes_to_json_server() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let (Some(browser), Some(seed)) = (tools::browser(), tools::seed(SEED)) else { return };
    let (_backend, proxy) = legacy(&node);
    let folder = Folder::new();
    let page = folder.write("seed.html", python.snippet(&seed, "html", 0, proxy.address));
    let arguments = ["--html", page.to_str().unwrap(), "--expect-console", "3"];
    let mut chromium = node.page(&browser, &arguments);
    chromium.line("WS connected");

    write(&proxy, "POST", "/api/authors", &json!({"name": "Ada"}));
    delete(&proxy, "/api/authors/1");
    assert!(chromium.wait().success(), "{}", chromium.output());

    let console: Vec<Value> = lines(&chromium)
        .iter()
        .filter(|line| line["type"] == "log")
        .map(|line| line["args"].clone())
        .collect();
    let expected = [
        json!(["WS connected"]),
        json!(["[author] POST", {"id": 1, "name": "Ada"}]),
        json!(["[author] DELETE", null]),
    ];
    assert_eq!(console, expected);
}

#[test]
fn the_python_snippet_of_the_seed_hears_what_curl_writes_to_json_server() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let Some(seed) = tools::seed(SEED) else { return };
    let (_backend, proxy) = legacy(&node);
    let snippet = python.snippet(&seed, "python", 2, proxy.address);
    let client = Process::start(python.command().env("no_proxy", "*").args(["-c", &snippet]));
    eventually("the snippet is connected", || (proxy.metric(OPEN) >= 1.0).then_some(()));

    write(&proxy, "POST", "/api/books", &json!({"title": "Notes"}));
    write(&proxy, "POST", "/api/authors", &json!({"name": "Ada"}));
    let line = client.line("author event:");
    assert!(
        line.contains("'method': 'POST'") && line.contains("'payload': {'name': 'Ada', 'id': 1}"),
        "{line}"
    );
    assert!(!client.output().contains("book"), "{}", client.output());
}

fn echo() -> Proxy {
    let endpoint = "[[endpoint]]\npath = \"/echo\"\ndialect = \"echo\"\nmax_message = \"1MiB\"\n";
    Proxy::with(free_address(), &format!("{AUTHOR_ROUTE}{endpoint}"))
}

#[test]
fn random_messages_come_back_to_the_python_websockets_client() {
    let Some(python) = tools::python() else { return };
    let proxy = echo();
    for seed in ["1", "2"] {
        let url = format!("ws://{}/echo", proxy.address);
        let mut client = python.client("echo.py", &["--url", &url, "--count", "300", "--seed", seed]);
        assert!(client.wait().success(), "{}", client.output());
    }
}

#[test]
fn random_messages_come_back_to_the_node_ws_client() {
    let Some(node) = tools::node() else { return };
    let proxy = echo();
    for seed in ["1", "2"] {
        let url = format!("ws://{}/echo", proxy.address);
        let mut client = node.client("echo.js", &["--url", &url, "--count", "300", "--seed", seed]);
        assert!(client.wait().success(), "{}", client.output());
    }
}
