//! The client's connection, wrapped so that a write outlives its writer.
//!
//! pingora ends an exchange as soon as the client hangs up, while the backend goes on and commits: the
//! write would have happened and nobody would hear of it. So once a captured request has been read to its
//! end, the connection is *held*: a FIN or a reset becomes silence on reading, and writing goes nowhere.
//! The exchange then ends by itself, within the upstream's timeouts; one that would never end, such as a
//! stream of events, is left after so long a time as well.
//!
//! pingora also puts its own `Date` on every answer. A backend's date is put back here, where the head of
//! the answer leaves.
//!
//! And pingora flushes an answer of known length only at its end, so the first bytes of a slow one would
//! wait for the last. Here, whoever waits for the client has first handed over what was written.
//!
//! Everything else passes untouched.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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
use tokio::time::Sleep;

/// How pingora begins its date.
const DATE: &[u8] = b"\r\nDate: ";

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Downstream {
    stream: Stream,
    /// Asked for once, for all requests of the connection.
    client: OnceLock<Option<(IpAddr, HeaderValue)>>,
    held: AtomicBool,
    gone: bool,
    /// How long a held exchange may go on without its client.
    patience: Duration,
    /// Runs since the client left.
    left: Option<Pin<Box<Sleep>>>,
    /// Something was written and not flushed.
    written: bool,
    date: Mutex<Option<HeaderValue>>,
    /// What is left of a head that got its date back.
    head: Vec<u8>,
}

impl Downstream {
    pub(super) fn new(stream: Stream, patience: Duration) -> Self {
        Self {
            stream,
            client: OnceLock::new(),
            held: AtomicBool::new(false),
            gone: false,
            patience,
            left: None,
            written: false,
            date: Mutex::new(None),
            head: Vec::new(),
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
        *self.date.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.clone());
    }

    /// From now on the client's leaving is not noticed.
    pub(super) fn hold(&self) {
        self.held.store(true, Ordering::Relaxed);
    }

    /// The exchange is over: the connection speaks for itself again.
    pub(super) fn release(&self) {
        self.held.store(false, Ordering::Relaxed);
    }

    pub(super) fn into_inner(self) -> Stream {
        self.stream
    }

    fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Takes `bytes` for a head if a date waits for one and fits into it: the length must stay, since the
    /// writer counts its own bytes. It does if both dates have the usual form (RFC 9110, section 5.6.7).
    fn restore_date(&mut self, bytes: &[u8]) {
        let Some(date) = self.date.get_mut().unwrap_or_else(PoisonError::into_inner) else { return };
        let Some(before) = memchr::memmem::find(bytes, DATE) else { return };
        let mut head = bytes.to_vec();
        let place = head.get_mut(before + DATE.len()..).and_then(|rest| rest.get_mut(..=date.len()));
        if let Some([place @ .., b'\r']) = place {
            place.copy_from_slice(date.as_bytes());
            self.head = head;
        }
        *self.date.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn poll_write_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.head))?;
        self.head.drain(..written);
        Poll::Ready(Ok(written))
    }

    /// Turns a failed write of a held connection into a successful one to nowhere.
    fn sink<T>(&mut self, result: Poll<io::Result<T>>, instead: T) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) && self.is_held() {
            self.gone = true;
            return Poll::Ready(Ok(instead));
        }
        result
    }
}

impl AsyncRead for Downstream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.written && !self.gone {
            // A broken connection will say so on reading and writing.
            drop(self.as_mut().poll_flush(context));
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let left = match &result {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if left && self.is_held() {
            let patience = self.patience;
            let timer = self.left.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
            ready!(timer.as_mut().poll(context));
        }
        result
    }
}

impl AsyncWrite for Downstream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gone && self.is_held() {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.written = true;
        if self.head.is_empty() {
            self.restore_date(bytes);
        }
        let result = if self.head.is_empty() {
            Pin::new(&mut self.stream).poll_write(context, bytes)
        } else {
            self.poll_write_head(context)
        };
        self.sink(result, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gone && self.is_held() {
            return Poll::Ready(Ok(()));
        }
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.written = result.is_pending();
        self.sink(result, ())
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
        if self.gone && self.is_held() {
            return Poll::Ready(Ok(all));
        }
        self.written = true;
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.sink(result, all)
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
