//! What one node says of all of them: whom something reached, what clients answered, who is connected.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::visibility::{JWT, SECRET, sign};

const REALTIME: &str = "/api/v1/ws/realtime";
const ENDPOINTS: &str = "[[endpoint]]\npath = \"/socket.io\"\ndialect = \"socketio\"\n[[endpoint.namespace]]\n\
    name = \"/\"\nauth = \"optional\"\nrooms = [\"all\"]\n\
    [[endpoint]]\npath = \"/api/v1/ws/realtime\"\ndialect = \"fastcms\"\nauth = \"optional\"\nstats = \"public\"\n";

/// A few nodes with further endpoints, each of which knows all of them.
fn acquainted(origin: &Origin, server: &Server, count: usize) -> Vec<Proxy> {
    let tables = format!("{ENDPOINTS}{JWT}");
    let nodes: Vec<Proxy> = (0..count).map(|_| node_with(origin, server, &tables)).collect();
    nodes.iter().for_each(is_ready);
    for node in &nodes {
        knows(node, server, count);
    }
    nodes
}

pub fn knows(node: &Proxy, server: &Server, count: usize) {
    let series = format!("restcast_broker_nodes{{kind=\"{}\"}}", name(server.kind()));
    let expected = f64::from(u32::try_from(count).unwrap());
    eventually("the node knows so many", || (node.metric(&series) == expected).then_some(()));
}

