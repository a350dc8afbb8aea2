//! One process takes the place of another while clients write and read: nobody misses anything.

mod cluster;
mod faults;
mod place;
mod service;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::*;
use crate::http::request;
use crate::nodes::server::{Kind, Server};
use crate::readme::blocks;
use crate::wire::{Wire, waiting};

const TABLES: &str = "[history]\nsize = 100000\n[hub]\nqueue_frames = 100000\nqueue_bytes = \"64MiB\"\n\
                      [[route]]\npath = \"/api/authors/{id}\"\nmodel = \"author\"\n\
                      [[endpoint]]\npath = \"/ws\"\ndialect = \"flarchitect\"\n\
                      [[endpoint]]\npath = \"/events\"\ndialect = \"sse\"\n";
const POST: &str = "POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";

/// With the config behind it.
const SUCCESSOR: [&str; 3] = ["serve", "--upgrade", "--config"];

/// A proxy, and where it hands its sockets over.
struct Deployed {
    proxy: Proxy,
    socket: PathBuf,
    _folder: Folder,
}

impl Deployed {
    fn start(upstream: SocketAddr, more: &str) -> Self {
        Self::with_server(upstream, "", more)
    }

    /// `server`: more lines of `[server]`.
    fn with_server(upstream: SocketAddr, server: &str, more: &str) -> Self {
        let folder = Folder::new();
        // The folder is made by it: for its user alone.
        let socket = folder.path().join("run/upgrade.sock");
        let server = format!("upgrade_socket = \"{}\"\ndrain_spread = \"300ms\"\n{server}", socket.display());
        let upstream = format!("servers = [\"http://{upstream}\"]");
        let proxy = Proxy::with_server(&server, &upstream, &format!("{TABLES}{more}"));
        Self { proxy, socket, _folder: folder }
    }

    /// A process that waits for the sockets.
    fn successor(&self) -> Process {
        let mut command = restcast();
        let process = Process::start(command.args(SUCCESSOR).arg(&self.proxy.config));
        eventually("it waits for the sockets", || self.socket.exists().then_some(()));
        process
    }

    /// Another process takes the place of the one that runs; gives that, which is about to end.
    fn deploy(&mut self) -> Process {
        let new = self.successor();
        self.proxy.process.signal("QUIT");
        new.line("listening");
        let old = std::mem::replace(&mut self.proxy.process, new);
        // It accepts no connection from here on.
        old.line("realtime connections leave");
        old
    }
}

fn ends(mut old: Process) {
    assert!(old.wait().success(), "{}", old.output());
    eventually("its output ends", || old.is_read().then_some(()));
    let output = old.output();
    assert!(output.contains("stopped") && !output.contains("before all was done"), "{output}");
    assert!(!output.contains("broke off"), "{output}");
}

/// A backend that says `{"id":n}` to its n-th write, from 1.
fn counting() -> Origin {
    let number = AtomicU64::new(0);
    Origin::start(move |_, stream| {
        let body = format!(r#"{{"id":{}}}"#, number.fetch_add(1, Ordering::SeqCst) + 1);
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).is_ok()
    })
}

/// Writes on one connection as long as it is kept, and then on another, until it is told to stop; returns how often.
fn write(address: SocketAddr, is_over: &AtomicBool, keeps: bool) -> u64 {
    let (mut count, mut connection) = (0, None);
    while !is_over.load(Ordering::Relaxed) {
        let mut wire = connection.take().unwrap_or_else(|| Wire::connect(address));
        let answer = wire.send(POST).answer();
        assert_eq!(answer.status, 201, "{answer:?}");
        count += 1;
        connection = Some(wire).filter(|_| keeps && answer.header("connection") != Some("close"));
    }
    count
}

fn position(said: &Value) -> Option<String> {
    said["position"].as_str().map(ToOwned::to_owned)
}

