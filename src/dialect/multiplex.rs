//! Dialects whose connections hold several conversations, over Engine.IO (`protocols.md`, section 4.1).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Dialect;
use crate::message::{Frame, Message, Stamp};

/// What such a dialect says of its connections.
pub trait Multiplex: fmt::Debug + Send + Sync {
    /// What the conversations of a connection are: each namespace is a dialect of its own. The head that their
    /// [`Opening`](super::Opening) shows is empty, since a connection does not keep it; what the handshake showed is
    /// the credential.
    fn namespaces(&self) -> &[(Arc<str>, Arc<dyn Dialect>)];

    /// What connections are told of themselves.
    fn engine(&self) -> Engine;

    /// Said to whoever has to leave the namespace of this number, and is not to come back by itself.
    fn dismissed(&self, number: usize) -> Frame;

    /// Said to whoever may not come into the namespace of this number, since it has been taken by too many.
    fn crowded(&self, number: usize) -> Frame;

    /// Reads for one connection.
    fn routing(&self) -> Box<dyn Routing>;
}

/// Times and bounds of Engine.IO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// Between two pings of the server.
    pub ping_interval: Duration,
    /// How long the answer to one may take.
    pub ping_timeout: Duration,
    /// How long a client may take to come into a namespace.
    pub connect_timeout: Duration,
    /// Bytes of one message, and of the body of one POST.
    pub max_payload: usize,
    /// How long a socket may be away and come back; `None`: not at all.
    pub recovery: Option<Duration>,
}

/// Says whom the messages of one connection are for.
pub trait Routing: fmt::Debug + Send {
    /// Reads one message.
    fn route(&mut self, message: Message) -> Route;
}

/// What a message of a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The first one for the namespace of this number; of a client that was there before, how it goes on.
    Open(usize, Option<Resume>, Message),
    /// For the conversation in the namespace of this number.
    To(usize, Message),
    /// The client leaves this namespace.
    Leave(usize),
    /// Nobody's, and answered with this.
    Say(Frame),
    /// It is not understood: the connection ends.
    Fault,
}

/// How a client goes on that was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// As it was told when it came.
    pub pid: Uuid,
    /// Of what it got last; `None`: it got nothing that says where it stands.
    pub last: Option<Stamp>,
}
