//! Connects to servers. pingora's own connections are used, with a layer on top ([`Upstream`]) that remembers the end of
//! each answer and sends a request's head with its body.
//!
//! pingora asks for such a connector only where a peer speaks a protocol of its own. It falls back to HTTP/1.1
//! when it is given a plain connection, and pools that one as usual.

mod joint;
#[cfg(test)]
mod tests;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::connectors::http::custom::{Connection, Connector};
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::protocols::tls::CustomALPN;
use pingora::protocols::{ALPN, Digest};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::Peer;

use self::upstream::{Notes, Upstream};
use super::trailers::Tail;

/// What a peer must speak to be connected to here; it is never said to a server.
pub(super) fn protocol() -> ALPN {
    ALPN::Custom(CustomALPN::new(b"restcast".to_vec()))
}

/// A request is about to be written to this connection, with a body or without. Returns what is remembered of the answer.
pub(super) fn begin(digest: Option<&Digest>, has_body: bool) -> Option<Arc<Tail>> {
    let notes = digest?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref::<Arc<Notes>>()?;
    notes.begin(has_body);
    Some(Arc::clone(&notes.tail))
}

/// See the module's documentation.
pub(super) struct UpstreamConnector(TransportConnector);

impl UpstreamConnector {
    pub(super) fn new(conf: &ServerConf) -> Self {
        Self(TransportConnector::new(Some(ConnectorOptions::from_server_conf(conf))))
    }
}

#[async_trait]
impl Connector for UpstreamConnector {
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
