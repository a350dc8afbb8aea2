//! One connection in memory: pingora's server at the other end. At ours no client session of pingora's: that
//! costs more than what a call otherwise does outside the proxy, and half of HTTP/1.1 is enough here.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use super::answer::Reader;
use super::request::written;
use super::{Beside, CallError, Entrance};

/// What may be on its way in each direction.
const BUFFER_BYTES: usize = 64 * 1024;

/// See the module's documentation.
pub(super) struct Line {
    stream: DuplexStream,
    pub(super) beside: Arc<Beside>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Line {
    /// A new connection, and a task that serves it until either end hangs up.
    pub(super) fn open(entrance: &Entrance) -> Result<Self, CallError> {
        let (ours, theirs) = duplex(BUFFER_BYTES);
        let beside = Arc::new(Beside::default());
        let serving = entrance.serve(theirs, Arc::clone(&beside)).ok_or(CallError::Closed)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "ends when its line is dropped, and its exchange counts as in flight"
        )]
        drop(tokio::spawn(serving));
        Ok(Self { stream: ours, beside })
    }

    /// Sends a request with these headers besides and reads the answer. Gives the line back if it can be used
    /// again.
    pub(super) async fn exchange(
        mut self,
        request: Request<Bytes>,
        along: &HeaderMap,
        limit: usize,
    ) -> Result<(Response<Bytes>, Option<Self>), CallError> {
        let method = request.method().clone();
        let (head, body) = written(request, along);
        // It may be answered before its end.
        let is_sent =
            self.stream.write_all(&head).await.is_ok() && self.stream.write_all(&body).await.is_ok();
        let (answer, goes_on) = Reader::new(&mut self.stream, limit).answer(&method).await?;
        Ok((answer, (is_sent && goes_on).then_some(self)))
    }
}
