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
#[derive(Debug)]
pub struct Later {
    answer: oneshot::Receiver<Response<Bytes>>,
    otherwise: Response<Bytes>,
}

/// The other end of a [`Later`].
#[derive(Debug)]
pub struct Promise(oneshot::Sender<Response<Bytes>>);

impl Later {
    /// `otherwise`: the answer if the promise is dropped.
    pub fn new(otherwise: Response<Bytes>) -> (Promise, Self) {
        let (sender, answer) = oneshot::channel();
        (Promise(sender), Self { answer, otherwise })
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
