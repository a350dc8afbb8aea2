//! What an endpoint allows its connections.

use std::time::Duration;

use super::bucket::Rate;
use crate::hub::OutboxLimits;

/// What one endpoint allows its connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one client message.
    pub max_message: usize,
    /// Time between two PINGs.
    pub ping_interval: Duration,
    /// What may wait for a slow reader.
    pub outbox: OutboxLimits,
    /// What becomes of a connection whose token expires.
    pub expiry: Expiry,
    /// How fast its messages may come; `None`: as fast as they are read.
    pub rate: Option<Rate>,
    /// Messages that may wait while one before them is being answered; no more are read then.
    pub waiting: usize,
}

/// What becomes of a connection whose token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It is closed.
    Close,
    /// It goes on, and its reader is nobody in particular.
    Demote,
}
