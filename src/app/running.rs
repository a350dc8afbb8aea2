//! From the start of what was built to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::drain::Departure;
use super::handover;
use super::notify;
use super::signals::{Signals, Wanted};
use crate::broker::{Meeting, Memory, Publisher, Reception, Remote};
use crate::config::Drain;
use crate::event::Epoch;
use crate::hub::Hub;
use crate::message::CloseReason;
use crate::metrics::Metrics;
use crate::proxy::{Asked, Asker, InFlight, Listener, Sessions, Sockets, Upstreams};
use crate::verify::Verifier;

/// How long a name server may hold up the start.
const FIRST_CHECK: Duration = Duration::from_secs(1);
/// How long a process that takes another one's place waits for the broker, which the other one may reach.
const READ_LOG: Duration = Duration::from_secs(10);
/// How often the end of running requests is looked for.
const DRAIN_TICK: Duration = Duration::from_millis(20);
/// What has waited for its end until its time was over is told to others within that.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long connections are kept at least for one more request when the process stops: it may be on its way already, and
/// a client cannot know whether it was heard (RFC 9112, section 9.3.1).
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// How long the process that has taken this one's place may take to read the last of what it was told.
const HEIR_READS: Duration = Duration::from_secs(1);
/// How long a service manager may take to hear of that process, which it cannot once this one has gone.
const MANAGER_HEARS: Duration = Duration::from_secs(1);

/// What carries events to the process that has taken this one's place.
type Heir = JoinHandle<std::io::Result<()>>;

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
    /// What carries events between processes; `None`: [`memory`](Self::memory) does.
    pub(super) broker: Option<Arc<Remote>>,
    pub(super) memory: Option<Arc<Memory>>,
    /// The name of what it is.
    pub(super) kind: &'static str,
    /// Whose place this process takes.
    pub(super) elder: Option<Meeting>,
    /// Where another one takes its place.
    pub(super) upgrade_socket: Option<String>,
    pub(super) publisher: Publisher,
    pub(super) metrics: Arc<Metrics>,
}

impl Running {
    /// Until the first signal, and then to an orderly end; a second one ends it at once.
    ///
    /// # Errors
    /// It cannot take the place of the process that runs, which goes on.
    pub(super) async fn serve(
        mut self,
        mut signals: Signals,
        drain: Drain,
        announce: impl FnOnce(),
    ) -> anyhow::Result<()> {
        let [stop, stop_house, close] = std::array::from_fn(|_| watch::Sender::new(false));
        let mut tasks = JoinSet::new();
        if !self.begin(&mut tasks, &mut signals).await? {
            tracing::info!("stopped before it took the place of another process");
            return Ok(());
        }
        // Before the process that was there has ended: it is the one that is looked after.
        notify::serves();
        for listener in std::mem::take(&mut self.listeners) {
            tasks.spawn(listener.run(self.sockets.clone(), stop.subscribe(), close.subscribe()));
        }
        for listener in std::mem::take(&mut self.house) {
            tasks.spawn(listener.run(self.sockets.clone(), stop_house.subscribe(), close.subscribe()));
        }
        // Names are resolved before the first request needs them, if the name server answers in time.
        drop(timeout(FIRST_CHECK, self.upstreams.check()).await);
        let upstreams = Arc::clone(&self.upstreams);
        tasks.spawn(async move { upstreams.watch().await });
        announce();
        let heir = self.until_told(&mut signals).await;
        let is_replaced = heir.is_some();
        tracing::info!(delay = ?drain.delay, timeout = ?drain.timeout, "stopping: running requests may finish");
        self.is_leaving.store(true, Ordering::Relaxed);
        let [requests, connections, _] = tokio::select! {
            rest = async {
                if heir.is_some() {
                    // It answers in this one's place.
                    stop_house.send_replace(true);
                } else {
                    sleep(drain.delay).await;
                }
                stop.send_replace(true);
                let (rest, ()) = tokio::join!(self.leave(drain, &close, heir), has_heard(is_replaced));
                rest
            } => rest,
            () = ends_at_once(&mut signals, is_replaced) => self.under_way(),
        };
        if requests + connections > 0 {
            tracing::warn!(requests, connections, "stopped before all was done");
        } else {
            tracing::info!("stopped");
        }
        stop_house.send_replace(true);
        // Who accepts hears that it is over, or would call it an error.
        sleep(DRAIN_TICK).await;
        tasks.abort_all();
        Ok(())
    }

    /// Has everything run that is not asked for by connections, and waits until these are for this process to accept;
    /// `false`: it is to end before that.
    async fn begin(&mut self, tasks: &mut JoinSet<()>, signals: &mut Signals) -> anyhow::Result<bool> {
        let (ours, is_ours) = oneshot::channel();
        let elder = self.elder.take().map(|elder| {
            let log = elder.log;
            // Before there are events: whoever was there before says where they stand.
            (log, elder.go_on(self.memory.clone(), self.publisher.clone(), ours))
        });
        self.start(tasks);
        let Some((log, elder)) = elder else { return Ok(true) };
        let taken = async {
            if let Some(remote) = &self.broker {
                // Whoever comes has been told of events that are in the log.
                until(Instant::now() + READ_LOG, || remote.is_there()).await;
                handover::follows_the_same(log, self.log())?;
            }
            tasks.spawn(elder);
            // As long as that takes: only the other one knows whether it goes on.
            if is_ours.await.is_err() {
                bail!("the process that runs does not give its place to this one");
            }
            Ok(true)
        };
        tokio::select! {
            taken = taken => taken,
            () = signals.end() => Ok(false),
        }
    }

