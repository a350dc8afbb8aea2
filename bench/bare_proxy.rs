//! A pingora proxy that does nothing but forward: what restcast is compared with.
//!
//! It is built with restcast's profile and allocator and keeps pingora's default settings, so that
//! the difference between the two is what restcast adds.

use std::net::SocketAddr;

use async_trait::async_trait;
use clap::Parser;
use pingora::prelude::{HttpPeer, ProxyHttp, Result, Server, Session, http_proxy_service};
use pingora::server::configuration::ServerConf;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Forwards every request to one upstream.
#[derive(Parser)]
struct Arguments {
    /// The address to listen at.
    #[arg(long)]
    listen: SocketAddr,
    /// The server behind the proxy.
    #[arg(long)]
    upstream: SocketAddr,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

struct BareProxy {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for BareProxy {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

fn main() {
    let arguments = Arguments::parse();
    let settings = ServerConf { threads: arguments.threads, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, settings);
    server.bootstrap();
    let proxy = BareProxy { upstream: arguments.upstream };
    let mut service = http_proxy_service(&server.configuration, proxy);
    service.add_tcp(&arguments.listen.to_string());
    server.add_service(service);
    server.run_forever();
}
