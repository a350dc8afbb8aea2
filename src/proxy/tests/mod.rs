//! Tests of this folder, and what they share: heads as texts, and a gateway on a port of its own.

mod heads;
mod servers;
mod taps;
mod uploads;

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http::{HeaderMap, Request, request};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{
    Entrance, Gateway, HostHeader, InFlight, Realtime, ServerAddress, Sockets, Tap, TrustedProxies,
    UpstreamConfig, Upstreams, proxy_service,
};
use crate::broker::{Broker, Parcel, Publisher};
use crate::capture::{Budget, Limits, Outcome, Overlaps};
use crate::event::Json;
use crate::hub::Hub;
use crate::metrics::{Labels, Metrics};
use crate::route::Routes;

/// `METHOD URI VERSION` and lines of headers, separated by `|`.
fn head(text: &str) -> request::Parts {
    let mut lines = text.split('|').map(str::trim);
    let mut request = Request::new(()).into_parts().0;
    if let [method, uri, version] = lines.next().unwrap().split(' ').collect::<Vec<_>>()[..] {
        request.method = method.parse().unwrap();
        request.uri = uri.parse().unwrap();
        request.version = if version == "1.0" { http::Version::HTTP_10 } else { http::Version::HTTP_11 };
    }
    request.headers = headers(lines);
    request
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

pub(super) fn upstreams(servers: &[String]) -> Upstreams {
    Upstreams::new(UpstreamConfig {
        servers: servers.iter().map(|server| ServerAddress::parse(server).unwrap()).collect(),
        host: HostHeader::Preserve,
        verify_tls: true,
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_mins(1),
        health_interval: Duration::from_secs(5),
    })
}

/// Tells a test what was published, as long as it listens.
#[derive(Debug)]
struct Told(Mutex<Sender<Option<Json>>>);

impl Broker for Told {
    fn lose(&self) {}

    fn publish(&self, parcel: Parcel) -> u64 {
        let Parcel::Event(event) = parcel else { panic!("{parcel:?}") };
        self.0.lock().unwrap().send(event.request_body).ok();
        0
    }
}

/// A tap for one route, and the bodies of requests that its events hold.
pub(super) struct Tapped {
    tap: Tap,
    hub: Arc<Hub>,
    bodies: Receiver<Option<Json>>,
    worker: thread::JoinHandle<()>,
}

/// So many captures may wait.
pub(super) fn tapped(routes: Routes, queue: usize) -> Tapped {
    let labels = Labels {
        routes: vec!["author".to_owned()],
        outcomes: Outcome::ALL.map(Outcome::name).to_vec(),
        ..Labels::default()
    };
    let metrics = Arc::new(Metrics::new(&labels).unwrap());
    let hub = Arc::new(Hub::new(Vec::new(), 1));
    let (told, bodies) = channel();
    let broker = Arc::new(Told(Mutex::new(told)));
    let (publisher, worker) = Publisher::start(queue, broker, Arc::clone(&metrics)).unwrap();
    let tap = Tap {
        routes: Arc::new(routes),
        limits: Limits { body: 100_000, decoded: 100_000, memory: Budget::new(100_000) },
        overlaps: Arc::new(Overlaps::default()),
        owners: Arc::default(),
        identities: false,
        publisher,
        metrics,
    };
    Tapped { tap, hub, bodies, worker }
}

impl Tapped {
    /// In front of one server, without endpoints.
    pub(super) fn gateway(self, server: SocketAddr) -> (Gateway, Receiver<Option<Json>>) {
        let Self { tap, hub, bodies, .. } = self;
        let metrics = Arc::clone(&tap.metrics);
        let gateway = Gateway {
            routes: Arc::clone(&tap.routes),
            endpoints: Vec::new(),
            realtime: Realtime::new(&hub, &metrics),
            tap: Arc::new(tap),
            upstreams: Arc::new(upstreams(&[format!("http://{server}")])),
            says_position: true,
            trusted: TrustedProxies(vec!["10.0.0.0/8".parse().unwrap()]),
            metrics,
            in_flight: InFlight::default(),
            connections: InFlight::default(),
        };
        (gateway, bodies)
    }
}

/// A gateway that runs until it is told to stop.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    pub(super) stop: watch::Sender<bool>,
    pub(super) running: JoinHandle<()>,
}

#[expect(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]
pub(super) fn serve(gateway: Gateway, entrance: Entrance) -> Served {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let proxy = proxy_service(gateway, 1, &[address], entrance);
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(proxy.run(Sockets::new(vec![(address, socket)]), stopping.clone(), stopping));
    Served { address, stop, running }
}
