//! What plain HTTP gets: checks 18, 19 and 20.

use std::thread;
use std::time::Instant;

use super::*;

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

/// A request with curl; gives its status, its headers and its body.
fn curl(arguments: &[&str], url: &str) -> (u16, String, String) {
    let printed = tools::curl(&[&["--include"], arguments, &[url]].concat());
    let (head, body) = printed.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[test]
fn socketio_check_18_requests_that_are_none_are_refused_as_by_the_original() {
    let Some(system) = System::start() else { return };
    let unknown = "sid=0123456789abcdef0123456789abcdef";
    let get = &[][..];
    let post = &["--data", "40"][..];
    let upgrade = &[
        "-H",
        "Connection: Upgrade",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Sec-WebSocket-Version: 13",
        "-H",
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
    ][..];
    for (arguments, query, code, message) in [
        (get, "EIO=4&transport=polling&sid=nonsense", 1, "Session ID unknown"),
        (get, &*format!("EIO=4&transport=polling&{unknown}"), 1, "Session ID unknown"),
        (post, &format!("EIO=4&transport=polling&{unknown}"), 1, "Session ID unknown"),
        (upgrade, &format!("EIO=4&transport=websocket&{unknown}"), 1, "Session ID unknown"),
        (get, "EIO=3&transport=polling", 5, "Unsupported protocol version"),
        (upgrade, "EIO=3&transport=websocket", 5, "Unsupported protocol version"),
        (get, "EIO=4&transport=pigeon", 0, "Transport unknown"),
        (get, "EIO=4", 0, "Transport unknown"),
        (get, "", 0, "Transport unknown"),
        (post, "EIO=4&transport=polling", 2, "Bad handshake method"),
        (get, "EIO=4&transport=websocket", 3, "Bad request"),
    ] {
        for path in ["/socket.io/", "/socket.io"] {
            let (status, head, body) = curl(arguments, &system.url(&format!("{path}?{query}")));
            assert_eq!(status, 400, "{query}");
            assert!(head.contains("content-type: application/json"), "{head}");
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body, json!({"code": code, "message": message}), "{query}");
        }
    }
}

#[test]
fn socketio_check_18_the_documents_curl_is_upgraded() {
    let (Some(system), Some(python)) = (System::start(), tools::python()) else { return };
    let Some(seed) = tools::seed(SEED) else { return };
    let address = format!("localhost:5001={}", system.proxy.address);
    let command = python.snippet_with(&seed, ("bash", 1), &[&address]);
    let curl = Process::start(
        std::process::Command::new("sh").args(["-c", &format!("exec {}", command_alone(&command))]),
    );
    curl.line("HTTP/1.1 101");
    // Frames have a byte or two before their text, and no line ends behind it.
    curl.line("Sec-WebSocket-Accept: ");
}

