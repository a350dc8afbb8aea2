//! CPU time of the server for each frame that it delivers to many readers of one topic.
//!
//! Events are caused by POSTs at a fixed rate. The body is padded until the delivered payload has
//! the wanted size, whatever the server wraps around it, and carries the time at which it was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::histogram::Histogram;
use crate::http_client::Target;
use crate::paced::{Connection, Schedule, now};
use crate::process::{Cpu, cpu};
use crate::websocket::Reader;
use crate::wish::{WANTED, Wish};

/// Handshakes under way at once, so that no server's accept queue overflows.
pub(crate) const HANDSHAKES_MAX: usize = 64;
/// Connections that share the POSTs, so that a slow answer does not hold back the next event.
const PUBLISHERS: u32 = 4;
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// The time of sending has 16 digits until the year 2286, so all bodies are of one size.
const SENT_KEY: &[u8] = b"\"sent\":";
const SENT_DIGITS: usize = 16;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The WebSocket's URL, e.g. <ws://127.0.0.1:8080/ws?topic=author>.
    #[arg(long)]
    url: Target,
    /// Where to POST what becomes an event, e.g. <http://127.0.0.1:8080/api/authors>.
    #[arg(long)]
    publish: Target,
    /// How many WebSockets to open.
    #[arg(long, default_value_t = 1000)]
    readers: usize,
    /// Events in a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Events come so many at once (a multiple of four), and then none for as long as that is at this rate.
    #[arg(long, default_value_t = 1)]
    burst: u32,
    /// Seconds to measure.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Seconds of events before that.
    #[arg(long, default_value_t = 1)]
    warmup: u32,
    /// Bytes that the payload of a delivered frame shall have.
    #[arg(long, default_value_t = 250)]
    payload: usize,
    /// Read all that has arrived every so many microseconds, instead of waking up for each frame;
    /// 0 = wake up.
    #[arg(long, default_value_t = 0)]
    batch_us: u64,
    /// Readers speak fastcms and subscribe to this collection.
    #[arg(long)]
    collection: Option<String>,
    /// They do so with a filter, and so many other readers with filters that let nothing through.
    #[arg(long, requires = "collection")]
    others: Option<usize>,
    /// Readers speak Socket.IO and come into the namespace /admin with this token.
    #[arg(long, conflicts_with = "collection")]
    token: Option<String>,
    /// A process of the server; may be repeated.
    #[arg(long = "pid", required = true)]
    pids: Vec<u32>,
}

impl Arguments {
    fn wish(&self) -> Wish {
        match (&self.collection, self.others) {
            (None, _) => self.token.clone().map_or(Wish::Silent, Wish::Admin),
            (Some(collection), None) => Wish::All(collection.clone()),
            (Some(collection), Some(_)) => Wish::Wanted(collection.clone()),
        }
    }
}

/// What all readers together have received.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    frames: AtomicU64,
    payload_bytes: AtomicU64,
    lost: AtomicU64,
    latency: Histogram,
}

