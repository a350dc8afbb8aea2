//! The proxy changes nothing: each exchange is compared with one that goes to the backend directly.

use std::io::Write;
use std::net::SocketAddr;

use crate::harness::*;
use crate::message::{Message, end_to_end};
use crate::wire::*;

/// Sends `request` to the backend and to the proxy, and compares what comes back.
fn same(origin: SocketAddr, proxy: &Proxy, request: impl AsRef<[u8]>) -> Message {
    let request = request.as_ref();
    let direct = exact(origin, request);
    let through = exact(proxy.address, request);
    assert_eq!(through, direct, "{}", String::from_utf8_lossy(request));
    direct
}

/// A backend that answers with `answer` and hangs up.
fn once(answer: impl Into<Vec<u8>>) -> Origin {
    let answer = answer.into();
    Origin::start(move |_, stream| {
        drop(stream.write_all(&answer));
        false
    })
}

/// A backend that answers with the request's line.
fn parrot() -> Origin {
    Origin::start(|request, stream| {
        let body = if request.line.starts_with("HEAD") { "" } else { &request.line };
        let length = request.line.len();
        drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"));
        request.header("connection") != Some("close")
    })
}

#[test]
fn every_method_reaches_the_backend_as_it_was_sent() {
    let origin = parrot();
    let proxy = Proxy::start(origin.address);
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "REPORT",
        "PURGE", "M-SEARCH", "QUERY", "get", "X",
    ] {
        for body in ["", "<a/>"] {
            let length =
                if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
            let head = format!("{method} /api/authors/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
            same(origin.address, &proxy, format!("{head}{length}\r\n{body}"));
            let [.., direct, through] = &origin.requests()[..] else { panic!("two requests") };
            assert_eq!((&through.line, &through.body), (&direct.line, &direct.body));
        }
    }
}

#[test]
fn answers_come_back_byte_for_byte() {
    let gzip: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV*J-.\xcd)Q\xb2R\xca\x00\x00";
    let plain: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 299 Something Of Its Own\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 404 NOT FOUND\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 3\r\n\r\nno!",
        b"HTTP/1.1 500 \r\nContent-Length: 1\r\n\r\n!",
        b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 77\r\n\r\n",
        b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: http://elsewhere.example/%7Ea?b#c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the connection ends",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nuntil the connection ends",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 299  Two Spaces\r\nX-Tab:\ta\tb \r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nset-cookie: a=1; Path=/\r\nX-ODD-case: 1\r\nSet-Cookie: b=\"2\"; HttpOnly\r\n\
          x-Empty:\r\nServer: legacy/1.0\r\nVia: 1.1 other\r\nX-Latin: \xfc\xe9\r\nX-Utf8: \xc3\xbc\r\n\
          Cache-Control: no-store\r\ncache-control: private\r\nContent-Length: 0\r\n\r\n",
    ];
    let mut answers: Vec<Vec<u8>> = plain.iter().map(|answer| answer.to_vec()).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len());
    answers.push([head.as_bytes(), gzip].concat());
    for answer in answers {
        let origin = once(answer);
        let proxy = Proxy::start(origin.address);
        let accept = "Accept-Encoding: gzip, deflate, br, zstd";
        same(
            origin.address,
            &proxy,
            format!("GET / HTTP/1.1\r\nHost: h\r\n{accept}\r\nConnection: close\r\n\r\n"),
        );
    }
}

