//! Servers that do not answer, or not to us.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_more_is_noticed() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 1000);
    let (mut session, mut quiet) = (log.open().await.unwrap(), log.open().await.unwrap());
    server.pause();
    let begun = now();
    let listening = async {
        assert!(next(&mut quiet).await.is_err());
        begun.elapsed()
    };
    let writing = async {
        assert!(session.writer.append(&letters(["a"])).await.is_err());
        let written = begun.elapsed();
        assert!(session.reader.range(1, 1, 1).await.is_err());
        written
    };
    let opening = async {
        assert!(log.open().await.is_err());
        begun.elapsed()
    };
    let (listened, written, opened) = tokio::join!(listening, writing, opening);
    assert!(listened.max(written).max(opened) < NOTICED);
    server.go_on();
    let again = super::opened(&log).await;
    assert_eq!(again.head.epoch, session.head.epoch, "it has lost nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_let_in_hears_it_at_once_and_without_the_password() {
    let server = RedisServer::start(&["--requirepass", "hunter2"]);
    let begun = now();
    let at = |login: &str, port| format!("redis://{login}127.0.0.1:{port}");
    for (url, reason) in [
        (at("", server.port), "NOAUTH"),
        (at(":hunter3@", server.port), "WRONGPASS"),
        (at("nobody:hunter2@", server.port), "WRONGPASS"),
        (at(":hunter2@", server::free_port()), "refused"),
        (format!("redis://:hunter2@127.0.0.1:{}/99", server.port), "out of range"),
        (format!("redis-cluster://:hunter2@127.0.0.1:{}", server.port), "no node of a Cluster"),
        (format!("redis-sentinel://:hunter2@127.0.0.1:{}/m", server.port), "SENTINEL"),
    ] {
        let error = log_at(&url, 1).open().await.unwrap_err().to_string();
        assert!(error.contains(reason) && !error.contains("hunter"), "{url}: {error}");
        assert!(!error.contains("127.0.0.1"), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let log = log_at(&at(":hunter2@", server.port), 1);
    assert!(!format!("{log:?} {:?}", log.open().await.unwrap()).contains("hunter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_so() {
    let server = RedisServer::start(&["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"]);
    let error = match log_at(&server.url(), 10).open().await {
        Ok(mut session) => session.writer.append(&letters(["a"])).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains("OOM"), "{error}");
}
