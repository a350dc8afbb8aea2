//! Listening sockets and what answers on them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use pingora::apps::{HttpServerApp as _, HttpServerOptions};
use pingora::listeners::{ListenerConfig, Listeners};
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::stream::L4BufferSettings;
use pingora::proxy::{HttpProxy, ProcessCustomSession, ProxyServiceBuilder};
use pingora::server::ShutdownWatch;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;
use tokio::sync::watch;

use super::call::Entrance;
use super::connector::UpstreamConnector;
use super::downstream::Downstream;
use super::gateway::Gateway;
use super::site::{Live, SiteApp};
use super::sockets::Sockets;
use crate::api::Site;

/// Whoever reads has a buffer of its own, and every idle WebSocket would keep this one too: there is none.
const READ_BUFFER_BYTES: usize = 0;
/// The proxy's clients have theirs in [`Downstream`], which a WebSocket does not keep.
const PROXY_WRITE_BUFFER_BYTES: usize = 0;
/// What fits into a packet; larger writes pass it by.
const SITE_WRITE_BUFFER_BYTES: usize = 1460;
/// How long a client may wait before its first request.
const KEEPALIVE_SECONDS: u64 = 60;
/// As pingora says it. Our own connections are few, and end with what holds them.
const FOREVER: u64 = 0;

/// Something that listens.
pub struct Listener(Box<dyn pingora::services::Service>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").field(&self.0.name()).finish()
    }
}

impl Listener {
    /// Accepts connections until `stops` turns true. What comes on those that are there is answered as the last of
    /// each; once `closes` turns true too, such as are idle are closed.
    ///
    /// # Panics
    /// An address that is not among `sockets` is bound by pingora, which tries for half a minute and
    /// panics if it cannot.
    pub async fn run(mut self, sockets: Sockets, mut stops: ShutdownWatch, mut closes: ShutdownWatch) {
        let stopping = watch::Sender::new(false);
        let mut service = self.0.start_service(Some(sockets.table()), stopping.subscribe(), 1);
        tokio::select! {
            () = &mut service => return,
            _ = stops.wait_for(|stops| *stops) => {}
        }
        // Tasks of its own accept, and hear it by themselves. The service would close what is idle as soon as they have
        // ended, so it is not asked to go on before that.
        stopping.send_replace(true);
        drop(closes.wait_for(|closes| *closes).await);
        service.await;
    }
}

fn listeners(addresses: &[SocketAddr], write_buffer_bytes: usize) -> Listeners {
    let mut listeners = Listeners::new();
    for address in addresses {
        let buffers = L4BufferSettings::new(READ_BUFFER_BYTES, write_buffer_bytes);
        listeners.add_listener(ListenerConfig::tcp(address.to_string()).l4_buffer(buffers));
    }
    listeners
}

/// The proxy, for a runtime of `threads`; calls of our own come in by `entrance`.
pub fn proxy_service(
    gateway: Gateway,
    threads: usize,
    addresses: &[SocketAddr],
    entrance: Entrance,
) -> Listener {
    // The upstream's own timeout comes first, also where it began anew after the client had left: a client
    // that only closed its half is told of it.
    let patience = gateway.upstreams.read_timeout().saturating_mul(2);
    let conf = Arc::new(ServerConf { threads, ..ServerConf::default() });
    let mut options = HttpServerOptions::default();
    // So that the refusal of CONNECT is ours, like the others; see `forward::refusal`.
    options.allow_connect_method_proxying = true;
    // So that every connection comes to `serve`.
    options.force_custom = true;
    let connections = gateway.connections.clone();
    let serve: ProcessCustomSession<Gateway, UpstreamConnector> = Arc::new(move |proxy, stream, shutdown| {
        entrance.open(&proxy, shutdown, patience);
        let (in_flight, is_cut, shutdown) = (connections.enter(), connections.is_cut(), shutdown.clone());
        Box::pin(async move {
            let _until_it_is_over = in_flight;
            tokio::select! {
                biased;
                stream = serve(proxy, Downstream::new(stream, patience), shutdown) => stream,
                () = is_cut => None,
            }
        })
    });
    let mut service = ProxyServiceBuilder::new(&conf, gateway)
        .name("proxy")
        .custom(UpstreamConnector::new(&conf), serve)
        .server_options(options)
        .build();
    *service.endpoints() = listeners(addresses, PROXY_WRITE_BUFFER_BYTES);
    Listener(Box::new(service))
}

/// Serves the requests of a connection one after another.
pub(super) async fn serve(
    proxy: Arc<HttpProxy<Gateway, UpstreamConnector>>,
    downstream: Downstream,
    shutdown: ShutdownWatch,
) -> Option<Stream> {
    let keepalive = if downstream.is_ours() { FOREVER } else { KEEPALIVE_SECONDS };
    let mut session = ServerSession::new_http1(Box::new(downstream));
    session.set_keepalive((!*shutdown.borrow()).then_some(keepalive));
    loop {
        let (stream, settings) = proxy.process_new_http(session, &shutdown).await?.consume();
        session = ServerSession::new_http1(stream);
        if let Some(settings) = settings {
            settings.apply_to_session(&mut session);
        }
    }
}

/// A site of our own.
#[expect(clippy::disallowed_methods, reason = "a site begins when it is made")]
pub fn site_service(name: &str, site: Arc<dyn Site>, live: Option<Live>, address: SocketAddr) -> Listener {
    let app = SiteApp { site, live, began: Instant::now() };
    let listeners = listeners(&[address], SITE_WRITE_BUFFER_BYTES);
    Listener(Box::new(Service::with_listeners(name.to_owned(), listeners, app)))
}
