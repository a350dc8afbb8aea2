//! What a service manager is told, such as systemd (`sd_notify(3)`): that this process serves, and is the one to look after.

use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;

const SOCKET: &str = "NOTIFY_SOCKET";

/// Whether one wants to know.
pub(super) fn is_wanted() -> bool {
    socket().is_some()
}

/// This process serves now, perhaps in the place of another one.
pub(super) fn serves() {
    let Some(path) = socket() else { return };
    let text = format!("READY=1\nMAINPID={}\n", std::process::id());
    let told = UnixDatagram::unbound().and_then(|socket| socket.send_to(text.as_bytes(), &path));
    if let Err(error) = told {
        tracing::warn!(%error, "cannot tell the service manager that this process serves");
    }
}

/// By its path, as systemd has it.
fn socket() -> Option<OsString> {
    std::env::var_os(SOCKET).filter(|path| path.as_encoded_bytes().first() == Some(&b'/'))
}
