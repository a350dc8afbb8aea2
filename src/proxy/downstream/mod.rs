//! The client's connection, wrapped so that a write outlives its writer ([`Hold`]), the backend's dates
//! stay ([`Date`]), and a client that was answered early is not left waiting ([`Parting`]).
//!
//! And pingora flushes an answer of known length only at its end, so the first bytes of a slow one would
//! wait for the last. Here, whoever waits for the client has first handed over what was written.
//!
//! Everything else passes untouched.

mod date;
mod hold;
mod parting;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::date::Date;
use self::hold::Hold;
pub(super) use self::parting::LINGER;
use self::parting::Parting;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Downstream {
    stream: Stream,
    /// Asked for once, for all requests of the connection.
    client: OnceLock<Option<(IpAddr, HeaderValue)>>,
    hold: Hold,
    date: Date,
    parting: Parting,
    /// Something was written and not flushed.
    written: bool,
}

impl Downstream {
    pub(super) fn new(stream: Stream, patience: Duration) -> Self {
        Self {
            stream,
            client: OnceLock::new(),
            hold: Hold::new(patience),
            date: Date::default(),
            parting: Parting::default(),
            written: false,
        }
    }

    /// The client's address, also in the form of a header.
    pub(super) fn client(&self) -> Option<&(IpAddr, HeaderValue)> {
        let ask = || {
            let address = self.stream.get_socket_digest()?.peer_addr()?.as_inet()?.ip();
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
    }

    /// The answer is complete and the last one: the client need not send the rest of its request.
    pub(super) fn part(&self) {
        self.parting.begin();
    }

    pub(super) fn into_inner(self) -> Stream {
        self.stream
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
        self.stream.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Downstream {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Downstream {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Downstream {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

#[async_trait]
impl Peek for Downstream {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buffer).await
    }
}

impl GetTimingDigest for Downstream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl GetProxyDigest for Downstream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Downstream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}
