//! The wire protocols. A dialect is one file here and one line in [`DIALECTS`]; nothing else knows it.

mod canonical;
mod echo;
mod fastcms;
mod flarchitect;
mod listener;
mod mdb_engine;
mod multiplex;
mod options;
mod refused;
mod report;
#[cfg(test)]
#[path = "../../tests/transcripts/script.rs"]
mod script;
mod snapshot;
mod socketio;
mod sse;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transcript_tests;
mod webhook;
mod websocketspec;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, request};
use uuid::Uuid;

use crate::identity::{Credential, Identity};
use crate::message::{Doorman, Encode, Message, Now, Returned, Shortcut, Turn, Upstream, Webhook};
pub use mdb_engine::{Declaration, Entry, read_manifest};
pub use multiplex::{Engine, Multiplex, Resume, Route, Routing};
pub use options::{Defaults, Options};
pub use report::{Attendance, Attendee, Report};

/// A wire protocol as one endpoint speaks it; shared by the endpoint's connections.
pub trait Dialect: Encode {
    /// Starts one connection. What is to be done and said at once goes into `turn`.
    fn open(&self, opening: &Opening<'_>, turn: &mut Turn) -> Box<dyn Conversation>;

    /// What carries its connections.
    fn medium(&self) -> Medium {
        Medium::WebSocket
    }

    /// What is wrong with a handshake, which is refused then; for clients.
    fn fault(&self, _request: &request::Parts) -> Option<&'static str> {
        None
    }

    /// How those are turned away who may not come in.
    fn manner(&self) -> Manner {
        Manner::Answer
    }

    /// The application whose messages this endpoint's connections get.
    fn app(&self) -> Option<Arc<str>> {
        None
    }

    /// The models whose events are told, in lower case; `None`: all.
    fn models(&self) -> Option<&[String]> {
        None
    }

    /// Shows what writers of these models sent.
    fn shows_requests(&self) -> bool {
        false
    }

    /// What its clients say is handed to this one.
    fn webhook(&self) -> Option<&Webhook> {
        None
    }

    /// Requests of its clients are sent to the backend, and go along with these headers of their handshakes
    /// beside the credentials.
    fn calls(&self) -> Option<&[HeaderName]> {
        None
    }

    /// Nobody comes in without a token where the config does not say whom to ask for one.
    fn wants_token(&self) -> bool {
        false
    }

    /// Where a token may stand.
    fn places(&self) -> Places {
        Places::All
    }

    /// Cookies that hold a token where the config names none.
    fn cookies(&self) -> &'static [&'static str] {
        &[]
    }

    /// Its connections hold several conversations.
    fn multiplex(&self) -> Option<&dyn Multiplex> {
        None
    }

    /// The namespace that it is of a dialect with several.
    fn namespace(&self) -> Option<Arc<str>> {
        None
    }

    /// Events of clients that it knows by their names.
    fn events(&self) -> Vec<String> {
        Vec::new()
    }

    /// How it tells who comes and who leaves, if it does.
    fn doorman(&self) -> Option<Arc<dyn Doorman>> {
        None
    }

    /// What its config allows and probably does not mean, one sentence each.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// What programs may have said on it by a name.
    fn shortcuts(&self) -> Vec<Arc<dyn Shortcut>> {
        Vec::new()
    }

    /// What it tells of its connections to a plain GET.
    fn report(&self) -> Option<&dyn Report> {
        None
    }
}

/// What carries the connections of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A WebSocket.
    WebSocket,
    /// The answer to a GET, which does not end; its frames are [blocks](crate::message::Block), and its clients say
    /// nothing.
    EventStream,
}

/// Where in a handshake a token may stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Places {
    /// `Authorization`, the subprotocol `bearer`, the query, and cookies.
    #[default]
    All,
    /// The query and cookies.
    QueryAndCookies,
}

/// How a dialect turns clients away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// With an HTTP status, in place of the upgrade.
    Answer,
    /// It accepts everybody and says what is wrong in its own words.
    Accept,
}

/// What is known of a connection when it starts.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The head of its handshake.
    pub request: &'a request::Parts,
    /// Its id.
    pub connection: Uuid,
    /// Who the client is. With [`Manner::Answer`] never one that its endpoint refuses.
    pub credential: &'a Credential,
    /// Its endpoint lets nobody in without a credential.
    pub required: bool,
    /// By which it may come back after it has been away; `None`: it may not.
    pub resume: Option<Uuid>,
    /// Its age is zero.
    pub now: Now,
}

