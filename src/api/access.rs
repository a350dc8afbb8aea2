//! Who may use the publish API.

use http::HeaderMap;

use super::fault::{Code, Fault};
use super::place::Action;

/// See the module's documentation.
#[derive(Debug)]
pub enum Access {
    /// Whoever can connect: the admin port listens on loopback, and there are no keys.
    Open,
    /// Nobody: the admin port can be reached from elsewhere, and there are no keys.
    Closed,
}

impl Access {
    /// Who connects proves something.
    pub(super) fn needs_key(&self) -> bool {
        !matches!(self, Self::Open)
    }

    pub(super) fn check(&self, _headers: &HeaderMap, _action: &Action) -> Result<(), Fault> {
        match self {
            Self::Open => Ok(()),
            Self::Closed => Err(Fault::new(
                Code::Forbidden,
                "admin.listen is no loopback address: this needs an [[admin.key]] in the configuration",
            )),
        }
    }
}
