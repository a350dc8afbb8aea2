//! One reader in the hub.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use uuid::Uuid;

use super::line::Line;
use super::subscriber::Subscription;
use super::{Lane, OutboxLimits};
use crate::access::Credentials;
use crate::identity::Identity;

/// What is known of a connection when it comes.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Unique.
    pub id: Uuid,
    /// The number of its endpoint.
    pub endpoint: usize,
    /// Who it is, to begin with.
    pub identity: Identity,
    /// When it came.
    pub since: SystemTime,
    /// Where it comes from, as far as that is known.
    pub address: Option<IpAddr>,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) lane: Arc<dyn Lane>,
    pub(super) id: Uuid,
    pub(super) endpoint: usize,
    pub(super) since: SystemTime,
    pub(super) address: Option<IpAddr>,
    /// What waits behind a question.
    pub(super) line: Line,
    standing: Mutex<Standing>,
    /// The last position that it was offered: one event reaches it once, however many of its topics match.
    seen: AtomicU64,
    /// How often it left a topic or changed a filter, but for its last leave. It grows with the tables *and* the
    /// standing locked, so whoever holds one of them sees it as it is.
    changes: AtomicU64,
}

/// Who a reader is and what it wants. Only its own [`Subscriber`](super::Subscriber) changes it, and answers
/// the client behind that.
///
/// Whoever writes a frame to the reader decides on it and writes it under this one lock: so behind the answer it
/// gets nothing that was for whom it was, or by what it wanted before. The lock is taken behind that of its line,
/// and before that of the tables, and writing takes neither.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) identity: Identity,
    /// With which the backend is asked what it may see.
    pub(super) credentials: Option<Arc<Credentials>>,
    pub(super) subscriptions: Vec<Subscription>,
}

impl Standing {
    /// For whoever must not hold up what is delivered meanwhile.
    pub(super) fn copy(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            credentials: self.credentials.clone(),
            subscriptions: self.subscriptions.iter().map(Subscription::copy).collect(),
        }
    }
}

impl Reader {
    pub(super) fn new(lane: Arc<dyn Lane>, profile: Profile, line: OutboxLimits) -> Self {
        let Profile { id, endpoint, identity, since, address } = profile;
        let standing = Standing { identity, credentials: None, subscriptions: Vec::new() };
        Self {
            lane,
            id,
            endpoint,
            since,
            address,
            line: Line::new(line),
            standing: Mutex::new(standing),
            seen: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        }
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        // A panic of an encoder or a lane leaves it as it was.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was not offered this position yet; it counts as having been from now on. Events come one at
    /// a time, and nobody else asks.
    pub(super) fn is_first(&self, position: u64) -> bool {
        self.seen.fetch_max(position, Ordering::Relaxed) < position
    }

    /// To be called with its standing or the tables locked.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// It wants something less, or else. To be called with its standing and the tables locked, where its places
    /// change.
    pub(super) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}
