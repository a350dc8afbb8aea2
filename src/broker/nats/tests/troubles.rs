//! Servers that go, stop, forget, refuse, or hold something else.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Follow, SOON, Server, Settings, away, letters, named, offsets, read, settings, texts};
use crate::broker::nats::parse;
use crate::broker::{Append, Log as _, Nats, Opened};
use crate::outbound::Roots;

/// Asks the server's API as an operator does.
async fn api(server: &Server, what: &str, body: serde_json::Value) -> serde_json::Value {
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.unwrap();
    let name = body["name"].as_str().unwrap_or("RESTCAST");
    let subject = format!("$JS.API.STREAM.{what}.{name}");
    let answer = client.request(subject, body.to_string().into()).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
    answer
}

async fn refusal(log: &Nats) -> String {
    let started = Instant::now();
    let error = log.open().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(4), "{error} after {:?}", started.elapsed());
    error.0
}

async fn broken(mut reader: Box<dyn Follow>, mut writer: Box<dyn Append>) {
    away(&mut reader).await;
    away(&mut reader).await;
    let sent = tokio::time::timeout(SOON, writer.append(&letters("late", 0..3))).await;
    sent.expect("in time").unwrap_err();
    writer.append(&letters("late", 0..3)).await.unwrap_err();
}

#[tokio::test]
async fn a_server_that_was_killed_has_what_it_acknowledged() {
    let mut server = Server::start();
    let log = server.log();
    let Opened { head, reader, mut writer, talk: _ } = log.open().await.unwrap();
    writer.append(&letters("a", 0..500)).await.unwrap();
    server.kill();
    let killed = Instant::now();
    broken(reader, writer).await;
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    refusal(&log).await;
    server.run();
    let mut session = log.open().await.unwrap();
    assert_eq!(session.head.epoch, head.epoch);
    assert_eq!((session.head.first, session.head.last), (1, 500));
    // What was not acknowledged is sent again, with what was.
    session.writer.append(&letters("a", 400..600)).await.unwrap();
    let entries = session.reader.range(1, 600, 1000).await.unwrap();
    let expected: Vec<_> = (0..600).map(|number| format!("a {number}")).collect();
    assert_eq!(texts(&entries), expected);
    assert_eq!(read(&mut session.reader, 500, 600).await, entries[500..]);
}

#[tokio::test]
async fn a_server_that_lost_everything_begins_another_epoch_for_all() {
    let mut server = Server::start();
    let log = server.log();
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters("a", 0..5)).await.unwrap();
    server.kill();
    server.lose_everything();
    server.run();
    broken(session.reader, session.writer).await;
    let first = log.open().await.unwrap().head;
    assert_ne!(first.epoch, session.head.epoch);
    assert_eq!((first.first, first.last), (1, 0));
    assert_eq!(server.log().open().await.unwrap().head, first);
}

#[tokio::test]
async fn a_server_that_forgot_its_last_entries_begins_another_epoch_for_all() {
    forgets(true).await;
}

#[tokio::test]
async fn what_was_acknowledged_and_read_by_nobody_was_forgotten_unnoticed() {
    forgets(false).await;
}

/// `are_read`: its last entries, before they are gone.
async fn forgets(are_read: bool) {
    let mut server = Server::start();
    let (log, other) = (server.log(), server.log());
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters("a", 0..5)).await.unwrap();
    let before = other.open().await.unwrap().head;
    let forgotten = async {
        let mut session = log.open().await.unwrap();
        session.writer.append(&letters("a", 5..9)).await.unwrap();
        if are_read {
            read(&mut session.reader, 5, 9).await;
        }
    };
    server.forgetting(forgotten).await;
    let mut behind = other.open().await.unwrap();
    assert_eq!(behind.head, before, "it has read nothing of what is gone");
    let head = log.open().await.unwrap().head;
    assert_ne!(head.epoch, before.epoch);
    assert_eq!((head.first, head.last), (1, 5));
    assert_eq!(away(&mut behind.reader).await, "its offsets began anew");
    assert_eq!(other.open().await.unwrap().head, head);
    assert_eq!(log.open().await.unwrap().head, head);
}

