//! What of this folder is plain: heads in, heads and refusals out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, StatusCode, request};
use pingora::http::{RequestHeader, ResponseHeader};

use super::forward::{self, Client};
use super::head::is_bodiless;
use super::upstream::Needs;
use super::{HostHeader, ServerAddress, Tap, TrustedProxies, UpstreamConfig, Upstreams, realtime};
use crate::broker::{Memory, Publisher};
use crate::capture::{Budget, Limits, Outcome, Overlaps};
use crate::hub::Hub;
use crate::metrics::{Labels, Metrics};
use crate::route::{Routes, tests::route};

/// `METHOD URI VERSION` and lines of headers, separated by `|`.
fn head(text: &str) -> request::Parts {
    let mut lines = text.split('|').map(str::trim);
    let mut request = Request::new(()).into_parts().0;
    if let [method, uri, version] = lines.next().unwrap().split(' ').collect::<Vec<_>>()[..] {
        request.method = method.parse().unwrap();
        request.uri = uri.parse().unwrap();
        request.version = if version == "1.0" { http::Version::HTTP_10 } else { http::Version::HTTP_11 };
    }
    request.headers = headers(lines);
    request
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

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
fn addresses_of_servers_are_read_with_their_default_ports() {
    for (text, expected) in [
        ("http://backend", "backend 80 backend"),
        ("http://backend/", "backend 80 backend"),
        ("http://backend:80", "backend 80 backend"),
        ("http://backend:5000", "backend 5000 backend:5000"),
        ("https://backend", "backend 443 backend tls"),
        ("https://backend:80", "backend 80 backend:80 tls"),
        ("http://127.0.0.1:5000", "127.0.0.1 5000 127.0.0.1:5000"),
        ("http://[::1]:5000", "::1 5000 [::1]:5000"),
        ("https://[::1]", "::1 443 [::1] tls"),
        ("backend:5000", "-"),
        ("ftp://backend", "-"),
        ("http://", "-"),
        ("http://backend/api", "-"),
        ("http://backend?x=1", "-"),
        ("http://user@backend", "-"),
        ("http://backend:99999", "-"),
        ("http://backend:", "-"),
        ("http://backend:0", "-"),
        ("http://[::1]:99999", "-"),
        ("", "-"),
    ] {
        let read = ServerAddress::parse(text).map_or("-".to_owned(), |address| {
            let tls = if address.tls { " tls" } else { "" };
            format!("{} {} {}{tls}", address.host, address.port, address.authority())
        });
        assert_eq!(read, expected, "{text}");
    }
}

pub(super) fn upstreams(servers: &[String]) -> Upstreams {
    Upstreams::new(UpstreamConfig {
        servers: servers.iter().map(|server| ServerAddress::parse(server).unwrap()).collect(),
        host: HostHeader::Preserve,
        verify_tls: true,
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_mins(1),
        health_interval: Duration::from_secs(5),
    })
}

fn picks(upstreams: &Upstreams, count: usize) -> Vec<String> {
    (0..count)
        .map(|_| {
            upstreams.pick(Needs::default()).map_or_else(String::new, |choice| choice.authority.to_string())
        })
        .collect()
}

#[test]
fn servers_are_used_in_turn_before_any_was_tried() {
    let servers = ["a", "b", "c"].map(|port| format!("http://127.0.0.{}", 1 + port.as_bytes()[0] - b'a'));
    let upstreams = upstreams(&servers);
    assert_eq!(picks(&upstreams, 4), ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"]);
    assert!(!upstreams.is_ready());
}

#[test]
fn a_name_that_is_not_resolved_is_no_choice() {
    assert_eq!(picks(&upstreams(&["http://backend.invalid".to_owned()]), 1), [""]);
}

#[test]
fn a_server_of_a_name_that_is_not_resolved_is_passed_over() {
    let servers = ["http://backend.invalid".to_owned(), "http://127.0.0.1".to_owned()];
    assert_eq!(picks(&upstreams(&servers), 3), ["127.0.0.1"; 3]);
}

#[tokio::test]
async fn servers_that_are_up_go_first() {
    let listen = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (down, one, two) = (listen(), listen(), listen());
    let addresses = [&down, &one, &two].map(|listener| listener.local_addr().unwrap().to_string());
    drop(down);
    let upstreams = upstreams(&addresses.each_ref().map(|address| format!("http://{address}")));
    upstreams.check().await;
    assert!(upstreams.is_ready());
    let [_, one, two] = &addresses;
    assert!(picks(&upstreams, 9).iter().all(|choice| choice == one || choice == two));
    upstreams.failed(one.parse().unwrap());
    assert_eq!(picks(&upstreams, 3), [two.as_str(); 3]);
    upstreams.failed(two.parse().unwrap());
    assert!(!upstreams.is_ready());
    assert!(picks(&upstreams, 3).contains(one), "a server that is down is better than none");
}

#[test]
fn a_silent_answer_is_waited_for_without_end_only_where_it_streams() {
    let upstreams = upstreams(&["http://127.0.0.1".to_owned()]);
    let timeout = |streaming| upstreams.pick(streaming).unwrap().peer.options.read_timeout;
    let streaming = Needs { streaming: true, uploading: false };
    assert_eq!((timeout(Needs::default()), timeout(streaming)), (Some(Duration::from_mins(1)), None));
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

/// A queue of one place, and a worker that is kept busy by it.
#[test]
fn refused_writes_take_no_place_in_the_queue() {
    let routes = Arc::new(Routes::new(vec![route("/api/authors/{id}", "author")]).unwrap());
    let labels = Labels {
        routes: vec!["author".to_owned()],
        outcomes: Outcome::ALL.map(Outcome::name).to_vec(),
        ..Labels::default()
    };
    let metrics = Arc::new(Metrics::new(&labels).unwrap());
    let hub = Arc::new(Hub::new(Vec::new(), 1));
    let broker = Arc::new(Memory::new(Arc::clone(&hub), Arc::clone(&metrics)));
    let (publisher, worker) = Publisher::start(1, broker, hub, Arc::clone(&metrics)).unwrap();
    let limits = Limits { body: 100, decoded: 100, memory: Budget::new(100) };
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, started) = std::sync::mpsc::channel();
    let overlaps = Arc::new(Overlaps::default());
    let owners = Arc::default();
    let tap = Tap { routes, limits, overlaps, owners, identities: false, publisher, metrics };
    tap.publisher.publish(Box::new(move || {
        begun.send(()).unwrap();
        wait.recv_timeout(Duration::from_secs(10)).unwrap();
        None
    }));
    started.recv_timeout(Duration::from_secs(10)).unwrap();
    let head = head("PUT /api/authors/7 1.1");
    for status in [None, Some(400), Some(404), Some(500), Some(204)] {
        let matched = tap.routes.classify(&head.method, head.uri.path()).unwrap();
        let mut capture = tap.begin(matched, &head);
        if let Some(status) = status {
            capture.request_sent();
            capture.response_head(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());
        }
        tap.finish(Box::new(capture), Some(tap.overlaps.begin()), true);
    }
    assert_eq!(tap.publisher.depth(), 1);
    let text = tap.metrics.render(0);
    let has = |line: &str| text.lines().any(|found| found == line);
    for (outcome, count) in [("refused", 3), ("unsent", 1)] {
        let line = format!(r#"restcast_captures_total{{outcome="{outcome}",route="author"}} {count}"#);
        assert!(has(&line), "{line} is not in {text}");
    }
    assert!(has(r#"restcast_drops_total{reason="queue_full"} 0"#), "{text}");
    go.send(()).unwrap();
    drop(tap);
    worker.join().unwrap();
}

#[test]
fn a_connection_whose_task_panics_is_no_longer_counted() {
    let labels = Labels { dialects: vec!["flarchitect"], ..Labels::default() };
    let metrics = Arc::new(Metrics::new(&labels).unwrap());
    let count = || {
        let text = metrics.render(0);
        let series = r#"restcast_connections{dialect="flarchitect"} "#;
        text.lines().find_map(|line| line.strip_prefix(series)).unwrap().to_owned()
    };
    let connection = || {
        let _counted = realtime::Counted::new(&metrics, 0);
        assert_eq!(count(), "1");
        panic!("as a dialect might");
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(connection)).unwrap_err();
    assert_eq!(count(), "0");
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