/// Without the comments above it.
fn command_alone(block: &str) -> String {
    let lines = block.lines().filter(|line| !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

/// A polled connection; gives its URL.
fn open(system: &System) -> String {
    let answer = system.proxy.get(POLLING);
    let open: Value = serde_json::from_str(answer.text().strip_prefix('0').unwrap()).unwrap();
    format!("{POLLING}&sid={}", open["sid"].as_str().unwrap())
}

fn post(system: &System, path: &str, body: &str) -> Answer {
    request(
        system.proxy.address,
        "POST",
        path,
        &[("Content-Type", "text/plain;charset=UTF-8")],
        body.as_bytes(),
    )
}

/// The connection that this was is known no more.
fn is_gone(system: &System, path: &str) {
    eventually("the connection is gone", || {
        let answer = system.proxy.get(path);
        (answer.status == 400 && answer.text().contains("Session ID unknown")).then_some(())
    });
}

#[test]
fn socketio_check_19_two_polls_at_once_end_the_connection() {
    let Some(system) = System::start() else { return };
    let path = open(&system);
    let mut answers: Vec<(u16, String)> = thread::scope(|scope| {
        let polls = [(), ()].map(|()| scope.spawn(|| system.proxy.get(&path)));
        polls.map(|poll| poll.join().unwrap()).map(|answer| (answer.status, answer.text())).into()
    });
    answers.sort();
    assert_eq!(answers[0], (200, "1".to_owned()));
    assert_eq!(answers[1].0, 400, "{}", answers[1].1);
    is_gone(&system, &path);
}

#[test]
fn socketio_check_19_what_nobody_understands_ends_the_connection() {
    let Some(system) = System::start() else { return };
    for body in ["42/admin,[\"request_dashboard_update\"]", "4nonsense", "42[\"event\"]", "nonsense"] {
        let path = open(&system);
        let posted = post(&system, &path, body).status;
        assert!(matches!(posted, 200 | 400), "{posted}");
        let poll = system.proxy.get(&path);
        let heard = poll.text();
        let is_end = (poll.status == 200 && heard.split('\u{1e}').any(|packet| packet == "1"))
            || (poll.status == 400 && heard.contains("Session ID unknown"));
        assert!(is_end, "{body}: {} {heard}", poll.status);
        is_gone(&system, &path);
    }
}

#[test]
fn socketio_check_19_a_body_that_is_too_large_is_refused() {
    let Some(system) = System::start() else { return };
    let path = open(&system);
    let message = format!("40/admin,{}", json!({"token": "x".repeat(1_000_000)}));
    assert_eq!(post(&system, &path, &message).status, 413);
    let path = open(&system);
    let padding = " ".repeat(900_000);
    let fits = format!("40/admin,{{\"token\":{padding}{}}}", json!(system.token("owner")));
    assert_eq!(post(&system, &path, &fits).status, 200);
    assert!(system.proxy.get(&path).text().starts_with("40/admin,{\"sid\":"));
}

#[test]
fn a_client_that_ends_its_connection_sees_the_end_at_once() {
    let Some(system) = System::start() else { return };
    let mut client = Reader::connect(system.proxy.address, "/socket.io/?EIO=4&transport=websocket");
    client.next_text();
    let begun = Instant::now();
    client.send("1");
    // Not when it has been waited for in vain, as after 5 seconds.
    client.0.read().unwrap_err();
    assert!(begun.elapsed().as_secs() < 3, "{:?}", begun.elapsed());
}

#[test]
fn socketio_check_20_pages_of_listed_origins_may_read_and_no_others() {
    let Some(system) = System::start() else { return };
    let url = system.url(POLLING);
    let of = |origin: &str| format!("Origin: {origin}");
    let (status, head, _) = curl(&["-H", &of(ORIGIN)], &url);
    assert_eq!(status, 200);
    for header in [
        &*format!("access-control-allow-origin: {ORIGIN}\r"),
        "access-control-allow-credentials: true\r",
        "vary: origin\r",
        "cache-control: no-store\r",
    ] {
        assert!(format!("{head}\r").contains(header), "{header} in {head}");
    }
    let preflight = [
        "-X",
        "OPTIONS",
        "-H",
        &of(ORIGIN),
        "-H",
        "Access-Control-Request-Method: POST",
        "-H",
        "Access-Control-Request-Headers: content-type",
    ];
    let (status, head, _) = curl(&preflight, &url);
    assert!(matches!(status, 200 | 204), "{status}");
    for header in
        ["allow-origin: http://localhost:5173", "allow-methods: get, post", "allow-headers: content-type"]
    {
        assert!(head.contains(&format!("access-control-{header}")), "{header} in {head}");
    }
    for other in ["https://evil.example", "http://localhost:5174", "null"] {
        let (status, head, _) = curl(&["-H", &of(other)], &url);
        assert_eq!(status, 403, "{other}");
        assert!(!head.contains("access-control-allow-origin"), "{head}");
    }
    // Without one it is no page.
    assert_eq!(curl(&[], &url).0, 200);
}