impl Audience {
    /// How many readers the server has left alone.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    fn receive(&self, payload: &[u8], sent_offset: &mut usize) {
        self.frames.fetch_add(1, Relaxed);
        let payload_bytes = u64::try_from(payload.len()).unwrap_or_default();
        self.payload_bytes.fetch_add(payload_bytes, Relaxed);
        if let Some(sent) = sent_micros(payload, sent_offset) {
            let latency = now_micros().saturating_sub(sent);
            self.latency.record(Duration::from_micros(latency));
        }
    }

    /// Waits until `frames` have arrived in all.
    async fn wait_for(&self, frames: u64) -> Result<()> {
        let arrived = async {
            while self.frames.load(Relaxed) < frames {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(DELIVERY_TIMEOUT, arrived).await.with_context(|| {
            let arrived = self.frames.load(Relaxed);
            format!("{arrived} of {frames} frames arrived, {} readers were lost", self.lost())
        })
    }
}

/// Opens `count` WebSockets and reads each in a task of its own.
pub(crate) async fn open_readers(
    target: &Target,
    count: usize,
    wish: &Wish,
    audience: &Arc<Audience>,
) -> Result<()> {
    stream::iter(0..count)
        .map(|index| Reader::open(target, index, wish.saying(index)))
        .buffer_unordered(HANDSHAKES_MAX)
        .try_for_each(|reader| {
            spawn_reader(reader, Arc::clone(audience));
            async { Ok(()) }
        })
        .await
}

#[expect(clippy::disallowed_methods, reason = "readers live as long as this process")]
fn spawn_reader(reader: Reader, audience: Arc<Audience>) {
    tokio::spawn(async move {
        let mut sent_offset = 0;
        let ended = reader.run(|payload| audience.receive(payload, &mut sent_offset));
        drop(ended.await);
        audience.lost.fetch_add(1, Relaxed);
    });
}

pub(crate) async fn run(arguments: Arguments) -> Result<Value> {
    let batch = Duration::from_micros(arguments.batch_us);
    let mut fanout = Fanout::open(arguments).await?;
    if !batch.is_zero() {
        spawn_pause(batch);
    }
    fanout.calibrate().await?;
    fanout.deliver(fanout.arguments.warmup * fanout.arguments.rate).await?;
    fanout.audience.latency.clear();
    say_that_it_starts();
    let window = fanout.deliver(fanout.arguments.seconds * fanout.arguments.rate).await?;

    let Fanout { arguments, audience, .. } = fanout;
    let frames = f64::from(u32::try_from(window.frames)?);
    Ok(json!({
        "readers": arguments.readers,
        "other_readers": arguments.others,
        "readers_lost": audience.lost(),
        "events": arguments.seconds * arguments.rate,
        "delivered": window.frames,
        "payload_bytes": window.payload_bytes / window.frames.max(1),
        "duration_seconds": window.duration.as_secs_f64(),
        "delivered_per_second": frames / window.duration.as_secs_f64(),
        "delivery_p50_us": audience.latency.quantile_micros(500),
        "delivery_p99_us": audience.latency.quantile_micros(990),
        "server_cpu_seconds": window.cpu.total,
        "server_cpu_us_per_frame": window.cpu.total * 1e6 / frames,
        "server_user_us_per_frame": window.cpu.user * 1e6 / frames,
        "server_cpu_us_per_event": window.cpu.total * 1e6 / f64::from(arguments.seconds * arguments.rate),
    }))
}

/// Makes this program sleep where it would wait for sockets, and read in batches.
///
/// A reader that waits for its socket is woken by whoever writes to the other end, at the writer's
/// cost, most of all on a virtual machine. Readers elsewhere in the
/// network do not cost the server that; this shows what it costs without them.
#[expect(clippy::disallowed_methods, reason = "it lives as long as this process")]
fn spawn_pause(pause: Duration) {
    tokio::spawn(async move {
        loop {
            // Blocks the only thread, on purpose; then everything that is ready has its turn.
            std::thread::sleep(pause);
            tokio::task::yield_now().await;
        }
    });
}

/// The script that measures something else meanwhile waits for this line.
#[expect(clippy::print_stderr, reason = "standard output is for the measurement")]
fn say_that_it_starts() {
    eprintln!("measuring");
}

/// All readers and publishers, connected.
struct Fanout {
    arguments: Arguments,
    audience: Arc<Audience>,
    /// Readers whose filters let nothing through.
    others: Arc<Audience>,
    publishers: Vec<Connection>,
    /// Bytes that fill up a body so that what is delivered has the wanted size.
    padding: usize,
}

/// What happened while some events were delivered.
struct Window {
    frames: u64,
    payload_bytes: u64,
    duration: Duration,
    cpu: Cpu,
}

impl Fanout {
    async fn open(arguments: Arguments) -> Result<Self> {
        let (audience, others) = (Arc::new(Audience::default()), Arc::new(Audience::default()));
        open_readers(&arguments.url, arguments.readers, &arguments.wish(), &audience).await?;
        if let (Some(collection), Some(count)) = (&arguments.collection, arguments.others) {
            open_readers(&arguments.url, count, &Wish::Other(collection.clone()), &others).await?;
        }
        let mut publishers = Vec::new();
        for _ in 0..PUBLISHERS {
            publishers.push(Connection::open(arguments.publish.address)?);
        }
        // A server may answer the handshake just before it adds the reader to the topic.
        sleep(Duration::from_millis(300)).await;
        Ok(Self { arguments, audience, others, publishers, padding: 0 })
    }

    /// Finds the padding that makes the delivered payload as large as wanted.
    async fn calibrate(&mut self) -> Result<()> {
        let wanted = self.arguments.payload;
        let unpadded = self.deliver(1).await?.average_payload()?;
        self.padding = wanted
            .checked_sub(unpadded)
            .with_context(|| format!("without padding the payload has {unpadded} bytes"))?;
        let padded = self.deliver(1).await?.average_payload()?;
        if padded != wanted {
            bail!("the payload has {padded} bytes where {wanted} are wanted");
        }
        Ok(())
    }

    /// Causes `events` at the wanted rate and waits until each has reached every reader.
    async fn deliver(&mut self, events: u32) -> Result<Window> {
        let audience = Arc::clone(&self.audience);
        let expected = u64::from(events) * u64::try_from(self.arguments.readers)?;
        let frames = audience.frames.load(Relaxed);
        let payload_bytes = audience.payload_bytes.load(Relaxed);
        let before = cpu(&self.arguments.pids)?;
        let start = now();
        self.publish(events).await?;
        audience.wait_for(frames + expected).await?;
        let delivered = audience.frames.load(Relaxed) - frames;
        let (stray, lost) = (self.others.frames.load(Relaxed), self.others.lost());
        if delivered != expected || stray + lost > 0 {
            bail!("{delivered} frames instead of {expected}; others got {stray}, {lost} of them were lost");
        }
        let duration = start.elapsed();
        let after = cpu(&self.arguments.pids)?;
        Ok(Window {
            duration,
            cpu: Cpu { total: after.total - before.total, user: after.user - before.user },
            frames: delivered,
            payload_bytes: audience.payload_bytes.load(Relaxed) - payload_bytes,
        })
    }

    /// POSTs `events` bodies, evenly spread over time and over the connections.
    async fn publish(&mut self, events: u32) -> Result<()> {
        let gap = Duration::from_secs(1) / self.arguments.rate;
        let burst = self.arguments.burst;
        // Those of a burst are due at the same time on all connections.
        let shift = if burst > 1 { Duration::ZERO } else { gap };
        let start = now();
        let work = self.publishers.drain(..).zip(0..).map(|(mut connection, index)| {
            let schedule = Schedule {
                start: start + shift * index,
                gap: gap * PUBLISHERS,
                requests: (events + PUBLISHERS - 1 - index) / PUBLISHERS,
                at_once: (burst / PUBLISHERS).max(1),
            };
            let (target, padding) = (self.arguments.publish.clone(), self.padding);
            // The readers keep this thread busy; the events must come in time all the same.
            spawn_blocking(move || {
                connection.run(schedule, || target.request(Some(&body(padding))), |_| ())?;
                Ok::<Connection, anyhow::Error>(connection)
            })
        });
        let work: Vec<_> = work.collect();
        for ended in try_join_all(work).await? {
            self.publishers.push(ended?);
        }
        Ok(())
    }
}

impl Window {
    fn average_payload(&self) -> Result<usize> {
        let average = self.payload_bytes.checked_div(self.frames);
        Ok(usize::try_from(average.context("nothing was delivered")?)?)
    }
}

/// A record that says when it was sent; each is another one, since writes to one record that overlap are told
/// without it.
fn body(padding: usize) -> String {
    let (sent, padding) = (now_micros(), "x".repeat(padding));
    format!(r#"{{"id":{sent:016},"post_id":{WANTED},"sent":{sent:016},"padding":"{padding}"}}"#)
}

/// The time of sending inside a payload. It is looked for at `offset` first, since it is at the same
/// place in every payload of a server; `offset` is set to where it was.
fn sent_micros(payload: &[u8], offset: &mut usize) -> Option<u64> {
    let is_key = |start: usize| payload.get(start..)?.starts_with(SENT_KEY).then_some(start);
    let start = is_key(*offset).or_else(|| (0..payload.len()).find_map(is_key))?;
    *offset = start;
    let digits = payload.get(start + SENT_KEY.len()..)?.get(..SENT_DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn now_micros() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "latency is what is measured")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_micros()).unwrap_or_default())
}
