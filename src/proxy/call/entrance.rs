//! The way into the proxy. It opens with the proxy's first connection: pingora shows its proxy to nobody
//! earlier, and whoever has something to call for came by a connection.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use pingora::protocols::Stream;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use tokio::io::DuplexStream;

use super::Beside;
use crate::proxy::connector::UpstreamConnector;
use crate::proxy::downstream::Downstream;
use crate::proxy::gateway::Gateway;
use crate::proxy::service;

type Proxy = HttpProxy<Gateway, UpstreamConnector>;

/// See the module's documentation.
#[derive(Clone, Default)]
pub struct Entrance(Arc<OnceLock<Inside>>);

struct Inside {
    /// Weak: the proxy owns what owns this.
    proxy: Weak<Proxy>,
    shutdown: ShutdownWatch,
    patience: Duration,
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entrance").field(&self.0.get().is_some()).finish()
    }
}

impl Entrance {
    pub(in crate::proxy) fn open(&self, proxy: &Arc<Proxy>, shutdown: &ShutdownWatch, patience: Duration) {
        self.0.get_or_init(|| Inside { proxy: Arc::downgrade(proxy), shutdown: shutdown.clone(), patience });
    }

    /// Serves a connection of ours until either end hangs up; `None`: the proxy does not run.
    pub(super) fn serve(
        &self,
        theirs: DuplexStream,
        beside: Arc<Beside>,
    ) -> Option<impl Future<Output = Option<Stream>> + Send + use<>> {
        let inside = self.0.get()?;
        let proxy = inside.proxy.upgrade()?;
        let downstream = Downstream::ours(Box::new(theirs), inside.patience, beside);
        Some(service::serve(proxy, downstream, inside.shutdown.clone()))
    }
}
