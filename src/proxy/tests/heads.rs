//! What of this folder is plain: heads in, heads and refusals out.

use std::net::IpAddr;

use http::HeaderValue;
use pingora::http::{RequestHeader, ResponseHeader};

use super::{head, headers};
use crate::proxy::forward::{self, Client};
use crate::proxy::head::is_bodiless;
use crate::proxy::{HostHeader, TrustedProxies, realtime};

/// The forwarding headers that the backend gets, in the order of their names.
fn forwarded(peer: &str, host: &HostHeader, sent: &str) -> String {
    let trusted = TrustedProxies(vec!["10.0.0.0/8".parse().unwrap()]);
    let mut request = RequestHeader::build("GET", b"/", None).unwrap();
    for (name, value) in &headers(sent.split('|').map(str::trim)) {
        request.append_header(name.clone(), value.clone()).unwrap();
    }
    let address: Option<IpAddr> = peer.parse().ok();
    let address = address.map(|address| (address, HeaderValue::try_from(address.to_string()).unwrap()));
    let client = Client { address: address.as_ref(), trusted: &trusted };
    forward::rewrite(&mut request, client, host, "backend:5000").unwrap();
    let mut lines: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.join(" | ")
}

#[test]
fn forwarding_headers_are_continued_for_trusted_peers_and_replaced_for_others() {
    let lies = "Host: a | X-Forwarded-For: 1.1.1.1 | X-Forwarded-Host: h | X-Forwarded-Proto: https | Forwarded: for=1";
    for (peer, sent, expected) in [
        (
            "192.0.2.1",
            "Host: a",
            "host: a | x-forwarded-for: 192.0.2.1 | x-forwarded-host: a | x-forwarded-proto: http",
        ),
        (
            "192.0.2.1",
            lies,
            "host: a | x-forwarded-for: 192.0.2.1 | x-forwarded-host: a | x-forwarded-proto: http",
        ),
        ("not an address", lies, "host: a | x-forwarded-host: a | x-forwarded-proto: http"),
        (
            "10.1.2.3",
            lies,
            "forwarded: for=1 | host: a | x-forwarded-for: 1.1.1.1, 10.1.2.3 | x-forwarded-host: h | \
             x-forwarded-proto: https",
        ),
        (
            "10.1.2.3",
            "Host: a | X-Forwarded-For: 1.1.1.1, 2.2.2.2 | X-Forwarded-For: 3.3.3.3",
            "host: a | x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.1.2.3 | x-forwarded-host: a | \
             x-forwarded-proto: http",
        ),
        ("2001:db8::1", "", "host: backend:5000 | x-forwarded-for: 2001:db8::1 | x-forwarded-proto: http"),
    ] {
        assert_eq!(forwarded(peer, &HostHeader::Preserve, sent), expected, "{peer}: {sent}");
    }
}

#[test]
fn the_backend_is_told_the_host_that_the_config_says() {
    for (host, expected) in [
        (HostHeader::Preserve, "host: site.test"),
        (HostHeader::Upstream, "host: backend:5000"),
        (HostHeader::Fixed("fixed.test".to_owned()), "host: fixed.test"),
    ] {
        let told = forwarded("192.0.2.1", &host, "Host: site.test");
        assert!(told.starts_with(&format!("{expected} | ")), "{told}");
        assert!(told.contains("x-forwarded-host: site.test"), "{told}");
    }
}

#[test]
fn a_length_of_nothing_ends_an_answer_with_its_head_however_it_is_written() {
    for length in ["0", "00", "0, 0", "0,00"] {
        let mut response = ResponseHeader::build(200, None).unwrap();
        response.append_header("Content-Length", length).unwrap();
        assert!(is_bodiless(&http::Method::PUT, &response), "{length}");
    }
}

