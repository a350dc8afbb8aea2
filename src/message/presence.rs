//! What connections cause to be told: who comes and who leaves.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use crate::event::{Audience, Event, Item, Operation, Origin, Outcome};

/// An event that a conversation causes; it goes the way of all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// In whose topics it appears.
    pub model: Arc<str>,
    /// What it is called.
    pub action: Arc<str>,
    /// What it is about.
    pub item: Item,
    /// Who may get it.
    pub audience: Audience,
    /// It says that somebody has come or left.
    pub coming: Option<Coming>,
}

impl Announcement {
    /// The event that it is.
    pub fn event(self, id: Uuid, time: SystemTime) -> Event {
        Event {
            id,
            time,
            origin: Origin::Presence,
            model: self.model,
            operation: Operation::Custom,
            action: Some(self.action),
            many: false,
            items: vec![self.item],
            request_body: None,
            http: None,
            audience: self.audience,
            outcome: Outcome::Certain,
            overlapping: false,
        }
    }
}

/// What an announcement says of the presence of a user, for whoever knows of other processes where the user may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// Who.
    pub user: Arc<str>,
    /// Has come; else has left.
    pub is_here: bool,
}

/// How an endpoint tells that somebody has come or left, for those who are at another process.
pub trait Doorman: Send + Sync + fmt::Debug {
    /// Each connection is told of; else only a user's first and last one.
    fn tells_each(&self) -> bool;

    /// What is told.
    fn announcement(&self, coming: &Coming, time: SystemTime) -> Announcement;
}
