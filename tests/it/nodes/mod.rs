//! Several processes with a real Redis and a real NATS between them.

mod asked;
mod cut;
mod killed;
mod link;
mod load;
mod presence;
pub mod server;
mod streams;
mod trio;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::*;
use crate::http::request;
use crate::origin::Origin;
use crate::wire::Wire;
use server::{KINDS, Kind, Server};

const TABLES: &str = "[history]\nsize = 5000\n[[route]]\npath = \"/api/authors/{id}\"\nmodel = \"author\"\n\
                      [[endpoint]]\npath = \"/ws\"\ndialect = \"flarchitect\"\n";
const POST: &str = "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";

/// A backend that says `{"id":n}` to its n-th write, from 1.
fn counting() -> Origin {
    let number = AtomicU64::new(0);
    Origin::start(move |_, stream| {
        let body = format!(r#"{{"id":{}}}"#, number.fetch_add(1, Ordering::SeqCst) + 1);
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        std::io::Write::write_all(stream, answer.as_bytes()).is_ok()
    })
}

fn node(origin: &Origin, server: &Server) -> Proxy {
    node_with(origin, server, "")
}

/// With more tables.
fn node_with(origin: &Origin, server: &Server, tables: &str) -> Proxy {
    Proxy::with(origin.address, &format!("{TABLES}{tables}{}", server.broker()))
}

fn status(proxy: &Proxy, path: &str) -> u16 {
    request(proxy.admin, "GET", path, &[], b"").status
}

fn is_ready(proxy: &Proxy) {
    eventually("the node is ready", || (status(proxy, "/readyz") == 200).then_some(()));
}

fn nodes(origin: &Origin, server: &Server, count: usize) -> Vec<Proxy> {
    let nodes: Vec<Proxy> = (0..count).map(|_| node(origin, server)).collect();
    nodes.iter().for_each(is_ready);
    nodes
}

/// A reader, and what it was answered.
fn come(address: SocketAddr, since: &str) -> (Reader, Value) {
    let mut reader = Reader::connect(address, &format!("/ws?topic=author&since={since}"));
    let answer = reader.next();
    (reader, answer)
}

/// The same at a node that may be reading the log yet: who comes then may be too slow for it.
fn try_come(address: SocketAddr, since: &str) -> Result<Option<(Reader, Value)>, String> {
    let mut reader = Reader::try_connect(address, &format!("/ws?topic=author&since={since}"))?;
    match reader.0.read().map_err(|error| error.to_string())? {
        Message::Text(answer) => Ok(Some((reader, serde_json::from_str(answer.as_str()).unwrap()))),
        Message::Close(Some(frame)) if u16::from(frame.code) == 1013 => Ok(None),
        other => panic!("{other:?}"),
    }
}

fn position(said: &Value) -> String {
    said["position"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
}

fn offset(position: &str) -> u64 {
    position.split_once('.').unwrap().1.parse().unwrap()
}

/// The next event's id and position.
fn next(reader: &mut Reader) -> (u64, String) {
    let event = reader.next();
    (event["id"].as_u64().unwrap_or_else(|| panic!("{event}")), position(&event))
}

fn write(address: SocketAddr, count: u64) {
    let mut writer = Wire::connect(address);
    (0..count).for_each(|_| drop(writer.send(POST).answer()));
}

#[test]
fn writes_at_any_node_reach_the_readers_of_all_in_one_order() {
    const EACH: u64 = 300;
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let nodes = nodes(&origin, &server, 3);
        let mut readers: Vec<Reader> = nodes.iter().map(|node| come(node.address, "").0).collect();
        thread::scope(|scope| {
            for node in &nodes {
                scope.spawn(|| write(node.address, EACH));
            }
            let heard: Vec<Vec<(u64, String)>> =
                readers.iter_mut().map(|reader| (0..3 * EACH).map(|_| next(reader)).collect()).collect();
            assert_eq!(heard[0], heard[1], "{kind:?}");
            assert_eq!(heard[0], heard[2], "{kind:?}");
            let mut ids: Vec<u64> = heard[0].iter().map(|(id, _)| *id).collect();
            ids.sort_unstable();
            assert!(ids.into_iter().eq(1..=3 * EACH), "{kind:?}");
            assert!(heard[0].is_sorted_by_key(|(_, position)| offset(position)), "{kind:?}");
        });
    }
}

#[test]
fn clients_of_a_node_that_is_killed_go_on_at_another_and_miss_nothing() {
    const EVENTS: u64 = 600;
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let mut nodes = nodes(&origin, &server, 3);
        let survivors = [nodes[1].address, nodes[2].address];
        let mut clients: Vec<(Reader, String)> = (0..20)
            .map(|_| {
                let (reader, answer) = come(nodes[0].address, "");
                (reader, position(&answer))
            })
            .collect();
        thread::scope(|scope| {
            scope.spawn(move || write(survivors[0], EVENTS));
            let mut expected = 0;
            for (reader, last) in &mut clients {
                // Each has got another number of them when its node dies.
                expected += 5;
                for id in 1..=expected {
                    let (got, at) = next(reader);
                    assert_eq!(got, id);
                    *last = at;
                }
            }
            nodes[0].process.child.kill().unwrap();
            for (number, (_, last)) in clients.iter().enumerate() {
                let (mut reader, answer) = come(survivors[number % 2], last);
                assert_eq!(answer["recovered"], true, "{kind:?} {answer}");
                for id in 5 * (number as u64 + 1) + 1..=EVENTS {
                    assert_eq!(next(&mut reader).0, id, "{kind:?}");
                }
            }
        });
        // A node that starts knows what was before it.
        let late = node(&origin, &server);
        is_ready(&late);
        let recovered = || {
            let (mut reader, answer) = try_come(late.address, &clients[0].1).unwrap()?;
            (answer["recovered"] == true && offset(&position(&answer)) >= EVENTS).then(|| next(&mut reader).0)
        };
        assert_eq!(eventually("the node has read the log", recovered), 6);
    }
}

