//! Everything that is counted. Each happening is one method that counts and, where someone should know,
//! logs; labels come from closed sets that are made at start, so counting is an addition and no look-up.

mod access;
mod journal;
mod limits;
mod maker;
mod usage;
mod webhooks;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, IntGaugeVec, Registry, TextEncoder};

use access::Access;
pub use journal::Note;
use limits::Limits;
use maker::Maker;
use usage::Usage;
use webhooks::Webhooks;

/// Statuses are counted by class; `error` is an exchange without answer.
const STATUS_CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "error"];

/// Upper ends in seconds; a request through a proxy takes between a tenth of a millisecond and a minute.
const LATENCY_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// What there is to count by.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// Paths of the routes, in their order.
    pub routes: Vec<String>,
    /// Dialects of the endpoints, in their order.
    pub dialects: Vec<&'static str>,
    /// Outcomes of captures, in their order.
    pub outcomes: Vec<&'static str>,
    /// Reasons to refuse a token, in their order.
    pub token_errors: Vec<&'static str>,
    /// What the backend says of a reader's access, in their order.
    pub answers: Vec<&'static str>,
    /// Why readers do not get what it decides on, in their order.
    pub withheld: Vec<&'static str>,
    /// Codes of the publish API's errors, in their order.
    pub api_codes: Vec<&'static str>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Vec<[IntCounter; STATUS_CLASSES.len()]>,
    upstream_latency: Histogram,
    captures: Vec<Vec<IntCounter>>,
    warned: Vec<AtomicBool>,
    id_conflicts: IntCounter,
    publications: IntCounter,
    deliveries: Vec<IntCounter>,
    drops: Drops,
    access: Access,
    connections: Vec<IntGauge>,
    subscriptions: Vec<IntGauge>,
    queue_depth: IntGauge,
    delivery_latency: Histogram,
    origin_refusals: IntCounter,
    token_refusals: Vec<IntCounter>,
    usage: Usage,
    limits: Limits,
    keys_fetched: IntCounter,
    keys_failed: IntCounter,
    webhooks: Webhooks,
}

/// `restcast_drops_total` by reason.
#[derive(Debug)]
struct Drops {
    reader_too_slow: IntCounter,
    queue_full: IntCounter,
    words_full: IntCounter,
    reader_lags: IntCounter,
    tap_failed: IntCounter,
    hub_full: IntCounter,
    hidden: IntCounter,
}

impl Drops {
    fn new(made: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let by_reason = made.counters(
            "restcast_drops_total",
            "What was dropped: reader_too_slow and reader_lags count readers that were closed, hub_full readers \
             that were refused, queue_full and tap_failed events, words_full what clients and webhooks said to \
             others, hidden frames that a reader may not see",
            &["reason"],
        )?;
        let reason = |name: &str| by_reason.with_label_values(&[name]);
        Ok(Self {
            reader_too_slow: reason("reader_too_slow"),
            queue_full: reason("queue_full"),
            words_full: reason("words_full"),
            reader_lags: reason("reader_lags"),
            tap_failed: reason("tap_failed"),
            hub_full: reason("hub_full"),
            hidden: reason("hidden"),
        })
    }
}

