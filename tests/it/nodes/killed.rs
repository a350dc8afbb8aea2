//! A node dies, or stands still, while all of them are written to.

use super::load::{Load, MEANWHILE, numbering, wait_for};
use super::*;

#[test]
fn readers_of_a_node_that_is_killed_under_load_go_on_at_others_and_miss_nothing() {
    for kind in KINDS {
        let (origin, server) = (numbering(), Server::start(kind));
        let nodes = nodes(&origin, &server, 3);
        let streams = Load { nodes: &nodes, killed: &[1] }.during(|written| {
            wait_for(written, MEANWHILE);
            nodes[1].process.signal("KILL");
        });
        streams::check_whole(&streams);
    }
}

#[test]
fn a_node_that_stood_still_goes_on_where_it_was() {
    for kind in KINDS {
        let (origin, server) = (numbering(), Server::start(kind));
        let nodes = nodes(&origin, &server, 2);
        let streams = Load { nodes: &nodes, killed: &[] }.during(|written| {
            asked::knows(&nodes[1], &server, 2);
            nodes[0].process.signal("STOP");
            asked::knows(&nodes[1], &server, 1);
            wait_for(&written[1..], MEANWHILE);
            nodes[0].process.signal("CONT");
            asked::knows(&nodes[1], &server, 2);
        });
        streams::check_whole(&streams);
    }
}
