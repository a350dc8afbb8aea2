//! What is asked of the process from outside.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// See the module's documentation.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// `None`: the terminal's end is none of its business, as `nohup` wants it.
    hangup: Option<Signal>,
}

/// What a signal wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// SIGTERM, SIGINT or SIGHUP.
    End,
    /// SIGQUIT: another process takes its place.
    Successor,
}

impl Signals {
    /// Needs the runtime.
    pub(super) fn watch() -> anyhow::Result<Self> {
        let listen = |kind, name| signal(kind).with_context(|| format!("cannot watch for {name}"));
        let hears_hangup = !is_ignored(SignalKind::hangup());
        let hangup = hears_hangup.then(|| listen(SignalKind::hangup(), "SIGHUP"));
        Ok(Self {
            terminate: listen(SignalKind::terminate(), "SIGTERM")?,
            interrupt: listen(SignalKind::interrupt(), "SIGINT")?,
            quit: listen(SignalKind::quit(), "SIGQUIT")?,
            hangup: hangup.transpose()?,
        })
    }

    /// Until it is to end.
    pub(super) async fn end(&mut self) {
        let Self { terminate, interrupt, hangup, .. } = self;
        end(terminate, interrupt, hangup.as_mut()).await;
    }

    pub(super) async fn next(&mut self) -> Wanted {
        let Self { terminate, interrupt, hangup, quit } = self;
        tokio::select! {
            () = end(terminate, interrupt, hangup.as_mut()) => Wanted::End,
            _ = quit.recv() => Wanted::Successor,
        }
    }
}

async fn end(terminate: &mut Signal, interrupt: &mut Signal, hangup: Option<&mut Signal>) {
    let hangup = async {
        match hangup {
            Some(hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup => {}
    }
}

/// Whoever started the process has it ignore this signal, as far as the system tells.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}
