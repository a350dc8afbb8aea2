//! Bodies, streams and upgraded connections pass as they come, whatever their size and however long they
//! are silent.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::harness::*;
use crate::wire::*;

/// A read timeout that is over soon, and a silence that is longer.
const SHORT: &str = "read_timeout = \"1s\"";
const LONGER: Duration = Duration::from_millis(1500);

fn impatient(upstream: std::net::SocketAddr) -> Proxy {
    Proxy::with_upstream(&format!("servers = [\"http://{upstream}\"]\n{SHORT}"), &tables())
}

// === bodies ===

const HUGE: usize = 64 << 20;
/// Held by a few buffers, and far from a copy of the body.
const GROWTH_KIB: usize = 24 << 10;

/// Bytes that differ from place to place.
fn block(number: usize) -> Vec<u8> {
    (0..1_usize << 16)
        .map(|place| (place.wrapping_mul(31) ^ number.wrapping_mul(17)).to_le_bytes()[0])
        .collect()
}

fn write_huge(stream: &mut impl Write) -> u64 {
    let mut hasher = DefaultHasher::new();
    for number in 0..HUGE >> 16 {
        let block = block(number);
        hasher.write(&block);
        stream.write_all(&block).unwrap();
    }
    hasher.finish()
}

fn read_huge(stream: &mut impl Read) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut block = vec![0; 1 << 16];
    for _ in 0..HUGE >> 16 {
        stream.read_exact(&mut block).unwrap();
        hasher.write(&block);
    }
    hasher.finish()
}

fn peak_kib(proxy: &Proxy) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.process.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_huge_answer_is_streamed_through_a_tapped_route() {
    let (sent, hash) = channel();
    let sent = Mutex::new(sent);
    let origin = Origin::start(move |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {HUGE}\r\n\r\n")
            .unwrap();
        sent.lock().unwrap().send(write_huge(stream)).is_ok()
    });
    let proxy = Proxy::start(origin.address);
    let before = peak_kib(&proxy);
    let mut client = Wire::connect(proxy.address);
    client.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").head();
    let got = client.hash(read_huge);
    assert_eq!(got, hash.recv().unwrap());
    let grown = peak_kib(&proxy) - before;
    assert!(grown < GROWTH_KIB, "{grown} KiB");
}

#[test]
fn a_huge_request_is_streamed_through_a_tapped_route() {
    let (got, hash) = channel();
    let got = Mutex::new(got);
    let origin = backend(move |_, mut wire| {
        if wire.head().0.is_empty() {
            return;
        }
        got.lock().unwrap().send(wire.hash(read_huge)).unwrap();
        wire.send("HTTP/1.1 204 No Content\r\n\r\n");
    });
    let proxy = Proxy::start(origin);
    let before = peak_kib(&proxy);
    let mut client = connect(proxy.address);
    write!(client, "PUT /api/authors/1 HTTP/1.1\r\nHost: h\r\nContent-Length: {HUGE}\r\n\r\n").unwrap();
    let sent = write_huge(&mut client);
    assert_eq!(Wire::of(client).head().0, "HTTP/1.1 204 No Content");
    assert_eq!(sent, hash.recv().unwrap());
    let grown = peak_kib(&proxy) - before;
    assert!(grown < GROWTH_KIB, "{grown} KiB");
}

#[test]
fn a_chunked_request_arrives_whole_and_chunk_by_chunk() {
    let (seen, chunks) = channel();
    let seen = Mutex::new(seen);
    let origin = backend(move |_, mut wire| {
        let (_, headers) = wire.head();
        if headers.is_empty() {
            return;
        }
        assert!(
            headers.iter().any(|header| *header == ("Transfer-Encoding".to_owned(), "chunked".to_owned()))
        );
        for _ in 0..3 {
            let size = usize::from_str_radix(&wire.line(), 16).unwrap();
            seen.lock().unwrap().send(wire.take(size + 2)).unwrap();
        }
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let proxy = Proxy::start(origin);
    let mut client = Wire::connect(proxy.address);
    client.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    // Each chunk is sent only after the backend had the one before.
    for (chunk, text) in
        [("3;a=b\r\none\r\n", "one\r\n"), ("4\r\ntwo!\r\n", "two!\r\n"), ("0\r\n\r\n", "\r\n")]
    {
        client.send(chunk);
        assert_eq!(chunks.recv_timeout(DEADLINE).unwrap(), text);
    }
    assert_eq!(client.answer().text(), "ok");
}

#[test]
fn the_first_byte_of_an_answer_is_forwarded_before_the_last_is_made() {
    for (head, first, last) in [
        ("Content-Length: 8", "abcd", "efgh"),
        ("Transfer-Encoding: chunked", "4\r\nabcd\r\n", "4\r\nefgh\r\n0\r\n\r\n"),
    ] {
        let (read, go_on) = channel::<()>();
        let go_on = Mutex::new(go_on);
        let origin = Origin::start(move |_, stream| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}\r\n\r\n{first}")
                .unwrap();
            go_on.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            stream.write_all(last.as_bytes()).is_ok()
        });
        let proxy = Proxy::start(origin.address);
        let mut client = Wire::connect(proxy.address);
        client.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").head();
        assert_eq!(client.take(first.len()), first);
        read.send(()).unwrap();
        assert_eq!(client.take(last.len()), last);
    }
}

// === Expect: 100-continue ===

const EXPECTING: &str =
    "POST /api/authors HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";