#[tokio::test]
async fn a_server_that_stands_still_is_noticed_in_seconds_and_keeps_the_order() {
    let server = Server::start();
    let log = server.log();
    let Opened { mut reader, mut writer, .. } = log.open().await.unwrap();
    writer.append(&letters("a", 0..10)).await.unwrap();
    read(&mut reader, 0, 10).await;
    server.signal("STOP");
    let stopped = Instant::now();
    let batch = letters("a", 10..400);
    let (_, sent) = tokio::join!(away(&mut reader), writer.append(&batch));
    sent.unwrap_err();
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    refusal(&log).await;
    drop((reader, writer));
    server.signal("CONT");
    // The old connection's letters, which the system still holds, come at the same time.
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters("a", 10..600)).await.unwrap();
    let entries = session.reader.range(1, 1000, 1000).await.unwrap();
    let expected: Vec<_> = (0..600).map(|number| format!("a {number}")).collect();
    assert_eq!(texts(&entries), expected);
}

#[tokio::test]
async fn whoever_is_not_let_in_hears_it_at_once_and_says_no_password() {
    let server = Server::with("jetstream {}\nauthorization { user: ann, password: \"p@ss\" }");
    let at = |login: &str| named(&[&format!("nats://{login}127.0.0.1:{}", server.port)], settings());
    for login in ["", "ann:s3cret@", "s3cret@"] {
        let error = refusal(&at(login)).await;
        assert_eq!(error, "it does not accept this user and password, or token", "{login}");
    }
    at("ann:p%40ss@").open().await.unwrap();
    let server = Server::with("jetstream {}\nauthorization { token: \"t/k\" }");
    named(&[&format!("nats://t%2Fk@127.0.0.1:{}", server.port)], settings()).open().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_passed_over() {
    let mut gone = Server::start();
    gone.kill();
    let nowhere = format!("nats://127.0.0.1:{}", gone.port);
    let error = refusal(&named(&[&nowhere], settings())).await;
    assert_eq!(error, "cannot connect: connection refused");
    assert_eq!(refusal(&named(&["nats://nowhere.invalid"], settings())).await, "its name is not known");
    let server = Server::start();
    let there = format!("nats://127.0.0.1:{}", server.port);
    named(&[&nowhere, &there], settings()).open().await.unwrap();
}

#[tokio::test]
async fn a_server_without_jetstream_says_so() {
    let server = Server::with("");
    assert_eq!(refusal(&server.log()).await, "JetStream is not enabled there, or not for this account");
}

#[tokio::test]
async fn a_user_needs_no_more_than_this() {
    let api = |what: &str| format!("\"$JS.API.{what}.RESTCAST\"");
    let asked =
        ["STREAM.INFO", "STREAM.CREATE", "STREAM.UPDATE", "STREAM.MSG.GET", "DIRECT.GET"].map(api).join(", ");
    let server = Server::with(&format!(
        "jetstream {{}}\nauthorization {{ users: [{{ user: ann, password: b, permissions: {{ \
         publish: [\"restcast.log\", \"restcast.log.talk\", {asked}], subscribe: [\"restcast.log.live\", \"restcast.log.talk\", \"_INBOX.>\"] }} }}] }}",
    ));
    let urls = [&*format!("nats://ann:b@127.0.0.1:{}", server.port)];
    named(&urls, Settings { max_letters: 50, ..settings() }).open().await.unwrap();
    let mut session = named(&urls, settings()).open().await.unwrap();
    session.writer.append(&letters("a", 0..9)).await.unwrap();
    assert_eq!(read(&mut session.reader, 0, 9).await, session.reader.range(1, 9, 9).await.unwrap());
    assert_eq!(session.reader.range(10, 11, 9).await.unwrap(), []);
    session.talk.say.say(&["b".into()]).await.unwrap();
    assert_eq!(session.talk.hear.hear().await.unwrap(), "b");
}

#[tokio::test]
async fn what_others_say_on_its_subject_is_no_entry() {
    let server = Server::start();
    let mut session = server.log().open().await.unwrap();
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port)).await.unwrap();
    client.publish("restcast.log.live", "x".into()).await.unwrap();
    session.writer.append(&letters("a", 0..2)).await.unwrap();
    assert_eq!(texts(&read(&mut session.reader, 0, 2).await), ["a 0", "a 1"]);
}

