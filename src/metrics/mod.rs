//! Everything that is counted. Each happening is one method that counts and, where someone should know,
//! logs; labels come from closed sets that are made at start, so counting is an addition and no look-up.

mod access;
mod broker;
mod calls;
mod drops;
mod exchanges;
mod journal;
mod limits;
mod maker;
mod readers;
mod sockets;
mod tokens;
mod usage;
mod webhooks;

use prometheus::{IntCounter, IntGauge, Registry, TextEncoder};

use access::Access;
use broker::Broker;
pub use calls::Called;
use calls::Calls;
use drops::Drops;
use exchanges::Exchanges;
pub use journal::Note;
use limits::Limits;
use maker::Maker;
use readers::Readers;
pub use sockets::Namespace;
use sockets::Sockets;
use tokens::Tokens;
use usage::Usage;
use webhooks::Webhooks;

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
    /// What the broker is called.
    pub broker: &'static str,
    /// Why it is not known what a client missed, by number.
    pub losses: Vec<&'static str>,
    /// Codes of the publish API's errors, in their order.
    pub api_codes: Vec<&'static str>,
    /// Namespaces by the numbers of their desks; `None` for desks that have none.
    pub namespaces: Vec<Option<Namespace>>,
    /// What becomes of events of clients, in their order.
    pub fates: Vec<&'static str>,
    /// What programs may have said: `emit`, and the shortcuts in their order.
    pub emits: Vec<String>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    exchanges: Exchanges,
    readers: Readers,
    sockets: Sockets,
    drops: Drops,
    access: Access,
    tokens: Tokens,
    queue_depth: IntGauge,
    /// The same for what waits for the broker.
    waiting: IntGauge,
    usage: Usage,
    limits: Limits,
    webhooks: Webhooks,
    calls: Calls,
    broker: Broker,
}

impl Metrics {
    /// Registers everything, each series at zero, so that a scrape shows all there is from the start.
    ///
    /// # Errors
    /// A name that Prometheus does not take, or takes twice: a bug of ours, found by the first start.
    pub fn new(labels: &Labels) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let made = Maker { registry: &registry };
        let depth = made.gauges("restcast_queue_depth", "Jobs that wait, by queue", &["queue"])?;
        Ok(Self {
            exchanges: Exchanges::new(&made, labels)?,
            readers: Readers::new(&made, &labels.dialects, &labels.losses)?,
            sockets: Sockets::new(&made, labels)?,
            drops: Drops::new(&made)?,
            access: Access::new(&made, labels)?,
            tokens: Tokens::new(&made, &labels.token_errors)?,
            queue_depth: depth.with_label_values(&["tap"]),
            waiting: depth.with_label_values(&["broker"]),
            usage: Usage::new(&made, &labels.api_codes)?,
            limits: Limits::new(&made)?,
            webhooks: Webhooks::new(&made)?,
            calls: Calls::new(&made)?,
            broker: Broker::new(&made, labels.broker)?,
            registry,
        })
    }

    /// The Prometheus text; `depth` is the tap's queue at this moment.
    pub fn render(&self, depth: usize) -> String {
        self.queue_depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

/// A number that stands for nothing counts nothing.
fn count(counter: Option<&IntCounter>) {
    if let Some(counter) = counter {
        counter.inc();
    }
}
