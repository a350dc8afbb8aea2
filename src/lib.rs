//! restcast: a reverse proxy that adds realtime events to REST APIs that already exist.
//!
//! It stands in front of a backend that stays as it is, forwards every request, watches the successful
//! answers to POST, PUT, PATCH and DELETE, works out which record of which model was written, and publishes
//! an event to realtime clients that it serves on the same port.
//!
//! # The life of a write
//!
//! 1. [`proxy::Gateway`] gets the head of a request; [`route::Routes::of_request`] finds its route; a
//!    [`capture::Capture`] begins.
//! 2. The request goes to a server of [`proxy::Upstreams`]; of its body a bounded copy is kept where a dialect has
//!    asked for it ([`route::Routes::keep_requests`]). From the moment it has left, the client may hang
//!    up: the exchange goes on without it (`proxy/downstream/hold.rs`).
//! 3. Each piece of the answer goes to the client at once, and a bounded copy into the capture.
//! 4. The answer has ended, and its last piece has not left yet: the capture goes into a bounded queue
//!    ([`broker::Publisher`]), and the request's task has nothing more to do with it. What a writer does once
//!    it has its answer comes behind it.
//! 5. One worker thread reads it ([`capture::Finished::read`]): decoding, JSON, id, record, and so an
//!    [`event::Event`], or the reason why there is none.
//!    One that overlaps with an earlier event of its record loses the record ([`capture::Overlaps`]): which
//!    of the two the backend stored last is not known.
//! 6. The [`broker::Broker`] hands it to the [`hub::Hub`] of every process.
//! 7. The hub gives it a [`event::Position`], keeps it for readers that were away, and offers it to the readers of its topics. The frame is encoded
//!    once for each dialect and written straight to each idle reader's socket; what a socket does not take
//!    waits in that reader's bounded outbox, and its own task goes on from there (`transport/link/`).
//!    Where the backend says who may see it, it is asked for each credential ([`proxy::Asker`]), and what
//!    comes later for those readers waits behind the answer ([`access`], `hub/line.rs`). What readers load
//!    meanwhile by GETs of their own is noted (`proxy/load.rs`), so that they hear when it is gone.
//!
//! # The life of a client
//!
//! A WebSocket handshake at an endpoint's path is taken out of pingora's hands (`proxy/takeover.rs`); its
//! reader is attached to the hub and subscribed before the 101 leaves, so it misses nothing that happens
//! after that. [`transport::Newcomer`] then runs its loop: frames to a [`dialect::Conversation`], commands
//! from there to the hub, PINGs, and the end. A GET at an endpoint of [events](dialect::Medium::EventStream) goes the
//! same way: behind the head of its answer each frame is a few lines of text, and its client says nothing more.
//!
//! # Modules
//!
//! | module | what | may use |
//! |---|---|---|
//! | [`event`], [`identity`], [`message`], [`route`] | words: data only | downwards in this list |
//! | [`recent`] | a bounded table that forgets what is old | nothing |
//! | [`time`] | times as texts | nothing |
//! | [`url`] | URLs that can be called | nothing |
//! | [`filter`] | which events of a topic a reader wants; [`message`] carries them | event |
//! | `json` | places in JSON text | route |
//! | [`rules`] | what clients may do and see | event, filter, identity, json |
//! | [`query`] | what clients ask of a resource, as requests of the backend | event, filter, json, message, route, rules |
//! | [`auth`] | from a token to an identity | identity |
//! | [`capture`] | from an exchange to an event | event, json, recent, route |
//! | [`access`] | whom the backend lets see what | recent |
//! | [`hub`] | topics, readers, delivery | access, event, filter, identity, message |
//! | [`dialect`] | wire protocols, one file each | event, filter, identity, message, time, url |
//! | [`metrics`] | counters and the log lines that go with them | nothing |
//! | [`broker`] | the queue before the hub, and what is between processes | event, identity, hub, message, metrics, outbound, recent |
//! | [`transport`] | frames to and from a byte stream | access, dialect, hub, identity, message |
//! | [`outbound`] | requests of our own to services beside the backend | url |
//! | [`webhook`] | messages of clients, handed to services | message, metrics, outbound |
//! | [`verify`] | tokens checked, and keys fetched for it | auth, identity, metrics, outbound |
//! | [`api`] | what the admin port answers | event, identity, message, route, time, hub, broker, metrics |
//! | [`demo`] | what the sample backend answers | api |
//! | [`proxy`] | the only folder that knows pingora | all above |
//! | [`config`] | `proxy.toml` | the parts' own config types, and what builds dialects |
//! | [`explain`] | the tap's verdict without a proxy | capture, config, proxy |
//! | [`app`], [`cli`] | putting it together | everything |
//!
//! A test (`tests/it/architecture.rs`) holds these rules, and that everything above [`broker`], and
//! [`api`] and [`demo`], is synchronous: no I/O, no clock, no task; time and ids come in as arguments. So all
//! of it is tested with plain values.
//!
//! # Promises
//!
//! 1. The tap never changes a byte of a proxied request or answer, never delays it, never makes it fail. (Answers to
//!    GETs of routes get the header `Restcast-Position`, unless `[history]` says otherwise.)
//! 2. A write that got a success answer gives exactly one event, and a failed one none. What cannot be read
//!    costs the event its record, never the event. An unknown outcome is called uncertain, never guessed.
//! 3. Readers of a topic see its events in order, without gap or duplicate, or are closed with a reason.
//!    Of writes to one record that overlap, a later event shows no record: the backend may hold another.
//! 4. A reader gets only what its identity may read.
//! 5. One slow or broken reader never slows another, nor the proxy.
//! 6. Every queue, buffer and table has a bound and an answer to "full".
//! 7. Bad input gets a clear error.
//!
//! Not promised: exactly once across a crash, and writes that bypass the proxy.
//!
//! # What is not here
//!
//! No unsafe code. No panic that the network or a config file can reach. No task that nobody ends: listeners,
//! the upstream watch and the keys' belong to [`app`], connections to the hub, which can close them all.

pub mod access;
pub mod api;
pub mod app;
pub mod auth;
pub mod broker;
pub mod capture;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dialect;
pub mod event;
pub mod explain;
pub mod filter;
pub mod hub;
pub mod identity;
mod json;
pub mod message;
pub mod metrics;
pub mod outbound;
pub mod proxy;
pub mod query;
pub mod recent;
pub mod route;
pub mod rules;
pub mod time;
pub mod transport;
pub mod url;
pub mod verify;
pub mod webhook;
