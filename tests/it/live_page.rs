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

/// The page's JSON, asked for under this name and from this page.
fn state(admin: SocketAddr, host: &str, origin: &str) -> Answer {
    let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
    let text = format!("GET /state.json HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: close\r\n\r\n");
    let mut stream = connect(admin);
    stream.write_all(text.as_bytes()).unwrap();
    read_answer(&mut std::io::BufReader::new(stream), false)
}

#[test]
fn who_is_there_is_shown_where_the_page_is_and_nowhere_else() {
    let proxy = Proxy::start(free_address());
    let (own, name) = (proxy.admin.to_string(), format!("evil.example:{}", proxy.admin.port()));
    for (host, origin, status) in [
        (own.as_str(), "", 200),
        (&own, &format!("http://{own}"), 200),
        (&own, "http://evil.example", 403),
        (&name, "", 403),
        (&name, &format!("http://{name}"), 403),
    ] {
        assert_eq!(state(proxy.admin, host, origin).status, status, "{host} {origin}");
    }
}

const JWT: &str =
    "[auth.jwt]\nalgorithms = [\"HS256\"]\nsecret = \"a secret of more than thirty-two bytes\"\n";

/// Readers with and without a token, and writes that tell nobody or not all.
fn busy() -> (Origin, Proxy, Vec<Reader>) {
    let origin = Origin::start(|request, stream| {
        let (status, body) = match request.line.split(' ').nth(1).unwrap() {
            "/api/authors/1" => ("200 OK", r#"{"id":1,"name":"a-secret-name"}"#),
            "/api/authors/2" => ("404 Not Found", "{}"),
            _ => ("200 OK", "no JSON"),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
    });
    let endpoint = "[[endpoint]]\npath = \"/ws\"\ndialect = \"flarchitect\"\nauth = \"optional\"\n";
    let proxy = Proxy::with(origin.address, &format!("{AUTHOR_ROUTE}{endpoint}{JWT}"));
    let alice = crate::publish::token("alice", "member");
    let mut readers: Vec<Reader> =
        (0..3).map(|_| proxy.reader(&format!("/ws?topic=author&token={alice}"))).collect();
    readers.push(proxy.reader("/ws?topic=author"));
    readers.extend((0..60).map(|number| proxy.reader(&format!("/ws?topic=book/{number}"))));
    for (id, times) in [(1, 1), (2, 3), (3, 2)] {
        for _ in 0..times {
            request(proxy.address, "PUT", &format!("/api/authors/{id}"), &[("Authorization", "x")], b"{}");
        }
    }
    (origin, proxy, readers)
}

#[test]
fn the_state_lists_the_top_of_everything_with_counts_and_nothing_private() {
    let (_origin, proxy, _readers) = busy();
    let read = || -> serde_json::Value {
        let answer = state(proxy.admin, &proxy.admin.to_string(), "");
        assert!(!answer.text().contains("a-secret-name"), "{}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    };
    // What was written is noted a moment later, and the state may be a second old.
    let state = eventually("all is noted", || {
        Some(read()).filter(|state| state["notes"][0]["count"] == 2 && state["notes"][1]["count"] == 3)
    });
    let connections = state["connections"].clone();
    assert_eq!((&connections["count"], connections["newest"].as_array().unwrap().len()), (&64.into(), 50));
    let newest = &connections["newest"][0];
    assert_eq!((&newest["endpoint"], &newest["dialect"]), (&"/ws".into(), &"flarchitect".into()));
    assert_eq!((&newest["topics"][0], &newest["user"]), (&"book/59".into(), &serde_json::Value::Null));
    assert_eq!(state["users"], serde_json::json!({"count": 1, "top": [{"name": "alice", "count": 3}]}));
    assert_eq!(
        (&state["topics"]["count"], state["topics"]["top"].as_array().unwrap().len()),
        (&61.into(), 50)
    );
    assert_eq!(state["topics"]["top"][0], serde_json::json!({"name": "author", "count": 4}));
    let notes: Vec<String> = state["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| {
            assert_eq!(note["route"], "/api/authors/{id}");
            format!("{} {} {}", note["outcome"], note["reason"], note["count"])
        })
        .collect();
    assert_eq!(notes, ["\"undecodable\" \"undecodable\" 2", "\"refused\" null 3"]);
}

#[test]
fn the_page_shows_who_is_there_and_what_did_not_reach_everybody() {
    let (Some(node), Some(browser)) = (tools::node(), tools::browser()) else { return };
    let (_origin, proxy, mut readers) = busy();
    assert!(Reader::try_connect(proxy.address, "/ws?token=x").is_err());
    let url = format!("http://{}/", proxy.admin);
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live_page_busy.png");
    let steps = [
        ["--wait", "#connections tr:has-text('alice'), #connections-count:has-text('50 of 64')"],
        ["--wait", "#users tr:has-text('alice'):has-text('3')"],
        ["--wait", "#topics tr:has-text('author'):has-text('4')"],
        ["--wait", "#notes tr:has-text('the backend refused the write')"],
        ["--wait", "#drops tr:has-text('the reader may not see it')"],
        ["--wait", "#drops tr:has-text('its token is malformed')"],
        ["--screenshot", picture.to_str().unwrap()],
        ["--wait", "#connections-count:text-is('1')"],
        ["--wait", "#connections tr:has-text('author')"],
    ];
    let mut arguments = vec!["--url", url.as_str()];
    arguments.extend(steps.iter().flatten());
    let mut page = node.page(&browser, &arguments);
    page.line("live_page_busy.png");
    readers.truncate(1);
    let ended = page.wait();
    assert!(ended.success(), "{}", page.output());
}
