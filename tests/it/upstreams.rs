//! What the backend is told about the client, and what the client is told about the backend.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use crate::harness::*;
use crate::tls::serve_tls;
use crate::wire::*;

fn servers(addresses: &[SocketAddr]) -> String {
    let urls: Vec<String> = addresses.iter().map(|address| format!("\"http://{address}\"")).collect();
    format!("servers = [{}]", urls.join(", "))
}

/// What a backend sees of a request with forged forwarding headers.
fn forwarded(server: &str, upstream: &str) -> (SocketAddr, Request) {
    let origin = Origin::json(200, "{}");
    let upstream = format!("{}\n{upstream}", servers(&[origin.address]));
    let proxy = Proxy::with_server(server, &upstream, &tables());
    let mut client = Wire::connect(proxy.address);
    client.send(
        "GET / HTTP/1.1\r\nHost: api.example:8080\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n\
         X-Forwarded-Proto: https\r\nX-Forwarded-Host: forged.example\r\nForwarded: for=192.0.2.1\r\n\r\n",
    );
    assert_eq!(client.answer().status, 200);
    (origin.address, origin.requests().remove(0))
}

#[test]
fn forwarding_headers_of_strangers_are_replaced() {
    let (_, request) = forwarded("", "");
    for (name, value) in [
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-host", Some("api.example:8080")),
        ("forwarded", None),
        ("host", Some("api.example:8080")),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    let lines = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
    assert_eq!(lines.count(), 1);
}

#[test]
fn forwarding_headers_of_trusted_proxies_are_continued() {
    let (_, request) = forwarded("trusted_proxies = [\"10.0.0.0/8\", \"127.0.0.0/8\"]", "");
    for (name, value) in [
        ("x-forwarded-for", Some("192.0.2.1, 192.0.2.2, 127.0.0.1")),
        ("x-forwarded-proto", Some("https")),
        ("x-forwarded-host", Some("forged.example")),
        ("forwarded", Some("for=192.0.2.1")),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
}

#[test]
fn the_host_header_is_the_upstreams_or_a_fixed_one_where_the_config_says_so() {
    let (address, request) = forwarded("", "host = \"upstream\"");
    assert_eq!(request.header("host"), Some(address.to_string().as_str()));
    assert_eq!(request.header("x-forwarded-host"), Some("api.example:8080"));
    let (_, request) = forwarded("", "host = \"legacy.internal\"");
    assert_eq!(request.header("host"), Some("legacy.internal"));
    assert_eq!(request.header("x-forwarded-host"), Some("api.example:8080"));
}

/// A backend that answers with its name.
fn named(name: &'static str) -> Origin {
    Origin::json(200, name)
}

#[test]
fn several_servers_are_used_in_turn() {
    let (one, two) = (named("1"), named("2"));
    let proxy = Proxy::with_upstream(&servers(&[one.address, two.address]), &tables());
    let names: Vec<String> = (0..4).map(|_| proxy.get("/").text()).collect();
    assert_ne!(names[0], names[1]);
    assert_eq!(names[..2], names[2..]);
}

#[test]
fn a_server_that_is_down_is_passed_over_and_comes_back() {
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let two = named("2");
    let upstream = servers(&[place.local_addr().unwrap(), two.address]);
    let proxy = Proxy::with_upstream(&format!("{upstream}\nhealth_interval = \"1s\""), &tables());
    let address = place.local_addr().unwrap();
    drop(place);
    // A process that is being started by another test may hold the socket for a moment longer.
    eventually("it is down", || TcpStream::connect(address).err());
    // Every request is answered, a write too: nothing of it had been sent.
    for _ in 0..6 {
        let answer = proxy.send("POST", "/api/authors", "{}");
        assert_eq!((answer.status, answer.text().as_str()), (200, "2"));
    }
    proxy.process.line("upstream does not answer");
    let place = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        for stream in place.incoming().map_while(Result::ok) {
            let mut wire = Wire::of(stream);
            if !wire.head().0.is_empty() {
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
            }
        }
    });
    eventually("the first server serves again", || (proxy.get("/").text() == "1").then_some(()));
}

