//! Requests of restcast's own, against servers that answer well, badly, late, or not at all.

use std::collections::HashSet;
use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use restcast::outbound::{Client, Limits, OutboundError, Roots};

use crate::harness::*;
use crate::tls::{AUTHORITY, serve_tls};

const LIMITS: Limits = Limits { time: DEADLINE, body: 1000, requests: 4 };

fn client(limits: Limits) -> Client {
    Client::new(limits, Roots::of_file(AUTHORITY).unwrap())
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn send(limits: Limits, url: &str) -> Result<Response<Bytes>, OutboundError> {
    run(async { client(limits).send(get(url)).await })
}

#[test]
fn a_request_leaves_as_it_was_made_and_the_answer_comes_back_whole() {
    let origin = Origin::json(418, r#"{"a":1}"#);
    let url = format!("http://{}/hook?x=%20y", origin.address);
    let request = Request::post(&url).header("x-own", "1").body(Bytes::from_static(b"body")).unwrap();
    let answer = run(async { client(LIMITS).send(request).await }).unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (418, &br#"{"a":1}"#[..]));
    assert_eq!(answer.headers()["content-type"], "application/json");
    let [request] = &origin.requests()[..] else { panic!() };
    assert_eq!((request.line.as_str(), &request.body[..]), ("POST /hook?x=%20y HTTP/1.1", &b"body"[..]));
    let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "host", "user-agent", "x-own"]);
    assert_eq!(request.header("host"), Some(origin.address.to_string().as_str()));
    assert!(request.header("user-agent").unwrap().starts_with("restcast/"));
}

#[test]
fn a_redirect_is_an_answer_like_any_other() {
    let aim = Origin::json(200, "{}");
    let location =
        format!("HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", aim.address);
    let origin = Origin::fixed(location);
    let answer = send(LIMITS, &format!("http://{}/", origin.address)).unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    assert_eq!(aim.requests().len(), 0);
}

#[test]
fn an_answer_above_its_limit_is_not_kept() {
    let fits = Origin::json(200, &"x".repeat(1000));
    assert_eq!(send(LIMITS, &format!("http://{}/", fits.address)).unwrap().body().len(), 1000);
    let announced = Origin::json(200, &"x".repeat(1001));
    // Endless, until the client hangs up.
    let endless = Origin::start(|_, stream| {
        let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut sent = stream.write_all(head);
        while sent.is_ok() {
            sent = stream.write_all(chunk.as_bytes());
        }
        false
    });
    for origin in [announced, endless] {
        let error = send(LIMITS, &format!("http://{}/", origin.address)).unwrap_err();
        assert!(matches!(error, OutboundError::TooLarge(1000)), "{error:?}");
    }
}

#[test]
fn slowness_ends_with_the_time_wherever_it_happens() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at_head = silent.local_addr().unwrap();
    let slow = Origin::start(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"));
        true
    });
    let limits = Limits { time: Duration::from_millis(100), ..LIMITS };
    for url in
        [format!("http://{at_head}/"), format!("https://{at_head}/"), format!("http://{}/", slow.address)]
    {
        let begun = Instant::now();
        let error = send(limits, &url).unwrap_err();
        assert!(matches!(error, OutboundError::Timeout(_)), "{url}: {error:?}");
        assert!(begun.elapsed() < DEADLINE / 2);
    }
}

#[test]
fn what_cannot_be_reached_is_told_from_what_broke_off_and_no_url_is_shown() {
    let nobody = free_address();
    let broken = Origin::start(|_, _| false);
    let noise = Origin::fixed("SSH-2.0-x\r\n\r\n");
    let rows = [
        (format!("http://{nobody}/?key=hunter2"), "cannot connect: tcp connect error: Connection refused"),
        (format!("http://{}/?key=hunter2", broken.address), "the exchange broke off: connection closed"),
        (format!("http://{}/?key=hunter2", noise.address), "the exchange broke off: invalid HTTP"),
        ("http://user:hunter2@localhost/".to_owned(), "not a URL of http or https"),
        ("ftp://localhost/hunter2".to_owned(), "not a URL of http or https"),
        ("/hunter2".to_owned(), "not a URL of http or https"),
    ];
    for (url, expected) in rows {
        let error = send(LIMITS, &url).unwrap_err();
        let reason = error.reason();
        assert!(reason.starts_with(expected), "{url}: {reason}");
        assert!(!format!("{reason}{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn connections_are_used_again_and_requests_above_the_limit_wait() {
    let inside = Arc::new(Mutex::new((0_usize, 0_usize)));
    let peers = Arc::new(Mutex::new(HashSet::new()));
    let (seen, from, pair) = (Arc::clone(&inside), Arc::clone(&peers), Barrier::new(2));
    let origin = Origin::start(move |_, stream| {
        from.lock().unwrap().insert(stream.peer_addr().unwrap());
        let count = |change: fn(usize) -> usize| {
            let mut seen = seen.lock().unwrap();
            seen.0 = change(seen.0);
            seen.1 = seen.1.max(seen.0);
        };
        count(|now| now + 1);
        // Two at a time, or nothing goes on here.
        pair.wait();
        count(|now| now - 1);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_ok()
    });
    let url = format!("http://{}/", origin.address);
    run(async {
        let client = client(Limits { requests: 2, ..LIMITS });
        for answer in join_all((0..50).map(|_| client.send(get(&url)))).await {
            answer.unwrap();
        }
    });
    assert_eq!((origin.requests().len(), inside.lock().unwrap().1), (50, 2));
    // One that is just coming back may be missed.
    let peers = peers.lock().unwrap().len();
    assert!(peers < 25, "{peers} connections");
}

#[test]
fn https_needs_a_certificate_of_a_known_authority_for_that_name() {
    let address = serve_tls(|stream| {
        drop(read_head(&mut BufReader::new(&mut *stream)));
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret"));
    });
    let named = format!("https://localhost:{}/", address.port());
    assert_eq!(&send(LIMITS, &named).unwrap().body()[..], b"secret");
    let error = send(LIMITS, &format!("https://{address}/")).unwrap_err();
    assert!(
        error.reason().contains("invalid peer certificate: certificate not valid for name"),
        "{}",
        error.reason()
    );
    let unknown = run(async { Client::new(LIMITS, Roots::system()).send(get(&named)).await }).unwrap_err();
    assert!(unknown.reason().contains("UnknownIssuer"), "{}", unknown.reason());
    assert!(matches!(unknown, OutboundError::Unreachable(_)));
}

#[test]
fn a_file_of_authorities_holds_certificates_and_nothing_broken() {
    let broken = String::from_utf8(AUTHORITY.to_vec()).unwrap().replacen("MII", "AAA", 1);
    for pem in [&b""[..], b"hello", include_bytes!("../tls/localhost.key"), broken.as_bytes()] {
        assert!(Roots::of_file(pem).is_err());
    }
    Roots::of_file(&[AUTHORITY, AUTHORITY].concat()).unwrap();
}
