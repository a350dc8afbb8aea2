//! The log at real servers.

mod anew;
mod away;
mod found;
mod order;
#[expect(unreachable_pub, clippy::disallowed_methods, reason = "shared with the black-box tests")]
#[path = "../../../../tests/servers/redis.rs"]
mod server;

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::{Redis, RedisServers};
use crate::broker::{Away, Entry, Head, Log as _, Opened};
use crate::outbound::Roots;
use server::RedisServer;

/// No test waits longer for one thing. A vote in a Cluster that comes to nothing is held again after some seconds.
const DEADLINE: Duration = Duration::from_mins(1);
/// A server that is gone is noticed within that: two seconds up to the question, three for the answer, and some more
/// for a machine that is busy.
const NOTICED: Duration = Duration::from_secs(8);

fn log_at(url: &str, kept: usize) -> Redis {
    Redis::new(RedisServers::parse(&[url.to_owned()]).unwrap(), Roots::none(), "test", kept)
}

fn letters(texts: impl IntoIterator<Item = impl ToString>) -> Vec<(String, Bytes)> {
    let letter = |text: String| (text.clone(), Bytes::from(text));
    texts.into_iter().map(|text| letter(text.to_string())).collect()
}

async fn next(session: &mut Opened) -> Result<Entry, Away> {
    timeout(DEADLINE, session.reader.next()).await.expect("nothing came")
}

/// Sessions as soon as there is one.
async fn opened(log: &Redis) -> Opened {
    let opening = async {
        loop {
            match log.open().await {
                Ok(session) => return session,
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(DEADLINE, opening).await.expect("it stays away")
}

fn text(entry: &Entry) -> (u64, &str) {
    (entry.offset, std::str::from_utf8(&entry.bytes).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "tests measure how long something takes")]
fn now() -> Instant {
    Instant::now()
}
