//! Latency of GETs at a fixed rate, each sent when its time has come and not when the last one was
//! answered.
//!
//! With `--control`, requests to a second server take turns with the others: sent straight to the
//! backend, they show how much of the latency is the machine's and not the proxy's.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use crate::histogram::Histogram;
use crate::http_client::Target;
use crate::paced::{Connection, Schedule, now};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the requests go, e.g. <http://127.0.0.1:8080/api/books/7>.
    #[arg(long)]
    url: Target,
    /// A second server to compare with, asked as often.
    #[arg(long)]
    control: Option<Target>,
    /// Requests in a second, to each of both.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Connections that share them.
    #[arg(long, default_value_t = 4)]
    connections: u32,
    /// Seconds to measure.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Value> {
    let (measured, control) = (&Histogram::default(), &Histogram::default());
    let gap = Duration::from_secs(1) / arguments.rate;
    let start = now() + Duration::from_millis(100);
    let share = Schedule {
        at_once: 1,
        start,
        gap: gap * arguments.connections,
        requests: arguments.rate * arguments.seconds / arguments.connections,
    };
    thread::scope(|scope| {
        let mut probes = Vec::new();
        for index in 0..arguments.connections {
            let schedule = Schedule { start: start + gap * index, ..share };
            probes.push(scope.spawn(move || probe(&arguments.url, schedule, measured)));
            if let Some(target) = &arguments.control {
                let schedule = Schedule { start: schedule.start + gap / 2, ..share };
                probes.push(scope.spawn(move || probe(target, schedule, control)));
            }
        }
        for probe in probes {
            probe.join().map_err(|panic| anyhow!("a probe panicked: {panic:?}"))??;
        }
        Ok::<(), anyhow::Error>(())
    })?;
    Ok(json!({
        "rate": arguments.rate,
        "requests": measured.count(),
        "p50_us": measured.quantile_micros(500),
        "p90_us": measured.quantile_micros(900),
        "p99_us": measured.quantile_micros(990),
        "max_us": measured.quantile_micros(1000),
        "control_p50_us": control.quantile_micros(500),
        "control_p99_us": control.quantile_micros(990),
    }))
}

/// One connection's share of the requests.
fn probe(target: &Target, schedule: Schedule, latency: &Histogram) -> Result<()> {
    let mut connection = Connection::open(target.address)?;
    let request = target.request(None);
    // The first request also opens the proxy's connection to its upstream.
    connection.exchange(&request)?;
    connection.run(schedule, || request.clone(), |answer| latency.record(answer))
}
