//! What serves plain requests: the shell reads them, hands them in, and writes the answers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request};
use tokio::sync::oneshot;
use uuid::Uuid;

/// Answers requests; no I/O.
pub trait Site: Send + Sync + fmt::Debug + 'static {
    /// The answer to a request.
    fn respond(&self, asked: Asked) -> Reply;

    /// The answer to a handshake that may not look in beside the site; `None`: it may.
    fn refusal(&self, _headers: &HeaderMap) -> Option<Response<Bytes>> {
        None
    }

    /// The answer to a request whose body was larger than the shell reads.
    fn too_large(&self, _head: &request::Parts) -> Response<Bytes> {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        response
    }
}

/// A request as the shell hands it in.
#[derive(Debug)]
pub struct Asked {
    /// Whole.
    pub request: Request<Bytes>,
    /// When it was read.
    pub time: SystemTime,
    /// The same on a clock that never goes back: since the site began.
    pub uptime: Duration,
    /// Unique, and sorts by time (UUID version 7).
    pub id: Uuid,
}

/// What a site says.
#[derive(Debug)]
pub enum Reply {
    /// The answer.
    Now(Response<Bytes>),
    /// The answer comes once somebody else is done.
    Later(Later),
}

impl From<Response<Bytes>> for Reply {
    fn from(response: Response<Bytes>) -> Self {
        Self::Now(response)
    }
}

/// An answer that is waited for.
pub struct Later {
    answer: oneshot::Receiver<Response<Bytes>>,
    otherwise: Response<Bytes>,
    patience: Option<Duration>,
    over: Option<Box<dyn FnOnce() + Send>>,
}

/// The other end of a [`Later`].
#[derive(Debug)]
pub struct Promise(oneshot::Sender<Response<Bytes>>);

impl Later {
    /// `otherwise`: the answer if the promise is dropped.
    pub fn new(otherwise: Response<Bytes>) -> (Promise, Self) {
        let (sender, answer) = oneshot::channel();
        (Promise(sender), Self { answer, otherwise, patience: None, over: None })
    }

    /// The same; `over` is called after this time, or where nobody waits any more, and has the promise kept
    /// soon.
    #[must_use]
    pub fn within(mut self, patience: Duration, over: Box<dyn FnOnce() + Send>) -> Self {
        (self.patience, self.over) = (Some(patience), Some(over));
        self
    }

    /// How long whoever waits is to wait before it says that the [time is over](Self::time_is_over).
    pub fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// To be waited for once more afterwards.
    pub fn time_is_over(&mut self) {
        if let Some(over) = self.over.take() {
            over();
        }
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        self.time_is_over();
    }
}

impl Promise {
    /// Gives the answer. Nothing happens where nobody waits for it any more.
    pub fn keep(self, answer: Response<Bytes>) {
        drop(self.0.send(answer));
    }
}

impl Future for Later {
    type Output = Response<Bytes>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Bytes>> {
        let answer = Pin::new(&mut self.answer).poll(context);
        answer.map(|answer| answer.unwrap_or_else(|_| std::mem::take(&mut self.otherwise)))
    }
}