/// The state of one connection. No I/O and no clock.
pub trait Conversation: Send + fmt::Debug {
    /// Reads one message of the client.
    fn receive(&mut self, message: Message, now: Now, turn: &mut Turn);

    /// This message came faster than its endpoint allows, and nothing comes of it: a word to the client.
    fn dropped(&mut self, _message: &Message, _now: Now, _turn: &mut Turn) {}

    /// What follows from the request to the backend that it waits for the answer to.
    fn prospect(&self) -> Option<Prospect> {
        None
    }

    /// Goes on where it had asked for something.
    fn returned(&mut self, _returned: Returned, _now: Now, _turn: &mut Turn) {}

    /// The client is this from now on, as it was asked for with [`Command::Identify`](crate::message::Command);
    /// behind the words of that turn, and to be answered without another such wish or a call. An identity that
    /// the hub refuses ends the connection without this, and one that expires is told by
    /// [`expired`](Self::expired).
    fn identified(&mut self, _identity: &Identity, _now: Now, _turn: &mut Turn) {}

    /// The age of the connection at which to [wake](Self::wake) it. Asked after each call.
    fn alarm(&self) -> Option<Duration> {
        None
    }

    /// The time of the [alarm](Self::alarm) has come.
    fn wake(&mut self, _now: Now, _turn: &mut Turn) {}

    /// The token has expired: a word to the client before it is closed, or nobody in particular from now on.
    fn expired(&mut self, _now: Now, _turn: &mut Turn) {}

    /// The connection broke off, and the client may come back.
    fn away(&mut self) {}

    /// Whether a client that was away goes on as who it was, by its first message on another connection; `is_same`:
    /// the handshake showed the same as the former.
    fn goes_on(&self, _message: &Message, is_same: bool) -> bool {
        is_same
    }

    /// The client was away, and is back with all that it had: a word before what it missed.
    fn resumed(&mut self, _now: Now, _turn: &mut Turn) {}

    /// The connection has ended. Frames reach nobody any more; announcements do, and calls
    /// [return](Self::returned).
    fn ended(&mut self, _now: Now, _turn: &mut Turn) {}
}

/// What a request to the backend is for, before it is answered; for people.
#[derive(Debug, Default)]
pub struct Prospect {
    /// The path of its route, as the config has it.
    pub route: String,
    /// What clients call the records.
    pub resource: String,
    /// What is done here to its answer, one line each.
    pub here: Vec<String>,
    /// Another request that follows if the answer allows it, with what is done to the answer to that.
    pub behind: Option<(Upstream, Vec<String>)>,
}

/// Makes a dialect from the options of an endpoint.
pub type Constructor = fn(&dyn Options) -> Arc<dyn Dialect>;

/// Every dialect, by the name it has in the config.
pub const DIALECTS: &[(&str, Constructor)] = &[
    ("flarchitect", |options| Arc::new(flarchitect::Flarchitect(snapshots(options)))),
    ("fastcms", |options| Arc::new(fastcms::FastCms::new(options))),
    ("mdb_engine", |options| Arc::new(mdb_engine::MdbEngine::new(options))),
    ("websocketspec", |options| Arc::new(websocketspec::WebSocketSpec::new(options))),
    ("socketio", |options| Arc::new(socketio::SocketIo::new(options))),
    ("canonical", |options| Arc::new(canonical::Canonical(snapshots(options)))),
    ("sse", |options| Arc::new(sse::Sse(snapshots(options)))),
    ("echo", |_| Arc::new(echo::Echo)),
];

fn snapshots(options: &dyn Options) -> Arc<snapshot::Snapshots> {
    Arc::new(snapshot::Snapshots::read(options))
}

/// The dialect of that name.
pub fn find(name: &str) -> Option<(&'static str, Constructor)> {
    DIALECTS.iter().find(|(known, _)| *known == name).copied()
}

/// Endpoints of this dialect may be declared by a manifest ([`read_manifest`]).
pub fn has_manifest(name: &str) -> bool {
    name == "mdb_engine"
}
