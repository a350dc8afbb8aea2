//! The network between a node and its broker breaks, and the broker itself, while all nodes are written to: what every
//! reader got is looked at.

use super::link::{Link, State};
use super::load::{Load, MEANWHILE, is_away, numbering, wait_for};
use super::*;

const HISTORY: &str = "[history]\nsize = 20000\n";

/// A node that reaches its broker by this address.
fn node_by(origin: &Origin, server: &Server, address: SocketAddr, lines: &str) -> Proxy {
    let tables = TABLES.replace("[history]\nsize = 5000\n", HISTORY);
    Proxy::with(origin.address, &format!("{tables}{}{lines}", server.broker_at(address)))
}

fn under_load(nodes: &[Proxy], trouble: impl FnOnce(&[AtomicU64])) -> Vec<Vec<streams::Segment>> {
    Load { nodes, killed: &[] }.during(trouble)
}

#[test]
fn a_network_that_is_cut_under_load_costs_no_reader_an_event() {
    for kind in KINDS {
        for state in [State::Cut, State::Hole] {
            let (origin, server) = (numbering(), Server::start(kind));
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
        let (origin, server) = (numbering(), Server::start(kind));
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
            // As many as there is room for, and the word that some are lost.
            let waiting = || nodes[0].metric("restcast_queue_depth{queue=\"broker\"}");
            eventually("there is no room", || (waiting() == 51.0).then_some(()));
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
        let (origin, mut server) = (numbering(), Server::start(kind));
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
                let lengths = streams::lengths(&streams);
                assert!(lengths.iter().all(|length| *length == 2), "{lengths:?}");
            }
            Kind::Nats => streams::check_whole(&streams),
        }
    }
}
