//! A connection to a server.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{GetProxyDigest, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::joint::{Before, Joint};
use crate::proxy::layer::layer;
use crate::proxy::trailers::Tail;

/// What a connection and the exchange on it tell each other.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) tail: Arc<Tail>,
    /// What is written up to the next flush is the head of a request that has a body.
    is_opening: AtomicBool,
}

impl Notes {
    /// A request is about to be written.
    pub(super) fn begin(&self, has_body: bool) {
        self.is_opening.store(has_body, Ordering::Relaxed);
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Upstream {
    stream: Stream,
    notes: Arc<Notes>,
    joint: Joint,
    /// Where pingora lets a connection carry something of ours.
    digest: Arc<ProxyDigest>,
}

impl Upstream {
    pub(super) fn new(stream: Stream) -> pingora::Result<Self> {
        let notes = Arc::<Notes>::default();
        let head = Box::new(ResponseHeader::build(200, Some(0))?);
        let digest = Arc::new(ProxyDigest::new(head, Some(Box::new(Arc::clone(&notes)))));
        Ok(Self { stream, notes, joint: Joint::default(), digest })
    }

    fn inner(&self) -> &Stream {
        &self.stream
    }

    fn inner_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Sends the head that waits, if one does, and `body` behind it as far as that is taken at once: so many bytes. A
    /// head that cannot be sent is not tried again.
    fn poll_send(&mut self, context: &mut Context<'_>, body: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        while !self.joint.head().is_empty() {
            let head = IoSlice::new(self.joint.head());
            let slices: Vec<IoSlice<'_>> = std::iter::once(head).chain(body.iter().copied()).collect();
            match ready!(Pin::new(&mut self.stream).poll_write_vectored(context, &slices)) {
                Ok(sent @ 1..) => {
                    let rest = self.joint.sent(sent);
                    if rest > 0 {
                        return Poll::Ready(Ok(rest));
                    }
                }
                failed => {
                    self.joint = Joint::default();
                    return Poll::Ready(failed.and(Err(io::ErrorKind::WriteZero.into())));
                }
            }
        }
        if body.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, body)
    }

    fn poll_let_go(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context, &[]))?;
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
        self.joint.flushed();
        Poll::Ready(flushed)
    }
}

impl AsyncRead for Upstream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.joint.read() {
            Before::Read => {}
            Before::Wake => context.waker().wake_by_ref(),
            // An answer may come before all of it has left.
            Before::Flush => {
                if let Poll::Ready(Err(error)) = self.poll_let_go(context) {
                    return Poll::Ready(Err(error));
                }
            }
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.notes.tail.push(buffer.filled().get(before..).unwrap_or_default());
        result
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.notes.is_opening.load(Ordering::Relaxed) {
            self.joint.keep(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        if self.joint.head().is_empty() {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        self.poll_send(context, &[IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.notes.is_opening.swap(false, Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        self.poll_let_go(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Where it cannot be sent, the connection ends all the same.
        drop(ready!(self.poll_send(context, &[])));
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.notes.is_opening.load(Ordering::Relaxed) {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
            return self.poll_write(context, first);
        }
        self.poll_send(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl GetProxyDigest for Upstream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

layer!(Upstream);
