//! The README's example, as it stands there, in a real browser.

use super::*;
use crate::readme::{blocks, curl};

/// What it prints for one line of the console.
fn printed(line: &Value) -> String {
    let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    line["args"].as_array().unwrap().iter().map(said).collect::<Vec<_>>().join(" ")
}

/// With the keys of objects in one order.
fn canonical(line: &str) -> String {
    let (word, rest) = line.split_once(' ').unwrap();
    let value: Value = serde_json::from_str(rest).unwrap_or_else(|_| panic!("{line}"));
    format!("{word} {value}")
}

/// A notification may come a moment before or behind the answer to a later request.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[test]
fn the_readmes_example_prints_what_the_readme_says() {
    let (Some(node), Some(browser)) = (tools::node(), tools::browser()) else { return };
    let block = |language: &str| blocks(language).concat();
    let folder = Folder::new();
    let backend = node.json_server_of(&folder.write("db.json", block("json json-server")));
    let config = block("toml json-server");
    let tables = config.split_once("[[route]]").unwrap().1;
    let proxy = Proxy::with(backend.address, &format!("[[route]]{tables}"));
    let page =
        folder.write("page.html", format!("<script type=\"module\">{}</script>", script(&block, &proxy)));
    let arguments = ["--html", page.to_str().unwrap(), "--expect-console", "5"];
    let chromium = node.page(&browser, &arguments);
    chromium.line("read_error");
    // By plain REST.
    assert_eq!(curl("127.0.0.1:8080", proxy.address).len(), 1);
    let mut chromium = chromium;
    assert!(chromium.wait().success(), "{}", chromium.output());
    let lines: Vec<Value> =
        chromium.output().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said: Vec<_> =
        lines.iter().filter(|line| line["type"] == "log").map(|line| canonical(&printed(line))).collect();
    let expected =
        format!("{}update {}", block("text json-server"), r#"{"id":2,"title":"Mars","status":"public"}"#);
    assert_eq!(sorted(said), sorted(expected.lines().map(canonical).collect()));
}

/// A page of a file has no host.
fn script(block: &impl Fn(&str) -> String, proxy: &Proxy) -> String {
    let script = block("js json-server");
    assert!(script.contains("${location.host}"));
    script.replace("${location.host}", &proxy.address.to_string())
}
