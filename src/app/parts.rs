//! From a config to parts that know each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use uuid::Uuid;

use super::Sidecar;
use super::endpoints::{desks, endpoints, with_live};
use super::running::Running;
use crate::access::Answer;
use crate::api::{About, Access, Admin, Code, Present, PublishApi};
use crate::auth::TokenError;
use crate::broker::{Broker, Meeting, Memory, Publisher, Remote};
use crate::capture::{Limits, Outcome, Overlaps};
use crate::config::{CallsConfig, Config, EndpointConfig};
use crate::dialect::Dialect;
use crate::event::Epoch;
use crate::hub::{Hub, Why};
use crate::message::{Fate, Loss, Shortcut};
use crate::metrics::{Labels, Metrics, Namespace};
use crate::proxy::{
    Answers, Asked, Asker, CallLimits, Calls, Entrance, Gateway, InFlight, Listener, Live, Questions,
    Realtime, Sockets, Tap, Upstreams, proxy_service, site_service,
};
use crate::route::{Routes, Visibility};
use crate::verify::Verifier;

/// Entries of a broker's log that a process reads when it starts.
const BEGINNING: u64 = 10_000;

/// What runs, and the thread that outlives it.
pub(super) struct Parts {
    pub(super) running: Running,
    pub(super) worker: std::thread::JoinHandle<()>,
}

impl Parts {
    /// Nothing runs yet but the hub's worker.
    pub(super) fn build(
        config: Config,
        threads: usize,
        sidecar: Option<Sidecar>,
        (sockets, mut elder): (Sockets, Option<Meeting>),
    ) -> anyhow::Result<Self> {
        let listed = with_live(&config)?;
        let metrics = Arc::new(metrics(&config, &listed)?);
        let (hub, asked) = hub(&config, &listed, elder.as_mut());
        let remote = remote(&config, &listed, (&hub, &metrics));
        let (memory, broker) = broker(remote.as_ref(), &config, (&hub, &metrics));
        let started = Publisher::start(config.tap.queue_limit, broker, Arc::clone(&metrics));
        let (publisher, worker) = started.context("cannot start the hub's worker")?;
        let nodes = remote.as_ref().map(|remote| remote.nodes());
        let realtime = Realtime::new(&hub, &metrics).among(nodes.clone());
        let upstreams = Arc::new(Upstreams::new(config.upstream.clone()));
        let [requests, connections] = [InFlight::default(), InFlight::default()];
        let is_leaving = Arc::default();
        let in_flight = [requests.clone(), realtime.connections.clone(), connections.clone()];

        let verifier = config.auth.clone().map(Verifier::new).transpose()?;
        let entrance = Entrance::default();
        let calls = Arc::new(Calls::new(entrance.clone(), client_limits(&config)));
        let way = (&hub, &publisher, nodes.as_ref());
        let mut endpoints = endpoints(&config, &listed, (verifier.as_ref(), &calls), way, &metrics);
        let sessions = endpoints.iter().filter_map(|endpoint| endpoint.sessions.clone()).collect();
        let endpoint = endpoints.pop().context("the live page has an endpoint")?;
        let admin = Admin {
            metrics: Arc::clone(&metrics),
            publisher: publisher.clone(),
            ready: ready(&upstreams, remote.as_ref(), &is_leaving),
            about: about(&config, sidecar.is_some()),
            publish: publish_api(&config, &hub, &publisher, &metrics).among(nodes.clone()),
            present: Present::default(),
        };
        let house = house(&config, admin, Live { endpoint, realtime: realtime.clone() }, sidecar);

        let (kind, limits) = (config.broker.kind, config.tap.limits());
        let calls = Calls::new(entrance.clone(), question_limits(&config));
        let routes = Arc::new(config.routes);
        let read = (Arc::clone(&routes), limits.clone());
        let asker = asked.map(|asked| (asker(calls, &publisher, read, (&hub, &metrics)), asked));
        let gateway = Gateway {
            routes: Arc::clone(&routes),
            endpoints,
            realtime,
            tap: tap((routes, limits), config.auth.is_some(), publisher.clone(), Arc::clone(&metrics)),
            upstreams: Arc::clone(&upstreams),
            says_position: config.history.header,
            trusted: config.server.trusted_proxies,
            metrics: Arc::clone(&metrics),
            in_flight: requests,
            connections,
        };
        let listeners = vec![proxy_service(gateway, threads, &config.server.listen, entrance)];
        let running = Running {
            listeners,
            house,
            is_leaving,
            sockets,
            upstreams,
            hub,
            sessions,
            in_flight,
            verifier,
            asker,
            broker: remote,
            memory,
            kind,
            elder,
            upgrade_socket: config.server.upgrade_socket,
            publisher,
            metrics,
        };
        Ok(Self { running, worker })
    }
}

