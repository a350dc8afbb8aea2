//! The live page of the admin port, in a real browser, and who may see what it sees.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::frames::handshake;
use crate::harness::*;
use crate::tools;

#[test]
fn the_page_shows_what_its_buttons_do() {
    let (Some(node), Some(browser)) = (tools::node(), tools::browser()) else { return };
    let demo = Demo::start();
    let url = format!("http://{}/", demo.admin);
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live_page.png");
    let picture = picture.to_str().unwrap();
    let steps = [
        ["--wait", "#state[data-state=live]"],
        ["--wait", "#authors tbody tr"],
        ["--fill", "#name=Grace Hopper"],
        ["--click", "#create"],
        ["--wait", ".event:has-text('POST'):has-text('Grace Hopper')"],
        ["--wait", "#authors tr:has-text('Grace Hopper')"],
        ["--click", "#authors tr:has-text('Grace Hopper') .rename"],
        ["--fill", "#authors .new-name=Rear Admiral Hopper"],
        ["--click", "#authors .save"],
        ["--wait", ".event:has-text('PATCH'):has-text('Rear Admiral Hopper')"],
        ["--wait", "#authors tr:has-text('Rear Admiral Hopper') .delete"],
        ["--screenshot", picture],
        ["--click", "#authors tr:has-text('Rear Admiral Hopper') .delete"],
        ["--wait", ".event:has-text('DELETE')"],
        ["--gone", "#authors tr:has-text('Rear Admiral Hopper')"],
    ];
    let mut arguments = vec!["--url", &url];
    arguments.extend(steps.iter().flatten());
    let mut page = node.page(&browser, &arguments);
    let ended = page.wait();
    assert!(ended.success(), "{}", page.output());
    assert!(std::fs::metadata(picture).unwrap().len() > 10_000);
}

#[test]
fn the_page_shows_what_others_do() {
    let (Some(node), Some(browser)) = (tools::node(), tools::browser()) else { return };
    let demo = Demo::start();
    let url = format!("http://{}/", demo.admin);
    let event = ".event:has-text('Emmy Noether')";
    let steps =
        ["--wait", "#state[data-state=live]", "--wait", event, "--wait", "#authors tr:has-text('Emmy')"];
    let mut page = node.page(&browser, &[&["--url", &url], &steps[..]].concat());
    page.line("#state[data-state=live]");
    let body = br#"{"name":"Emmy Noether"}"#;
    let answer = request(demo.address, "POST", "/api/authors", &[("Content-Type", "application/json")], body);
    assert_eq!(answer.status, 201);
    let ended = page.wait();
    assert!(ended.success(), "{}", page.output());
}

#[test]
fn the_page_of_a_proxy_without_demo_shows_events_and_notices_its_end() {
    let (Some(node), Some(browser)) = (tools::node(), tools::browser()) else { return };
    let origin = Origin::json(201, r#"{"id":7,"name":"<b>Ada</b>"}"#);
    let mut proxy = Proxy::start(origin.address);
    let url = format!("http://{}/", proxy.admin);
    let event = ".event:has-text('<b>Ada</b>')";
    let lost = "#state[data-state=reconnecting]";
    let steps =
        ["--gone", "#demo:visible", "--wait", "#state[data-state=live]", "--wait", event, "--wait", lost];
    let mut page = node.page(&browser, &[&["--url", &url], &steps[..]].concat());
    page.line("#state[data-state=live]");
    proxy.send("POST", "/api/authors", "{}");
    page.line("<b>Ada</b>");
    proxy.process.signal("TERM");
    assert!(proxy.process.wait().success());
    let ended = page.wait();
    assert!(ended.success(), "{}", page.output());
}

/// Status of a handshake at the admin port with these values of `Host` and `Origin`.
fn live(admin: SocketAddr, host: &str, origin: &str) -> u16 {
    let text = handshake(admin, "/live");
    let (before, after) = text.split_once(&format!("Host: {admin}\r\n")).unwrap();
    let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
    let mut stream = connect(admin);
    stream.write_all(format!("{before}Host: {host}\r\n{origin}{after}").as_bytes()).unwrap();
    let (line, _) = read_head(&mut std::io::BufReader::new(stream));
    line[9..12].parse().unwrap()
}

#[test]
fn a_page_of_another_origin_may_not_look_in() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    let (admin, port) = (proxy.admin, proxy.admin.port());
    let own = admin.to_string();
    assert_eq!(live(admin, &own, ""), 101);
    assert_eq!(live(admin, &own, &format!("http://{own}")), 101);
    let localhost = format!("localhost:{port}");
    assert_eq!(live(admin, &localhost, &format!("http://{localhost}")), 101);
    let foreign = [
        "http://evil.example",
        "null",
        "http://127.0.0.1",
        &format!("http://127.0.0.1:{}", port ^ 1),
        &format!("http://{localhost}"),
        &format!("http://{own}.evil.example"),
        &format!("http://evil.example@{own}"),
    ];
    for origin in foreign {
        assert_eq!(live(admin, &own, origin), 403, "{origin}");
    }
    // A name that was made to point here (DNS rebinding).
    let name = format!("evil.example:{port}");
    assert_eq!(live(admin, &name, &format!("http://{name}")), 403);
    assert_eq!(live(admin, &format!("localhost.evil.example:{port}"), "http://localhost.evil.example"), 403);
    assert!(proxy.metric("restcast_auth_failures_total{reason=\"origin\"}") >= 9.0);
}