impl Metrics {
    /// Registers everything, each series at zero, so that a scrape shows all there is from the start.
    ///
    /// # Errors
    /// A name that Prometheus does not take, or takes twice: a bug of ours, found by the first start.
    pub fn new(labels: &Labels) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let made = Maker { registry: &registry };
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
        let deliveries =
            made.counters("restcast_deliveries_total", "Frames handed to readers by dialect", &["dialect"])?;
        let auth = made.counters(
            "restcast_auth_failures_total",
            "Refused realtime connections by reason",
            &["reason"],
        )?;
        let keys = made.counters(
            "restcast_jwks_fetches_total",
            "Fetches of the keys of issuers by outcome: ok or failed",
            &["outcome"],
        )?;
        let connections =
            made.gauges("restcast_connections", "Open realtime connections by dialect", &["dialect"])?;
        let subscriptions =
            made.gauges("restcast_subscriptions", "Open subscriptions by dialect", &["dialect"])?;
        let depth = made.gauges("restcast_queue_depth", "Jobs that wait, by queue", &["queue"])?;
        broker(&made)?;
        let with_none = labels.routes.iter().map(String::as_str).chain(["none"]);
        let row = |route: &str| STATUS_CLASSES.map(|class| requests.with_label_values(&[route, class]));
        let outcomes = |route: &String| {
            labels.outcomes.iter().map(|o| captures.with_label_values(&[route.as_str(), o])).collect()
        };
        let by_dialect = |gauges: &IntGaugeVec| {
            labels.dialects.iter().map(|dialect| gauges.with_label_values(&[*dialect])).collect()
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
            publications: made.counter("restcast_publications_total", "Events published")?,
            deliveries: labels.dialects.iter().map(|d| deliveries.with_label_values(&[*d])).collect(),
            drops: Drops::new(&made)?,
            access: Access::new(&made, labels)?,
            connections: by_dialect(&connections),
            subscriptions: by_dialect(&subscriptions),
            queue_depth: depth.with_label_values(&["tap"]),
            delivery_latency: made.histogram(
                "restcast_delivery_latency_seconds",
                "From the end of a write's answer until its event was handed to every reader",
            )?,
            origin_refusals: auth.with_label_values(&["origin"]),
            token_refusals: labels.token_errors.iter().map(|e| auth.with_label_values(&[*e])).collect(),
            keys_fetched: keys.with_label_values(&["ok"]),
            keys_failed: keys.with_label_values(&["failed"]),
            limits: Limits::new(&made)?,
            usage: Usage::new(&made, &labels.api_codes)?,
            webhooks: Webhooks::new(&made)?,
            registry,
        })
    }

    /// A proxied request is over. `route`: its number, `None` outside of every route; `status`: `None`
    /// where no answer could be given.
    pub fn request_done(&self, route: Option<usize>, status: Option<u16>) {
        let row = route.unwrap_or(self.requests.len().saturating_sub(1));
        let class = match status {
            Some(status @ 100..=599) => usize::from(status / 100 - 1),
            _ => STATUS_CLASSES.len() - 1,
        };
        if let Some(counter) = self.requests.get(row).and_then(|row| row.get(class)) {
            counter.inc();
        }
    }

    /// The head of an answer came.
    pub fn upstream_answered(&self, after: Duration) {
        self.upstream_latency.observe(after.as_secs_f64());
    }

    /// A capture ended as outcome number `outcome`.
    pub fn captured(&self, route: usize, outcome: usize) {
        if let Some(counter) = self.captures.get(route).and_then(|row| row.get(outcome)) {
            counter.inc();
        }
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
        self.warned.get(route).is_some_and(|warned| !warned.swap(true, Ordering::Relaxed))
    }

    /// URL and body named different ids.
    pub fn id_conflict(&self) {
        self.id_conflicts.inc();
    }

    /// Readers were passed over because they may not see an event.
    pub fn event_hidden(&self, readers: u64) {
        self.drops.hidden.inc_by(readers);
    }

    /// A reader found the hub full, or the process stopping.
    pub fn reader_refused(&self) {
        self.drops.hub_full.inc();
    }

    /// An event went to the hub's readers: frames by dialect, readers closed as too slow.
    pub fn event_delivered(&self, delivered: &[u64], overflowed: u64, after: Duration) {
        self.publications.inc();
        self.frames_delivered(delivered, overflowed);
        self.delivery_latency.observe(after.as_secs_f64());
    }

    /// Frames went to readers, by dialect; readers closed as too slow.
    pub fn frames_delivered(&self, delivered: &[u64], overflowed: u64) {
        for (counter, count) in self.deliveries.iter().zip(delivered) {
            counter.inc_by(*count);
        }
        if overflowed > 0 {
            self.drops.reader_too_slow.inc_by(overflowed);
            tracing::warn!(readers = overflowed, "closed readers that were too slow");
        }
    }

    /// The backend answered what a reader may see, as answer number `answer`. `questions`: how many are asked
    /// at this moment, and how many wait.
    pub fn access_answered(&self, answer: usize, questions: (usize, usize)) {
        self.access.answered(answer, questions);
    }

    /// Readers do not get an event that the backend decides on, or a part of it, by reason.
    pub fn access_withheld(&self, readers: &[u64]) {
        self.access.withheld(readers);
    }

    /// Readers were closed because too many of their events waited for answers of the backend.
    pub fn access_lagged(&self, readers: u64) {
        if readers > 0 {
            self.access.lagged.inc_by(readers);
            tracing::warn!(readers, "closed readers for whom too much waited for answers of the upstream");
        }
    }

    /// The queue in front of the hub was full.
    pub fn event_lost(&self) {
        self.drops.queue_full.inc();
    }

    /// Too much of what clients and webhooks say waited in front of the hub.
    pub fn word_dropped(&self) {
        self.drops.words_full.inc();
    }

    /// Readers were closed because events were lost.
    pub fn readers_lag(&self, readers: usize) {
        self.drops.reader_lags.inc_by(readers as u64);
        tracing::error!(readers, "events were lost (tap.queue_limit reached, or a bug); closed all readers");
    }

    /// A job of the tap failed by a bug of ours.
    pub fn tap_failed(&self) {
        self.drops.tap_failed.inc();
        tracing::error!("the tap could not read an answer; its event is lost");
    }

    /// A realtime connection was opened on endpoint number `endpoint`.
    pub fn connection_opened(&self, endpoint: usize) {
        add(&self.connections, endpoint, 1);
    }

    /// The same connection is gone.
    pub fn connection_closed(&self, endpoint: usize) {
        add(&self.connections, endpoint, -1);
    }

    /// The connections of an endpoint have so many subscriptions more, or fewer.
    pub fn subscriptions(&self, endpoint: usize, difference: i64) {
        add(&self.subscriptions, endpoint, difference);
    }

    /// A connection was refused for its `Origin`.
    pub fn origin_refused(&self) {
        self.origin_refusals.inc();
    }

    /// A connection was refused for reason number `error`.
    pub fn token_refused(&self, error: usize) {
        if let Some(counter) = self.token_refusals.get(error) {
            counter.inc();
        }
    }

    /// An issuer's keys came, and are the same as before.
    pub fn keys_fetched(&self) {
        self.keys_fetched.inc();
    }

    /// An issuer's keys came, and are others than before: so many count now, so many cannot be used. `issuer`:
    /// where they come from.
    pub fn keys_changed(&self, issuer: &str, keys: usize, skipped: usize) {
        self.keys_fetched();
        tracing::info!(issuer, keys, skipped, "the keys of an issuer have changed");
    }

    /// An issuer's keys did not come.
    pub fn keys_failed(&self, issuer: &str, reason: &str) {
        self.keys_failed.inc();
        tracing::warn!(
            issuer,
            reason,
            "cannot fetch the keys of an issuer; the ones that are known go on counting for a while"
        );
    }

    /// The Prometheus text; `depth` is the tap's queue at this moment.
    pub fn render(&self, depth: usize) -> String {
        self.queue_depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

/// The broker of a single process is always there, and never behind.
fn broker(made: &Maker<'_>) -> Result<(), prometheus::Error> {
    let up = made.gauges("restcast_broker_up", "1 while the broker can be reached", &["kind"])?;
    up.with_label_values(&["memory"]).set(1);
    let lag =
        made.gauges("restcast_broker_lag_events", "Events the broker has not delivered yet", &["kind"])?;
    lag.with_label_values(&["memory"]).set(0);
    Ok(())
}

fn add(gauges: &[IntGauge], index: usize, by: i64) {
    if let Some(gauge) = gauges.get(index) {
        gauge.add(by);
    }
}