/// `identities`: somebody can prove who they are.
fn tap(
    (routes, limits): (Arc<Routes>, Limits),
    identities: bool,
    publisher: Publisher,
    metrics: Arc<Metrics>,
) -> Arc<Tap> {
    let (overlaps, owners) = (Arc::new(Overlaps::default()), Arc::default());
    Arc::new(Tap { routes, limits, overlaps, owners, identities, publisher, metrics })
}

fn publish_api(config: &Config, hub: &Arc<Hub>, publisher: &Publisher, metrics: &Arc<Metrics>) -> PublishApi {
    let (hub, metrics) = (Arc::clone(hub), Arc::clone(metrics));
    PublishApi::new(hub, publisher.clone(), metrics, access(config)).saying(shortcuts(config))
}

/// The hub, and the questions of those that it has for the backend, if some route has it ask.
fn hub(config: &Config, listed: &[EndpointConfig], elder: Option<&mut Meeting>) -> (Arc<Hub>, Option<Asked>) {
    let hub = Hub::new(listed.iter().flat_map(desks).collect(), config.hub.max_connections);
    // That of a broker's log is the broker's.
    let epoch = if config.broker.log.is_none() { epoch() } else { Epoch::NONE };
    let hub = hub.sharing(config.limits.shares).keeping(config.history.limits, epoch);
    if let Some(elder) = elder {
        elder.settle(&hub);
    }
    if !config.routes.iter().any(|route| matches!(route.visibility, Visibility::Upstream(_))) {
        return (Arc::new(hub), None);
    }
    let limits = config.access.limits;
    let (questions, asked) = Questions::new(limits.at_once);
    (Arc::new(hub.asking(limits, config.hub.outbox, Arc::new(questions))), Some(asked))
}

/// What carries events between processes, if anything does.
fn remote(
    config: &Config,
    listed: &[EndpointConfig],
    (hub, metrics): (&Arc<Hub>, &Arc<Metrics>),
) -> Option<Arc<Remote>> {
    let (log, local) = (config.broker.log.clone()?, (Arc::clone(hub), Arc::clone(metrics)));
    let doorman =
        |endpoint: &EndpointConfig| Some((Arc::from(endpoint.path.as_str()), endpoint.dialect.doorman()?));
    let doormen = listed.iter().filter_map(doorman).collect();
    let remote = Remote::new(log, local, Uuid::now_v7(), config.broker.outgoing, BEGINNING);
    Some(Arc::new(remote.with_doormen(doormen)))
}

/// Asks the backend who may see what.
fn asker(
    calls: Calls,
    publisher: &Publisher,
    (routes, limits): (Arc<Routes>, Limits),
    (hub, metrics): (&Arc<Hub>, &Arc<Metrics>),
) -> Asker {
    let answers = Answers { hub: Arc::clone(hub), routes, limits, metrics: Arc::clone(metrics) };
    Asker { calls: Arc::new(calls), publisher: publisher.clone(), answers: Arc::new(answers) }
}

/// With what carries events in this process alone, if nothing does between several.
fn broker(
    remote: Option<&Arc<Remote>>,
    config: &Config,
    (hub, metrics): (&Arc<Hub>, &Arc<Metrics>),
) -> (Option<Arc<Memory>>, Arc<dyn Broker>) {
    if let Some(remote) = remote {
        // They have the same log, and read it each at its own pace.
        hub.follow(true);
        return (None, Arc::clone(remote) as Arc<dyn Broker>);
    }
    let (hub, metrics) = (Arc::clone(hub), Arc::clone(metrics));
    let memory = Arc::new(Memory::new(hub, metrics, Uuid::now_v7(), config.broker.outgoing));
    (Some(Arc::clone(&memory)), memory)
}

