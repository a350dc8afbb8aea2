//! HTTP requests that restcast itself sends to services beside the backend, such as the keys of an issuer.
//! Such a service may be slow, gone or hostile: time and size are bounded, redirects are not followed, no
//! cookie is kept, and nothing is sent but the request's own headers and `Host`.

mod error;
mod roots;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::url;
pub use error::OutboundError;
pub use roots::{Roots, RootsError};

/// An idle connection is closed after that.
const IDLE: Duration = Duration::from_mins(1);
/// Head of an answer; hyper fails above it.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("restcast/", env!("CARGO_PKG_VERSION")));

/// What a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the call of [`Client::send`] to the last byte of the answer: name, connection, waiting for the
    /// other requests, everything.
    pub time: Duration,
    /// Body of an answer, in bytes.
    pub body: usize,
    /// Requests under way at once; one more waits, within its time. So many idle connections at most are
    /// kept for each host. At least 1.
    pub requests: usize,
}

/// Sends requests. Clones share connections and limits; its connections end when the last clone is gone.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limits: Limits,
    slots: Arc<Semaphore>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to nobody yet. `roots`: who may speak for the host of an `https` URL.
    pub fn new(limits: Limits, roots: Roots) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new().with_tls_config(roots.into_config());
        let connector = https.https_or_http().enable_http1().wrap_connector(tcp);
        let requests = limits.requests.max(1);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(requests)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .build(connector);
        Self { pool, limits, slots: Arc::new(Semaphore::new(requests)) }
    }

    /// Sends one request to the absolute `http` or `https` URL that it names, and reads the answer whole,
    /// whatever its status. `User-Agent` is set where it is missing. It is sent at most once: only where an
    /// idle connection turns out to be closed before a byte of it left, another one is taken.
    ///
    /// # Errors
    /// See [`OutboundError`]; none of them holds the URL.
    ///
    /// # Cancel safety
    /// Dropping the future ends the exchange and its connection.
    pub async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        if !url::is_usable(request.uri()) {
            return Err(OutboundError::Url);
        }
        request.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
        let exchange = Box::pin(self.exchange(request));
        timeout(self.limits.time, exchange)
            .await
            .unwrap_or_else(|_elapsed| Err(OutboundError::Timeout(self.limits.time)))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, OutboundError> {
        // Nobody closes it.
        let _slot = self.slots.acquire().await.map_err(|error| OutboundError::Broken(error.into()))?;
        let answer = self.pool.request(request.map(Full::new)).await.map_err(|error| {
            if error.is_connect() {
                OutboundError::Unreachable(error.into())
            } else {
                OutboundError::Broken(error.into())
            }
        })?;
        let (mut head, body) = answer.into_parts();
        head.extensions.clear();
        match Limited::new(body, self.limits.body).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(OutboundError::TooLarge(self.limits.body)),
            Err(error) => Err(OutboundError::Broken(error)),
        }
    }
}
