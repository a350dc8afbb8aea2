//! The handshake of RFC 6455, section 4.2: who is let in, and what the others are told.

use std::io::{BufReader, Write as _};

use crate::frames::*;
use crate::harness::*;
use crate::rfc6455::{echo, end, noise};

#[test]
fn bytes_that_come_with_the_handshake_are_not_lost() {
    let proxy = echo("1MiB");
    for length in [5, 3000, 70_000] {
        let early = [frame(FIN | TEXT, b"early"), frame(FIN | BINARY, &noise(length))].concat();
        let mut raw = Raw::open_with(proxy.address, "/echo", &early);
        raw.expect(FIN | TEXT, "early").expect(FIN | BINARY, noise(length));
        end(&mut raw);
    }
    let all = frame(FIN | TEXT, b"early");
    let mut raw = Raw::open_with(proxy.address, "/echo", &all[..3]);
    raw.bytes(&all[3..]).expect(FIN | TEXT, "early");
}

/// The head of the answer to a handshake in which one part is replaced.
fn shake(proxy: &Proxy, part: &str, instead: &str) -> Answer {
    let text = handshake(proxy.address, "/echo");
    assert!(text.contains(part), "{part}");
    let mut stream = connect(proxy.address);
    stream.write_all(text.replace(part, instead).as_bytes()).unwrap();
    let (line, headers) = read_head(&mut BufReader::new(stream));
    Answer { status: line[9..12].parse().unwrap(), headers, body: Vec::new() }
}

#[test]
fn a_handshake_of_another_version_is_told_which_one_is_spoken() {
    let proxy = echo("1MiB");
    for instead in ["Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Version: 14\r\n", ""] {
        let answer = shake(&proxy, "Sec-WebSocket-Version: 13\r\n", instead);
        assert_eq!((answer.status, answer.header("Sec-WebSocket-Version")), (426, Some("13")));
    }
}

#[test]
fn a_bad_handshake_is_refused() {
    let proxy = echo("1MiB");
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    let cases = [
        (key.as_str(), "", 400),
        (key.as_str(), "Sec-WebSocket-Key: short\r\n", 400),
        ("GET ", "POST ", 400),
        ("GET ", "HEAD ", 400),
        ("HTTP/1.1", "HTTP/1.0", 400),
        ("Connection: Upgrade\r\n", "", 400),
        ("Connection: Upgrade\r\n", "Connection: keep-alive\r\n", 400),
        ("Upgrade: websocket\r\n", "", 426),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n", 426),
    ];
    for (part, instead, status) in cases {
        assert_eq!(shake(&proxy, part, instead).status, status, "{part:?} -> {instead:?}");
    }
}

#[test]
fn a_handshake_may_be_written_in_other_ways() {
    let proxy = echo("1MiB");
    let ways = [
        ("Upgrade: websocket", "upgrade: WebSocket"),
        ("Connection: Upgrade", "connection: keep-alive, UPGRADE"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade"),
        ("Sec-WebSocket-Version: 13", "sec-websocket-version:13"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat"),
        (
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        ),
    ];
    for (line, instead) in ways {
        let answer = shake(&proxy, line, instead);
        assert_eq!((answer.status, answer.header("Sec-WebSocket-Accept")), (101, Some(ACCEPT)), "{instead}");
        assert_eq!(answer.header("Sec-WebSocket-Extensions"), None);
        assert_eq!(answer.header("Sec-WebSocket-Protocol"), None);
    }
}

#[test]
fn a_handshake_may_follow_other_requests_on_its_connection() {
    let origin = Origin::json(200, "[]");
    let endpoint = "[[endpoint]]\npath = \"/echo\"\ndialect = \"echo\"\n";
    let proxy = Proxy::with(origin.address, &format!("{AUTHOR_ROUTE}{endpoint}"));
    let get = format!("GET /api/authors HTTP/1.1\r\nHost: {}\r\n\r\n", proxy.address);
    let shake = handshake(proxy.address, "/echo");
    let early = frame(FIN | TEXT, b"early");
    // One after the other, and all of it in one packet.
    for pipelined in [false, true] {
        let mut stream = BufReader::new(connect(proxy.address));
        let (first, second) =
            ([get.as_bytes(), get.as_bytes()].concat(), [shake.as_bytes(), &early].concat());
        if pipelined {
            stream.get_mut().write_all(&[first, second].concat()).unwrap();
            for _ in 0..2 {
                assert_eq!(read_answer(&mut stream, false).text(), "[]");
            }
        } else {
            for _ in 0..2 {
                stream.get_mut().write_all(get.as_bytes()).unwrap();
                assert_eq!(read_answer(&mut stream, false).text(), "[]");
            }
            stream.get_mut().write_all(&second).unwrap();
        }
        let mut raw = Raw::after_handshake(stream);
        raw.expect(FIN | TEXT, "early");
        end(&mut raw);
    }
}

#[test]
fn a_handshake_that_announces_a_body_is_refused_at_once() {
    let proxy = echo("1MiB");
    let upgrade = "Upgrade: websocket\r\n";
    // None of it is sent: the answer must not wait for it.
    for header in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        assert_eq!(shake(&proxy, upgrade, &format!("{upgrade}{header}")).status, 400, "{header}");
    }
    assert_eq!(shake(&proxy, upgrade, &format!("{upgrade}Content-Length: 0\r\n")).status, 101);
}

#[test]
fn a_request_with_a_body_is_refused_whole() {
    let proxy = echo("1MiB");
    let body = vec![b'x'; 300_000];
    let answer = request(proxy.address, "POST", "/echo", &[("Content-Type", "text/plain")], &body);
    assert_eq!(answer.status, 426);
    assert!(answer.text().contains("WebSocket"), "{}", answer.text());
}

#[test]
fn a_path_that_is_nearly_an_endpoint_is_the_backends() {
    let origin = Origin::json(404, "{}");
    let proxy = Proxy::start(origin.address);
    for path in ["/ws/", "/WS", "/ws/x", "//ws", "/ws;x"] {
        assert!(Reader::try_connect(proxy.address, path).is_err(), "{path}");
    }
    assert_eq!(origin.requests().len(), 5);
}