/// Reads over WebSockets until `done` says so, and comes back whenever it is sent away; the events' ids, in their order,
/// and how often it came back.
fn follow(address: SocketAddr, is_done: impl Fn(&[u64]) -> bool, since: Option<String>) -> (Vec<u64>, usize) {
    let (mut heard, mut last, mut times) = (Vec::new(), since.unwrap_or_default(), 0);
    loop {
        let mut reader = Reader::connect(address, &format!("/ws?topic=author&since={last}"));
        let answer = reader.next();
        assert!(last.is_empty() || answer["recovered"] == true, "{answer} after {last}");
        last = position(&answer).unwrap();
        loop {
            if is_done(&heard) {
                return (heard, times);
            }
            match reader.0.read().unwrap() {
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(text.as_str()).unwrap();
                    heard.push(event["id"].as_u64().unwrap_or_else(|| panic!("{event}")));
                    last = position(&event).unwrap();
                }
                Message::Close(Some(frame)) => {
                    assert_eq!(u16::from(frame.code), 1012, "{frame:?}");
                    let since = frame.reason.strip_prefix("service restart; since=").map(ToOwned::to_owned);
                    last = since.unwrap_or(last);
                    break;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
        times += 1;
    }
}

/// The same by streams of events, as a browser does it.
fn follow_stream(address: SocketAddr, is_done: impl Fn(&[u64]) -> bool) -> (Vec<u64>, usize) {
    let (mut heard, mut last, mut times) = (Vec::new(), String::new(), 0);
    loop {
        let mut wire = Wire::connect(address);
        let header = if last.is_empty() { String::new() } else { format!("Last-Event-ID: {last}\r\n") };
        wire.send(format!("GET /events?topic=author HTTP/1.1\r\nHost: h\r\n{header}\r\n"));
        assert_eq!(wire.head().0, "HTTP/1.1 200 OK");
        let mut name = String::new();
        loop {
            if is_done(&heard) {
                return (heard, times);
            }
            let line = wire.line();
            match line.split_once(": ").unwrap_or_default() {
                ("event", told) => told.clone_into(&mut name),
                ("id", told) => told.clone_into(&mut last),
                ("data", told) if name == "subscribed" => {
                    let said: Value = serde_json::from_str(told).unwrap();
                    assert_ne!(said["recovered"], false, "{said}");
                }
                ("data", told) if name == "close" => {
                    assert!(told.contains("1012"), "{told}");
                    break;
                }
                ("data", told) => {
                    let event: Value = serde_json::from_str(told).unwrap();
                    heard.push(event["items"][0]["id"].as_u64().unwrap_or_else(|| panic!("{event}")));
                }
                _ if line.is_empty() => name.clear(),
                _ => {}
            }
        }
        times += 1;
    }
}

/// All heard the same in one order, and each event once.
fn agree(all: &[(Vec<u64>, usize)], count: u64) {
    for (heard, _) in all {
        assert_eq!(heard.len() as u64, count);
        assert_eq!(
            heard.iter().copied().collect::<BTreeSet<_>>(),
            (1..=count).collect(),
            "gaps or duplicates"
        );
        assert_eq!(*heard, all[0].0, "another order");
    }
}

const WEBSOCKETS: u8 = 12;
const STREAMS: u8 = 6;

/// Whether all readers are there, at one of these.
fn are_there(nodes: &[&Proxy]) -> bool {
    let count = |dialect| -> f64 {
        let series = format!("restcast_subscriptions{{dialect=\"{dialect}\"}}");
        nodes.iter().map(|node| node.metric(&series)).sum()
    };
    (count("flarchitect"), count("sse")) == (f64::from(WEBSOCKETS), f64::from(STREAMS))
}

/// Writers and readers go on while `deploy` runs, which waits first for the readers; what these heard.
fn under_load(address: SocketAddr, come: impl FnOnce(), deploy: impl FnOnce()) -> Vec<(Vec<u64>, usize)> {
    let (is_over, total) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
    let is_done = |heard: &[u64]| heard.len() as u64 >= total.load(Ordering::Relaxed);
    let begin = position(&Reader::connect(address, "/ws?topic=author&since=").next());
    thread::scope(|scope| {
        let mut readers: Vec<_> =
            (0..WEBSOCKETS).map(|_| scope.spawn(|| follow(address, is_done, begin.clone()))).collect();
        readers.extend((0..STREAMS).map(|_| scope.spawn(|| follow_stream(address, is_done))));
        come();
        let writers = [true, true, false].map(|keeps| {
            scope.spawn({
                let is_over = &is_over;
                move || write(address, is_over, keeps)
            })
        });
        let deployed = catch_unwind(AssertUnwindSafe(deploy));
        is_over.store(true, Ordering::Relaxed);
        if let Err(panic) = deployed {
            // Whoever reads is not waited for.
            total.store(0, Ordering::Relaxed);
            resume_unwind(panic);
        }
        let written: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        total.store(written + 1, Ordering::Relaxed);
        // The last one wakes who waits for it.
        assert_eq!(Wire::connect(address).send(POST).answer().status, 201);
        let all: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        agree(&all, written + 1);
        all
    })
}

#[test]
fn ten_deploys_under_continuous_writes_lose_and_double_nothing() {
    let origin = counting();
    let mut deployed = Deployed::start(origin.address, "");
    let address = deployed.proxy.address;
    let deployed = std::cell::RefCell::new(&mut deployed);
    let all = under_load(
        address,
        || eventually("all are there", || are_there(&[&deployed.borrow().proxy]).then_some(())),
        || {
            let mut before: Option<Process> = None;
            for _ in 0..10 {
                // One still leaves while the next one comes.
                let old = deployed.borrow_mut().deploy();
                before.replace(old).into_iter().for_each(ends);
            }
            before.into_iter().for_each(ends);
        },
    );
    assert!(
        all.iter().all(|(_, times)| *times == 10),
        "{:?}",
        all.iter().map(|all| all.1).collect::<Vec<_>>()
    );
    assert!(all[0].0.len() > 100, "there were hardly any writes");
}

#[test]
fn a_deploy_during_another_loses_and_doubles_nothing() {
    let origin = counting();
    let mut deployed = Deployed::start(origin.address, "");
    let address = deployed.proxy.address;
    let deployed = std::cell::RefCell::new(&mut deployed);
    under_load(
        address,
        || eventually("all are there", || are_there(&[&deployed.borrow().proxy]).then_some(())),
        || {
            let olds: Vec<Process> = (0..3).map(|_| deployed.borrow_mut().deploy()).collect();
            olds.into_iter().for_each(ends);
        },
    );
}

fn is_ready(proxy: &Proxy) {
    let status = || request(proxy.admin, "GET", "/readyz", &[], b"").status;
    eventually("it is ready", || (status() == 200).then_some(()));
}

#[test]
fn nodes_with_a_broker_are_deployed_alike() {
    let (origin, server) = (counting(), Server::start(Kind::Redis));
    let mut deployed = Deployed::start(origin.address, &server.broker());
    let address = deployed.proxy.address;
    is_ready(&deployed.proxy);
    let deployed = std::cell::RefCell::new(&mut deployed);
    under_load(
        address,
        || eventually("all are there", || are_there(&[&deployed.borrow().proxy]).then_some(())),
        || (0..3).for_each(|_| ends(deployed.borrow_mut().deploy())),
    );
}

#[test]
fn what_a_running_request_writes_reaches_readers_of_both_processes() {
    let (origin, got, go_on) = waiting("HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{\"id\":7}");
    let mut deployed = Deployed::start(origin, "");
    let address = deployed.proxy.address;
    let mut writer = Wire::connect(address);
    writer.send(POST);
    got.recv_timeout(DEADLINE).unwrap();
    let old = deployed.deploy();
    let mut reader = Reader::connect(address, "/ws?topic=author&since=");
    let begin = position(&reader.next()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(writer.answer().status, 201);
    let event = reader.next();
    assert_eq!(event["id"], 7, "{event}");
    ends(old);
    // It is kept, and offsets go on.
    let mut again = Reader::connect(address, &format!("/ws?topic=author&since={begin}"));
    assert_eq!(again.next()["recovered"], true);
    assert_eq!(position(&again.next()), position(&event));
}

#[test]
fn a_process_that_is_killed_while_it_leaves_is_told_as_a_loss() {
    let (origin, got, _go_on) = waiting("HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{\"id\":7}");
    let mut deployed = Deployed::start(origin, "");
    let address = deployed.proxy.address;
    // It cannot end before that.
    let mut running = Wire::connect(address);
    running.send(POST);
    got.recv_timeout(DEADLINE).unwrap();
    let mut old = deployed.deploy();
    let mut reader = Reader::connect(address, "/ws?topic=author&since=");
    let before = position(&reader.next()).unwrap();
    old.child.kill().unwrap();
    assert_eq!(reader.close_code(), 1013);
    let answer = Reader::connect(address, &format!("/ws?topic=author&since={before}")).next();
    assert_eq!(
        (&answer["recovered"], &answer["reason"]),
        (&false.into(), &"unknown epoch".into()),
        "{answer}"
    );
}

#[test]
fn the_readme_says_what_is_done_here() {
    let [config] = &blocks("toml deploy")[..] else { panic!("one config") };
    let folder = Folder::new();
    let tables = format!("{config}[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{TABLES}");
    let config = folder.write("proxy.toml", tables);
    assert!(restcast().args(["check", "--config"]).arg(config).output().unwrap().status.success());
    let commands = blocks("sh deploy").concat();
    let [start, signal] = commands.lines().collect::<Vec<_>>()[..] else { panic!("{commands}") };
    let words: BTreeSet<&str> = start.split(" &").next().unwrap().split(' ').collect();
    assert_eq!(words, SUCCESSOR.into_iter().chain(["restcast", "proxy.toml"]).collect());
    assert!(signal.starts_with("kill -QUIT "), "{signal}");
}
