//! Against a real server.
#![expect(clippy::disallowed_methods, reason = "deadlines need a clock, and writers a task")]

mod server;
mod troubles;

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::Settings;
use super::link::WAITING;
use crate::broker::{Entry, Follow, Log as _, Opened};
use server::{Server, named, settings};

const SOON: Duration = Duration::from_secs(8);

fn letters(from: &str, numbers: std::ops::Range<u64>) -> Vec<(String, Bytes)> {
    numbers.map(|number| (format!("{from}-{number}"), Bytes::from(format!("{from} {number}")))).collect()
}

/// Everything up to an offset, as its user reads it: what is left out is asked for.
async fn read(reader: &mut Box<dyn Follow>, after: u64, to: u64) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut last = after;
    while last < to {
        let entry = timeout(Duration::from_secs(20), reader.next()).await.expect("an entry in time").unwrap();
        while last + 1 < entry.offset {
            let missed = reader.range(last + 1, entry.offset - 1, 1000).await.unwrap();
            last = missed.last().map_or(entry.offset - 1, |entry| entry.offset);
            entries.extend(missed);
        }
        last = entry.offset;
        entries.push(entry);
    }
    entries
}

fn offsets(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.offset).collect()
}

fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| String::from_utf8(entry.bytes.to_vec()).unwrap()).collect()
}

