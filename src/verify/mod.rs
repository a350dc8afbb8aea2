//! Tokens are checked, and where it takes a key that an issuer publishes and that is not here yet, it is
//! waited for. What is to be fetched and when is decided in [`auth`](crate::auth); here are the clock, the
//! requests and those who wait.

mod keeper;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{join_all, select_all};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::auth::{Issuers, Judgement, Key, TokenError};
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::outbound::RootsError;
use keeper::Keeper;

/// Tokens that wait for keys; one more is refused at once.
const MAX_WAITING: usize = 1024;
/// One token waits no longer than for a document under way and one more.
const MAX_WAIT: Duration = keeper::TIME.saturating_mul(2);

/// Checks tokens. Clones share keys and those who wait.
#[derive(Clone)]
pub struct Verifier {
    issuers: Issuers,
    keepers: Arc<[Keeper]>,
    waiting: Arc<Semaphore>,
    /// What the keys' times are counted from.
    begin: Instant,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Fetches nothing yet, but reads the system's certificate authorities where they are needed.
    ///
    /// # Errors
    /// Authorities of a source that are none: the configuration was not checked.
    #[expect(clippy::disallowed_methods, reason = "keys have their time")]
    pub fn new(issuers: Issuers) -> Result<Self, RootsError> {
        let published = issuers.iter().filter_map(|issuer| match &issuer.key {
            Key::Published(jwks) => Some(Keeper::new(Arc::clone(jwks))),
            Key::Shared(_) | Key::Public(_) => None,
        });
        let keepers = published.collect::<Result<_, _>>()?;
        Ok(Self { issuers, keepers, waiting: Arc::new(Semaphore::new(MAX_WAITING)), begin: Instant::now() })
    }

    /// Who bears this token. Where all keys are here, which is nearly always, it does not wait.
    ///
    /// # Errors
    /// Why it proves nothing; [`TokenError::NoKeys`] also after ten seconds, and where too many wait already.
    ///
    /// # Cancel safety
    /// A document that was asked for is fetched all the same.
    pub async fn identify(&self, token: &str) -> Result<Identity, TokenError> {
        let judgement = self.judge(token);
        if judgement.lacking.is_empty() {
            return judgement.verdict;
        }
        let Ok(_place) = self.waiting.try_acquire() else { return Err(TokenError::NoKeys) };
        let waited = Box::pin(timeout(MAX_WAIT, self.wait(token, judgement))).await;
        waited.unwrap_or(Err(TokenError::NoKeys))
    }

    async fn wait(&self, token: &str, mut judgement: Judgement) -> Result<Identity, TokenError> {
        loop {
            let lacking = |keeper: &&Keeper| judgement.lacking.iter().any(|jwks| keeper.keeps(jwks));
            let asked = self.keepers.iter().filter(lacking);
            let coming: Vec<_> =
                asked.filter_map(|keeper| keeper.ask(judgement.kid.as_deref(), self.age())).collect();
            if coming.is_empty() {
                return judgement.verdict;
            }
            // The first one may be enough.
            drop(select_all(coming).await);
            judgement = self.judge(token);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "tokens expire")]
    fn judge(&self, token: &str) -> Judgement {
        let age = self.age();
        for keeper in self.keepers.iter() {
            keeper.jwks.advance(age);
        }
        self.issuers.judge(token, SystemTime::now())
    }

    fn age(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Keeps the keys fresh, and fetches those that tokens ask for. Never ends; to be run once.
    pub async fn watch(&self, metrics: &Metrics) {
        join_all(self.keepers.iter().map(|keeper| keeper.watch(self.begin, metrics))).await;
    }

    /// Fetches every document once, for whoever does not [`watch`](Self::watch).
    pub async fn fetch(&self) {
        join_all(self.keepers.iter().map(|keeper| keeper.fetch(self.begin))).await;
    }
}
