//! From the start of what was built to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::broker::{Publisher, Remote};
use crate::hub::Hub;
use crate::message::CloseReason;
use crate::metrics::Metrics;
use crate::proxy::{Asked, Asker, InFlight, Listener, Sessions, Sockets, Upstreams};
use crate::verify::Verifier;

/// How long a name server may hold up the start.
const FIRST_CHECK: Duration = Duration::from_secs(1);
/// How often the end of running requests is looked for.
const DRAIN_TICK: Duration = Duration::from_millis(20);

/// What ends the process; the second one at once.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Needs the runtime.
    pub(super) fn watch() -> anyhow::Result<Self> {
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

/// What runs.
pub(super) struct Running {
    pub(super) listeners: Vec<Listener>,
    pub(super) sockets: Sockets,
    pub(super) upstreams: Arc<Upstreams>,
    pub(super) hub: Arc<Hub>,
    /// Those of every endpoint that has some; the hub knows only of their sockets.
    pub(super) sessions: Vec<Arc<Sessions>>,
    /// Requests, and connections.
    pub(super) in_flight: [InFlight; 2],
    pub(super) verifier: Option<Verifier>,
    /// Asks the backend what readers may see, where some route wants that.
    pub(super) asker: Option<(Asker, Asked)>,
    /// What carries events between processes, and where it brings them; `None`: there is one process.
    pub(super) broker: Option<(Arc<Remote>, Publisher)>,
    pub(super) metrics: Arc<Metrics>,
}

impl Running {
    /// Until the first signal, and then to an orderly end.
    pub(super) async fn serve(self, mut signals: Signals, drain_timeout: Duration, announce: impl FnOnce()) {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = tokio::task::JoinSet::new();
        for listener in self.listeners {
            tasks.spawn(listener.run(self.sockets.clone(), stopping.clone()));
        }
        // Keys are on their way before the first token needs them; nothing waits for them.
        if let Some(verifier) = self.verifier {
            tasks.spawn(async move { verifier.watch(&self.metrics).await });
        }
        if let Some((asker, asked)) = self.asker {
            tasks.spawn(asker.run(asked));
        }
        let leaving = self.broker.clone();
        if let Some((remote, publisher)) = self.broker {
            tasks.spawn(async move { remote.run(&publisher).await });
        }
        // Names are resolved before the first request needs them, if the name server answers in time.
        drop(timeout(FIRST_CHECK, self.upstreams.check()).await);
        let upstreams = Arc::clone(&self.upstreams);
        tasks.spawn(async move { upstreams.watch().await });
        announce();
        signals.next().await;
        tracing::info!(timeout = ?drain_timeout, "stopping: running requests may finish");
        stop.send_replace(true);
        self.hub.close_all(CloseReason::GoingAway);
        self.sessions.iter().for_each(|sessions| sessions.close_all());
        let deadline = Instant::now() + drain_timeout;
        tokio::select! {
            () = async {
                drained(&self.in_flight, deadline).await;
                published(leaving, deadline).await;
            } => {}
            () = signals.next() => {}
        }
        let [requests, connections] = self.in_flight.each_ref().map(InFlight::count);
        if requests + connections > 0 {
            tracing::warn!(requests, connections, "stopped before all was done");
        } else {
            tracing::info!("stopped");
        }
        tasks.abort_all();
    }
}

/// Waits until what requests have caused is in the broker's log.
async fn published(broker: Option<(Arc<Remote>, Publisher)>, deadline: Instant) {
    let Some((remote, publisher)) = broker else { return };
    let is_through = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_through);
    publisher.answer(Box::new(move || told.store(true, Ordering::Release)));
    let is_done = || is_through.load(Ordering::Acquire) && remote.waiting() == 0;
    while Instant::now() < deadline && remote.is_there() && !is_done() {
        sleep(DRAIN_TICK).await;
    }
    remote.leave().await;
}

async fn drained(in_flight: &[InFlight], deadline: Instant) {
    while Instant::now() < deadline && in_flight.iter().any(|those| those.count() > 0) {
        sleep(DRAIN_TICK).await;
    }
}