fn check_refusal(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(body["error"], error);
    assert!(body["message"].as_str().unwrap().contains("upstream"), "{body}");
}

#[test]
fn an_upstream_that_is_down_gives_502_and_a_line_that_names_it() {
    let dead = [free_address(), free_address()];
    let proxy = Proxy::with_upstream(&servers(&dead), &tables());
    check_refusal(&proxy.get("/api/authors/1?token=secret"), 502, "bad gateway");
    let line = proxy.process.line("request failed");
    assert!(dead.iter().any(|address| line.contains(&format!("upstream=\"{address}\""))), "{line}");
    assert!(line.contains("status=502") && !line.contains("secret"), "{line}");
    let failed = "restcast_requests_total{route=\"/api/authors/{id}\",status=\"5xx\"}";
    eventually("it is counted", || (proxy.metric(failed) == 1.0).then_some(()));
}

#[test]
fn an_upstream_whose_name_is_not_resolved_gives_502_and_a_line_that_names_it() {
    let proxy = Proxy::with_upstream("servers = [\"http://backend.invalid:5000\"]", &tables());
    check_refusal(&proxy.get("/"), 502, "bad gateway");
    let line = proxy.process.line("request failed");
    assert!(line.contains("upstream=\"backend.invalid:5000\""), "{line}");
}

#[test]
fn an_upstream_that_hangs_up_without_an_answer_gives_502() {
    let origin = backend(|_, mut wire| drop(wire.head()));
    let proxy = Proxy::start(origin);
    check_refusal(&proxy.get("/"), 502, "bad gateway");
    let line = proxy.process.line("request failed");
    assert!(line.contains(&format!("upstream=\"{origin}\"")), "{line}");
}

#[test]
fn an_upstream_that_dies_after_an_interim_answer_gives_502() {
    for interim in ["100 Continue", "103 Early Hints"] {
        let origin = backend(move |_, mut wire| {
            if !wire.head().0.is_empty() {
                wire.send(format!("HTTP/1.1 {interim}\r\n\r\n"));
            }
        });
        let proxy = Proxy::start(origin);
        let mut client = Wire::connect(proxy.address);
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head();
        check_refusal(&client.answer(), 502, "bad gateway");
        assert_eq!(client.rest(), "");
    }
}

#[test]
fn a_refusal_after_which_the_connection_ends_says_so() {
    let proxy = Proxy::start(free_address());
    let mut client = Wire::connect(proxy.address);
    let answer = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").answer();
    assert_eq!((answer.status, answer.header("Connection")), (502, Some("close")));
    assert_eq!(client.rest(), "");
}

#[test]
fn an_upstream_that_talks_nonsense_gives_502() {
    let origin = backend(|_, mut wire| {
        if !wire.head().0.is_empty() {
            wire.send("SSH-2.0-OpenSSH\r\n\r\n");
        }
    });
    let proxy = Proxy::start(origin);
    check_refusal(&proxy.get("/"), 502, "bad gateway");
}

#[test]
fn an_upstream_that_is_too_slow_gives_504_and_a_line_that_names_it() {
    let origin = backend(|_, mut wire| drop((wire.head(), wire.rest())));
    let proxy = Proxy::with_upstream(&format!("{}\nread_timeout = \"100ms\"", servers(&[origin])), &tables());
    check_refusal(&proxy.get("/"), 504, "gateway timeout");
    let line = proxy.process.line("request failed");
    assert!(line.contains(&format!("upstream=\"{origin}\"")) && line.contains("status=504"), "{line}");
}

#[test]
fn a_connection_survives_an_answer_that_restcast_gave_itself() {
    let proxy = Proxy::with_upstream(&servers(&[free_address()]), &tables());
    let mut client = Wire::connect(proxy.address);
    let answer = client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").head();
    assert!(answer.0.starts_with("HTTP/1.1 502"), "{answer:?}");
    // Kept or closed, but never a body where HEAD allows none.
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let rest = client.rest();
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 502"), "{rest}");
}