#[test]
fn without_its_server_a_node_serves_and_is_not_ready_and_what_was_written_meanwhile_comes() {
    for kind in KINDS {
        let origin = counting();
        let mut server = Server::away(kind);
        let node = node(&origin, &server);
        assert_eq!((status(&node, "/healthz"), status(&node, "/readyz")), (200, 503), "{kind:?}");
        node.process.line("the broker is away");
        write(node.address, 2);
        assert_eq!(node.metric(&format!("restcast_broker_up{{kind=\"{}\"}}", name(kind))), 0.0);
        server.come();
        is_ready(&node);
        let (mut reader, _) = eventually("both are in the log", || {
            Some(come(node.address, "")).filter(|(_, answer)| {
                answer["position"].as_str().is_some_and(|position| offset(position) == 2)
            })
        });
        write(node.address, 1);
        assert_eq!(next(&mut reader).0, 3, "{kind:?}");
        server.go();
        eventually("it is not ready", || (status(&node, "/readyz") == 503).then_some(()));
        write(node.address, 3);
        server.come();
        is_ready(&node);
        // Redis that was started anew may have lost something: nobody knows, and readers are told.
        if kind == Kind::Redis {
            assert_eq!(reader.close_code(), 1013);
        } else {
            for id in 4..=6 {
                assert_eq!(next(&mut reader).0, id, "{kind:?}");
            }
        }
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Redis => "redis",
        Kind::Nats => "nats",
    }
}

#[test]
fn a_server_that_stands_still_delays_events_and_loses_none() {
    const EVENTS: u64 = 400;
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let nodes = nodes(&origin, &server, 2);
        let mut readers: Vec<Reader> = nodes.iter().map(|node| come(node.address, "").0).collect();
        thread::scope(|scope| {
            scope.spawn(|| write(nodes[0].address, EVENTS));
            for reader in &mut readers {
                (1..=20).for_each(|id| assert_eq!(next(reader).0, id));
            }
            server.signal("STOP");
            eventually("the node has noticed", || (status(&nodes[0], "/readyz") == 503).then_some(()));
            assert_eq!(nodes[0].get("/api/authors/1").status, 201, "what it proxies does not wait");
            server.signal("CONT");
            for reader in &mut readers {
                let mut id = 20;
                while id < EVENTS {
                    let got = next(reader).0;
                    assert_eq!(got, id + 1, "{kind:?}");
                    id = got;
                }
            }
        });
    }
}
