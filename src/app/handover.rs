//! One process takes the place of another: it gets the sockets, and what the other's hub holds, and the other leaves once
//! this one can accept connections. If it never does, the other goes on as if nothing had been.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::place::Place;
use crate::broker::{self, Meeting, Reception};
use crate::config::Config;
use crate::event::Epoch;
use crate::proxy::Sockets;

/// How long the other process may take for its next word.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the new one may take until it can accept connections: what is kept has to be read first.
const UNTIL_READY: Duration = Duration::from_mins(1);

/// The sockets of the process that runs, and what it holds.
pub(super) async fn take(config: &Config) -> anyhow::Result<(Sockets, Meeting)> {
    let Some(path) = &config.server.upgrade_socket else {
        bail!("--upgrade needs server.upgrade_socket, here and in the process that runs");
    };
    let place = Place::new(path);
    let waiting = place.wait()?;
    tracing::info!(path, "waiting for the process that runs: send it SIGQUIT");
    let socket = path.clone();
    let sockets = spawn_blocking(move || Sockets::inherit(&socket)).await?.map_err(anyhow::Error::msg)?;
    drop(waiting);
    let link = place.link();
    let talk = async { broker::meet(UnixStream::connect(&link).await?).await };
    let meeting = timeout(UNTIL_READY, talk).await.context("the process that runs says nothing")?;
    let meeting = meeting.with_context(|| format!("cannot talk with the process that runs at {link}"))?;
    let (theirs, ours) = (meeting.broker.as_str(), config.broker.kind);
    ensure!(
        theirs == ours,
        "broker.kind is {ours:?} here and {theirs:?} in the process that runs, so readers of one would miss the \
         events of the other: stop that one, and start this one without --upgrade"
    );
    Ok((sockets, meeting))
}

/// Both have the same events.
pub(super) fn follows_the_same(theirs: Option<Epoch>, ours: Option<Epoch>) -> anyhow::Result<()> {
    // Where one of them has not reached its broker, nobody can say.
    ensure!(
        theirs.is_none_or(|theirs| ours.is_none_or(|ours| ours == theirs)),
        "broker.url or broker.name leads to another log here than in the process that runs, so readers of one would miss \
         the events of the other: stop that one, and start this one without --upgrade"
    );
    Ok(())
}

/// Hands all over to the process that waits, and gives the link to it, once connections are for it to accept.
pub(super) async fn give(
    path: &str,
    sockets: &Sockets,
    reception: Reception,
) -> anyhow::Result<JoinHandle<std::io::Result<()>>> {
    let place = Place::new(path);
    place.check()?;
    let link = place.link();
    drop(std::fs::remove_file(&link));
    let listener = UnixListener::bind(&link).with_context(|| format!("cannot listen on {link}"))?;
    let given = give_at((path, &link), listener, sockets, reception).await;
    // Nobody else comes, and one that is still there is taken away by whoever comes next.
    drop(std::fs::remove_file(&link));
    given
}

async fn give_at(
    (path, link): (&str, &str),
    listener: UnixListener,
    sockets: &Sockets,
    reception: Reception,
) -> anyhow::Result<JoinHandle<std::io::Result<()>>> {
    std::fs::set_permissions(link, Permissions::from_mode(0o600)).context("cannot keep others away")?;
    let (path, sockets) = (path.to_owned(), sockets.clone());
    spawn_blocking(move || sockets.hand_over(&path)).await?.map_err(anyhow::Error::msg)?;
    let (stream, _) =
        timeout(PATIENCE, listener.accept()).await.context("the new process says nothing")??;
    let (ready, is_ready) = oneshot::channel();
    #[expect(clippy::disallowed_methods, reason = "whoever gets it waits for its end")]
    let task = tokio::spawn(broker::receive(stream, reception, ready));
    match timeout(UNTIL_READY, is_ready).await {
        Ok(Ok(())) => Ok(task),
        Ok(Err(_)) => {
            task.await?.context("the new process broke off")?;
            bail!("the new process has ended")
        }
        Err(_) => {
            // It hears that, and does not begin.
            task.abort();
            bail!("the new process is not ready in time")
        }
    }
}
