//! The servers that restcast knows. A broker is one file that opens its [`Log`], and one line here.

use std::sync::Arc;

use super::Log;

/// What the config says of a server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it is.
    pub urls: Vec<String>,
    /// Under which name restcast's log is there, where several systems share it: letters, digits, `_` and `-`.
    pub name: String,
    /// So many of the last letters stay there, about.
    pub kept: usize,
}

/// Connects to nobody yet; the error says what would be right.
pub type Open = fn(Server) -> Result<Arc<dyn Log>, String>;

/// Every server, by the name it has in the config.
pub const LOGS: &[(&str, Open)] = &[];
