//! Who listens, and what reaches them.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, IntGaugeVec};

use super::{Maker, Metrics};

/// By the number of the endpoint.
#[derive(Debug)]
pub(super) struct Readers {
    publications: IntCounter,
    deliveries: Vec<IntCounter>,
    connections: Vec<IntGauge>,
    subscriptions: Vec<IntGauge>,
    delivery_latency: Histogram,
    recovered: IntCounter,
    /// By the number of the reason.
    unrecovered: Vec<IntCounter>,
}

impl Readers {
    pub(super) fn new(
        made: &Maker<'_>,
        dialects: &[&str],
        losses: &[&str],
    ) -> Result<Self, prometheus::Error> {
        let deliveries =
            made.counters("restcast_deliveries_total", "Frames handed to readers by dialect", &["dialect"])?;
        let connections =
            made.gauges("restcast_connections", "Open realtime connections by dialect", &["dialect"])?;
        let subscriptions =
            made.gauges("restcast_subscriptions", "Open subscriptions by dialect", &["dialect"])?;
        let recoveries = made.counters(
            "restcast_recoveries_total",
            "Clients that said what they got last, by whether it is known what they missed",
            &["outcome"],
        )?;
        let by_dialect =
            |gauges: &IntGaugeVec| dialects.iter().map(|d| gauges.with_label_values(&[*d])).collect();
        Ok(Self {
            publications: made.counter("restcast_publications_total", "Events published")?,
            deliveries: dialects.iter().map(|d| deliveries.with_label_values(&[*d])).collect(),
            connections: by_dialect(&connections),
            subscriptions: by_dialect(&subscriptions),
            recovered: recoveries.with_label_values(&["recovered"]),
            unrecovered: losses.iter().map(|loss| recoveries.with_label_values(&[*loss])).collect(),
            delivery_latency: made.histogram(
                "restcast_delivery_latency_seconds",
                "From the end of a write's answer until its event was handed to every reader",
            )?,
        })
    }
}

impl Metrics {
    /// An event went to the hub's readers: frames by dialect, readers closed as too slow.
    pub fn event_delivered(&self, delivered: &[u64], overflowed: u64) {
        self.readers.publications.inc();
        self.frames_delivered(delivered, overflowed);
    }

    /// All of its frames have left, or wait for readers that are slow, so long after it was written.
    pub fn delivery_took(&self, time: Duration) {
        self.readers.delivery_latency.observe(time.as_secs_f64());
    }

    /// Frames went to readers, by dialect; readers closed as too slow.
    pub fn frames_delivered(&self, delivered: &[u64], overflowed: u64) {
        for (counter, count) in self.readers.deliveries.iter().zip(delivered) {
            counter.inc_by(*count);
        }
        if overflowed > 0 {
            self.drops.reader_too_slow.inc_by(overflowed);
            tracing::warn!(readers = overflowed, "closed readers that were too slow");
        }
    }

    /// A client of endpoint number `endpoint` that was away gets so many frames, or it is not known what it missed, by
    /// the number of the reason.
    pub fn caught_up(&self, endpoint: usize, recovered: Result<(), usize>, frames: usize) {
        let counter = match recovered {
            Ok(()) => Some(&self.readers.recovered),
            Err(reason) => self.readers.unrecovered.get(reason),
        };
        if let Some(counter) = counter {
            counter.inc();
        }
        if let Some(counter) = self.readers.deliveries.get(endpoint) {
            counter.inc_by(frames as u64);
        }
    }

    /// There are so many connections more, or fewer, on endpoint number `endpoint`.
    pub fn connections(&self, endpoint: usize, difference: i64) {
        add(&self.readers.connections, endpoint, difference);
        self.sockets(endpoint, difference);
    }

    /// The connections of an endpoint have so many subscriptions more, or fewer.
    pub fn subscriptions(&self, endpoint: usize, difference: i64) {
        add(&self.readers.subscriptions, endpoint, difference);
    }
}

fn add(gauges: &[IntGauge], index: usize, by: i64) {
    if let Some(gauge) = gauges.get(index) {
        gauge.add(by);
    }
}
