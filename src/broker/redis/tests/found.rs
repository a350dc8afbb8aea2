//! How the server is found: sockets, TLS, Sentinels, a Cluster.

use super::*;

async fn says(log: &Redis, word: &str) {
    let mut session = opened(log).await;
    session.writer.append(&letters([word])).await.unwrap();
    assert_eq!(text(&next(&mut session).await.unwrap()).1, word);
}

fn tests(file: &str) -> String {
    format!("{}/tests/tls/{file}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_has_a_path() {
    let folder = RedisServer::start(&[]);
    let socket = folder.folder().join("a.sock");
    let _server = RedisServer::start(&["--unixsocket", socket.to_str().unwrap()]);
    says(&log_at(&format!("unix://{}", socket.display()), 10), "a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_took_what_another_database_was_told_for_its_own() {
    let server = RedisServer::start(&[]);
    let [one, two] = ["0", "1"].map(|db| log_at(&format!("{}/{db}", server.url()), 10));
    let mut session = opened(&one).await;
    says(&two, "two").await;
    says(&one, "one").await;
    assert_eq!(text(&next(&mut session).await.unwrap()), (1, "one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_must_be_who_it_should_be() {
    let (certificate, key) = (tests("localhost.pem"), tests("localhost.key"));
    let server = RedisServer::start(&[
        "--tls-port",
        "ANOTHER",
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &tests("ca.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let at = |host: &str, roots| {
        let url = format!("rediss://{host}:{}", server.other_port);
        Redis::new(RedisServers::parse(&[url]).unwrap(), roots, "test", 10)
    };
    let roots = Roots::of_file(include_bytes!("../../../../tests/tls/ca.pem")).unwrap();
    says(&at("localhost", roots.clone()), "a").await;
    assert!(at("localhost", Roots::none()).open().await.is_err());
    let error = at("127.0.0.1", roots).open().await.unwrap_err().to_string();
    assert!(error.contains("another name") && !error.contains("127"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_fails_is_followed_by_another_log() {
    let mut master = RedisServer::start(&[]);
    let replica = RedisServer::start(&["--replicaof", &format!("127.0.0.1 {}", master.port)]);
    let sentinel = RedisServer::start_sentinel(&master, "main");
    let gone = server::free_port();
    let url = format!("redis-sentinel://127.0.0.1:{gone},127.0.0.1:{}/main", sentinel.port);
    let log = log_at(&url, 1000);
    let unknown = log_at(&url.replace("main", "other"), 10).open().await.unwrap_err();
    assert!(unknown.to_string().contains("no Sentinel knows"), "{unknown}");
    until(|| master.ask("INFO replication").contains("state=online")).await;
    let mut session = opened(&log).await;
    session.writer.append(&letters(["a", "b"])).await.unwrap();
    until(|| replica.ask("XLEN {test}:log").contains(":2")).await;
    until(|| sentinel.ask("SENTINEL replicas main").contains(&replica.port.to_string())).await;
    let asked = log_at(&replica.url(), 10).open().await.unwrap_err();
    assert!(asked.to_string().contains("this server is a replica"), "{asked}");
    assert_eq!(next(&mut session).await.unwrap().offset, 1);
    assert_eq!(next(&mut session).await.unwrap().offset, 2);
    master.kill();
    assert!(next(&mut session).await.is_err());
    let again = opened(&log).await;
    assert_ne!(again.head.epoch, session.head.epoch);
    assert_eq!((again.head.first, again.head.last), (1, 0));
    says(&log, "c").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_gives_its_place_to_another_is_left() {
    let master = RedisServer::start(&[]);
    let replica = RedisServer::start(&["--replicaof", &format!("127.0.0.1 {}", master.port)]);
    let sentinel = RedisServer::start_sentinel(&master, "main");
    until(|| master.ask("INFO replication").contains("state=online")).await;
    until(|| sentinel.ask("SENTINEL replicas main").contains(&replica.port.to_string())).await;
    let log = log_at(&format!("redis-sentinel://127.0.0.1:{}/main", sentinel.port), 1000);
    let mut session = opened(&log).await;
    until(|| sentinel.ask("SENTINEL failover main").starts_with("+OK")).await;
    assert!(next(&mut session).await.is_err());
    until(|| replica.ask("ROLE").contains("master")).await;
    let again = opened(&log).await;
    assert_ne!(again.head.epoch, session.head.epoch);
    assert!(session.writer.append(&letters(["a"])).await.is_err());
    says(&log, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_needs_no_more_rights_than_these() {
    let server = RedisServer::start(&[]);
    let rights = "~{test}:* &{test}:live:0 &{test}:talk:0 +hello +ping +ssubscribe +spublish +evalsha +script|load +info +get +set \
        +time +exists +unlink +xadd +xrange +xinfo|stream +xgroup|create +xgroup|destroy";
    assert!(server.ask(&format!("ACL SETUSER ann on >secret {rights}")).starts_with("+OK"));
    let log = log_at(&server.url().replace("://", "://ann:secret@"), 10);
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters(["a"])).await.unwrap();
    assert_eq!(text(&next(&mut session).await.unwrap()), (1, "a"));
    assert_eq!(session.reader.range(1, 1, 1).await.unwrap().len(), 1);
    session.talk.say.say(&["b".into()]).await.unwrap();
    assert_eq!(session.talk.hear.hear().await.unwrap(), "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_of_a_cluster_leads_to_the_log() {
    let nodes = cluster().await;
    let mut epochs = Vec::new();
    for node in &nodes {
        let log = log_at(
            &format!("redis-cluster://127.0.0.1:{},127.0.0.1:{}", server::free_port(), node.port),
            100,
        );
        says(&log, "a").await;
        epochs.push(opened(&log).await.head);
    }
    assert!(epochs.iter().all(|head| head.epoch == epochs[0].epoch), "{epochs:?}");
    assert_eq!(epochs[2].last, 3);
    let holding = nodes.iter().filter(|node| node.ask("DBSIZE").contains(":3")).count();
    assert_eq!(holding, 1, "one node has all keys");
    let ways =
        [&nodes[0], &nodes[2]].map(|node| log_at(&format!("redis-cluster://127.0.0.1:{}", node.port), 100));
    let (mut first, mut second) = (opened(&ways[0]).await, opened(&ways[1]).await);
    first.talk.say.say(&["b".into(), "c".into()]).await.unwrap();
    for note in ["b", "c"] {
        assert_eq!(second.talk.hear.hear().await.unwrap(), note);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_moves_to_another_node_is_found_there() {
    let nodes = cluster().await;
    let urls = nodes.iter().map(RedisServer::url).collect::<Vec<_>>();
    let log = Redis::new(RedisServers::parse(&urls).unwrap(), Roots::none(), "test", 100);
    let mut session = opened(&log).await;
    session.writer.append(&letters(["a"])).await.unwrap();
    assert_eq!(next(&mut session).await.unwrap().offset, 1);
    let slot = number(&nodes[0].ask("CLUSTER KEYSLOT {test}:log"));
    let at = nodes.iter().position(|node| node.ask("DBSIZE").contains(":3")).unwrap();
    let (from, to) = (&nodes[at], &nodes[(at + 1) % 3]);
    let [from_id, to_id] = [from, to].map(|node| word(&node.ask("CLUSTER MYID")));
    to.ask(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}"));
    from.ask(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}"));
    let moved = from.ask(&format!(
        "MIGRATE 127.0.0.1 {} \"\" 0 5000 KEYS {{test}}:log {{test}}:epoch {{test}}:begin",
        to.port
    ));
    assert!(moved.starts_with("+OK"), "{moved}");
    for node in [to, from, &nodes[(at + 2) % 3]] {
        assert!(node.ask(&format!("CLUSTER SETSLOT {slot} NODE {to_id}")).starts_with("+OK"));
    }
    assert!(next(&mut session).await.is_err(), "the reader hears that the channel has moved");
    let error = session.writer.append(&letters(["b"])).await.unwrap_err();
    assert_eq!(error.to_string(), "the log is on another node");
    says(&log, "c").await;
    assert!(to.ask("DBSIZE").contains(":3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_fails_is_followed_by_another_log() {
    let mut nodes = cluster().await;
    let log =
        log_at(&format!("redis-cluster://127.0.0.1:{},127.0.0.1:{}", nodes[0].port, nodes[1].port), 100);
    let mut session = opened(&log).await;
    let at = nodes.iter().position(|node| node.ask("DBSIZE").contains(":3")).unwrap();
    let replica = RedisServer::start(&CLUSTER);
    meet(&nodes[at], &replica);
    until(|| replica.ask("CLUSTER INFO").contains("cluster_known_nodes:4")).await;
    let id = word(&nodes[at].ask("CLUSTER MYID"));
    until(|| replica.ask(&format!("CLUSTER REPLICATE {id}")).starts_with("+OK")).await;
    until(|| replica.ask("INFO replication").contains("master_link_status:up")).await;
    // Masters vote for nobody of whom they have not heard, and behind the kill nobody tells them.
    let own = word(&replica.ask("CLUSTER MYID"));
    until(|| nodes.iter().all(|node| node.ask(&format!("CLUSTER REPLICAS {id}")).contains(&own))).await;
    session.writer.append(&letters(["a"])).await.unwrap();
    assert_eq!(next(&mut session).await.unwrap().offset, 1);
    nodes[at].kill();
    assert!(next(&mut session).await.is_err());
    let again = opened(&log).await;
    assert_ne!(again.head.epoch, session.head.epoch);
    assert_eq!((again.head.first, again.head.last), (1, 0));
    says(&log, "b").await;
}

const CLUSTER: [&str; 6] =
    ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", "ANOTHER"];

/// Three masters, one third of the slots each.
async fn cluster() -> Vec<RedisServer> {
    let nodes = [(); 3].map(|()| RedisServer::start(&CLUSTER));
    for (node, (epoch, slots)) in nodes.iter().zip((1..).zip(["0 5460", "5461 10922", "10923 16383"])) {
        assert!(node.ask(&format!("CLUSTER SET-CONFIG-EPOCH {epoch}")).starts_with("+OK"));
        assert!(node.ask(&format!("CLUSTER ADDSLOTSRANGE {slots}")).starts_with("+OK"));
    }
    for node in &nodes[1..] {
        meet(&nodes[0], node);
    }
    until(|| {
        let whole = |node: &RedisServer| {
            let about = node.ask("CLUSTER INFO");
            about.contains("cluster_state:ok") && about.contains("cluster_known_nodes:3")
        };
        nodes.iter().all(whole)
    })
    .await;
    nodes.into()
}

fn meet(node: &RedisServer, other: &RedisServer) {
    node.ask(&format!("CLUSTER MEET 127.0.0.1 {} {}", other.port, other.other_port));
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("waited in vain");
}

fn number(answer: &str) -> u64 {
    answer.trim().trim_start_matches(':').parse().unwrap()
}

fn word(answer: &str) -> String {
    answer.lines().nth(1).unwrap().to_owned()
}
