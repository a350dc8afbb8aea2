//! The composition root: from a config to running parts, and from a signal to an orderly end. The only
//! file that knows everyone.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::access::Answer;
use crate::api::{About, Access, Admin, Code, Present, PublishApi, Site};
use crate::auth::TokenError;
use crate::broker::{Broker, Memory, Publisher};
use crate::capture::{Outcome, Overlaps};
use crate::config::{BrokerKind, Config, EndpointAuth, EndpointConfig};
use crate::dialect;
use crate::hub::{Desk, Hub, Why};
use crate::message::{CloseReason, Encode};
use crate::metrics::{Labels, Metrics};
use crate::outbound::Roots;
use crate::proxy::{
    Admission, Answers, Asked, Asker, Backstage, CallLimits, Calls, Endpoint, Entrance, Gateway, InFlight,
    Listener, Live, Questions, Realtime, Sockets, Tap, Upstreams, proxy_service, site_service,
};
use crate::route::Visibility;
use crate::transport::{Expiry, Limits};
use crate::verify::Verifier;
use crate::webhook::Webhooks;

/// How long a name server may hold up the start.
const FIRST_CHECK: Duration = Duration::from_secs(1);
/// How often the end of running requests is looked for.
const DRAIN_TICK: Duration = Duration::from_millis(20);
/// What tasks get to end once nothing is under way any more.
const LAST_MOMENT: Duration = Duration::from_millis(200);
/// Where the admin port's page gets its events, and how; it has nothing to say itself.
const LIVE_PATH: &str = "/live";
const LIVE_DIALECT: &str = "flarchitect";
const LIVE_MESSAGE_BYTES: usize = 1024;

/// A site that is served beside the proxy: the demo's backend.
#[derive(Debug)]
pub struct Sidecar {
    /// What answers.
    pub site: Arc<dyn Site>,
    /// Where.
    pub address: SocketAddr,
}

/// Called once everything listens.
pub type Announce = Box<dyn FnOnce() + Send>;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What cannot be started, such as an address in use.
pub fn run(config: Config, sidecar: Option<Sidecar>, announce: Announce) -> anyhow::Result<()> {
    let threads = match config.server.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let runtime = runtime(threads).context("cannot start threads")?;
    // First of all: a process that has no handler yet dies of SIGTERM, or as a container's first process
    // does not notice it.
    let signals = runtime.block_on(async { Signals::watch() })?;
    let mut addresses = config.server.listen.clone();
    addresses.push(config.admin);
    let sidecar_address = sidecar.as_ref().map(|sidecar| sidecar.address);
    let sockets = addresses.iter().copied().chain(sidecar_address).map(listen);
    let sockets = Sockets::new(sockets.collect::<anyhow::Result<_>>()?);
    for warning in config.warnings() {
        tracing::warn!(%warning, "the configuration is probably not what was meant");
    }
    let drain_timeout = config.server.drain_timeout;
    let parts = Parts::build(config, threads, sidecar, sockets)?;
    let worker = parts.worker;
    let announce = || {
        for address in &addresses {
            tracing::info!(%address, "listening");
        }
        announce();
    };
    runtime.block_on(serve(parts.running, signals, drain_timeout, announce));
    runtime.shutdown_timeout(LAST_MOMENT);
    // Every publisher is gone with the runtime, so the worker comes to its end.
    if worker.join().is_err() {
        tracing::error!("the hub's worker had failed");
    }
    Ok(())
}

/// A single thread needs none of the work-stealing, which costs a request some per cent.
fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(threads).thread_name("restcast").enable_all().build()
}

