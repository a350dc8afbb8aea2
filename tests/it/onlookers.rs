//! Who may look at the live page, and at what it shows.

use std::io::{BufReader, Write as _};
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::*;
use crate::tools;

const KEYS: &str = "[[admin.key]]\nname = \"all\"\nsecret = \"the-secret-of-all\"\n\
    [[admin.key]]\nname = \"authors\"\nsecret = \"a-secret-of-authors\"\nmodels = [\"author\"]\n\
    [[admin.key]]\nname = \"publisher\"\nsecret = \"a-secret-of-a-publisher\"\nscopes = [\"publish\"]\n";
const SHOWN: [&str; 3] = ["/", "/live.json", "/live"];

/// Status of a GET, or at `/live` of a handshake, and the `WWW-Authenticate` of its answer.
fn look(admin: SocketAddr, path: &str, host: &str, authorization: &str) -> (u16, String) {
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = if path == "/live" { upgrade } else { "" };
    let authorization = match authorization {
        "" => String::new(),
        value => format!("Authorization: {value}\r\n"),
    };
    let mut stream = connect(admin);
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}{upgrade}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let (line, headers) = read_head(&mut BufReader::new(stream));
    let asked = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
    let asked = asked.map(|(_, value)| value.clone()).unwrap_or_default();
    (line[9..12].parse().unwrap(), asked)
}

fn ok(path: &str) -> u16 {
    if path == "/live" { 101 } else { 200 }
}

fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("anybody:{password}")))
}

#[test]
fn a_name_that_was_made_to_point_here_shows_nothing_and_numbers_come_by_any_name() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    let port = proxy.admin.port();
    for path in SHOWN {
        for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
            assert_eq!(look(proxy.admin, path, &host, "").0, ok(path), "{path} {host}");
        }
        for host in [format!("evil.example:{port}"), "localhost.evil.example".to_owned()] {
            assert_eq!(look(proxy.admin, path, &host, "").0, 403, "{path} {host}");
        }
    }
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(look(proxy.admin, path, "restcast.internal:9090", "").0, 200, "{path}");
    }
}

#[test]
fn where_there_are_keys_looking_needs_one_too_and_numbers_do_not() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::with(origin.address, &format!("{}{KEYS}", tables()));
    // (Authorization, status; 0: that of what is shown)
    let rows = [
        (String::new(), 401),
        ("Bearer the-secret-of-all".to_owned(), 0),
        (basic("the-secret-of-all"), 0),
        (basic("the-secret-of-al"), 401),
        (basic(""), 401),
        ("Basic the-secret-of-all".to_owned(), 401),
        ("Basic".to_owned(), 401),
        ("Bearer another-secret".to_owned(), 401),
        // All records are shown.
        ("Bearer a-secret-of-authors".to_owned(), 403),
        (basic("a-secret-of-a-publisher"), 403),
    ];
    for path in SHOWN {
        for (authorization, status) in &rows {
            let (found, asked) = look(proxy.admin, path, "restcast.internal", authorization);
            let expected = if *status == 0 { ok(path) } else { *status };
            assert_eq!(found, expected, "{path} {authorization}");
            assert_eq!(asked.starts_with("Basic realm="), found == 401, "{path} {asked}");
        }
    }
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(look(proxy.admin, path, "restcast.internal", "").0, 200, "{path}");
    }
    // A browser that has been told the key sends it along by itself, so it is no key to what can be done.
    let headers = [("Authorization", basic("the-secret-of-all"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(request(proxy.admin, "GET", "/api/connections", &headers, b"").status, 401);
}

#[test]
fn a_browser_that_is_told_the_key_shows_the_page() {
    let (Some(node), Some(browser)) = (tools::node(), tools::browser()) else { return };
    let origin = Origin::json(201, r#"{"id":7,"name":"Ada"}"#);
    let proxy = Proxy::with(origin.address, &format!("{}{KEYS}", tables()));
    let url = format!("http://anybody:the-secret-of-all@{}/", proxy.admin);
    let steps = ["--wait", "#state[data-state=live]", "--wait", ".event:has-text('Ada')"];
    let mut page = node.page(&browser, &[&["--url", &url], &steps[..]].concat());
    page.line("#state[data-state=live]");
    proxy.send("POST", "/api/authors", "{}");
    let ended = page.wait();
    assert!(ended.success(), "{}", page.output());
}