#[tokio::test]
async fn a_server_without_room_says_so() {
    let server = Server::with("jetstream { max_file_store: 1MB, store_dir: \"STORE\" }");
    let error = refusal(&server.log()).await;
    assert_eq!(error, "stream RESTCAST: insufficient storage resources available");
    server.keeping(Settings { max_bytes: 1 << 19, ..settings() }).open().await.unwrap();
}

#[tokio::test]
async fn one_server_makes_no_copies_and_keeps_what_it_has() {
    let server = Server::start();
    let three = server.keeping(Settings { replicas: 3, ..settings() });
    let error = refusal(&three).await;
    assert_eq!(error, "stream RESTCAST: replicas > 1 not supported in non-clustered mode");
    server.log().open().await.unwrap().writer.append(&letters("a", 0..2)).await.unwrap();
    let session = three.open().await.unwrap();
    assert_eq!(session.head.last, 2, "fewer copies are better than none");
}

#[tokio::test]
async fn a_user_who_may_not_read_hears_it() {
    let server = Server::with(
        "jetstream {}\nauthorization { users: [{ user: ann, password: b, permissions: { \
         publish: \">\", subscribe: { deny: \"restcast.log.live\" } } }] }",
    );
    let log = named(&[&format!("nats://ann:b@127.0.0.1:{}", server.port)], settings());
    let error = match log.open().await {
        Ok(mut session) => away(&mut session.reader).await,
        Err(error) => error.0,
    };
    assert!(error.contains("Permissions Violation for Subscription"), "{error}");
}

#[tokio::test]
async fn servers_can_speak_tls() {
    let tls = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let server = Server::with(&format!(
        "jetstream {{}}\ntls {{ cert_file: {:?}, key_file: {:?} }}",
        tls("localhost.pem"),
        tls("localhost.key")
    ));
    let url = format!("tls://localhost:{}", server.port);
    let open = async |roots| Nats::new(parse(&[&url]).unwrap(), settings(), roots).open().await;
    let roots = Roots::of_file(&std::fs::read(tls("ca.pem")).unwrap()).unwrap();
    open(roots).await.unwrap();
    let error = open(Roots::none()).await.unwrap_err();
    assert_eq!(error.0, "its certificate is not believed, or it speaks no TLS");
}

#[tokio::test]
async fn a_stream_that_is_deleted_ends_the_session() {
    let server = Server::start();
    let log = server.log();
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters("a", 0..5)).await.unwrap();
    read(&mut session.reader, 0, 5).await;
    api(&server, "DELETE", json!({})).await;
    session.writer.append(&letters("a", 5..6)).await.unwrap_err();
    assert_eq!(away(&mut session.reader).await, "stream RESTCAST: stream not found");
    assert_ne!(log.open().await.unwrap().head.epoch, session.head.epoch);
}

#[tokio::test]
async fn a_stream_that_is_made_anew_under_way_ends_the_session() {
    for (before, after) in [(5, 0), (5, 3), (3, 5), (0, 0)] {
        let server = Server::start();
        let log = server.log();
        let mut session = log.open().await.unwrap();
        session.writer.append(&letters("a", 0..before)).await.unwrap();
        read(&mut session.reader, 0, before).await;
        api(&server, "DELETE", json!({})).await;
        let mut other = log.open().await.unwrap();
        other.writer.append(&letters("b", 0..after)).await.unwrap();
        assert_eq!(away(&mut session.reader).await, "its offsets began anew", "{before} {after}");
    }
}