/// What ends the process; the second one at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Needs the runtime.
    fn watch() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
        Ok(Self { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Connections wait from here on, and no other process can take the address.
fn listen(address: SocketAddr) -> anyhow::Result<(SocketAddr, TcpListener)> {
    let socket = TcpListener::bind(address).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    socket.map(|socket| (address, socket)).with_context(|| format!("cannot listen on {address}"))
}

/// What runs.
struct Running {
    listeners: Vec<Listener>,
    sockets: Sockets,
    upstreams: Arc<Upstreams>,
    hub: Arc<Hub>,
    in_flight: InFlight,
    verifier: Option<Verifier>,
    /// Asks the backend what readers may see, where some route wants that.
    asker: Option<(Asker, Asked)>,
    metrics: Arc<Metrics>,
}

struct Parts {
    running: Running,
    worker: std::thread::JoinHandle<()>,
}

impl Parts {
    fn build(
        config: Config,
        threads: usize,
        sidecar: Option<Sidecar>,
        sockets: Sockets,
    ) -> anyhow::Result<Self> {
        let listed = with_live(&config)?;
        let metrics = Arc::new(metrics(&config, &listed)?);
        let (hub, asked) = hub(&config, &listed);
        let broker: Arc<dyn Broker> = match config.broker {
            BrokerKind::Memory => Arc::new(Memory::new(Arc::clone(&hub), Arc::clone(&metrics))),
        };
        let (publisher, worker) =
            Publisher::start(config.tap.queue_limit, broker, Arc::clone(&hub), Arc::clone(&metrics))
                .context("cannot start the hub's worker")?;
        let realtime = Realtime { hub: Arc::clone(&hub), metrics: Arc::clone(&metrics) };
        let upstreams = Arc::new(Upstreams::new(config.upstream.clone()));
        let in_flight = InFlight::default();

        let verifier = config.auth.clone().map(Verifier::new).transpose()?;
        let mut endpoints = endpoints(&config, &listed, verifier.as_ref(), &publisher, &metrics);
        let live = endpoints.pop().context("the live page has an endpoint")?;
        let live = Live { endpoint: live, realtime: realtime.clone() };
        let ready = Arc::clone(&upstreams);
        let admin = Admin {
            metrics: Arc::clone(&metrics),
            publisher: publisher.clone(),
            ready: Box::new(move || ready.is_ready()),
            about: about(&config, sidecar.is_some()),
            publish: PublishApi::new(
                Arc::clone(&hub),
                publisher.clone(),
                Arc::clone(&metrics),
                access(&config),
            ),
            present: Present::default(),
        };
        let mut listeners = vec![site_service("admin", Arc::new(admin), Some(live), config.admin)];
        listeners.extend(sidecar.map(|sidecar| site_service("sidecar", sidecar.site, None, sidecar.address)));

        let (entrance, limits) = (Entrance::default(), config.tap.limits());
        let calls = Arc::new(Calls::new(entrance.clone(), call_limits(&config)));
        let routes = Arc::new(config.routes);
        let answers = Answers {
            hub: Arc::clone(&hub),
            routes: Arc::clone(&routes),
            limits: limits.clone(),
            metrics: Arc::clone(&metrics),
        };
        let asker = Asker { calls, publisher: publisher.clone(), answers: Arc::new(answers) };
        let asker = asked.map(|asked| (asker, asked));
        let gateway = Gateway {
            routes: Arc::clone(&routes),
            endpoints,
            realtime,
            tap: Tap {
                routes,
                limits,
                overlaps: Arc::new(Overlaps::default()),
                owners: Arc::default(),
                identities: config.auth.is_some(),
                publisher,
                metrics: Arc::clone(&metrics),
            },
            upstreams: Arc::clone(&upstreams),
            trusted: config.server.trusted_proxies,
            metrics: Arc::clone(&metrics),
            in_flight: in_flight.clone(),
        };
        listeners.push(proxy_service(gateway, threads, &config.server.listen, entrance));
        let running = Running { listeners, sockets, upstreams, hub, in_flight, verifier, asker, metrics };
        Ok(Self { running, worker })
    }
}

/// The hub, and the questions of those that it has for the backend, if some route has it ask.
fn hub(config: &Config, listed: &[EndpointConfig]) -> (Arc<Hub>, Option<Asked>) {
    let hub = Hub::new(listed.iter().map(desk).collect(), config.hub.max_connections);
    let hub = hub.sharing(config.limits.shares);
    if !config.routes.iter().any(|route| matches!(route.visibility, Visibility::Upstream(_))) {
        return (Arc::new(hub), None);
    }
    let limits = config.access.limits;
    let (questions, asked) = Questions::new(limits.at_once);
    (Arc::new(hub.asking(limits, config.hub.outbox, Arc::new(questions))), Some(asked))
}

/// The hub sees to it that no more are asked at once.
fn call_limits(config: &Config) -> CallLimits {
    let at_once = config.access.limits.at_once;
    CallLimits { at_once, waiting: at_once, time: config.access.timeout, body: config.tap.body_limit }
}

/// Every endpoint; the last one is the live page's.
fn with_live(config: &Config) -> anyhow::Result<Vec<EndpointConfig>> {
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

fn endpoints(
    config: &Config,
    listed: &[EndpointConfig],
    verifier: Option<&Verifier>,
    publisher: &Publisher,
    metrics: &Arc<Metrics>,
) -> Vec<Endpoint> {
    let roots = Roots::system();
    let webhooks = |endpoint: &EndpointConfig| {
        let make = || Webhooks::new(config.hub.max_webhook_calls, roots.clone(), Arc::clone(metrics));
        endpoint.dialect.has_webhook().then(make)
    };
    let backstage = |index, endpoint: &EndpointConfig| Backstage {
        endpoint: index,
        verifier: verifier.filter(|_| endpoint.auth != EndpointAuth::None).cloned(),
        webhooks: webhooks(endpoint),
        publisher: publisher.clone(),
        metrics: Arc::clone(metrics),
    };
    let make = |(index, listed)| endpoint(config, listed, backstage(index, listed));
    listed.iter().enumerate().map(make).collect()
}

fn desk(endpoint: &EndpointConfig) -> Desk {
    let encode = Arc::clone(&endpoint.dialect) as Arc<dyn Encode>;
    let required = endpoint.auth == EndpointAuth::Required;
    Desk { path: Arc::from(endpoint.path.as_str()), app: endpoint.dialect.app(), encode, required }
}

fn endpoint(config: &Config, endpoint: &EndpointConfig, backstage: Backstage) -> Endpoint {
    let limits = Limits {
        max_message: endpoint.max_message,
        ping_interval: config.hub.ping_interval,
        outbox: config.hub.outbox,
        expiry: endpoint.expiry,
        rate: config.limits.rate,
    };
    Endpoint {
        path: endpoint.path.clone(),
        dialect: Arc::clone(&endpoint.dialect),
        index: backstage.endpoint,
        limits,
        admission: admission(backstage.verifier.as_ref(), endpoint),
        backstage: Arc::new(backstage),
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

fn metrics(config: &Config, endpoints: &[EndpointConfig]) -> Result<Metrics, prometheus::Error> {
    Metrics::new(&Labels {
        routes: config.routes.iter().map(|route| route.path.clone()).collect(),
        dialects: endpoints.iter().map(|endpoint| endpoint.dialect_name).collect(),
        outcomes: Outcome::ALL.map(Outcome::name).to_vec(),
        token_errors: TokenError::ALL.map(TokenError::name).to_vec(),
        answers: Answer::ALL.map(Answer::name).to_vec(),
        withheld: Why::ALL.map(Why::name).to_vec(),
        api_codes: Code::ALL.map(Code::name).to_vec(),
    })
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

async fn serve(running: Running, mut signals: Signals, drain_timeout: Duration, announce: impl FnOnce()) {
    let (stop, stopping) = watch::channel(false);
    let mut tasks = tokio::task::JoinSet::new();
    for listener in running.listeners {
        tasks.spawn(listener.run(running.sockets.clone(), stopping.clone()));
    }
    // Keys are on their way before the first token needs them; nothing waits for them.
    if let Some(verifier) = running.verifier {
        tasks.spawn(async move { verifier.watch(&running.metrics).await });
    }
    if let Some((asker, asked)) = running.asker {
        tasks.spawn(asker.run(asked));
    }
    // Names are resolved before the first request needs them, if the name server answers in time.
    drop(timeout(FIRST_CHECK, running.upstreams.check()).await);
    let upstreams = Arc::clone(&running.upstreams);
    tasks.spawn(async move { upstreams.watch().await });
    announce();
    signals.next().await;
    tracing::info!(timeout = ?drain_timeout, "stopping: running requests may finish");
    stop.send_replace(true);
    running.hub.close_all(CloseReason::GoingAway);
    let deadline = Instant::now() + drain_timeout;
    tokio::select! {
        () = drained(&running.hub, &running.in_flight, deadline) => {}
        () = signals.next() => {}
    }
    let (requests, connections) = (running.in_flight.count(), running.hub.connections());
    if requests + connections > 0 {
        tracing::warn!(requests, connections, "stopped before all was done");
    } else {
        tracing::info!("stopped");
    }
    tasks.abort_all();
}

async fn drained(hub: &Hub, in_flight: &InFlight, deadline: Instant) {
    while Instant::now() < deadline && in_flight.count() + hub.connections() > 0 {
        sleep(DRAIN_TICK).await;
    }
}