#[test]
fn only_an_answer_that_surely_has_no_body_is_over_with_its_head() {
    for (method, status, lines, expected) in [
        ("PUT", 204, "", true),
        ("PUT", 304, "Content-Length: 5", true),
        ("HEAD", 200, "Content-Length: 5", true),
        ("PUT", 200, "Content-Length: 0", true),
        ("PUT", 205, "Content-Length: 0 | Content-Length: 0", true),
        ("PUT", 205, "", false),
        ("PUT", 200, "", false),
        ("PUT", 200, "Content-Length: 5", false),
        ("PUT", 200, "Content-Length: 0 | Content-Length: 5", false),
        ("PUT", 200, "Content-Length: 0, 5", false),
        ("PUT", 200, "Content-Length: 0 | Transfer-Encoding: chunked", false),
    ] {
        let mut response = ResponseHeader::build(status, None).unwrap();
        for (name, value) in &headers(lines.split('|').map(str::trim)) {
            response.append_header(name.clone(), value.clone()).unwrap();
        }
        assert_eq!(is_bodiless(&method.parse().unwrap(), &response), expected, "{method} {status} {lines}");
    }
}

const HANDSHAKE: &str = "GET /ws 1.1 | Host: a | Upgrade: websocket | Connection: Upgrade | \
                         Sec-WebSocket-Version: 13 | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

#[test]
fn a_handshake_is_accepted_as_in_the_rfc() {
    for (from, to) in [
        ("", ""),
        ("websocket |", "WebSocket |"),
        ("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        ("Connection: Upgrade", "Connection: keep-alive | Connection: UPGRADE"),
    ] {
        let head = head(&HANDSHAKE.replace(from, to));
        assert!(realtime::is_upgrade(&head));
        assert_eq!(realtime::accept_key(&head).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}

#[test]
fn a_bad_handshake_is_refused_with_what_is_wrong() {
    for (from, to, status, part) in [
        ("GET", "POST", 400, "GET"),
        ("/ws 1.1", "/ws 1.0", 400, "HTTP/1.1"),
        ("Connection: Upgrade |", "", 400, "Connection"),
        ("Connection: Upgrade", "Connection: keep-alive", 400, "Connection"),
        ("Version: 13", "Version: 12", 426, "version 13"),
        ("Sec-WebSocket-Version: 13 |", "", 426, "version 13"),
        ("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key: short==", 400, "Sec-WebSocket-Key"),
        ("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key: dGhlIHNhbXBsZSBub25jZQAA", 400, "Sec-WebSocket-Key"),
        ("| Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", 400, "Sec-WebSocket-Key"),
    ] {
        let text = HANDSHAKE.replacen(from, to, 1);
        assert_ne!(text, HANDSHAKE);
        let refusal = realtime::accept_key(&head(&text)).unwrap_err();
        assert_eq!(refusal.status.as_u16(), status, "{text}");
        assert!(refusal.message.contains(part), "{text}: {}", refusal.message);
        let version =
            refusal.headers.iter().any(|(name, value)| name == "sec-websocket-version" && value == "13");
        assert_eq!(version, status == 426);
    }
    assert!(!realtime::is_upgrade(&head("GET /ws 1.1 | Upgrade: h2c")));
    assert!(!realtime::is_upgrade(&head("GET /ws 1.1")));
}

#[test]
fn only_a_page_of_the_admin_port_itself_may_look_in() {
    for (headers, expected) in [
        ("Host: 127.0.0.1:9090", true),
        ("Host: 127.0.0.1:9090 | Origin: http://127.0.0.1:9090", true),
        ("Host: localhost:9090 | Origin: http://localhost:9090", true),
        ("Host: [::1]:9090 | Origin: http://[::1]:9090", true),
        ("Host: 127.0.0.1:9090 | Origin: http://127.0.0.1:8080", false),
        ("Host: 127.0.0.1:9090 | Origin: http://evil.test", false),
        ("Host: 127.0.0.1:9090 | Origin: null", false),
        ("Host: 127.0.0.1:9090 | Origin: 127.0.0.1:9090", false),
        // A name may lead to this port on behalf of anybody.
        ("Host: evil.test:9090 | Origin: http://evil.test:9090", false),
        ("Host: localhost.evil.test | Origin: http://localhost.evil.test", false),
        ("Origin: http://127.0.0.1:9090", false),
        ("Origin: http://", false),
    ] {
        assert_eq!(
            crate::api::same_origin(&head(&format!("GET /live 1.1 | {headers}")).headers),
            expected,
            "{headers}"
        );
    }
}
