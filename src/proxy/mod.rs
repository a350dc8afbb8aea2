//! The only folder that knows pingora: it translates its callbacks into calls on plain
//! types, and plain types into its answers.

mod admission;
mod answer;
mod ask;
mod backstage;
mod call;
mod connector;
mod cors;
mod credentials;
mod downstream;
mod early;
mod engine;
mod event_stream;
mod failure;
mod forward;
mod gateway;
mod head;
mod hop;
mod in_flight;
mod layer;
mod load;
mod realtime;
mod report;
mod request;
mod respond;
mod service;
mod site;
mod sockets;
mod takeover;
mod tap;
#[cfg(test)]
mod tests;
mod trailers;
mod upstream;

pub use admission::Admission;
pub use ask::{Answers, Asked, Asker, Questions};
pub use backstage::Backstage;
pub use call::{Call, CallError, CallLimits, Calls, Entrance, Tapping};
pub use engine::Sessions;
pub use forward::{TrustedProxies, X_FORWARDED_HOST, told_hosts};
pub use gateway::Gateway;
pub use in_flight::InFlight;
pub use realtime::{Endpoint, Realtime};
pub use request::RequestState;
pub use service::{Listener, proxy_service, site_service};
pub use site::Live;
pub use sockets::Sockets;
pub use tap::Tap;
pub use upstream::{Config as UpstreamConfig, HostHeader, ServerAddress, Upstreams};
