//! Trailers of an answer leave between its last chunk and the end.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// As pingora ends a chunked body, in a write of its own. What is in the chunks is written from several
/// slices at once, and so in another way.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Trailers {
    lines: Mutex<Option<Vec<u8>>>,
    /// What is left of the last chunk with its trailers.
    rest: Vec<u8>,
}

impl Trailers {
    /// The last chunk that leaves next gets these lines.
    pub(super) fn set(&self, lines: Option<Vec<u8>>) {
        *self.lines.lock().unwrap_or_else(PoisonError::into_inner) = lines;
    }

    /// Whether these bytes leave through [`poll_write`](Self::poll_write).
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        if self.rest.is_empty()
            && bytes == LAST_CHUNK
            && let Some(lines) = self.lines.get_mut().unwrap_or_else(PoisonError::into_inner).take()
        {
            self.rest = [b"0\r\n", lines.as_slice(), b"\r\n"].concat();
        }
        !self.rest.is_empty()
    }

    /// Writes all of it, and then says that it was the last chunk.
    pub(super) fn poll_write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut *stream).poll_write(context, &self.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.drain(..written);
        }
        Poll::Ready(Ok(LAST_CHUNK.len()))
    }
}
