//! The client's connection, wrapped so that a write outlives its writer ([`Hold`]), the backend's dates
//! stay ([`Date`]), and a client that was answered early is not left waiting ([`Parting`]).
//!
//! And pingora flushes an answer of known length only at its end, so the first bytes of a slow one would
//! wait for the last. Here, whoever waits for the client has first handed over what was written.
//!
//! What is written in small pieces, such as a head and a short body, leaves together. pingora's own connections would
//! see to that too, and keep the room for it as long as they last: also those that have become WebSockets.
//!
//! Everything else passes untouched.

mod date;
mod hold;
mod parting;
#[cfg(test)]
mod tests;
mod trailers;

use std::io::{self, Cursor};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::HeaderValue;
use pingora::protocols::http::ServerSession;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{GetProxyDigest, Stream};
use tokio::io::{AsyncRead, AsyncWrite, BufWriter, ReadBuf};

use self::date::Date;
use self::hold::Hold;
pub(super) use self::parting::LINGER;
use self::parting::Parting;
use self::trailers::Trailers;
use super::call::{Beside, Errand};
use super::layer::layer;

/// What fits into a packet; larger writes pass it by.
const BUFFER_BYTES: usize = 1460;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Downstream {
    stream: BufWriter<Stream>,
    /// Asked for once, for all requests of the connection.
    client: OnceLock<Option<(IpAddr, HeaderValue)>>,
    hold: Hold,
    date: Date,
    parting: Parting,
    trailers: Trailers,
    /// Something was written and not flushed.
    written: bool,
    /// At the other end are we ourselves.
    beside: Option<Arc<Beside>>,
}

impl Downstream {
    pub(super) fn new(stream: Stream, patience: Duration) -> Self {
        Self::with(BufWriter::with_capacity(BUFFER_BYTES, stream), patience, None)
    }

    /// The proxy's end of a connection of our own, on which nothing costs a system call.
    pub(super) fn ours(stream: Stream, patience: Duration, beside: Arc<Beside>) -> Self {
        Self::with(BufWriter::with_capacity(0, stream), patience, Some(beside))
    }

    fn with(stream: BufWriter<Stream>, patience: Duration, beside: Option<Arc<Beside>>) -> Self {
        Self {
            stream,
            client: OnceLock::new(),
            hold: Hold::new(patience),
            date: Date::default(),
            parting: Parting::default(),
            trailers: Trailers::default(),
            written: false,
            beside,
        }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.beside.is_some()
    }

    /// What goes with the request that was just read, if it is one of ours.
    pub(super) fn errand(&self) -> Option<Errand> {
        self.beside.as_ref()?.errand()
    }

    /// The connection of a session.
    pub(super) fn of(session: &ServerSession) -> Option<&Self> {
        match session {
            ServerSession::H1(session) => (**session.stream()).as_any().downcast_ref(),
            ServerSession::H2(_) | ServerSession::Subrequest(_) | ServerSession::Custom(_) => None,
        }
    }

    /// Ends the connection of a session with the answer that is being written.
    pub(super) fn part_of(session: &ServerSession) {
        if let Some(downstream) = Self::of(session) {
            downstream.part();
        }
    }

    /// The client's address, also in the form of a header.
    pub(super) fn client(&self) -> Option<&(IpAddr, HeaderValue)> {
        let ask = || {
            let address = self.inner().get_socket_digest()?.peer_addr()?.as_inet()?.ip();
            Some((address, HeaderValue::try_from(address.to_string()).ok()?))
        };
        self.client.get_or_init(ask).as_ref()
    }

    /// The head that leaves next gets this date.
    pub(super) fn date(&self, date: &HeaderValue) {
        self.date.set(date);
    }

    /// From now on the client's leaving is not noticed.
    pub(super) fn hold(&self) {
        self.hold.begin();
    }

    /// The exchange is over: the connection speaks for itself again.
    pub(super) fn release(&self) {
        self.hold.end();
        self.trailers.set(None);
    }

    /// The answer is complete and the last one: the client need not send the rest of its request.
    pub(super) fn part(&self) {
        self.parting.begin();
    }

    /// The chunked answer under way ends with these lines.
    pub(super) fn trailers(&self, lines: Option<Vec<u8>>) {
        // What pingora writes in one slice could otherwise be a piece of the body.
        if self.is_write_vectored() {
            self.trailers.set(lines);
        }
    }

    /// The connection below. What was written and not flushed is lost; there is nothing where nothing was answered.
    pub(super) fn into_inner(mut self) -> Stream {
        let nowhere: Stream = Box::new(Cursor::new(Vec::new()));
        std::mem::replace(&mut self.stream, BufWriter::with_capacity(0, nowhere)).into_inner()
    }

    fn inner(&self) -> &Stream {
        self.stream.get_ref()
    }

    fn inner_mut(&mut self) -> &mut Stream {
        self.stream.get_mut()
    }
}

impl Drop for Downstream {
    /// As pingora's own connections do: what was written leaves, if the client takes it at once.
    fn drop(&mut self) {
        drop(Pin::new(&mut self.stream).poll_flush(&mut Context::from_waker(Waker::noop())));
    }
}

impl AsyncRead for Downstream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.written && !self.hold.is_alone() {
            // A broken connection will say so on reading and writing.
            drop(self.as_mut().poll_flush(context));
        }
        if self.parting.is_due() && self.as_mut().poll_flush(context).is_ready() {
            drop(Pin::new(&mut self.stream).poll_shutdown(context));
            self.parting.said();
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let left = match &result {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => return self.parting.poll_silence(context).map(Ok),
        };
        if left {
            ready!(self.hold.poll_left(context));
        }
        self.parting.heard();
        result
    }
}

impl AsyncWrite for Downstream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hold.is_alone() {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.written = true;
        let this = &mut *self;
        if this.trailers.take(bytes) {
            let result = this.trailers.poll_write(&mut this.stream, context);
            return this.hold.sink(result, bytes.len());
        }
        let bytes = this.date.restore(bytes);
        let result = Pin::new(&mut this.stream).poll_write(context, bytes);
        let result = this.hold.sink(result, bytes.len());
        if let Poll::Ready(Ok(count)) = result {
            this.date.written(count);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hold.is_alone() {
            return Poll::Ready(Ok(()));
        }
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.written = result.is_pending();
        self.hold.sink(result, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        if self.hold.is_alone() {
            return Poll::Ready(Ok(all));
        }
        self.written = true;
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.hold.sink(result, all)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner().is_write_vectored()
    }
}

impl GetProxyDigest for Downstream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner().get_proxy_digest()
    }
}

layer!(Downstream);
