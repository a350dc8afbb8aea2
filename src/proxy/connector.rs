//! Connects to servers. pingora's own connections are used, with a layer on top that remembers the end of
//! each answer ([`Tail`]).
//!
//! pingora asks for such a connector only where a peer speaks a protocol of its own. It falls back to HTTP/1.1
//! when it is given a plain connection, and pools that one as usual.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::connectors::http::custom::{Connection, Connector};
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::CustomALPN;
use pingora::protocols::{ALPN, Digest, GetProxyDigest, Stream};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::Peer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::layer::layer;
use super::trailers::Tail;

/// What a peer must speak to be connected to here; it is never said to a server.
pub(super) fn protocol() -> ALPN {
    ALPN::Custom(CustomALPN::new(b"restcast".to_vec()))
}

/// What the connection of an exchange remembers.
pub(super) fn tail(digest: Option<&Digest>) -> Option<Arc<Tail>> {
    digest?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref::<Arc<Tail>>().cloned()
}

/// See the module's documentation.
pub(super) struct TailConnector(TransportConnector);

impl TailConnector {
    pub(super) fn new(conf: &ServerConf) -> Self {
        Self(TransportConnector::new(Some(ConnectorOptions::from_server_conf(conf))))
    }
}

#[async_trait]
impl Connector for TailConnector {
    type Session = ();

    async fn get_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        peer: &P,
    ) -> pingora::Result<(Connection<()>, bool)> {
        let mut peer = peer.clone();
        if let Some(options) = peer.get_mut_peer_options() {
            options.alpn = ALPN::H1;
        }
        let stream = self.0.new_stream(&peer).await?;
        Ok((Connection::Stream(Box::new(Upstream::new(stream)?)), false))
    }

    async fn reused_http_session<P: Peer + Send + Sync + 'static>(&self, _: &P) -> Option<()> {
        None
    }

    async fn release_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        (): (),
        _: &P,
        _: Option<Duration>,
    ) {
    }
}

/// A connection to a server.
#[derive(Debug)]
struct Upstream {
    stream: Stream,
    tail: Arc<Tail>,
    /// Where pingora lets a connection carry something of ours.
    digest: Arc<ProxyDigest>,
}

impl Upstream {
    fn new(stream: Stream) -> pingora::Result<Self> {
        let tail = Arc::new(Tail::default());
        let head = Box::new(ResponseHeader::build(200, Some(0))?);
        let digest = Arc::new(ProxyDigest::new(head, Some(Box::new(Arc::clone(&tail)))));
        Ok(Self { stream, tail, digest })
    }

    fn inner(&self) -> &Stream {
        &self.stream
    }

    fn inner_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }
}

impl AsyncRead for Upstream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.tail.push(buffer.filled().get(before..).unwrap_or_default());
        result
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
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