    /// The epoch of the log that it follows, if one is known.
    fn log(&self) -> Option<Epoch> {
        let is_there = self.broker.as_ref().is_some_and(|remote| remote.is_there());
        self.hub.position().filter(|_| is_there).map(|position| position.epoch)
    }

    /// Until it is to stop; with the link to the process that has taken its place.
    async fn until_told(&self, signals: &mut Signals) -> Option<Heir> {
        loop {
            match (signals.next().await, &self.upgrade_socket) {
                (Wanted::End, _) => return None,
                (Wanted::Successor, Some(path)) => {
                    let (memory, publisher) = (self.memory.clone(), self.publisher.clone());
                    let reception = Reception { broker: self.kind, memory, log: self.log(), publisher };
                    let given = tokio::select! {
                        given = handover::give(path, &self.sockets, reception) => given,
                        () = signals.end() => return None,
                    };
                    match given {
                        Ok(heir) => return Some(heir),
                        Err(error) => tracing::error!(%error, "no other process takes the place of this one"),
                    }
                }
                (Wanted::Successor, None) => {
                    tracing::error!(
                        "SIGQUIT wants another process in the place of this one: that needs server.upgrade_socket"
                    );
                }
            }
        }
    }

    /// Has everything run that is not asked for by connections.
    fn start(&mut self, tasks: &mut JoinSet<()>) {
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
    }

    /// How many requests, realtime connections, and connections that wait for requests there are.
    fn under_way(&self) -> [usize; 3] {
        self.in_flight.each_ref().map(InFlight::count)
    }

    /// Until nothing is under way any more, or its time is over: then it is cut off, and this says how much that was.
    /// `close`: what is idle is closed.
    async fn leave(&self, drain: Drain, close: &watch::Sender<bool>, heir: Option<Heir>) -> [usize; 3] {
        let begun = Instant::now();
        let deadline = begun + drain.timeout;
        self.send_readers_away(drain, begun).await;
        self.answer_the_last(close, deadline).await;
        let rest = self.under_way();
        let deadline = deadline.max(Instant::now() + LAST_WORDS);
        self.tell_the_last(deadline).await;
        if let Some((memory, heir)) = self.memory.clone().zip(heir) {
            self.part(memory, heir, deadline).await;
        }
        rest
    }

    /// At the pace that is wanted, and all that are left once they have had most of the time.
    async fn send_readers_away(&self, drain: Drain, begun: Instant) {
        let [_, _, open] = &self.in_flight;
        let departure = Departure { hub: &self.hub, sessions: &self.sessions, publisher: &self.publisher };
        // Whoever is being answered then is not waited for.
        let patience = begun + drain.timeout * 7 / 8;
        let leave = async {
            departure.run(drain).await;
            // Who was accepted before may be about to ask for events.
            until(patience, || open.count() == 0 || begun.elapsed() >= LAST_REQUESTS).await;
            departure.finish().await;
        };
        drop(timeout_at(patience, leave).await);
        self.hub.close_all(CloseReason::GoingAway);
    }

    /// Waits for the answers to what is under way.
    async fn answer_the_last(&self, close: &watch::Sender<bool>, deadline: Instant) {
        let [requests, connections, open] = &self.in_flight;
        // Realtime connections may send requests of their own up to their end.
        until(deadline, || connections.count() == 0).await;
        close.send_replace(true);
        until(deadline, || requests.count() + open.count() == 0).await;
    }

    /// Cuts off what is under way still, and waits until all that came of requests has been told.
    async fn tell_the_last(&self, deadline: Instant) {
        let [_, _, open] = &self.in_flight;
        // What the backend makes of a write that is cut off nobody knows, and readers elsewhere are told so.
        open.cut();
        until(deadline, || open.count() == 0).await;
        if let Some(remote) = &self.broker {
            published(remote, &self.publisher, deadline).await;
        }
    }

    /// From now on the process that has taken this one's place says by itself where events stand.
    async fn part(&self, memory: Arc<Memory>, heir: Heir, deadline: Instant) {
        // Not before this one does: one process at a time says that.
        until(deadline, || !memory.follows()).await;
        self.publisher.answer(Box::new(move || memory.part()));
        // What it has not been told by then it takes for lost.
        drop(timeout_at(deadline + HEIR_READS, heir).await);
    }
}

/// Waits until what requests have caused is in the broker's log, even where the broker is away just now.
async fn published(remote: &Remote, publisher: &Publisher, deadline: Instant) {
    let letters = remote.finish(publisher, deadline).await;
    if letters > 0 {
        tracing::error!(letters, "stopped before the broker took what waited for it: that is lost");
    }
    remote.leave().await;
}

/// Until a service manager has heard of the process that has come in the place of this one.
async fn has_heard(is_replaced: bool) {
    if is_replaced && notify::is_wanted() {
        sleep(MANAGER_HEARS).await;
    }
}

/// Whoever hands over leaves already: the first signal to end changes nothing.
async fn ends_at_once(signals: &mut Signals, is_replaced: bool) {
    if is_replaced {
        signals.end().await;
        tracing::info!(
            "it leaves already, since another process has taken its place; a second signal ends it at once"
        );
    }
    signals.end().await;
}

async fn until(deadline: Instant, is_done: impl Fn() -> bool) {
    while Instant::now() < deadline && !is_done() {
        sleep(DRAIN_TICK).await;
    }
}
