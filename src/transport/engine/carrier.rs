//! What carries a connection's frames: nothing while the client polls, and then its WebSocket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::link::Stream;

/// A stream that may not be there yet. As long as it is not, nothing comes and nothing leaves: what is written
/// waits with whoever writes.
#[derive(Debug)]
pub(super) enum Carrier<T> {
    /// Requests take what waits.
    Polling,
    /// A WebSocket.
    Socket(T),
}

impl<T: Stream> Carrier<T> {
    fn write(
        &mut self,
        write: impl FnOnce(Pin<&mut T>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Polling => Poll::Pending,
            Self::Socket(stream) => write(Pin::new(stream)),
        }
    }
}

impl<T: Stream> AsyncRead for Carrier<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Polling => Poll::Pending,
            Self::Socket(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl<T: Stream> AsyncWrite for Carrier<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self, Self::Socket(stream) if stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Polling => Poll::Ready(Ok(())),
            Self::Socket(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Polling => Poll::Ready(Ok(())),
            Self::Socket(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
