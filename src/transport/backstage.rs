//! What a connection needs of the rest of the process, beside the hub.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::ahead::Ahead;
use crate::access::Credentials;
use crate::hub::AttachError;
use crate::message::{Announcement, Call, Heard, Loss, Push, Returned};

/// The answer to a call, once it is there.
pub type Returning = Pin<Box<dyn Future<Output = Returned> + Send>>;

/// One for each endpoint. Nothing here waits but what [`call`](Self::call) returns.
pub trait Backstage: Send + Sync + fmt::Debug {
    /// Finds the answer; bounded in time by whoever finds it.
    fn call(&self, call: Call, caller: Caller) -> Returning;
    /// Publishes an event.
    fn announce(&self, announcement: Announcement);
    /// Hands a message to other connections.
    fn push(&self, push: Push);
    /// There are so many connections more, or fewer.
    fn connections(&self, difference: i64);
    /// The hub takes a connection not.
    fn refused(&self, error: AttachError);
    /// A connection has so many subscriptions more, or fewer.
    fn subscriptions(&self, difference: i64);
    /// A client that was away gets so many frames, or it is not known what it missed.
    fn caught_up(&self, _recovered: Result<(), Loss>, _frames: usize) {}
    /// A client has answered a push; `false`: nobody waits for that.
    fn answered(&self, _is_awaited: bool) {}
    /// An event of a client has come to its end.
    fn heard(&self, _heard: Heard) {}
    /// A client wanted more than it may have.
    fn exceeded(&self, limit: Exceeded);
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Lets the client hear the answer before the events that the call causes.
    pub ahead: Ahead,
    /// With which the backend is asked on its behalf; `None`: it is not.
    pub credentials: Option<Arc<Credentials>>,
}

/// What a client wanted too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// Connections of one user: it said who it is on a connection that was open already, which is closed.
    Connections,
    /// Messages: one was dropped.
    Messages,
    /// The same for too long: it is closed.
    Flood,
    /// Frames that waited for an answer: it was too slow for them, and is closed.
    Frames,
}
