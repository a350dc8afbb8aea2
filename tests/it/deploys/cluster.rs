//! The nodes of `deploy/cluster`, as its files have them but for addresses: three of them, a balancer in front, and a server
//! between them. They are restarted one after the other, and nobody notices.

use std::net::TcpStream;
use std::process::Command;

use super::*;
use crate::tools::haproxy;

/// As `compose.yaml` has it.
const NODES: usize = 3;

/// Here readers share the machine with all that writes.
const ROOM: &str = "[history]\nsize = 100000\n[hub]\nqueue_frames = 100000\nqueue_bytes = \"64MiB\"\n";

/// A node with the config of `deploy/cluster`, which names others by what they are called there.
fn node(origin: &Origin, server: &Server) -> Proxy {
    let broker = server.broker();
    let lines = broker.lines().filter(|line| *line != "[broker]").map(|line| format!("{line}\n"));
    let broker: String = lines.collect();
    Proxy::with_config(|address, admin| {
        let replaced = include_str!("../../../deploy/cluster/proxy.toml")
            .replace("0.0.0.0:8080", &address.to_string())
            .replace("0.0.0.0:9090", &admin.to_string())
            .replace("http://backend:5000", &format!("http://{}", origin.address))
            .replace("kind = \"redis\"\nurl = \"redis://redis:6379\"\n", &broker);
        assert!(replaced.contains(&broker), "{replaced}");
        replaced + ROOM
    })
}

/// `haproxy` with the config of `deploy/cluster`, in front of these nodes.
fn balancer(mut haproxy: Command, nodes: &[Proxy], folder: &Folder) -> (Process, SocketAddr) {
    let (text, address) = (include_str!("../../../deploy/cluster/haproxy.cfg"), free_address());
    let server = |(number, node): (usize, &Proxy)| {
        format!("    server node{number} {} port {}\n", node.address, node.admin.port())
    };
    let servers: String = nodes.iter().enumerate().map(server).collect();
    let lines = text.lines().map(|line| match line.trim() {
        // For which this machine may not have files enough.
        "maxconn 100000" => String::new(),
        "bind :8080" => format!("    bind {address}\n"),
        line if line.starts_with("server-template ") => {
            assert_eq!(line, format!("server-template node {NODES} restcast:8080"));
            servers.clone()
        }
        _ => format!("{line}\n"),
    });
    let config = folder.write("haproxy.cfg", lines.collect::<String>());
    let process = Process::start(haproxy.arg("-f").arg(config));
    eventually("the balancer listens", || TcpStream::connect(address).ok());
    (process, address)
}

fn writes(node: &Proxy) -> f64 {
    node.metric("restcast_requests_total{route=\"/api/authors/{id}\",status=\"2xx\"}")
}

fn are_restarted_one_after_the_other(kind: Kind) {
    let Some(haproxy) = haproxy() else { return };
    let (origin, server, folder) = (counting(), Server::start(kind), Folder::new());
    let mut nodes: Vec<Proxy> = (0..NODES).map(|_| node(&origin, &server)).collect();
    nodes.iter().for_each(is_ready);
    let (_balancer, address) = balancer(haproxy, &nodes, &folder);
    let nodes = std::cell::RefCell::new(&mut nodes);
    let all = under_load(
        address,
        || {
            eventually("all are there", || {
                are_there(&nodes.borrow().iter().collect::<Vec<_>>()).then_some(())
            });
        },
        || {
            let mut nodes = nodes.borrow_mut();
            for node in nodes.iter_mut() {
                node.restart();
                is_ready(node);
                // The balancer has seen that.
                eventually("it is used again", || (writes(node) > 0.0).then_some(()));
            }
        },
    );
    assert!(all.iter().all(|(_, times)| *times > 0), "somebody was not sent away");
}

#[test]
fn the_composed_nodes_are_restarted_one_after_the_other_and_nobody_notices() {
    are_restarted_one_after_the_other(Kind::Redis);
}

#[test]
fn the_composed_nodes_with_nats_are_restarted_one_after_the_other_and_nobody_notices() {
    are_restarted_one_after_the_other(Kind::Nats);
}
