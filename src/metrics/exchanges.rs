//! What becomes of proxied requests and of their captures.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus::{Histogram, IntCounter};

use super::{Labels, Maker, Metrics, count};

/// Statuses are counted by class; `error` is an exchange without answer.
const STATUS_CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "error"];

/// By the number of the route.
#[derive(Debug)]
pub(super) struct Exchanges {
    /// The last row is that of requests outside of every route.
    requests: Vec<[IntCounter; STATUS_CLASSES.len()]>,
    upstream_latency: Histogram,
    captures: Vec<Vec<IntCounter>>,
    warned: Vec<AtomicBool>,
    id_conflicts: IntCounter,
}

impl Exchanges {
    pub(super) fn new(made: &Maker<'_>, labels: &Labels) -> Result<Self, prometheus::Error> {
        let requests = made.counters(
            "restcast_requests_total",
            "Proxied requests by route and status class",
            &["route", "status"],
        )?;
        let captures = made.counters(
            "restcast_captures_total",
            "Captured requests by route and what became of them",
            &["route", "outcome"],
        )?;
        let with_none = labels.routes.iter().map(String::as_str).chain(["none"]);
        let row = |route: &str| STATUS_CLASSES.map(|class| requests.with_label_values(&[route, class]));
        let outcomes = |route: &String| {
            labels.outcomes.iter().map(|o| captures.with_label_values(&[route.as_str(), o])).collect()
        };
        Ok(Self {
            requests: with_none.map(row).collect(),
            upstream_latency: made.histogram(
                "restcast_upstream_latency_seconds",
                "From the request's departure to the answer's head",
            )?,
            captures: labels.routes.iter().map(outcomes).collect(),
            warned: labels.routes.iter().map(|_| AtomicBool::new(false)).collect(),
            id_conflicts: made.counter(
                "restcast_id_conflicts_total",
                "Answers whose body named another id than the URL; the URL's was taken",
            )?,
        })
    }
}

impl Metrics {
    /// A proxied request is over. `route`: its number, `None` outside of every route; `status`: `None`
    /// where no answer could be given.
    pub fn request_done(&self, route: Option<usize>, status: Option<u16>) {
        let row = route.unwrap_or(self.exchanges.requests.len().saturating_sub(1));
        let class = match status {
            Some(status @ 100..=599) => usize::from(status / 100 - 1),
            _ => STATUS_CLASSES.len() - 1,
        };
        count(self.exchanges.requests.get(row).and_then(|row| row.get(class)));
    }

    /// The head of an answer came.
    pub fn upstream_answered(&self, after: Duration) {
        self.exchanges.upstream_latency.observe(after.as_secs_f64());
    }

    /// A capture ended as outcome number `outcome`.
    pub fn captured(&self, route: usize, outcome: usize) {
        count(self.exchanges.captures.get(route).and_then(|row| row.get(outcome)));
    }

    /// The first event of a route that nobody may see: someone should decide who may.
    pub fn withheld(&self, route: usize, path: &str) {
        if self.is_first(route) {
            tracing::warn!(
                route = path,
                "events of this route are withheld: they are for authenticated readers (the write carried \
                 credentials, or visibility says so), and nobody can be authenticated; add [auth.jwt], or \
                 visibility = \"public\" to the route if everybody may see its records"
            );
        }
    }

    /// The first event of a route of which nobody knows whose record it is.
    pub fn owner_unknown(&self, route: usize, path: &str) {
        if self.is_first(route) {
            tracing::warn!(
                route = path,
                "nothing says whose record was written: such events are withheld; see restcast explain"
            );
        }
    }

    /// The first event of a route of which nobody knows where to ask for its record.
    pub fn path_unknown(&self, route: usize, path: &str) {
        if self.is_first(route) {
            tracing::warn!(
                route = path,
                "no path leads to the record that was written: such events are withheld; see restcast explain"
            );
        }
    }

    fn is_first(&self, route: usize) -> bool {
        self.exchanges.warned.get(route).is_some_and(|warned| !warned.swap(true, Ordering::Relaxed))
    }

    /// URL and body named different ids.
    pub fn id_conflict(&self) {
        self.exchanges.id_conflicts.inc();
    }
}