/// What is served beside the proxy.
fn house(config: &Config, admin: Admin, live: Live, sidecar: Option<Sidecar>) -> Vec<Listener> {
    let admin = site_service("admin", Arc::new(admin), Some(live), config.admin);
    let sidecar = sidecar.map(|sidecar| site_service("sidecar", sidecar.site, None, sidecar.address));
    [Some(admin), sidecar].into_iter().flatten().collect()
}

/// Whether requests and events would come through, and go on doing so.
fn ready(
    upstreams: &Arc<Upstreams>,
    remote: Option<&Arc<Remote>>,
    is_leaving: &Arc<AtomicBool>,
) -> Box<dyn Fn() -> bool + Send + Sync> {
    let (upstreams, remote, is_leaving) = (Arc::clone(upstreams), remote.cloned(), Arc::clone(is_leaving));
    Box::new(move || {
        let comes_through = upstreams.is_ready() && remote.as_ref().is_none_or(|remote| remote.is_there());
        comes_through && !is_leaving.load(Ordering::Relaxed)
    })
}

/// One that no former process had.
fn epoch() -> Epoch {
    Epoch::new(Uuid::new_v4().as_u64_pair().1)
}

/// Of what clients send.
fn client_limits(config: &Config) -> CallLimits {
    let CallsConfig { at_once, waiting, timeout, max_answer } = config.calls;
    CallLimits { at_once, waiting, time: timeout, body: max_answer }
}

/// Of what readers may see. The hub sees to it that no more are asked at once.
fn question_limits(config: &Config) -> CallLimits {
    let at_once = config.access.limits.at_once;
    CallLimits { at_once, waiting: at_once, time: config.access.timeout, body: config.tap.body_limit }
}

fn metrics(config: &Config, endpoints: &[EndpointConfig]) -> Result<Metrics, prometheus::Error> {
    Metrics::new(&Labels {
        routes: config.routes.iter().map(|route| route.path.clone()).collect(),
        // Each namespace of an endpoint has a number of its own.
        dialects: endpoints.iter().flat_map(|e| desks(e).into_iter().map(|_| e.dialect_name)).collect(),
        outcomes: Outcome::ALL.map(Outcome::name).to_vec(),
        token_errors: TokenError::ALL.map(TokenError::name).to_vec(),
        answers: Answer::ALL.map(Answer::name).to_vec(),
        broker: config.broker.kind,
        losses: Loss::ALL.map(Loss::name).to_vec(),
        withheld: Why::ALL.map(Why::name).to_vec(),
        api_codes: Code::ALL.map(Code::name).to_vec(),
        namespaces: endpoints.iter().flat_map(namespaces).collect(),
        fates: Fate::ALL.map(Fate::name).to_vec(),
        emits: emits(config),
    })
}

/// One for each desk.
fn namespaces(endpoint: &EndpointConfig) -> Vec<Option<Namespace>> {
    let Some(multiplex) = endpoint.dialect.multiplex() else { return vec![None] };
    let namespace = |(name, dialect): &(Arc<str>, Arc<dyn Dialect>)| {
        Some(Namespace { endpoint: endpoint.path.clone(), name: name.to_string(), events: dialect.events() })
    };
    multiplex.namespaces().iter().map(namespace).collect()
}

/// Of all endpoints.
fn shortcuts(config: &Config) -> Vec<Arc<dyn Shortcut>> {
    config.endpoints.iter().flat_map(|endpoint| endpoint.dialect.shortcuts()).collect()
}

fn emits(config: &Config) -> Vec<String> {
    let shortcuts = shortcuts(config);
    std::iter::once("emit").chain(shortcuts.iter().map(|one| one.name())).map(ToOwned::to_owned).collect()
}

fn access(config: &Config) -> Access {
    if !config.keys.is_empty() {
        return Access::Keys(config.keys.clone());
    }
    if config.admin.ip().is_loopback() { Access::Open } else { Access::Closed }
}

fn about(config: &Config, demo: bool) -> About {
    let proxy = config.server.listen.first().filter(|_| demo);
    About {
        demo: proxy.map(|address| format!("http://{address}")),
        endpoints: config.endpoints.iter().map(|e| (e.path.clone(), e.dialect_name)).collect(),
        routes: config.routes.iter().map(|r| (r.path.clone(), r.model.name.to_string())).collect(),
    }
}
