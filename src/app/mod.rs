//! The composition root: from a config to running parts, and from a signal to an orderly end. The only
//! folder that knows everyone.

mod drain;
mod endpoints;
mod handover;
mod notify;
mod parts;
mod place;
mod running;
mod signals;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use crate::api::Site;
use crate::config::Config;
use crate::proxy::Sockets;
use parts::Parts;
use place::Place;
use signals::Signals;

/// What tasks get to end once nothing is under way any more.
const LAST_MOMENT: Duration = Duration::from_millis(200);

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

/// How a process begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With sockets of its own.
    Anew,
    /// With those of the process that runs, in whose place it comes.
    Upgrade,
}

/// Runs until SIGTERM or SIGINT, or until another process has come in its place.
///
/// # Errors
/// What cannot be started, such as an address in use.
pub fn run(config: Config, begin: Begin, sidecar: Option<Sidecar>, announce: Announce) -> anyhow::Result<()> {
    let threads = match config.server.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let runtime = runtime(threads).context("cannot start threads")?;
    // First of all: a process that has no handler yet dies of SIGTERM, or as a container's first process
    // does not notice it.
    let signals = runtime.block_on(async { Signals::watch() })?;
    let ended = run_on(&runtime, (config, threads, begin), sidecar, (signals, announce));
    // What still blocks, such as waiting for sockets, is not waited for.
    runtime.shutdown_timeout(LAST_MOMENT);
    if let Some(worker) = ended? {
        // Every publisher is gone with the runtime, so the worker comes to its end.
        if worker.join().is_err() {
            tracing::error!("the hub's worker had failed");
        }
    }
    Ok(())
}

/// Gives the hub's worker, if there was one.
fn run_on(
    runtime: &Runtime,
    (config, threads, begin): (Config, usize, Begin),
    sidecar: Option<Sidecar>,
    (mut signals, announce): (Signals, Announce),
) -> anyhow::Result<Option<JoinHandle<()>>> {
    if let Some(path) = &config.server.upgrade_socket {
        Place::new(path).prepare()?;
    }
    let mut addresses = config.server.listen.clone();
    addresses.push(config.admin);
    let sidecar_address = sidecar.as_ref().map(|sidecar| sidecar.address);
    let all: Vec<SocketAddr> = addresses.iter().copied().chain(sidecar_address).collect();
    let (sockets, elder) = match begin {
        Begin::Anew => (Sockets::new(Vec::new()), None),
        Begin::Upgrade => {
            let taken = async {
                tokio::select! {
                    taken = handover::take(&config) => taken.map(Some),
                    () = signals.end() => Ok(None),
                }
            };
            let Some((sockets, elder)) = runtime.block_on(taken)? else {
                tracing::info!("stopped before it took the place of another process");
                return Ok(None);
            };
            (sockets, Some(elder))
        }
    };
    sockets.keep(&all);
    // Looked for first: an address that is there twice is an error.
    let missing: Vec<_> = all.into_iter().filter(|address| !sockets.has(*address)).collect();
    missing.into_iter().try_for_each(|address| listen(&sockets, address))?;
    for warning in config.warnings() {
        tracing::warn!(%warning, "the configuration is probably not what was meant");
    }
    let drain = config.server.drain;
    let parts = Parts::build(config, threads, sidecar, (sockets, elder))?;
    let worker = parts.worker;
    let announce = || {
        for address in &addresses {
            tracing::info!(%address, "listening");
        }
        announce();
    };
    runtime.block_on(parts.running.serve(signals, drain, announce))?;
    Ok(Some(worker))
}

/// A single thread needs none of the work-stealing, which costs a request some per cent.
fn runtime(threads: usize) -> std::io::Result<Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(threads).thread_name("restcast").enable_all().build()
}

/// Connections wait from here on, and no other process can take the address.
fn listen(sockets: &Sockets, address: SocketAddr) -> anyhow::Result<()> {
    let socket = TcpListener::bind(address).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    sockets.add(address, socket.with_context(|| format!("cannot listen on {address}"))?);
    Ok(())
}
