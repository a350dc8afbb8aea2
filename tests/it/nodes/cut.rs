//! The network between a node and its broker breaks, and the broker itself, while all nodes are written to: what every
//! reader got is looked at.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::link::{Link, State};
use super::streams::{self, Segment};
use super::*;

const HISTORY: &str = "[history]\nsize = 20000\n";
/// Readers of each node.
const READERS: usize = 4;
/// Between two writes of one writer.
const PACE: Duration = Duration::from_millis(4);
/// While something is broken, so much is written at each node.
const MEANWHILE: u64 = 100;

/// A node that reaches its broker by this address.
fn node_by(origin: &Origin, server: &Server, address: SocketAddr, lines: &str) -> Proxy {
    let tables = TABLES.replace("[history]\nsize = 5000\n", HISTORY);
    Proxy::with(origin.address, &format!("{tables}{}{lines}", server.broker_at(address)))
}

/// Under load, with readers at every node: `trouble` happens meanwhile, and gets how many writes were answered at each
/// node. Ends once every reader has got what was written at last.
fn under_load(nodes: &[Proxy], trouble: impl FnOnce(&[AtomicU64])) -> Vec<Vec<Segment>> {
    let (until, is_over) = (AtomicU64::new(u64::MAX), AtomicBool::new(false));
    let written: Vec<AtomicU64> = nodes.iter().map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        let readers: Vec<_> = nodes
            .iter()
            .flat_map(|node| (0..READERS).map(|_| node.address))
            .map(|address| (address, &until))
            .map(|(address, until)| scope.spawn(move || streams::read(address, until)))
            .collect();
        for node in nodes {
            let series = "restcast_connections{dialect=\"flarchitect\"}";
            eventually("readers are there", || (node.metric(series) >= 4.0).then_some(()));
        }
        let writers: Vec<_> = nodes
            .iter()
            .zip(&written)
            .map(|(node, written)| {
                let (address, is_over) = (node.address, &is_over);
                scope.spawn(move || {
                    let mut writer = Wire::connect(address);
                    while !is_over.load(Ordering::SeqCst) {
                        let answer = writer.send(POST).answer();
                        assert_eq!(answer.status, 201, "what is proxied does not depend on the broker");
                        written.fetch_add(1, Ordering::SeqCst);
                        thread::park_timeout(PACE);
                    }
                })
            })
            .collect();
        wait_for(&written, 20);
        trouble(&written);
        wait_for(&written, 20);
        is_over.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().unwrap();
        }
        until.store(
            written.iter().map(|count| count.load(Ordering::SeqCst)).sum::<u64>() + 1,
            Ordering::SeqCst,
        );
        eventually("every reader has got what came last", || {
            write(nodes[0].address, 1);
            thread::park_timeout(PACE * 10);
            readers.iter().all(thread::ScopedJoinHandle::is_finished).then_some(())
        });
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    })
}

/// Until so many more are written at every node.
fn wait_for(written: &[AtomicU64], more: u64) {
    for count in written {
        let before = count.load(Ordering::SeqCst);
        eventually("writes are answered", || (count.load(Ordering::SeqCst) >= before + more).then_some(()));
    }
}

fn is_away(node: &Proxy) {
    eventually("the node is not ready", || (status(node, "/readyz") == 503).then_some(()));
    assert_eq!(status(node, "/healthz"), 200);
}

#[test]
fn a_network_that_is_cut_under_load_costs_no_reader_an_event() {
    for kind in KINDS {
        for state in [State::Cut, State::Hole] {
            let (origin, server) = (counting(), Server::start(kind));
            let link = Link::to(server.address());
            let nodes = [
                node_by(&origin, &server, link.address, ""),
                node_by(&origin, &server, server.address(), ""),
            ];
            nodes.iter().for_each(is_ready);
            let streams = under_load(&nodes, |written| {
                for _ in 0..2 {
                    link.set(state);
                    is_away(&nodes[0]);
                    assert_eq!(status(&nodes[1], "/readyz"), 200, "the other has its broker");
                    wait_for(written, MEANWHILE);
                    assert_eq!(status(&nodes[0], "/readyz"), 503, "{kind:?} {state:?}");
                    link.set(State::Whole);
                    is_ready(&nodes[0]);
                }
            });
            streams::check_whole(&streams);
        }
    }
}

#[test]
fn what_has_no_room_while_the_network_is_cut_is_told_to_every_reader() {
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let link = Link::to(server.address());
        let nodes = [
            node_by(&origin, &server, link.address, "waiting = 50\n"),
            node_by(&origin, &server, server.address(), ""),
        ];
        nodes.iter().for_each(is_ready);
        let streams = under_load(&nodes, |written| {
            link.set(State::Cut);
            is_away(&nodes[0]);
            wait_for(written, MEANWHILE);
            link.set(State::Whole);
            is_ready(&nodes[0]);
        });
        assert!(nodes[0].metric("restcast_broker_full_total") >= 1.0, "{kind:?}");
        streams::check(&streams);
        for stream in &streams {
            assert!(stream.len() > 1, "{kind:?}: everybody is told that something is missing");
        }
    }
}

#[test]
fn a_broker_that_is_killed_or_stands_still_under_load_costs_nothing_that_is_not_told() {
    for kind in KINDS {
        let (origin, mut server) = (counting(), Server::start(kind));
        let address = server.address();
        let nodes = [(); 2].map(|()| node_by(&origin, &server, address, ""));
        nodes.iter().for_each(is_ready);
        let streams = under_load(&nodes, |written| {
            server.signal("STOP");
            nodes.iter().for_each(is_away);
            wait_for(written, MEANWHILE);
            server.signal("CONT");
            nodes.iter().for_each(is_ready);
            server.go();
            nodes.iter().for_each(is_away);
            wait_for(written, MEANWHILE);
            server.come();
            nodes.iter().for_each(is_ready);
        });
        match kind {
            // What was started anew may have lost something: nobody knows, and every reader is told once.
            Kind::Redis => {
                streams::check(&streams);
                assert!(streams.iter().all(|stream| stream.len() == 2), "{:?}", lengths(&streams));
            }
            Kind::Nats => streams::check_whole(&streams),
        }
    }
}

fn lengths(streams: &[Vec<Segment>]) -> Vec<usize> {
    streams.iter().map(Vec::len).collect()
}