/// How reading ends.
async fn away(reader: &mut Box<dyn Follow>) -> String {
    let end = async {
        loop {
            if let Err(away) = reader.next().await {
                return away.0;
            }
        }
    };
    timeout(SOON, end).await.expect("noticed in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_and_three_followers_agree_on_everything() {
    const EACH: u64 = 5000;
    let server = Server::start();
    let mut followers = Vec::new();
    for _ in 0..3 {
        let Opened { head, mut reader, .. } = server.log().open().await.unwrap();
        assert_eq!((head.first, head.last), (1, 0));
        followers.push(tokio::spawn(async move { read(&mut reader, 0, 2 * EACH).await }));
    }
    let writers = ["a", "b"].map(|name| {
        let log = server.log();
        tokio::spawn(async move {
            let mut session = log.open().await.unwrap();
            for from in (0..EACH).step_by(50) {
                session.writer.append(&letters(name, from..from + 50)).await.unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    let mut all = Vec::new();
    for follower in followers {
        all.push(follower.await.unwrap());
    }
    assert_eq!(offsets(&all[0]), (1..=2 * EACH).collect::<Vec<_>>());
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    for name in ["a", "b"] {
        let found = texts(&all[0]).into_iter().filter(|text| text.starts_with(name));
        assert!(
            found.eq(letters(name, 0..EACH)
                .iter()
                .map(|(_, bytes)| String::from_utf8(bytes.to_vec()).unwrap()))
        );
    }
}

#[tokio::test]
async fn a_name_is_taken_once_and_order_stays() {
    let server = Server::start();
    let mut session = server.log().open().await.unwrap();
    session.writer.append(&letters("a", 0..5)).await.unwrap();
    // As after a connection that broke off before it said what had arrived.
    let mut again = server.log().open().await.unwrap();
    assert_eq!(again.head.last, 5);
    again.writer.append(&letters("a", 0..10)).await.unwrap();
    let expected: Vec<_> = (0..10).map(|number| format!("a {number}")).collect();
    assert_eq!(texts(&read(&mut session.reader, 0, 10).await), expected);
}

#[tokio::test]
async fn an_entry_comes_though_the_wait_for_it_was_dropped_many_times() {
    let server = Server::start();
    let mut session = server.log().open().await.unwrap();
    let mut entries = Vec::new();
    for number in 0..200 {
        for _ in 0..3 {
            let waited = timeout(Duration::ZERO, session.reader.next()).await;
            entries.extend(waited.ok().map(Result::unwrap));
        }
        session.writer.append(&letters("a", number..number + 1)).await.unwrap();
    }
    let last = entries.last().map_or(0, |entry| entry.offset);
    entries.extend(read(&mut session.reader, last, 200).await);
    assert_eq!(offsets(&entries), (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_over_the_limits_goes_and_the_rest_can_be_read() {
    let server = Server::start();
    let log = server.keeping(Settings { max_letters: 100, ..settings() });
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters("a", 0..1000)).await.unwrap();
    let head = log.open().await.unwrap().head;
    assert_eq!((head.first, head.last), (901, 1000));
    assert_eq!(head.epoch, session.head.epoch);
    let reader = &mut session.reader;
    assert_eq!(offsets(&reader.range(1, 1000, 1000).await.unwrap()), (901..=1000).collect::<Vec<_>>());
    assert_eq!(offsets(&reader.range(1, u64::MAX, 3).await.unwrap()), [901, 902, 903]);
    assert_eq!(offsets(&reader.range(950, 952, 10).await.unwrap()), [950, 951, 952]);
    assert_eq!(reader.range(1, 900, 10).await.unwrap(), []);
    assert_eq!(reader.range(1001, 2000, 10).await.unwrap(), []);
    assert_eq!(reader.range(0, 1000, 0).await.unwrap(), []);
}

#[tokio::test]
async fn a_follower_that_does_not_read_keeps_little_and_misses_nothing() {
    const MANY: u64 = WAITING as u64 * 8;
    let server = Server::start();
    let Opened { mut reader, mut writer, .. } = server.log().open().await.unwrap();
    // The last acknowledgement comes behind all entries.
    writer.append(&letters("a", 0..MANY)).await.unwrap();
    // Nothing comes behind those that had no room.
    for offset in 1..=WAITING as u64 {
        assert_eq!(reader.next().await.unwrap().offset, offset);
    }
    let jump = timeout(Duration::from_secs(10), reader.next()).await.unwrap().unwrap();
    assert_eq!(jump.offset, MANY);
    let missed = reader.range(WAITING as u64 + 1, MANY - 1, usize::MAX).await.unwrap();
    assert_eq!(offsets(&missed), (WAITING as u64 + 1..MANY).collect::<Vec<_>>());
    writer.append(&letters("b", 0..1)).await.unwrap();
    assert_eq!(offsets(&read(&mut reader, MANY, MANY + 1).await), [MANY + 1]);
}

#[tokio::test]
async fn a_letter_that_is_too_large_is_refused_and_nothing_else() {
    let server = Server::with("jetstream {}\nmax_payload: 65536");
    let mut session = server.log().open().await.unwrap();
    assert_eq!(session.writer.largest(), 65_024);
    let large = [letters("a", 0..1), vec![("x".to_owned(), Bytes::from(vec![b'x'; 65_025]))]].concat();
    let error = session.writer.append(&large).await.unwrap_err();
    assert_eq!(error.0, "a letter has 65025 bytes, and 65024 are taken at most");
    let fits = vec![("y".repeat(100), Bytes::from(vec![b'y'; 65_024]))];
    session.writer.append(&fits).await.unwrap();
    let entries = read(&mut session.reader, 0, 1).await;
    assert_eq!(entries[0].bytes.len(), 65_024);
    assert_eq!(session.reader.range(1, 1, 1).await.unwrap(), entries);
}

#[tokio::test]
async fn letters_of_a_mebibyte_arrive() {
    let server = Server::with("jetstream {}\nmax_payload: 2097152");
    let mut session = server.log().open().await.unwrap();
    let bytes = Bytes::from(vec![b'x'; 1 << 20]);
    let large: Vec<_> = (0..40).map(|number| (format!("x{number}"), bytes.clone())).collect();
    session.writer.append(&large).await.unwrap();
    let entries = read(&mut session.reader, 0, 40).await;
    assert!(entries.iter().all(|entry| entry.bytes == bytes));
    let mut read = Vec::new();
    while read.len() < 40 {
        let some = session.reader.range(read.len() as u64 + 1, 40, 40).await.unwrap();
        assert!((1..30).contains(&some.len()), "{} MiB at once", some.len());
        read.extend(some);
    }
    assert_eq!(read, entries);
}
