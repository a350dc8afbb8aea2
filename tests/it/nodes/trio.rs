//! Three NATS servers that keep one log, one of which dies.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::load::{Load, MEANWHILE, numbering, wait_for};
use super::*;

/// No answer of a cluster that is choosing a leader takes longer, if one comes.
const ANSWER: Duration = Duration::from_secs(2);

struct Trio {
    folder: Folder,
    /// Where clients and where the other servers reach each of them.
    addresses: [(SocketAddr, SocketAddr); 3],
    servers: [Option<Process>; 3],
}

impl Trio {
    fn start() -> Self {
        let addresses = [(); 3].map(|()| (free_address(), free_address()));
        let mut trio = Self { folder: Folder::new(), addresses, servers: [None, None, None] };
        (0..3).for_each(|number| trio.come(number));
        trio
    }

    fn come(&mut self, number: usize) {
        let (client, route) = self.addresses[number];
        let routes = self.addresses.map(|(_, route)| format!("nats://{route}")).join(",");
        let program = std::env::var_os("RESTCAST_TEST_NATS").unwrap_or_else(|| "nats-server".into());
        let mut command = Command::new(program);
        command.args(["-a", "127.0.0.1", "-p", &client.port().to_string(), "-n", &format!("n{number}")]);
        command.args(["-js", "-sd"]).arg(self.folder.path().join(number.to_string()));
        command.args([
            "--cluster_name",
            "trio",
            "--cluster",
            &format!("nats://{route}"),
            "--routes",
            &routes,
        ]);
        self.servers[number] = Some(Process::start(&mut command));
        eventually("the server takes connections", || TcpStream::connect(client).ok());
    }

    /// The lines of a config that names one of them first.
    fn broker(&self, first: usize, replicas: usize) -> String {
        let mut urls = self.addresses.map(|(client, _)| format!("nats://{client}"));
        urls.rotate_left(first);
        format!("[broker]\nkind = \"nats\"\nreplicas = {replicas}\nurl = {urls:?}\n")
    }

    /// What a server's own service says; `None`: nothing.
    fn ask(&self, subject: &str) -> Option<Value> {
        let alive = self.servers.iter().position(Option::is_some).unwrap();
        let mut stream = TcpStream::connect(self.addresses[alive].0).unwrap();
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        let said = format!("CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer 0\r\n\r\n");
        stream.write_all(said.as_bytes()).unwrap();
        let (mut stream, mut line) = (BufReader::new(stream), String::new());
        while !line.starts_with("MSG ") {
            line.clear();
            stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        }
        let mut answer = vec![0; line.trim().rsplit_once(' ')?.1.parse().ok()?];
        stream.read_exact(&mut answer).ok()?;
        serde_json::from_slice(&answer).ok()
    }

    /// About restcast's log.
    fn about(&self) -> Option<Value> {
        self.ask("$JS.API.STREAM.INFO.restcast").filter(|about| about.get("error").is_none())
    }

    /// The server that leads those that keep the log, once one does.
    fn leader(&self) -> usize {
        eventually("one leads", || {
            let about = self.about()?;
            about["cluster"]["leader"].as_str()?.strip_prefix('n')?.parse().ok()
        })
    }

    fn steps_down(&self) {
        let before = self.leader();
        eventually("another one leads", || {
            self.ask("$JS.API.STREAM.LEADER.STEPDOWN.restcast")?;
            (self.leader() != before).then_some(())
        });
    }

    fn nodes(&self, origin: &Origin) -> Vec<Proxy> {
        let tables = |node| format!("{TABLES}{}", self.broker(node, 3));
        let nodes: Vec<_> = (0..3).map(|node| Proxy::with(origin.address, &tables(node))).collect();
        nodes.iter().for_each(is_ready);
        nodes
    }
}

#[test]
fn a_leader_that_dies_under_load_costs_nothing_that_is_not_told() {
    let (origin, mut trio) = (numbering(), Trio::start());
    let nodes = trio.nodes(&origin);
    assert_eq!(trio.about().unwrap()["config"]["num_replicas"], 3);
    let streams = Load { nodes: &nodes, killed: &[] }.during(|written| {
        trio.steps_down();
        wait_for(written, MEANWHILE);
        trio.servers[trio.leader()] = None;
        trio.leader();
        nodes.iter().for_each(is_ready);
        wait_for(written, MEANWHILE);
    });
    streams::check(&streams);
}

#[test]
fn a_log_that_has_one_copy_gets_more_and_keeps_them() {
    let (origin, trio) = (numbering(), Trio::start());
    let with = |replicas| {
        let node = Proxy::with(origin.address, &format!("{TABLES}{}", trio.broker(0, replicas)));
        is_ready(&node);
        node
    };
    let one = with(1);
    write(one.address, 1);
    let three = with(3);
    let (mut reader, _) = come(three.address, "");
    write(one.address, 1);
    assert_eq!(next(&mut reader).0, 2);
    for node in [None, Some(with(1))] {
        let copies = || trio.about().map(|about| about["config"]["num_replicas"].clone());
        eventually("there are three copies", || (copies() == Some(json!(3))).then_some(()));
        drop(node);
    }
}
