//! Requests in a closed loop, over HTTP or as messages over WebSockets: how many a second the server answers, and what
//! each costs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::histogram::Histogram;
use crate::http_client::{Connection, Target};
use crate::process::cpu;
use crate::websocket::Reader;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the requests go, e.g. <http://127.0.0.1:8080/api/authors/7>.
    #[arg(long)]
    url: Target,
    /// POST a JSON record of this many bytes instead of a GET.
    #[arg(long)]
    post_bytes: Option<usize>,
    /// Say this over open WebSockets instead, and wait for the answer to it: one that holds this text.
    #[arg(long, num_args = 2, value_names = ["MESSAGE", "ANSWER"])]
    message: Option<Vec<String>>,
    /// Keep-alive connections, each with one request at a time.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Seconds to measure.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds of requests before that.
    #[arg(long, default_value_t = 1)]
    warmup: u64,
    /// A process of the server; may be repeated.
    #[arg(long = "pid", required = true)]
    pids: Vec<u32>,
}

/// What all connections together have been answered.
#[derive(Default)]
struct Answers {
    count: AtomicU64,
    body_bytes: AtomicU64,
    latency: Histogram,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Value> {
    let body = arguments.post_bytes.map(record).transpose()?;
    let request = arguments.url.request(body.as_deref());
    let answers = Arc::new(Answers::default());
    let mut connections = Vec::new();
    for index in 0..arguments.connections {
        connections.push(match arguments.message.as_deref() {
            Some([message, answer]) => {
                let reader = Reader::open(&arguments.url, index, None).await?;
                Asking::Messages(reader, message.clone(), answer.clone())
            }
            _ => Asking::Requests(Connection::open(arguments.url.address).await?),
        });
    }
    let traffic = connections.into_iter().map(|connection| repeat(connection, &request, &answers));
    tokio::select! {
        failed = try_join_all(traffic) => {
            failed?;
            bail!("there was no connection")
        }
        report = measure(&arguments, &answers) => report,
    }
}

/// A connection and how it asks.
enum Asking {
    /// Over HTTP.
    Requests(Connection),
    /// Over a WebSocket: a message, and what its answer holds.
    Messages(Reader, String, String),
}

impl Asking {
    /// One question and its answer, whose length it gives.
    async fn exchange(&mut self, request: &[u8]) -> Result<usize> {
        match self {
            Self::Requests(connection) => connection.exchange(request).await,
            Self::Messages(reader, message, answer) => reader.exchange(message, answer).await,
        }
    }
}

/// Sends `request` for ever.
async fn repeat(mut connection: Asking, request: &[u8], answers: &Answers) -> Result<()> {
    loop {
        let start = Instant::now();
        let body_bytes = connection.exchange(request).await?;
        answers.latency.record(start.elapsed());
        answers.count.fetch_add(1, Relaxed);
        let body_bytes = u64::try_from(body_bytes)?;
        answers.body_bytes.fetch_add(body_bytes, Relaxed);
    }
}

/// Watches the traffic for the wanted time.
async fn measure(arguments: &Arguments, answers: &Answers) -> Result<Value> {
    sleep(Duration::from_secs(arguments.warmup)).await;
    answers.latency.clear();
    let count = answers.count.load(Relaxed);
    let body_bytes = answers.body_bytes.load(Relaxed);
    let before = cpu(&arguments.pids)?.total;
    let start = Instant::now();
    sleep(Duration::from_secs(arguments.seconds)).await;
    let duration = start.elapsed().as_secs_f64();
    let cpu = cpu(&arguments.pids)?.total - before;
    let count = answers.count.load(Relaxed) - count;
    let body_bytes = answers.body_bytes.load(Relaxed) - body_bytes;

    let requests = f64::from(u32::try_from(count)?);
    Ok(json!({
        "connections": arguments.connections,
        "requests": count,
        "body_bytes": body_bytes / count.max(1),
        "duration_seconds": duration,
        "requests_per_second": requests / duration,
        "p50_us": answers.latency.quantile_micros(500),
        "p99_us": answers.latency.quantile_micros(990),
        "server_cpu_seconds": cpu,
        "server_cpu_us_per_request": cpu * 1e6 / requests,
        "server_cpu_share": cpu / duration,
    }))
}

/// A JSON record of `bytes` bytes, with an id.
fn record(bytes: usize) -> Result<String> {
    let (start, end) = (r#"{"id":42,"name":""#, r#""}"#);
    let Some(name_bytes) = bytes.checked_sub(start.len() + end.len()) else {
        bail!("a record has at least {} bytes", start.len() + end.len());
    };
    Ok(format!("{start}{}{end}", "x".repeat(name_bytes)))
}
