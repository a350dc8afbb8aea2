//! From the start of what was built to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::drain::Departure;
use crate::broker::{Publisher, Remote};
use crate::config::Drain;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::proxy::{Asked, Asker, InFlight, Listener, Sessions, Sockets, Upstreams};
use crate::verify::Verifier;

/// How long a name server may hold up the start.
const FIRST_CHECK: Duration = Duration::from_secs(1);
/// How often the end of running requests is looked for.
const DRAIN_TICK: Duration = Duration::from_millis(20);
/// How long connections are kept at least for one more request when the process stops: it may be on its way already, and
/// a client cannot know whether it was heard (RFC 9112, section 9.3.1).
const LAST_REQUESTS: Duration = Duration::from_secs(1);

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
    /// Those of the proxy.
    pub(super) listeners: Vec<Listener>,
    /// Those that listen until the end.
    pub(super) house: Vec<Listener>,
    /// Set once the process is to stop.
    pub(super) is_leaving: Arc<AtomicBool>,
    pub(super) sockets: Sockets,
    pub(super) upstreams: Arc<Upstreams>,
    pub(super) hub: Arc<Hub>,
    /// Those of every endpoint that has some; the hub knows only of their sockets.
    pub(super) sessions: Vec<Arc<Sessions>>,
    /// Requests, realtime connections, and connections that wait for requests.
    pub(super) in_flight: [InFlight; 3],
    pub(super) verifier: Option<Verifier>,
    /// Asks the backend what readers may see, where some route wants that.
    pub(super) asker: Option<(Asker, Asked)>,
    /// What carries events between processes; `None`: there is one process.
    pub(super) broker: Option<Arc<Remote>>,
    pub(super) publisher: Publisher,
    pub(super) metrics: Arc<Metrics>,
}

impl Running {
    /// Until the first signal, and then to an orderly end.
    pub(super) async fn serve(mut self, mut signals: Signals, drain: Drain, announce: impl FnOnce()) {
        let ([stop, close], mut tasks) = (std::array::from_fn(|_| watch::Sender::new(false)), JoinSet::new());
        for listener in std::mem::take(&mut self.listeners) {
            tasks.spawn(listener.run(self.sockets.clone(), stop.subscribe(), close.subscribe()));
        }
        // Whoever asks how it stands is answered until the end.
        let never = watch::Sender::new(false);
        for listener in std::mem::take(&mut self.house) {
            tasks.spawn(listener.run(self.sockets.clone(), never.subscribe(), never.subscribe()));
        }
        self.start(&mut tasks).await;
        announce();
        signals.next().await;
        tracing::info!(delay = ?drain.delay, timeout = ?drain.timeout, "stopping: running requests may finish");
        self.is_leaving.store(true, Ordering::Relaxed);
        tokio::select! {
            () = async {
                sleep(drain.delay).await;
                stop.send_replace(true);
                self.leave(drain, &close).await;
            } => {}
            () = signals.next() => {}
        }
        let [requests, connections, _] = self.in_flight.each_ref().map(InFlight::count);
        if requests + connections > 0 {
            tracing::warn!(requests, connections, "stopped before all was done");
        } else {
            tracing::info!("stopped");
        }
        tasks.abort_all();
    }

    /// Has everything run that is not asked for by connections.
    async fn start(&mut self, tasks: &mut JoinSet<()>) {
        // Keys are on their way before the first token needs them; nothing waits for them.
        if let Some(verifier) = self.verifier.take() {
            let metrics = Arc::clone(&self.metrics);
            tasks.spawn(async move { verifier.watch(&metrics).await });
        }
        if let Some((asker, asked)) = self.asker.take() {
            tasks.spawn(asker.run(asked));
        }
        if let Some(remote) = self.broker.clone() {
            let publisher = self.publisher.clone();
            tasks.spawn(async move { remote.run(&publisher).await });
        }
        // Names are resolved before the first request needs them, if the name server answers in time.
        drop(timeout(FIRST_CHECK, self.upstreams.check()).await);
        let upstreams = Arc::clone(&self.upstreams);
        tasks.spawn(async move { upstreams.watch().await });
    }

    /// Until nothing is under way any more, or its time is over. `close`: what is idle is closed.
    async fn leave(&self, drain: Drain, close: &watch::Sender<bool>) {
        let (begun, [requests, connections, open]) = (Instant::now(), &self.in_flight);
        let deadline = begun + drain.timeout;
        let departure = Departure { hub: &self.hub, sessions: &self.sessions, publisher: &self.publisher };
        drop(timeout_at(deadline, departure.run(drain)).await);
        // They may send requests of their own up to their end.
        until(deadline, || connections.count() == 0).await;
        until(deadline, || open.count() == 0 || begun.elapsed() >= LAST_REQUESTS).await;
        close.send_replace(true);
        until(deadline, || requests.count() + open.count() == 0).await;
        if let Some(remote) = &self.broker {
            published(remote, &self.publisher, deadline).await;
        }
    }
}

/// Waits until what requests have caused is in the broker's log.
async fn published(remote: &Remote, publisher: &Publisher, deadline: Instant) {
    let is_through = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_through);
    publisher.answer(Box::new(move || told.store(true, Ordering::Release)));
    let is_done = || is_through.load(Ordering::Acquire) && remote.waiting() == 0;
    until(deadline, || is_done() || !remote.is_there()).await;
    remote.leave().await;
}

async fn until(deadline: Instant, is_done: impl Fn() -> bool) {
    while Instant::now() < deadline && !is_done() {
        sleep(DRAIN_TICK).await;
    }
}
