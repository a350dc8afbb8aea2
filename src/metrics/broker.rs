//! The broker between processes.

use prometheus::{IntCounter, IntGauge};

use super::{Maker, Metrics};

#[derive(Debug)]
pub(super) struct Broker {
    is_there: IntGauge,
    lag: IntGauge,
    published: IntCounter,
    breaks: IntCounter,
    full: IntCounter,
    nodes: IntGauge,
}

impl Broker {
    /// `kind`: what it is called in the config.
    pub(super) fn new(made: &Maker<'_>, kind: &str) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| {
            Ok::<_, prometheus::Error>(made.gauges(name, help, &["kind"])?.with_label_values(&[kind]))
        };
        let counter = |name, help| made.counter(name, help);
        let is_there = gauge("restcast_broker_up", "1 while the broker can be reached")?;
        // That of a single process is always there, and never behind.
        is_there.set(i64::from(kind == "memory"));
        let nodes =
            gauge("restcast_broker_nodes", "Nodes of this restcast that are there, this one included")?;
        nodes.set(1);
        Ok(Self {
            is_there,
            nodes,
            lag: gauge("restcast_broker_lag_events", "Events the broker has not delivered yet")?,
            published: counter("restcast_broker_published_total", "Letters written to the broker's log")?,
            breaks: counter("restcast_broker_breaks_total", "Connections to the broker that broke off")?,
            full: counter(
                "restcast_broker_full_total",
                "Events and messages for which there was no room while the broker was away or slow: lost, and all \
                 readers are told so",
            )?,
        })
    }
}

impl Metrics {
    /// It can be reached, or not any more.
    pub fn broker(&self, is_there: bool) {
        self.broker.is_there.set(i64::from(is_there));
        if !is_there {
            self.broker.breaks.inc();
        }
    }

    /// So many entries are behind the one that was read last.
    pub fn broker_lag(&self, entries: u64) {
        self.broker.lag.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    /// So many letters are not in its log yet.
    pub fn broker_waiting(&self, letters: usize) {
        self.waiting.set(i64::try_from(letters).unwrap_or(i64::MAX));
    }

    /// So many letters are in its log.
    pub fn broker_published(&self, letters: usize) {
        self.broker.published.inc_by(letters as u64);
    }

    /// So many nodes are there, with this one.
    pub fn nodes(&self, nodes: usize) {
        self.broker.nodes.set(i64::try_from(nodes).unwrap_or(i64::MAX));
    }

    /// There was no room for one.
    pub fn broker_full(&self) {
        self.broker.full.inc();
    }
}