#[tokio::test]
async fn a_stream_that_is_emptied_goes_on() {
    let server = Server::start();
    let log = server.log();
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters("a", 0..5)).await.unwrap();
    read(&mut session.reader, 0, 5).await;
    api(&server, "PURGE", json!({})).await;
    let head = log.open().await.unwrap().head;
    assert_eq!((head.epoch, head.first, head.last), (session.head.epoch, 6, 5));
    session.writer.append(&letters("a", 5..8)).await.unwrap();
    assert_eq!(offsets(&read(&mut session.reader, 5, 8).await), [6, 7, 8]);
    api(&server, "MSG.DELETE", json!({ "seq": 7 })).await;
    assert_eq!(offsets(&session.reader.range(1, 9, 9).await.unwrap()), [6, 8]);
}

#[tokio::test]
async fn a_stream_that_is_there_gets_what_it_lacks_and_keeps_what_it_has() {
    let server = Server::start();
    let with = |max_letters| server.keeping(Settings { max_letters, ..settings() });
    let mut session = with(50).open().await.unwrap();
    session.writer.append(&letters("a", 0..50)).await.unwrap();
    let mut config = api(&server, "INFO", json!({})).await["config"].take();
    config["allow_direct"] = json!(false);
    api(&server, "UPDATE", config.clone()).await;
    let mut session = with(100).open().await.unwrap();
    session.writer.append(&letters("a", 50..100)).await.unwrap();
    assert_eq!(session.reader.range(1, 100, 100).await.unwrap().len(), 100);
    assert_eq!(with(10).open().await.unwrap().head.first, 1);
    config["allow_direct"] = json!(true);
    config["max_msgs"] = json!(100);
    assert_eq!(api(&server, "INFO", json!({})).await["config"], config);
}

#[tokio::test]
async fn a_stream_that_cannot_be_used_is_left_alone() {
    let server = Server::start();
    let plain = json!({ "name": "PLAIN", "subjects": ["plain"], "retention": "limits", "storage": "file",
        "discard": "old", "num_replicas": 1, "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_consumers": -1 });
    api(&server, "CREATE", plain).await;
    let log =
        server.keeping(Settings { stream: "PLAIN".to_owned(), subject: "plain".to_owned(), ..settings() });
    let error = refusal(&log).await;
    assert!(
        error.starts_with("stream PLAIN: stream configuration update can not change RePublish"),
        "{error}"
    );
    let other = json!({ "name": "RESTCAST", "subjects": ["restcast.log"], "retention": "limits", "storage": "memory",
        "discard": "old", "num_replicas": 1, "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_consumers": -1 });
    api(&server, "CREATE", other).await;
    let error = refusal(&server.log()).await;
    assert_eq!(error, r#"stream RESTCAST has storage = "memory", and it should be "file""#);
    let error = refusal(&server.keeping(Settings { stream: "OTHER".to_owned(), ..settings() })).await;
    assert_eq!(error, "stream OTHER: subjects overlap with an existing stream");
}

/// The client library has tasks of its own for each connection.
async fn no_task_is_left() {
    let started = Instant::now();
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
        assert!(started.elapsed() < SOON, "a task is left");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_session_that_is_over_leaves_nothing_behind() {
    let mut server = Server::start();
    let log = server.log();
    for signal in ["CONT", "STOP"] {
        let Opened { reader, writer, .. } = log.open().await.unwrap();
        server.signal(signal);
        drop((reader, writer));
        no_task_is_left().await;
        drop(log.open().await);
        no_task_is_left().await;
        server.signal("CONT");
    }
    let session = log.open().await.unwrap();
    server.kill();
    broken(session.reader, session.writer).await;
    refusal(&log).await;
    no_task_is_left().await;
}
