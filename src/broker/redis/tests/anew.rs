//! Where something was lost the log begins anew, and nobody takes it for the old one.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_everything_begins_anew() {
    let mut server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 1000);
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters(["a"])).await.unwrap();
    assert_eq!(next(&mut session).await.unwrap().offset, 1);
    server.kill();
    let begun = now();
    assert!(next(&mut session).await.is_err());
    assert!(session.writer.append(&letters(["b"])).await.is_err());
    assert!(session.reader.range(1, 1, 1).await.is_err());
    assert!(log.open().await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    server.restart();
    let head = opened(&log).await.head;
    assert_ne!(head.epoch, session.head.epoch);
    assert_eq!((head.first, head.last), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_the_last_letters_begins_anew() {
    let mut server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 1000);
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters(["a", "b"])).await.unwrap();
    assert!(server.ask("SAVE").starts_with("+OK"));
    session.writer.append(&letters(["c"])).await.unwrap();
    server.restart();
    assert!(server.ask("XLEN {test}:log").contains(":2"), "it kept the first two");
    let again = opened(&log).await;
    assert_ne!(again.head.epoch, session.head.epoch);
    assert_eq!((again.head.first, again.head.last), (1, 0));
    let once = opened(&log).await.head;
    assert_eq!(Head { age: None, ..once }, Head { age: None, ..again.head });
    // As long as the server says.
    let age = |head: Head| head.age.unwrap();
    assert!(age(once) >= age(again.head) && age(once) < DEADLINE, "{once:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_keys_were_deleted_the_log_begins_anew() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 1000);
    let mut session = log.open().await.unwrap();
    for command in ["FLUSHALL", "DEL {test}:log", "DEL {test}:epoch"] {
        session.writer.append(&letters(["a", "b"])).await.unwrap();
        server.ask(command);
        let error = session.writer.append(&letters(["c"])).await.unwrap_err();
        assert!(error.to_string().contains("ANEW"), "{command}: {error}");
        if !command.ends_with("log") {
            assert!(session.reader.range(1, 2, 2).await.is_err(), "{command}");
        }
        let mut other = log.open().await.unwrap();
        assert_ne!(other.head.epoch, session.head.epoch, "{command}");
        assert_eq!((other.head.first, other.head.last), (1, 0), "{command}");
        assert!(session.reader.range(1, 2, 2).await.is_err(), "{command}");
        other.writer.append(&letters(["d"])).await.unwrap();
        let heard = [next(&mut session).await, next(&mut session).await, next(&mut session).await];
        let [Ok(_), Ok(_), Err(error)] = heard else { panic!("{command}: {heard:?}") };
        assert_eq!(error.to_string(), "another log began", "{command}");
        session = other;
        assert_eq!(text(&next(&mut session).await.unwrap()), (1, "d"), "{command}");
        server.ask("DEL {test}:epoch {test}:log");
        session = log.open().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_is_no_other_log() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 1000);
    let (mut session, mut other) = (log.open().await.unwrap(), log.open().await.unwrap());
    server.ask("CLIENT KILL TYPE pubsub");
    assert!(next(&mut session).await.is_err());
    assert!(next(&mut other).await.is_err());
    other.writer.append(&letters(["a"])).await.unwrap();
    server.ask("SCRIPT FLUSH");
    other.writer.append(&letters(["b"])).await.unwrap();
    let head = log.open().await.unwrap().head;
    assert_eq!((head.epoch, head.first, head.last), (session.head.epoch, 1, 2));
}