#[test]
fn the_backend_says_when_an_expecting_client_may_go_on() {
    let origin = backend(|_, mut wire| {
        if !wire.head().1.iter().any(|(name, value)| name == "Expect" && value == "100-continue") {
            return;
        }
        wire.expect_silence(SILENCE);
        wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = wire.take(4);
        wire.send(format!("HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\n{body}"));
    });
    let proxy = Proxy::start(origin);
    let mut client = Wire::connect(proxy.address);
    assert_eq!(client.send(EXPECTING).head().0, "HTTP/1.1 100 Continue");
    let answer = client.send("body").answer();
    assert_eq!((answer.status, answer.text().as_str()), (201, "body"));
}

#[test]
fn a_refused_expectation_is_told_without_waiting_for_the_body() {
    let origin = backend(|_, mut wire| {
        if wire.head().0.is_empty() {
            return;
        }
        wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
        wire.rest();
    });
    let proxy = Proxy::start(origin);
    let mut client = Wire::connect(proxy.address);
    let answer = client.send(EXPECTING).answer();
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("connection")),
        (413, "no", Some("close"))
    );
    drop(client);
    let refused = "restcast_captures_total{outcome=\"refused\",route=\"/api/authors/{id}\"}";
    eventually("the capture ends", || (proxy.metric(refused) == 1.0).then_some(()));
}

// === upgrades and event streams ===

#[test]
fn the_backends_own_websocket_passes_both_ways_and_may_be_idle() {
    let origin = backend(|_, mut wire| {
        let (line, headers) = wire.head();
        if line.is_empty() {
            return;
        }
        assert_eq!(line, "GET /backend-ws HTTP/1.1");
        let find = |name: &str| find_header(&headers, name);
        assert_eq!((find("Upgrade"), find("Connection")), (Some("websocket"), Some("Upgrade")));
        assert_eq!(find("Sec-WebSocket-Protocol"), Some("chat"));
        wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: x\r\n\r\nhello",
        );
        while let text @ ("ping" | "stop") = wire.take(4).as_str() {
            wire.send(text);
            if text == "stop" {
                return;
            }
        }
    });
    let proxy = impatient(origin);
    let mut client = Wire::connect(proxy.address);
    client.send(
        "GET /backend-ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
                 Sec-WebSocket-Protocol: chat\r\n\r\n",
    );
    let (line, headers) = client.head();
    assert_eq!(line, "HTTP/1.1 101 Switching Protocols");
    assert!(headers.iter().any(|(name, value)| name == "Sec-WebSocket-Protocol" && value == "chat"));
    assert_eq!(client.take(5), "hello");
    for _ in 0..2 {
        client.expect_silence(LONGER);
        assert_eq!(client.send("ping").take(4), "ping");
    }
    assert_eq!(client.send("stop").take(4), "stop");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_refused_upgrade_is_an_ordinary_answer() {
    let origin = Origin::json(403, "{}");
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    client.send("GET /backend-ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (403, "{}"));
}

#[test]
fn server_sent_events_pass_one_by_one_and_may_be_silent() {
    let origin = backend(|_, mut wire| {
        if wire.head().0.is_empty() {
            return;
        }
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
        wire.expect_silence(LONGER);
        wire.send("data: 2\n\n");
        // The backend is told when the client leaves.
        wire.rest();
    });
    let proxy = impatient(origin);
    let mut client = Wire::connect(proxy.address);
    client.send("GET /events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n").head();
    for number in 1..=2 {
        assert_eq!((client.line().as_str(), client.line()), ("9", format!("data: {number}")));
        assert_eq!((client.line(), client.line()), (String::new(), String::new()));
    }
}

#[test]
fn a_backend_is_told_when_the_client_of_a_read_leaves() {
    let (told, left) = channel();
    let told = Mutex::new(told);
    let origin = backend(move |_, mut wire| {
        if wire.head().0.is_empty() {
            return;
        }
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        wire.rest();
        told.lock().unwrap().send(()).unwrap();
    });
    let proxy = Proxy::start(origin);
    let mut client = Wire::connect(proxy.address);
    client.send("GET /api/authors/1 HTTP/1.1\r\nHost: h\r\n\r\n").head();
    assert_eq!(client.take(4), "half");
    drop(client);
    left.recv_timeout(DEADLINE).unwrap();
}

// === broken answers ===

#[test]
fn an_answer_that_breaks_off_reaches_the_client_broken_off() {
    let cuts: [fn(TcpStream); 2] = [drop, reset];
    for cut in cuts {
        for (head, part) in [("Content-Length: 8", "abcd"), ("Transfer-Encoding: chunked", "4\r\nabcd\r\n")] {
            let (read, go_on) = channel::<()>();
            let go_on = Mutex::new(go_on);
            let origin = Origin::start(move |_, stream| {
                write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{part}").unwrap();
                go_on.lock().unwrap().recv_timeout(DEADLINE).unwrap();
                stream.shutdown(std::net::Shutdown::Read).unwrap();
                cut(stream.try_clone().unwrap());
                false
            });
            let proxy = Proxy::start(origin.address);
            let mut client = Wire::connect(proxy.address);
            client.send("GET /a?secret=1 HTTP/1.1\r\nHost: h\r\n\r\n").head();
            assert_eq!(client.take(part.len()), part);
            read.send(()).unwrap();
            assert_eq!(client.rest(), "");
            let line = proxy.process.line("request failed");
            assert!(line.contains(&format!("upstream=\"{}\"", origin.address)), "{line}");
            assert!(!line.contains("secret"), "{line}");
        }
    }
}
