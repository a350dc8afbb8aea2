//! The endpoints of the config, and the one of the admin port's page.

use std::sync::Arc;

use anyhow::Context as _;

use crate::broker::{Nodes, Publisher};
use crate::config::{Config, EndpointAuth, EndpointConfig};
use crate::dialect::{self, Dialect};
use crate::hub::{Desk, Hub};
use crate::message::Encode;
use crate::metrics::Metrics;
use crate::outbound::Roots;
use crate::proxy::{Admission, Backstage, Calls, Endpoint, Sessions};
use crate::transport::{self, Expiry, Limits};
use crate::verify::Verifier;
use crate::webhook::Webhooks;

/// Where the admin port's page gets its events, and how; it has nothing to say itself.
const LIVE_PATH: &str = "/live";
const LIVE_DIALECT: &str = "flarchitect";
const LIVE_MESSAGE_BYTES: usize = 1024;

/// Every endpoint; the last one is the live page's.
pub(super) fn with_live(config: &Config) -> anyhow::Result<Vec<EndpointConfig>> {
    let (dialect_name, make) = dialect::find(LIVE_DIALECT).context("the live page has a dialect")?;
    let live = EndpointConfig {
        path: LIVE_PATH.to_owned(),
        dialect_name,
        dialect: make(&dialect::Defaults),
        max_message: LIVE_MESSAGE_BYTES,
        auth: EndpointAuth::None,
        expiry: Expiry::Close,
        cookies: Vec::new(),
        origins: Vec::new(),
    };
    Ok(config.endpoints.iter().cloned().chain([live]).collect())
}

pub(super) fn endpoints(
    config: &Config,
    listed: &[EndpointConfig],
    (verifier, calls): (Option<&Verifier>, &Arc<Calls>),
    (hub, publisher, nodes): (&Arc<Hub>, &Publisher, Option<&Arc<Nodes>>),
    metrics: &Arc<Metrics>,
) -> Vec<Endpoint> {
    let system = Roots::system();
    let webhooks = |endpoint: &EndpointConfig| {
        let roots = match &endpoint.dialect.webhook()?.authorities {
            // The file was read with the config, so nobody is believed where it should hold nothing now.
            Some(pem) => Roots::of_file(pem).unwrap_or_else(|_| Roots::none()),
            None => system.clone(),
        };
        Some(Webhooks::new(config.hub.max_webhook_calls, roots, Arc::clone(metrics)))
    };
    let backstage = |index, endpoint: &EndpointConfig| Backstage {
        endpoint: index,
        path: Arc::from(endpoint.path.as_str()),
        nodes: nodes.cloned(),
        verifier: verifier.filter(|_| endpoint.auth != EndpointAuth::None).cloned(),
        webhooks: webhooks(endpoint),
        calls: endpoint.dialect.calls().map(|_| Arc::clone(calls)),
        publisher: publisher.clone(),
        metrics: Arc::clone(metrics),
    };
    let mut next = 0;
    let make = |listed: &EndpointConfig| {
        let (index, count) = (next, desks(listed).len());
        next += count;
        let shared = backstage(index, listed);
        let made = endpoint(config, listed, shared.clone());
        let within = (index..index + count).map(|index| {
            Arc::new(Backstage { endpoint: index, ..shared.clone() }) as Arc<dyn transport::Backstage>
        });
        let sessions = Sessions::new(
            Arc::clone(hub),
            Arc::clone(&listed.dialect),
            (index, within.collect()),
            made.limits,
            config.hub.max_connections,
        );
        Endpoint { sessions: sessions.map(Arc::new), ..made }
    };
    listed.iter().map(make).collect()
}

/// The desks of an endpoint, in the order of its numbers: one for each namespace of its dialect.
pub(super) fn desks(endpoint: &EndpointConfig) -> Vec<Desk> {
    let required = endpoint.auth == EndpointAuth::Required;
    let desk = |dialect: &Arc<dyn Dialect>, required| Desk {
        path: Arc::from(endpoint.path.as_str()),
        app: dialect.app(),
        namespace: dialect.namespace(),
        encode: Arc::clone(dialect) as Arc<dyn Encode>,
        required,
    };
    match endpoint.dialect.multiplex() {
        None => vec![desk(&endpoint.dialect, required)],
        Some(multiplex) => {
            multiplex.namespaces().iter().map(|(_, dialect)| desk(dialect, dialect.wants_token())).collect()
        }
    }
}

fn endpoint(config: &Config, endpoint: &EndpointConfig, backstage: Backstage) -> Endpoint {
    let limits = Limits {
        max_message: endpoint.max_message,
        ping_interval: config.hub.ping_interval,
        outbox: config.hub.outbox,
        expiry: endpoint.expiry,
        rate: config.limits.rate,
        waiting: config.hub.waiting_messages,
    };
    Endpoint {
        path: endpoint.path.clone(),
        dialect: Arc::clone(&endpoint.dialect),
        index: backstage.endpoint,
        limits,
        admission: admission(backstage.verifier.as_ref(), endpoint),
        backstage: Arc::new(backstage),
        sessions: None,
    }
}

fn admission(verifier: Option<&Verifier>, endpoint: &EndpointConfig) -> Admission {
    Admission {
        verifier: verifier.cloned(),
        required: endpoint.auth == EndpointAuth::Required,
        places: endpoint.dialect.places(),
        cookies: endpoint.cookies.clone(),
        origins: endpoint.origins.clone(),
    }
}
