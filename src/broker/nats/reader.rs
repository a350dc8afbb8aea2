//! The reading side: what the server publishes, and every second a look at the stream itself, since the last of
//! what was published may have been dropped, and nothing would show that.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::known::Known;
use super::link::{Link, broken};
use super::order::Order;
use super::stream::{Stream, header, sequence};
use crate::broker::{Away, Entry, Follow, Head};

/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// What is left out may come so late; then it is asked for.
const PATIENCE: Duration = Duration::from_millis(10);

/// It goes on where a call of [`Follow::next`] was dropped.
type Looking = Pin<Box<dyn Future<Output = Result<Seen, Away>> + Send>>;

enum Seen {
    /// What the stream holds, and the last entry that was known when it was asked.
    Head(Head, u64),
    /// The first entry from an offset on, which nobody published here.
    Missed(u64, Option<Entry>),
}

pub(super) struct Reader {
    live: Subscriber,
    stream: Stream,
    link: Link,
    /// As of the last look.
    head: Head,
    /// What was written before the log was opened.
    before: u64,
    order: Order,
    known: Arc<Known>,
    /// Since when something waits for what is left out.
    waiting: Option<Instant>,
    looking: Looking,
    /// Nothing is read before the look has ended: offsets may have begun anew.
    is_doubtful: bool,
}

impl Reader {
    pub(super) fn new(live: Subscriber, stream: Stream, head: Head, known: Arc<Known>) -> Self {
        known.note(head.epoch, head.last);
        let (link, before, order) = (stream.link().clone(), head.last, Order::new(head.last));
        let looking = look(LOOK, stream.clone(), before);
        Self { live, stream, link, head, before, order, known, waiting: None, looking, is_doubtful: false }
    }

    fn publication(&mut self, message: Message) -> Result<(), Away> {
        let stream = message.headers.as_ref().and_then(|headers| header(headers, "Nats-Stream"));
        let (Some(stream), Some(offset)) = (stream, sequence(&message)) else {
            // Anybody may write there who is let to; what the server publishes says where it stands.
            return Ok(());
        };
        if stream != self.stream.name() {
            return Err(Away(format!("stream {stream} publishes in its place")));
        }
        let is_first = self.order.last() == self.before;
        if !self.order.add(Entry { offset, bytes: message.payload }) && !is_first {
            self.is_doubtful = true;
            self.looking = look(Duration::ZERO, self.stream.clone(), self.order.last());
        }
        Ok(())
    }

    fn seen(&mut self, seen: Seen) -> Result<(), Away> {
        let last = self.order.last();
        self.is_doubtful = false;
        self.looking = look(LOOK, self.stream.clone(), last);
        match seen {
            Seen::Head(head, then) if head.epoch != self.head.epoch || head.last < then => {
                return Err(Away("its offsets began anew".to_owned()));
            }
            Seen::Head(head, _) => {
                // What was there at the look before this one does not come any more.
                if last < self.head.last {
                    self.looking = find(self.stream.clone(), head.last);
                }
                self.head = head;
            }
            Seen::Missed(_, Some(entry)) => {
                self.order.add(entry);
            }
            Seen::Missed(offset, None) => self.order.skip(offset),
        }
        Ok(())
    }

    /// An entry that can be given out.
    fn ready(&mut self) -> Option<Entry> {
        let is_late = self.waiting.is_some_and(|since| since.elapsed() >= PATIENCE);
        let entry = if is_late { self.order.leap() } else { self.order.next() };
        match &entry {
            Some(entry) => self.known.note(self.head.epoch, entry.offset),
            None if self.order.is_waiting() && self.waiting.is_none() => self.waiting = Some(now()),
            None => {}
        }
        if entry.is_some() || !self.order.is_waiting() {
            self.waiting = None;
        }
        entry
    }
}

/// Looks after a while.
fn look(pause: Duration, stream: Stream, last: u64) -> Looking {
    Box::pin(async move {
        sleep(pause).await;
        Ok(Seen::Head(stream.head().await?, last))
    })
}

fn find(stream: Stream, offset: u64) -> Looking {
    Box::pin(async move { Ok(Seen::Missed(offset, stream.first_from(offset).await?)) })
}

async fn patience(since: Option<Instant>) {
    match since {
        Some(since) => sleep_until(since + PATIENCE).await,
        None => std::future::pending().await,
    }
}

fn now() -> Instant {
    Instant::now()
}

#[async_trait]
impl Follow for Reader {
    async fn next(&mut self) -> Result<Entry, Away> {
        loop {
            if let Some(entry) = self.ready() {
                return Ok(entry);
            }
            tokio::select! {
                biased;
                message = self.live.next(), if !self.is_doubtful => self.publication(message.ok_or_else(broken)?)?,
                away = self.link.ended() => return Err(away),
                seen = &mut self.looking => {
                    self.looking = Box::pin(std::future::pending());
                    self.seen(seen?)?;
                }
                () = patience(self.waiting) => {}
            }
        }
    }

    async fn range(&mut self, from: u64, to: u64, count: usize) -> Result<Vec<Entry>, Away> {
        self.stream.range(from, to, count).await
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a reader at {}", self.order.last())
    }
}
