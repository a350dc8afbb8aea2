//! Trailers of a chunked answer arrive as they were sent, and nothing else is taken for one.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use crate::harness::*;
use crate::wire::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The body of the next answer and the lines behind its last chunk.
fn body_and_trailers(client: &mut Wire) -> (String, Vec<String>) {
    client.head();
    let mut body = String::new();
    loop {
        let size = usize::from_str_radix(&client.line(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.push_str(&client.take(size));
        assert_eq!(client.take(2), "\r\n");
    }
    let mut lines = Vec::new();
    loop {
        let line = client.line();
        if line.is_empty() {
            return (body, lines);
        }
        lines.push(line);
    }
}

#[test]
fn trailers_of_an_answer_arrive_wherever_they_are_split() {
    let body = "8\r\n{\"id\":7}\r\n0;a=b\r\nX-Sum: 1\r\nx-More:\r\n\r\n";
    let ((sent, told), count) = (channel(), body.len());
    let told = Mutex::new(told);
    let origin = backend(move |_, mut wire| {
        for at in 0..count {
            if wire.head().0.is_empty() {
                return;
            }
            let (one, two) = body.split_at(at);
            wire.send(CHUNKED).send(one);
            told.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            wire.send(two);
        }
    });
    let proxy = Proxy::start(origin);
    let mut reader = proxy.reader("/ws");
    let mut client = Wire::connect(proxy.address);
    for at in 0..count {
        client.send("PUT /api/authors/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        sent.send(()).unwrap();
        let (body, lines) = body_and_trailers(&mut client);
        assert_eq!(
            (body.as_str(), lines),
            ("{\"id\":7}", vec!["X-Sum: 1".to_owned(), "x-More:".to_owned()]),
            "{at}"
        );
        assert_eq!(reader.next()["payload"]["id"], 7);
    }
}

#[test]
fn a_chunk_that_looks_like_the_last_one_is_none() {
    let origin = Origin::fixed(format!("{CHUNKED}5\r\n0\r\n\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\nX-Sum: 1\r\n\r\n"));
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    for _ in 0..3 {
        let (body, lines) = body_and_trailers(client.send(GET));
        assert_eq!((body.as_str(), lines), ("0\r\n\r\n0\r\n\r\n", vec!["X-Sum: 1".to_owned()]));
    }
}

#[test]
fn pipelined_answers_have_their_own_trailers() {
    let origin = Origin::start(|request, stream| {
        let number = request.line.split(['/', ' ']).nth(2).unwrap();
        let lines = if number == "2" { String::new() } else { format!("X-Number: {number}\r\n") };
        std::io::Write::write_all(stream, format!("{CHUNKED}2\r\nok\r\n0\r\n{lines}\r\n").as_bytes()).is_ok()
    });
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    client.send((1..=4).map(|number| GET.replacen('/', &format!("/{number}"), 1)).collect::<String>());
    for number in 1..=4 {
        let lines = if number == 2 { Vec::new() } else { vec![format!("X-Number: {number}")] };
        assert_eq!(body_and_trailers(&mut client), ("ok".to_owned(), lines));
    }
}

#[test]
fn a_body_that_looks_like_trailers_is_none() {
    let lookalike = "0\r\nX-Sum: 1\r\n\r\n";
    let origin = Origin::start(move |_, stream| {
        drop(std::io::Write::write_all(stream, format!("HTTP/1.1 200 OK\r\n\r\n{lookalike}").as_bytes()));
        false
    });
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    assert_eq!(body_and_trailers(client.send(GET)), (lookalike.to_owned(), Vec::new()));
    let origin = Origin::fixed(format!("{CHUNKED}5\r\n0\r\n\r\n\r\n0\r\nX-Sum: 1\r\n\r\n"));
    let proxy = Proxy::start(origin.address);
    let mut client = Wire::connect(proxy.address);
    client.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n").head();
    assert_eq!(client.rest(), "0\r\n\r\n");
}
