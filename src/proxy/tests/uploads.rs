//! Requests whose bodies are kept pass as those do whose bodies are not.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::{Served, serve, tapped};
use crate::event::Json;
use crate::proxy::Entrance;
use crate::route::{Routes, tests::route};

/// No test waits that long unless it fails.
const DEADLINE: Duration = Duration::from_secs(10);
const DONE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A gateway in front of `backend`, which gets one connection after another.
struct Setup {
    client: TcpStream,
    bodies: Receiver<Option<Json>>,
    backend: thread::JoinHandle<()>,
    served: Served,
    _runtime: Runtime,
}

fn setup(asked: &[&str], backend: impl FnOnce(TcpListener) + Send + 'static) -> Setup {
    let mut routes = Routes::new(vec![route("/api/authors/{id}", "author")]).unwrap();
    routes.keep_requests(asked.iter().copied());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (gateway, bodies) = tapped(routes, 10).gateway(listener.local_addr().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(gateway.upstreams.check());
    let served = runtime.block_on(async { serve(gateway, Entrance::default()) });
    let backend = thread::spawn(move || backend(listener));
    let client = patient(TcpStream::connect(served.address).unwrap());
    Setup { client, bodies, backend, served, _runtime: runtime }
}

impl Setup {
    fn answer(&mut self) {
        let head = head(&mut self.client);
        assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    }

    /// The bodies of all events, once everything is over.
    fn end(self) -> Vec<Option<Json>> {
        let bodies = self.bodies.recv_timeout(DEADLINE).into_iter().chain(self.bodies.try_iter()).collect();
        self.served.stop.send_replace(true);
        drop(self.client);
        self.backend.join().unwrap();
        bodies
    }
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// The next connection on which something is said; the proxy looks whether a server is up by others.
fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        let stream = patient(listener.accept().unwrap().0);
        if stream.peek(&mut [0]).unwrap() > 0 {
            return stream;
        }
    }
}

/// Up to the empty line.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(take(stream, 1));
    }
    String::from_utf8(head).unwrap()
}

fn take(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// As many bytes of a body in chunks, whose borders are the sender's own.
fn take_chunks(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < count {
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            size.extend(take(stream, 1));
        }
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim_end(), 16).unwrap();
        body.extend(take(stream, size));
        assert_eq!(take(stream, 2), b"\r\n");
    }
    body
}

#[test]
fn the_bytes_of_a_body_that_is_kept_neither_change_nor_wait() {
    let halves = [format!("{{\"a\":\"{}\",", "x".repeat(30_000)), " \"b\" : 1.0}".to_owned()];
    let [first, second] = halves.each_ref().map(|half| format!("{:x}\r\n{half}\r\n", half.len()));
    let chunked = ["Transfer-Encoding: chunked".to_owned(), first, format!("{second}0\r\n\r\n")];
    let length = halves.concat().len();
    let plain = [format!("Content-Length: {length}"), halves[0].clone(), halves[1].clone()];
    for asked in [&[][..], &["author"]] {
        // How such a body is read, and what stands behind it.
        type Framing<'a> = (&'a [String; 3], fn(&mut TcpStream, usize) -> Vec<u8>, &'static str);
        let framings: [Framing<'_>; 2] = [(&plain, take, ""), (&chunked, take_chunks, "0\r\n\r\n")];
        for ([field, first, second], take_body, end) in framings {
            let (seen, half) = channel();
            let parts = halves.clone();
            let mut setup = setup(asked, move |listener| {
                let mut stream = accept(&listener);
                head(&mut stream);
                // The first half is here before the second is sent.
                assert!(
                    take_body(&mut stream, parts[0].len()) == parts[0].as_bytes(),
                    "the first half differs"
                );
                seen.send(()).unwrap();
                assert!(
                    take_body(&mut stream, parts[1].len()) == parts[1].as_bytes(),
                    "the second half differs"
                );
                assert_eq!(take(&mut stream, end.len()), end.as_bytes());
                stream.write_all(DONE).unwrap();
            });
            write!(setup.client, "PUT /api/authors/7 HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n{first}").unwrap();
            half.recv_timeout(DEADLINE).unwrap();
            setup.client.write_all(second.as_bytes()).unwrap();
            setup.answer();
            let kept: Vec<_> =
                setup.end().into_iter().map(|body| body.map(|b| b.as_str().to_owned())).collect();
            let expected = (!asked.is_empty()).then(|| halves.concat());
            assert!(kept == [expected], "{asked:?} {field}: {kept:?}");
        }
    }
}

#[test]
fn a_body_over_the_limit_passes_and_is_not_kept() {
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
    let length = body.len();
    let sent = body.clone();
    let mut setup = setup(&["author"], move |listener| {
        let mut stream = accept(&listener);
        head(&mut stream);
        assert!(take(&mut stream, length) == sent.as_bytes(), "the body differs");
        stream.write_all(DONE).unwrap();
    });
    write!(setup.client, "PUT /api/authors/7 HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    setup.answer();
    assert_eq!(setup.end(), [None]);
}

#[test]
fn a_request_that_is_sent_again_is_kept_once() {
    let body = r#"{"name":"Ada"}"#;
    let length = body.len();
    let mut setup = setup(&["author"], move |listener| {
        let read = |stream: &mut TcpStream| {
            head(stream);
            assert_eq!(take(stream, length), body.as_bytes());
        };
        let mut first = accept(&listener);
        read(&mut first);
        first.write_all(DONE).unwrap();
        // The second write on a connection that was used before: whoever sent it sends it again.
        read(&mut first);
        drop(first);
        let mut second = accept(&listener);
        read(&mut second);
        second.write_all(DONE).unwrap();
    });
    let put = format!("PUT /api/authors/7 HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}");
    setup.client.write_all(put.as_bytes()).unwrap();
    setup.answer();
    assert_eq!(setup.bodies.recv_timeout(DEADLINE).unwrap(), Json::parse(body));
    setup.client.write_all(put.as_bytes()).unwrap();
    setup.answer();
    assert_eq!(setup.end(), [Json::parse(body)]);
}
