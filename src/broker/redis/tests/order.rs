//! What is written arrives, in one order.

use super::*;

/// Everything up to `last`; what is left out is asked for.
async fn read_to(session: &mut Opened, last: u64) -> (Vec<Entry>, usize) {
    let (mut read, mut asked) = (Vec::<Entry>::new(), 0);
    while (read.len() as u64) < last {
        let entry = next(session).await.unwrap();
        while entry.offset > read.len() as u64 + 1 {
            asked += 1;
            let more = session.reader.range(read.len() as u64 + 1, entry.offset - 1, 1000).await.unwrap();
            assert!(!more.is_empty());
            read.extend(more);
        }
        read.push(entry);
    }
    (read, asked)
}

async fn write(log: &Redis, name: &str, batches: usize, size: usize) {
    let mut session = log.open().await.unwrap();
    for batch in 0..batches {
        let texts = (0..size).map(|number| format!("{name}.{}", batch * size + number));
        session.writer.append(&letters(texts)).await.unwrap();
    }
}

fn numbers<'a>(read: &'a [Entry], name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let number = move |entry| text(entry).1.strip_prefix(name)?.strip_prefix('.')?.parse().ok();
    read.iter().filter_map(number)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_readers_see_the_letters_of_two_writers_in_one_order_without_gap() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 100_000);
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(log.open().await.unwrap());
    }
    let [a, b, c] = &mut readers[..] else { unreachable!() };
    let ((), (), (a, _), (b, _), (c, _)) = tokio::join!(
        write(&log, "one", 300, 16),
        write(&log, "two", 300, 16),
        read_to(a, 9600),
        read_to(b, 9600),
        read_to(c, 9600)
    );
    assert!(a == b && b == c, "they differ");
    assert!(a.iter().zip(1..).all(|(entry, offset)| entry.offset == offset), "a gap");
    for name in ["one", "two"] {
        assert!(numbers(&a, name).eq(0..4800), "{name} is out of order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_is_in_the_head_and_in_the_range() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 1000);
    let mut one = log.open().await.unwrap();
    assert_eq!((one.head.first, one.head.last), (1, 0));
    one.writer.append(&letters(["a", "b", "c"])).await.unwrap();
    one.writer.append(&[]).await.unwrap();
    let mut two = log.open().await.unwrap();
    assert_eq!((two.head.epoch, two.head.first, two.head.last), (one.head.epoch, 1, 3));
    one.writer.append(&letters(["d"])).await.unwrap();
    assert_eq!(text(&next(&mut two).await.unwrap()), (4, "d"));
    assert_eq!(text(&next(&mut one).await.unwrap()), (1, "a"));
    let range = two.reader.range(2, 4, 2).await.unwrap();
    assert_eq!(range.iter().map(text).collect::<Vec<_>>(), [(2, "b"), (3, "c")]);
    assert_eq!(two.reader.range(5, 9, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_leave_the_log() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 500);
    let mut session = log.open().await.unwrap();
    session.writer.append(&letters(0..3000)).await.unwrap();
    let head = log.open().await.unwrap().head;
    assert!((2000..=2501).contains(&head.first), "{head:?}");
    assert_eq!(head.last, 3000);
    let left = session.reader.range(1, 3000, 5000).await.unwrap();
    assert_eq!((left[0].offset, left.len() as u64), (head.first, 3000 - head.first + 1));
    server.ask("XTRIM {test}:log MAXLEN 0");
    let head = log.open().await.unwrap().head;
    assert_eq!((head.first, head.last, head.epoch), (3001, 3000, session.head.epoch));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_late_gets_all_of_it() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 100_000);
    let (mut late, mut session) = (log.open().await.unwrap(), log.open().await.unwrap());
    for batch in 0..200 {
        session
            .writer
            .append(&letters((0..100).map(|n| format!("{:01000}", batch * 100 + n))))
            .await
            .unwrap();
    }
    let (read, asked) = read_to(&mut late, 20_000).await;
    assert!(asked > 0, "all 20 MB waited");
    assert!(read.iter().zip(1..).all(|(entry, offset)| entry.offset == offset), "a gap");
    assert!(numbers_of(&read).eq(0..20_000));
}

fn numbers_of(read: &[Entry]) -> impl Iterator<Item = u64> + '_ {
    read.iter().map(|entry| text(entry).1.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_may_be_large_and_hold_any_byte() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 1000);
    let mut session = log.open().await.unwrap();
    let large = Bytes::from((0..=255_u8).cycle().take(1024 * 1024).collect::<Vec<_>>());
    let sent = [Bytes::new(), large.clone(), Bytes::from_static(b"\r\n 0\0"), large];
    let batch = sent.iter().cycle().take(28).map(|bytes| (String::new(), bytes.clone())).collect::<Vec<_>>();
    session.writer.append(&batch).await.unwrap();
    for (offset, (_, bytes)) in (1..).zip(&batch) {
        assert_eq!(next(&mut session).await.unwrap(), Entry { offset, bytes: bytes.clone() });
    }
    let mut read = Vec::new();
    while read.len() < 28 {
        read.extend(session.reader.range(read.len() as u64 + 1, 28, 100).await.unwrap());
    }
    assert!(read.iter().map(|entry| &entry.bytes).eq(batch.iter().map(|(_, bytes)| bytes)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_before_it_ends_loses_nothing() {
    let server = RedisServer::start(&[]);
    let log = log_at(&server.url(), 10_000);
    let (mut session, mut other) = (log.open().await.unwrap(), log.open().await.unwrap());
    let writing = async {
        for number in 0..1000 {
            other.writer.append(&letters([number])).await.unwrap();
        }
    };
    let reading = async {
        let mut offset = 0;
        while offset < 1000 {
            tokio::select! {
                biased;
                entry = session.reader.next() => {
                    offset += 1;
                    assert_eq!(entry.unwrap().offset, offset);
                }
                () = tokio::task::yield_now() => {}
            }
            tokio::select! {
                biased;
                range = session.reader.range(1, offset, 10) => drop(range.unwrap()),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    tokio::join!(writing, reading);
    assert_eq!(session.reader.range(1, 1000, 2000).await.unwrap().len(), 1000);
}
