//! Paths and methods of the publish API, and what each of them means.

use std::sync::Arc;

use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::fault::{Code, Fault};

/// Everything under it is the publish API's.
pub(super) const PREFIX: &str = "/api/";

/// What is asked for. `app`: of this application alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// The document that describes all of this.
    Describe,
    /// Something for readers.
    Tell(Telling),
    /// Who is connected.
    List { app: Option<Arc<str>> },
    /// The end of one connection; `None`: of all that a user has.
    Disconnect { app: Option<Arc<str>>, connection: Option<Uuid> },
}

/// What readers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Telling {
    /// An event.
    Event,
    /// A message for several connections.
    Broadcast { app: Option<Arc<str>> },
    /// A message for one connection.
    Send { app: Option<Arc<str>>, connection: Uuid },
    /// An event for sockets of a namespace.
    Emit,
    /// What the config has by this name.
    Shortcut(Arc<str>),
}

impl Action {
    pub(super) fn of(method: &Method, uri: &Uri) -> Result<Self, Fault> {
        let unknown = || Fault::new(Code::NotFound, "there is nothing at this path; see /api/openapi.json");
        let path = uri.path().strip_prefix(PREFIX).ok_or_else(unknown)?;
        let decode = |part| percent_decode_str(part).decode_utf8().map(|text| Arc::from(&*text));
        let parts: Result<Vec<Arc<str>>, _> = path.split('/').map(decode).collect();
        let parts = parts.ok().ok_or_else(unknown)?;
        let parts: Vec<&str> = parts.iter().map(|part| &**part).collect();
        let (app, rest) = match parts.as_slice() {
            ["apps", app, rest @ ..] => (Some(Arc::from(*app)), rest),
            rest => (None, rest),
        };
        match (rest, &app) {
            (["openapi.json"], None) => only(method, "GET, HEAD", Self::Describe),
            (["events"], None) => only(method, "POST", Self::Tell(Telling::Event)),
            (["broadcast"], _) => only(method, "POST", Self::Tell(Telling::Broadcast { app })),
            (["socketio", "emit"], None) => only(method, "POST", Self::Tell(Telling::Emit)),
            (["socketio", name], None) if !name.is_empty() => {
                only(method, "POST", Self::Tell(Telling::Shortcut(Arc::from(*name))))
            }
            (["connections"], _) if method == Method::DELETE => {
                Ok(Self::Disconnect { app, connection: None })
            }
            (["connections"], _) if is_read(method) => Ok(Self::List { app }),
            (["connections"], _) => Err(Fault::method("GET, HEAD, DELETE")),
            (["connections", id], _) if method == Method::DELETE => {
                Ok(Self::Disconnect { app, connection: Some(connection(id)?) })
            }
            (["connections", _], _) => Err(Fault::method("DELETE")),
            (["connections", id, "send"], _) if method == Method::POST => {
                Ok(Self::Tell(Telling::Send { app, connection: connection(id)? }))
            }
            (["connections", _, "send"], _) => Err(Fault::method("POST")),
            _ => Err(unknown()),
        }
    }

    /// The application that it is about.
    pub(super) fn app(&self) -> Option<&Arc<str>> {
        match self {
            Self::Describe | Self::Tell(Telling::Event | Telling::Emit | Telling::Shortcut(_)) => None,
            Self::Tell(Telling::Broadcast { app } | Telling::Send { app, .. })
            | Self::List { app }
            | Self::Disconnect { app, .. } => app.as_ref(),
        }
    }
}

fn only(method: &Method, allow: &'static str, action: Action) -> Result<Action, Fault> {
    let is_there = allow.split(", ").any(|name| name == method.as_str());
    if is_there { Ok(action) } else { Err(Fault::method(allow)) }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What is no id is the id of no connection.
fn connection(id: &str) -> Result<Uuid, Fault> {
    Uuid::try_parse(id).ok().ok_or_else(unknown_connection)
}

pub(super) fn unknown_connection() -> Fault {
    Fault::new(Code::UnknownConnection, "there is no such connection, or it has just ended")
}
