//! What an endpoint tells of its connections to whoever asks with a plain GET.

use std::fmt;

use uuid::Uuid;

use crate::event::Topic;
use crate::identity::{Credential, Identity};

/// A connection as it is at one moment.
#[derive(Debug, Clone)]
pub struct Attendee {
    /// Its id.
    pub id: Uuid,
    /// Who it is.
    pub identity: Identity,
    /// What it is subscribed to, in no order.
    pub topics: Vec<Topic>,
}

/// The connections of an endpoint at one moment, of all nodes.
#[derive(Debug, Clone, Default)]
pub struct Attendance {
    /// What carries events between processes, as the config calls it.
    pub broker: &'static str,
    /// All of them.
    pub connections: usize,
    /// Those that have proven who they are.
    pub authenticated: usize,
    /// Users that these belong to.
    pub users: usize,
    /// Some of them, no more than [`Report::listed`].
    pub listed: Vec<Attendee>,
}

/// See the module's documentation. A function of the connections: no I/O and no clock.
pub trait Report: Send + Sync + fmt::Debug {
    /// Where it is: an exact request path, on the port of the proxy.
    fn path(&self) -> &str;

    /// The option of the endpoint that says so.
    fn option(&self) -> &'static str;

    /// Whether whoever shows this may have it; everybody, if that is so for [`Credential::Missing`].
    fn admits(&self, credential: &Credential) -> bool;

    /// So many connections at most are told one by one.
    fn listed(&self) -> usize;

    /// The report as JSON, of all the endpoint's connections.
    fn write(&self, attendance: &Attendance) -> String;
}