fn ask(node: &Proxy, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = [("Content-Type", "application/json")];
    let answer = request(node.admin, method, path, &headers, body.as_bytes());
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn list(node: &Proxy, query: &str) -> Value {
    ask(node, "GET", &format!("/api/connections{query}"), &Value::Null).1
}

/// What is said once so many nodes have answered in time, which a busy machine may not let them; and how often it was
/// asked.
fn said_by(count: usize, mut ask: impl FnMut() -> Value) -> (Value, usize) {
    let mut times = 0;
    let said = eventually("all nodes answer in time", || {
        times += 1;
        Some(ask()).filter(|said| said["nodes"]["heard"] == json!(count))
    });
    (said, times)
}

fn all(count: usize) -> Value {
    json!({"there": count, "heard": count})
}

fn ids(page: &Value) -> Vec<String> {
    let connections = page["connections"].as_array().unwrap_or_else(|| panic!("{page}"));
    connections.iter().map(|one| one["connection_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_published_at_one_node_is_counted_at_all() {
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let nodes = acquainted(&origin, &server, 3);
        let mut readers: Vec<Reader> = nodes[..2].iter().map(|node| come(node.address, "").0).collect();
        let event =
            json!({"model": "author", "operation": "update", "id": 42, "record": {}, "audience": "everyone"});
        let (said, events) = said_by(3, || ask(&nodes[2], "POST", "/api/events", &event).1);
        assert_eq!((&said["sent"], &said["nodes"]), (&json!(2), &all(3)), "{kind:?} {said}");
        let message = json!({"message": {"a": 1}});
        let (said, messages) = said_by(3, || ask(&nodes[2], "POST", "/api/broadcast", &message).1);
        assert_eq!(said, json!({"sent": 2, "nodes": all(3)}), "{kind:?}");
        for reader in &mut readers {
            (0..events).for_each(|_| assert_eq!(next(reader).0, 42));
            (0..messages).for_each(|_| assert_eq!(reader.next()["a"], 1));
        }
        // One connection, wherever it is.
        let one = &ids(&said_by(3, || list(&nodes[2], "")).0)[0];
        let (path, message) = (format!("/api/connections/{one}/send"), json!({"message": {"b": 2}}));
        let (said, _) = said_by(3, || ask(&nodes[2], "POST", &path, &message).1);
        assert_eq!(said["sent"], 1, "{kind:?} {said}");
        let nobody = "/api/connections/00000000-0000-0000-0000-000000000001/send";
        assert_eq!(ask(&nodes[0], "POST", nobody, &message).0, 404, "{kind:?}");
    }
}

#[test]
fn connections_are_listed_page_by_page_and_ended_wherever_they_are() {
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let nodes = acquainted(&origin, &server, 2);
        let mut readers: Vec<Reader> = (0..7).map(|number| come(nodes[number % 2].address, "").0).collect();
        let (whole, _) = said_by(2, || list(&nodes[1], ""));
        assert_eq!(
            (&whole["count"], &whole["nodes"], ids(&whole).len()),
            (&json!(7), &all(2), 7),
            "{kind:?}"
        );
        assert!(ids(&whole).is_sorted());
        let (mut pages, mut after) = (Vec::new(), String::new());
        loop {
            let (page, _) = said_by(2, || list(&nodes[0], &format!("?limit=2{after}")));
            pages.extend(ids(&page));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(pages, ids(&whole), "{kind:?}");
        for id in &pages[..6] {
            let (status, said) = ask(&nodes[0], "DELETE", &format!("/api/connections/{id}"), &Value::Null);
            // Or one was too slow to say so.
            if said["nodes"] == all(2) {
                assert_eq!((status, &said["closed"]), (200, &json!(1)), "{kind:?} {said}");
            }
        }
        let left = eventually("one is left", || Some(list(&nodes[0], "")).filter(|page| page["count"] == 1));
        assert_eq!(ids(&left), pages[6..]);
        let path = format!("/api/connections/{}", pages[0]);
        eventually("it is not there", || {
            (ask(&nodes[0], "DELETE", &path, &Value::Null).0 == 404).then_some(())
        });
        readers.pop();
    }
}

/// A client of Socket.IO in the main namespace.
fn socket(node: &Proxy) -> Reader {
    let mut reader = node.reader("/socket.io");
    assert!(reader.next_text().starts_with("0{"));
    reader.send("40");
    assert!(reader.next_text().starts_with("40{"));
    reader
}

/// Answers the next event that asks for it, by its number.
fn acknowledge(reader: &mut Reader, answer: &Value) {
    let text = loop {
        match reader.next_text() {
            ping if ping == "2" => reader.send("3"),
            text => break text,
        }
    };
    let number = text.strip_prefix("42").unwrap().split('[').next().unwrap();
    reader.send(format!("43{number}{}", json!([answer])));
}

#[test]
fn what_clients_of_all_nodes_answer_is_collected() {
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let nodes = acquainted(&origin, &server, 2);
        let mut sockets: Vec<Reader> = (0..4).map(|number| socket(&nodes[number % 2])).collect();
        // Both nodes ask at the same time, and no answer goes to the other question.
        let emit = |node: &Proxy, event: &str, ack: &str| {
            let body = json!({"namespace": "/", "event": event, "data": 1, "ack": ack});
            ask(node, "POST", "/api/socketio/emit", &body).1
        };
        thread::scope(|scope| {
            let asked = [&nodes[0], &nodes[1]].map(|node| scope.spawn(move || emit(node, "notice", "20s")));
            for socket in &mut sockets {
                (0..2).for_each(|_| acknowledge(socket, &json!("yes")));
            }
            for said in asked.map(|asked| asked.join().unwrap()) {
                let answers = said["answers"].as_array().unwrap();
                assert_eq!(
                    (&said["sent"], &said["acked"], answers.len()),
                    (&json!(4), &json!(4), 4),
                    "{said}"
                );
                assert_eq!((&answers[0]["answer"], &said["nodes"]), (&json!(["yes"]), &all(2)), "{said}");
            }
        });
        // Whoever does not answer is waited for so long, and what others of its node said is known.
        let mut since = Instant::now();
        let again = || {
            since = Instant::now();
            thread::scope(|scope| {
                let asked = scope.spawn(|| emit(&nodes[0], "again", "400ms"));
                acknowledge(&mut sockets[1], &json!("only I"));
                asked.join().unwrap()
            })
        };
        let (said, _) = said_by(2, again);
        assert_eq!(
            (&said["sent"], &said["acked"], &said["nodes"]),
            (&json!(4), &json!(1), &all(2)),
            "{said}"
        );
        assert!(since.elapsed() < Duration::from_secs(5), "{kind:?}");
    }
}

#[test]
fn statistics_count_the_clients_of_all_nodes_and_a_user_of_two_once() {
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let nodes = acquainted(&origin, &server, 2);
        let token = |user: &str| sign(SECRET, &json!({"sub": user, "exp": crate::visibility::now() + 900}));
        let open = |node: &Proxy, query: &str| {
            let mut reader = node.reader(&format!("{REALTIME}{query}"));
            assert_eq!(reader.next()["type"], "connected");
            if !query.is_empty() {
                assert_eq!(reader.next()["type"], "authenticated");
            }
            reader
        };
        let mut readers: Vec<Reader> = [(0, "ann"), (1, "ann"), (1, "bob")]
            .map(|(node, user)| open(&nodes[node], &format!("?token={}", token(user))))
            .into();
        readers.push(open(&nodes[0], ""));
        for node in &nodes {
            // Nodes that have not answered in time are left out unsaid.
            let stats: Value = eventually("all nodes answer in time", || {
                let stats: Value = serde_json::from_str(&node.get("/api/v1/stats").text()).unwrap();
                Some(stats).filter(|stats| stats["total_connections"] == 4)
            });
            assert_eq!(
                json!([stats["authenticated_connections"], stats["unique_users"], stats["pubsub_backend"]]),
                json!([3, 2, name(kind)]),
                "{kind:?}"
            );
            assert_eq!(stats["subscriptions"].as_object().unwrap().len(), 4, "{stats}");
        }
    }
}

