//! Fetches the keys of one issuer, one document at a time, and tells those who wait.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::auth::{Jwks, KeySet, KeySetError, Loaded, MAX_BYTES};
use crate::metrics::Metrics;
use crate::outbound::{Client, Limits, OutboundError, Roots, RootsError};

/// What an issuer gets to answer.
pub(super) const TIME: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits { time: TIME, body: MAX_BYTES, requests: 1 };
/// The second is the registered one (RFC 7517, section 8.5.2).
const ACCEPT: &str = "application/json, application/jwk-set+json";

/// See the module's documentation.
pub(super) struct Keeper {
    pub(super) jwks: Arc<Jwks>,
    client: Client,
    wake: Notify,
    /// Changes when a fetch has ended, well or not.
    ended: watch::Sender<()>,
}

/// Comes once a fetch has ended.
type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{}", .0.reason())]
    Outbound(#[from] OutboundError),
    #[error("the answer has status {}, not 200", .0.as_u16())]
    Status(StatusCode),
    #[error(transparent)]
    Document(#[from] KeySetError),
}

impl Keeper {
    pub(super) fn new(jwks: Arc<Jwks>) -> Result<Self, RootsError> {
        let source = jwks.source();
        let roots = match &source.authorities {
            Some(pem) => Roots::of_file(pem)?,
            None if source.url.scheme_str() == Some("http") => Roots::none(),
            None => Roots::system(),
        };
        let client = Client::new(LIMITS, roots);
        Ok(Self { jwks, client, wake: Notify::new(), ended: watch::Sender::new(()) })
    }

    pub(super) fn keeps(&self, jwks: &Arc<Jwks>) -> bool {
        Arc::ptr_eq(&self.jwks, jwks)
    }

    /// Asks for a document with this key; `None`: it would not help to wait.
    pub(super) fn ask(&self, kid: Option<&str>, age: Duration) -> Option<Ended> {
        // Before asking, so that no end is missed.
        let mut ended = self.ended.subscribe();
        if !self.jwks.want(kid, age) {
            return None;
        }
        self.wake.notify_one();
        // An error is the end of the sender: this keeper, which whoever waits holds.
        Some(Box::pin(async move { drop(ended.changed().await) }))
    }

    /// Never ends.
    pub(super) async fn watch(&self, begin: Instant, metrics: &Metrics) {
        loop {
            if let Some(pause) = self.jwks.begin(begin.elapsed()) {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.wake.notified() => {}
                }
                continue;
            }
            match self.fetch(begin).await {
                Ok(Loaded { keys, skipped, changed: true }) => {
                    metrics.keys_changed(&self.jwks.name(), keys, skipped);
                }
                Ok(Loaded { changed: false, .. }) => metrics.keys_fetched(),
                Err(reason) => metrics.keys_failed(&self.jwks.name(), &reason),
            }
        }
    }

    /// Fetches now.
    pub(super) async fn fetch(&self, begin: Instant) -> Result<Loaded, String> {
        let document = self.document().await;
        let age = begin.elapsed();
        let result = match document {
            Ok((set, headers)) => Ok(self.jwks.loaded(set, &headers, age)),
            Err(error) => {
                let reason = error.to_string();
                self.jwks.failed(&reason, age, chance());
                Err(reason)
            }
        };
        self.ended.send_replace(());
        result
    }

    async fn document(&self) -> Result<(KeySet, HeaderMap), FetchError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.jwks.source().url.clone();
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static(ACCEPT));
        let (head, body) = self.client.send(request).await?.into_parts();
        match head.status {
            StatusCode::OK => Ok((KeySet::parse(&body)?, head.headers)),
            other => Err(FetchError::Status(other)),
        }
    }
}

/// A number that other processes do not have.
fn chance() -> u32 {
    u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or_default()
}