#[test]
fn a_client_that_is_slow_to_send_its_request_is_waited_for() {
    let (seen, first) = channel();
    let seen = Mutex::new(seen);
    let origin = backend(move |_, mut wire| {
        if wire.head().0.is_empty() {
            return;
        }
        wire.take(1);
        seen.lock().unwrap().send(()).unwrap();
        wire.take(3);
        wire.send("HTTP/1.1 204 No Content\r\n\r\n");
    });
    let proxy = Proxy::start(origin);
    let mut client = connect(proxy.address);
    write!(client, "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\na").unwrap();
    first.recv_timeout(DEADLINE).unwrap();
    client.write_all(b"bcd").unwrap();
    assert_eq!(Wire::of(client).head().0, "HTTP/1.1 204 No Content");
}

/// The head went by itself, and woke the backend for nothing.
#[test]
fn a_short_request_comes_in_one_piece_also_over_a_connection_that_was_used() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap());
    let mut client = Wire::connect(proxy.address);
    let mut ask =
        || client.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody").head();
    thread::scope(|scope| {
        scope.spawn(|| assert!((0..2).all(|_| ask().0 == "HTTP/1.1 204 No Content")));
        // Nothing comes from who only looks whether the server is there.
        let connections =
            listener.incoming().map(|stream| stream.unwrap()).map(|stream| (read_once(&stream), stream));
        let (first, mut backend) = connections.into_iter().find(|(piece, _)| !piece.is_empty()).unwrap();
        backend.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        let second = read_once(&backend);
        backend.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        for piece in [first, second] {
            assert!(piece.starts_with("POST /api/authors ") && piece.ends_with("\r\n\r\nbody"), "{piece}");
        }
    });
}

/// What one call gives; nothing at the end.
fn read_once(mut stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut piece = vec![0; 4096];
    let length = stream.read(&mut piece).unwrap();
    String::from_utf8_lossy(&piece[..length]).into_owned()
}

/// TLS may keep what it was given until it is flushed.
#[test]
fn a_backend_behind_tls_gets_each_head_before_a_body_that_is_late() {
    let (seen, heads) = channel();
    let origin = serve_tls(move |stream| {
        while let Some(head) = head_of(stream) {
            seen.send(head.len()).unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    });
    let server = format!("servers = [\"https://localhost:{}\"]\nverify_tls = false", origin.port());
    let proxy = Proxy::with_upstream(&server, &tables());
    let mut client = Wire::connect(proxy.address);
    for (name, parts) in [(10, ["", "body"]), (10, ["bo", "dy"]), (30_000, ["", "body"])] {
        let long = "x".repeat(name);
        client.send(format!(
            "POST /api/authors HTTP/1.1\r\nHost: h\r\nX-Long: {long}\r\nContent-Length: 4\r\n\r\n{}",
            parts[0]
        ));
        assert!(heads.recv_timeout(DEADLINE).unwrap() > name);
        assert_eq!(client.send(parts[1]).head().0, "HTTP/1.1 204 No Content");
    }
}

/// `None`: the connection has ended.
fn head_of(stream: &mut impl Read) -> Option<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    Some(head)
}

#[test]
fn a_refusal_reaches_a_client_that_still_sends_its_body() {
    let proxy = Proxy::with_upstream(&servers(&[free_address()]), &tables());
    for size in [1 << 10, 1 << 20, 1 << 23] {
        let mut client = connect(proxy.address);
        write!(client, "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n").unwrap();
        client.write_all(&vec![b'x'; size]).unwrap();
        check_refusal(&Wire::of(client).answer(), 502, "bad gateway");
    }
}

#[test]
fn an_early_answer_of_the_backend_reaches_a_client_that_still_sends_its_body() {
    let origin = backend(|_, mut wire| {
        if !wire.head().0.is_empty() {
            wire.take(1 << 10);
            wire.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
            wire.stream().shutdown(std::net::Shutdown::Write).unwrap();
            wire.rest();
        }
    });
    let proxy = Proxy::start(origin);
    let size = 1 << 23;
    let mut client = connect(proxy.address);
    write!(client, "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n").unwrap();
    client.write_all(&vec![b'x'; size]).unwrap();
    let answer = Wire::of(client).answer();
    assert_eq!((answer.status, answer.text().as_str()), (413, "no"));
}
