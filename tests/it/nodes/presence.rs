//! Who comes and who leaves, where users are at several nodes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::asked::knows;
use super::*;
use crate::visibility::{self, JWT, SECRET, sign};

const PATH: &str = "/api/v1/ws/realtime";

fn three(origin: &Origin, server: &Server, presence: &str) -> Vec<Proxy> {
    let tables = format!(
        "[[endpoint]]\npath = \"{PATH}\"\ndialect = \"fastcms\"\nauth = \"optional\"\npresence = \"{presence}\"\n{JWT}"
    );
    let nodes: Vec<Proxy> = (0..3).map(|_| node_with(origin, server, &tables)).collect();
    nodes.iter().for_each(is_ready);
    for node in &nodes {
        knows(node, server, 3);
    }
    nodes
}

fn open(node: &Proxy, user: &str) -> Reader {
    let token = sign(SECRET, &json!({"sub": user, "exp": visibility::now() + 900}));
    let mut reader = node.reader(&format!("{PATH}?token={token}"));
    assert_eq!(reader.next()["type"], "connected");
    assert_eq!(reader.next()["type"], "authenticated");
    reader
}

/// One who is told who comes.
fn watcher(node: &Proxy) -> Reader {
    let mut reader = open(node, "watcher");
    reader.send(json!({"action": "subscribe", "collection": "presence"}).to_string());
    while reader.next()["type"] != "subscribed" {}
    reader
}

/// Counts what is told of each user but the watcher, until `is_enough`, and for a moment behind that.
fn told(
    reader: &mut Reader,
    is_enough: impl Fn(&BTreeMap<String, usize>) -> bool,
) -> BTreeMap<String, usize> {
    let (mut counts, since) = (BTreeMap::new(), Instant::now());
    reader.0.get_ref().set_read_timeout(Some(SILENCE)).unwrap();
    loop {
        match reader.0.read() {
            Ok(Message::Text(text)) => {
                let event: Value = serde_json::from_str(text.as_str()).unwrap();
                let (user, action) = (&event["data"]["record_id"], &event["data"]["data"]["action"]);
                if let (Some(user), Some(action)) = (user.as_str(), action.as_str())
                    && user != "watcher"
                {
                    *counts.entry(format!("{user} {action}")).or_default() += 1;
                }
            }
            Ok(_) => {}
            Err(_) if is_enough(&counts) => return counts,
            Err(error) => assert!(since.elapsed() < DEADLINE, "{error}: {counts:?}"),
        }
    }
}

#[test]
fn a_user_of_several_nodes_is_told_to_come_and_leave_once() {
    const USERS: usize = 12;
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let mut nodes = three(&origin, &server, "user");
        let mut watcher = watcher(&nodes[2]);
        let names: Vec<String> = (0..USERS).map(|number| format!("u{number}")).collect();
        // All of them come to two nodes at the same time.
        let mut open: Vec<Vec<Reader>> = thread::scope(|scope| {
            let (names, nodes) = (&names, &nodes);
            let come = |node: usize| {
                scope.spawn(move || names.iter().map(|user| open(&nodes[node], user)).collect())
            };
            [come(0), come(1)].map(|come| come.join().unwrap()).into()
        });
        let once = |action: &str| names.iter().map(|user| (format!("{user} {action}"), 1)).collect();
        let joined: BTreeMap<String, usize> = once("joined");
        assert_eq!(told(&mut watcher, |counts| counts.len() >= USERS), joined, "{kind:?}");
        // They leave one of them.
        drop(open.pop());
        let silent = told(&mut watcher, |_| true);
        assert!(silent.is_empty(), "{kind:?} {silent:?}");
        // The other one dies with them.
        nodes.remove(0).process.child.kill().unwrap();
        let died = Instant::now();
        let left: BTreeMap<String, usize> = once("left");
        assert_eq!(told(&mut watcher, |counts| counts.len() >= USERS), left, "{kind:?}");
        assert!(died.elapsed() > Duration::from_secs(3), "{kind:?}");
    }
}

#[test]
fn connections_that_die_with_their_node_are_told_to_have_left() {
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let mut nodes = three(&origin, &server, "connection");
        let mut watcher = watcher(&nodes[2]);
        let mut readers: Vec<Reader> = [0, 0, 0, 1].map(|node| open(&nodes[node], "ann")).into();
        let count = |number: usize, action: &str| BTreeMap::from([(format!("ann {action}"), number)]);
        assert_eq!(told(&mut watcher, |counts| counts == &count(4, "joined")), count(4, "joined"));
        drop(readers.remove(0));
        assert_eq!(told(&mut watcher, |counts| !counts.is_empty()), count(1, "left"), "{kind:?}");
        nodes.remove(0).process.child.kill().unwrap();
        assert_eq!(told(&mut watcher, |counts| counts == &count(2, "left")), count(2, "left"), "{kind:?}");
        // One that is stopped tells it itself, and nobody does so again.
        nodes[0].process.signal("TERM");
        nodes[0].process.wait();
        assert_eq!(told(&mut watcher, |counts| !counts.is_empty()), count(1, "left"), "{kind:?}");
    }
}