#[test]
fn paths_and_queries_are_left_as_they_were_written() {
    let origin = parrot();
    let proxy = Proxy::start(origin.address);
    for path in [
        "/",
        "/?",
        "/??",
        "/a%2Fb%2fc",
        "//a///b/",
        "/./a/../b",
        "/a;p=1/b?x=1&x=2;y",
        "/?q=a+b%20c&empty=&=",
        "/%zz%",
        "/%00",
        "/%C3%BC?%FF",
        "/api/authors/%31",
        "/a?url=http://x/?y",
        "/{a}|b^[c]\\",
        "/\u{fc}?\u{e9}",
        "/~a'(b)*!$@:,",
        "/api/authors/1/?expand=books",
    ] {
        let answer = same(
            origin.address,
            &proxy,
            format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
        );
        assert_eq!(String::from_utf8_lossy(&answer.body), format!("GET {path} HTTP/1.1"));
    }
    same(origin.address, &proxy, "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
}

#[test]
fn request_headers_keep_their_case_their_order_and_their_duplicates() {
    let origin = parrot();
    let proxy = Proxy::start(origin.address);
    let long = "x".repeat(8000);
    let request = format!(
        "POST /a HTTP/1.1\r\nHost: h\r\nx-lower: 1\r\nX-Twice: b\r\ncookie: a=1\r\nX-TWICE: a\r\nCookie: b=2\r\n\
         Accept-Encoding: gzip;q=0.1, zstd\r\nAuthorization: Bearer t\r\nX-Long: {long}\r\nX-Empty:\r\n\
         If-None-Match: W/\"a\"\r\nRange: bytes=1-2\r\nUser-Agent: legacy\r\nReferer: http://h/a?b\r\n\
         Content-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
    );
    same(origin.address, &proxy, request);
    let [direct, through] = &origin.requests()[..] else { panic!("two requests") };
    assert_eq!(end_to_end(through.headers.clone()), end_to_end(direct.headers.clone()));
}

#[test]
fn headers_of_the_clients_connection_stay_on_it() {
    let origin = parrot();
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    let [request] = &origin.requests()[..] else { panic!("one request") };
    for name in ["x-hop", "keep-alive", "te"] {
        assert_eq!(request.header(name), None, "{name}");
    }
}

#[test]
fn headers_of_the_backends_connection_stay_on_it() {
    let origin = once(
        "HTTP/1.1 200 OK\r\nConnection: close, X-Hop, Content-Length\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: close\r\nUpgrade: h2c\r\nX-End: 1\r\nContent-Length: 2\r\n\r\nok",
    );
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    // The client's own connection goes on.
    for _ in 0..2 {
        let answer = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").answer();
        assert_eq!((answer.text().as_str(), answer.header("connection")), ("ok", Some("keep-alive")));
        for name in ["x-hop", "keep-alive", "proxy-connection", "upgrade"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
        assert_eq!((answer.header("x-end"), answer.header("content-length")), (Some("1"), Some("2")));
    }
    let origin = once("HTTP/1.1 426 X\r\nConnection: Upgrade\r\nUpgrade: chat\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(Proxy::start(origin.address).get("/").header("upgrade"), Some("chat"));
}

#[test]
fn a_connection_serves_many_requests_and_those_to_the_backend_are_used_again() {
    let origin = Origin::start(|_, stream| {
        let port = stream.peer_addr().unwrap().port().to_string();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{port}", port.len()).is_ok()
    });
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    let mut ports = Vec::new();
    for _ in 0..20 {
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        ports.push(client.answer().text());
    }
    for _ in 0..5 {
        ports.push(proxy.get("/b").text());
    }
    assert!(ports[..20].iter().all(|port| *port == ports[0]), "{ports:?}");
    // A connection goes back to the pool just after its answer, so the next client may be faster.
    ports.sort();
    ports.dedup();
    assert!(ports.len() <= 3, "{ports:?}");
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let origin = Origin::start(|request, stream| {
        let body = format!("{} {}", request.line, String::from_utf8_lossy(&request.body));
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).is_ok()
    });
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    client.send(
        "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none\
         POST /api/authors HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n\
         GET /three HTTP/1.1\r\nHost: h\r\n\r\nGET /four HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    );
    let bodies: Vec<String> = (0..4).map(|_| client.answer().text()).collect();
    let expected = [
        "POST /api/authors HTTP/1.1 one",
        "POST /api/authors HTTP/1.1 two",
        "GET /three HTTP/1.1 ",
        "GET /four HTTP/1.1 ",
    ];
    assert_eq!(bodies, expected);
    assert_eq!(client.rest(), "");
}

#[test]
fn answers_without_body_leave_the_connection_usable() {
    let origin = Origin::start(|request, stream| {
        let answer = match request.line.split(' ').nth(1).unwrap() {
            "/head" => "200 OK\r\nContent-Length: 12345",
            "/head-chunked" => "200 OK\r\nTransfer-Encoding: chunked",
            "/none" => "204 No Content",
            _ => "304 Not Modified\r\nContent-Length: 12",
        };
        write!(stream, "HTTP/1.1 {answer}\r\n\r\n").is_ok()
    });
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    for (request, status) in [
        ("HEAD /head", 200),
        ("HEAD /head-chunked", 200),
        ("GET /none", 204),
        ("GET /same", 304),
        ("HEAD /head", 200),
    ] {
        let (line, headers) = client.send(format!("{request} HTTP/1.1\r\nHost: h\r\n\r\n")).head();
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {line}");
        let length =
            headers.iter().find(|(name, _)| name == "Content-Length").map(|(_, value)| value.as_str());
        assert_eq!(length == Some("12345"), request == "HEAD /head", "{headers:?}");
    }
}

#[test]
fn interim_answers_are_passed_on() {
    let origin = once(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    let (line, headers) = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head();
    assert_eq!(line, "HTTP/1.1 103 Early Hints");
    assert_eq!(headers, [("Link".to_owned(), "</a.css>; rel=preload".to_owned())]);
    assert_eq!(client.head().0, "HTTP/1.1 102 Processing");
    assert_eq!(client.answer().text(), "ok");
}

#[test]
fn the_date_of_an_answer_is_the_backends() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let origin = Origin::fixed(format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 2\r\n\r\nok"));
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    for _ in 0..2 {
        let answer = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").answer();
        assert_eq!((answer.header("date"), answer.text().as_str()), (Some(date), "ok"));
    }
}

#[test]
fn an_absolute_target_is_asked_for_by_its_path() {
    let origin = parrot();
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    client.send("GET http://h.example/a?b=c HTTP/1.1\r\nHost: h.example\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().text(), "GET /a?b=c HTTP/1.1");
    let [request] = &origin.requests()[..] else { panic!("one request") };
    assert_eq!(request.header("host"), Some("h.example"));

    let mut client = Wire::connect(proxy.address);
    client.send("GET http://h.example/a HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().status, 400);
}

// === HTTP/1.0 ===

#[test]
fn a_client_of_http_1_0_gets_no_chunks_and_no_interim_answers() {
    let origin = once(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
    );
    let proxy = Proxy::start(origin.address);
    for connection in ["close", "keep-alive"] {
        let mut client = Wire::connect(proxy.address);
        let (line, headers) =
            client.send(format!("GET / HTTP/1.0\r\nHost: h\r\nConnection: {connection}\r\n\r\n")).head();
        assert_eq!(line, "HTTP/1.1 200 OK");
        assert_eq!(find_header(&headers, "transfer-encoding"), None);
        assert_eq!(find_header(&headers, "connection"), Some("close"));
        assert_eq!(client.rest(), "abc");
    }
}

#[test]
fn a_client_of_http_1_0_may_keep_its_connection() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    for _ in 0..2 {
        let answer = client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").answer();
        assert_eq!((answer.header("connection"), answer.text().as_str()), (Some("keep-alive"), "{}"));
    }
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().header("connection"), Some("close"));
    assert_eq!(client.rest(), "");
}

#[test]
fn a_request_without_host_gets_the_upstreams() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    assert_eq!(Wire::connect(proxy.address).send("GET / HTTP/1.0\r\n\r\n").answer().status, 200);
    let [request] = &origin.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "GET / HTTP/1.1");
    assert_eq!(request.header("host"), Some(origin.address.to_string().as_str()));
    assert_eq!(request.header("x-forwarded-host"), None);
}

#[test]
fn an_upstream_of_http_1_0_is_served_as_http_1_1() {
    for head in ["", "Content-Length: 5\r\n"] {
        let origin = once(format!("HTTP/1.0 200 OK\r\n{head}\r\nhello"));
        let proxy = Proxy::start(origin.address);
        let mut client = Wire::connect(proxy.address);
        for _ in 0..2 {
            let (line, headers) = client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").head();
            assert_eq!(line, "HTTP/1.1 200 OK");
            let length = headers.iter().any(|(name, _)| name == "Content-Length");
            let body = if length { client.take(5) } else { client.take("5\r\nhello\r\n0\r\n\r\n".len()) };
            assert!(body.contains("hello"), "{body}");
        }
    }
}