#[test]
fn a_node_that_dies_is_missing_for_a_while_and_then_not_there() {
    for kind in KINDS {
        let (origin, server) = (counting(), Server::start(kind));
        let mut nodes = acquainted(&origin, &server, 3);
        let _readers: Vec<Reader> = nodes.iter().map(|node| come(node.address, "").0).collect();
        assert_eq!(said_by(3, || list(&nodes[0], "")).0["count"], 3);
        nodes.pop().unwrap().process.child.kill().unwrap();
        let (said, _) = said_by(2, || list(&nodes[0], ""));
        assert_eq!(
            (&said["count"], &said["nodes"]),
            (&json!(2), &json!({"there": 3, "heard": 2})),
            "{kind:?}"
        );
        // It is waited for once.
        let quick = || {
            let since = Instant::now();
            let there = list(&nodes[0], "")["nodes"]["there"] == json!(3);
            (there && since.elapsed() < Duration::from_millis(700)).then_some(())
        };
        eventually("nobody waits for the dead", quick);
        knows(&nodes[0], &server, 2);
        assert_eq!(said_by(2, || list(&nodes[0], "")).0["nodes"], all(2));
        // One that is stopped says so.
        nodes[1].process.signal("TERM");
        nodes[1].process.wait();
        let said = list(&nodes[0], "");
        assert_eq!((&said["count"], &said["nodes"]), (&json!(1), &all(1)), "{kind:?}");
    }
}

#[test]
fn while_the_broker_is_away_a_node_speaks_for_itself() {
    for kind in KINDS {
        let (origin, mut server) = (counting(), Server::start(kind));
        let nodes = acquainted(&origin, &server, 2);
        let _readers: Vec<Reader> = nodes.iter().map(|node| come(node.address, "").0).collect();
        server.go();
        for node in &nodes {
            eventually("it is not ready", || (status(node, "/readyz") == 503).then_some(()));
            let said = list(node, "");
            assert_eq!((&said["count"], &said["nodes"]), (&json!(1), &all(1)), "{kind:?} {said}");
            let is_at_once = || {
                let since = Instant::now();
                let (_, said) = ask(node, "POST", "/api/broadcast", &json!({"message": {}}));
                assert_eq!(said, json!({"sent": 0, "nodes": {"there": 1, "heard": 0}}), "{kind:?}");
                (since.elapsed() < Duration::from_millis(900)).then_some(())
            };
            // However busy the machine is, once.
            eventually("nobody waits for the broker", is_at_once);
        }
        server.come();
        nodes.iter().for_each(is_ready);
        eventually("they know each other again", || (list(&nodes[0], "")["nodes"] == all(2)).then_some(()));
    }
}
