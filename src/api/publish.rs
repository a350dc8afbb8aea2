//! The publish API: programs beside the backend publish events, send messages to connections, and see and end
//! connections. What is published goes the way of all events, through the bounded queue before the hub, and
//! is answered once it has been handed to the readers of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::access::Caller;
use super::body::{self, Broadcast, Publish, Send};
use super::fault::{Code, Fault};
use super::place::{Action, Telling, unknown_connection};
use super::query::Query;
use super::replay::{self, Pending, Replays};
use super::{Access, Asked, Later, Promise, Reply, census, guard};
use crate::broker::{Ask, Heard, Nodes, Parcel, Publisher, QueueFull, Reached, Roll};
use crate::hub::Hub;
use crate::message::{Group, Push, Shortcut, Target};
use crate::metrics::Metrics;

const DESCRIPTION: &str = include_str!("openapi.json");
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"restcast: the password is an API key\"");
/// Requests that wait for the hub at once. The queue is the tap's above all: an event of the tap that finds no
/// room closes every reader.
const MAX_WAITING: usize = 256;

/// See the module's documentation.
#[derive(Debug)]
pub struct PublishApi {
    hub: Arc<Hub>,
    publisher: Publisher,
    metrics: Arc<Metrics>,
    access: Access,
    replays: Arc<Replays>,
    waiting: Arc<AtomicUsize>,
    shortcuts: Vec<Arc<dyn Shortcut>>,
    nodes: Option<Arc<Nodes>>,
}

/// What became of a request.
pub(super) enum Begun {
    /// It is the first of its kind.
    Anew(Said, Later),
    /// It was answered before.
    Before(Reply),
}

/// What has been handed over, and is to be answered.
pub(super) struct Said {
    promise: Promise,
    pending: Option<Pending>,
    metrics: Arc<Metrics>,
}

impl Said {
    pub(super) fn finish(self, said: Result<Value, Fault>) {
        match said {
            Ok(said) => self.done(&said, &said),
            Err(fault) => self.promise.keep(refuse(&self.metrics, &fault)),
        }
    }

    /// `remembered`: what is said if the same request comes again.
    pub(super) fn done(self, said: &Value, remembered: &Value) {
        if let Some(pending) = self.pending {
            pending.done(&Bytes::from(remembered.to_string()));
        }
        self.promise.keep(answered(&self.metrics, said));
    }
}

impl PublishApi {
    /// For these readers; `access` says who may use it.
    pub fn new(hub: Arc<Hub>, publisher: Publisher, metrics: Arc<Metrics>, access: Access) -> Self {
        let (replays, waiting) = (Arc::default(), Arc::default());
        Self { hub, publisher, metrics, access, replays, waiting, shortcuts: Vec::new(), nodes: None }
    }

    /// The same with what may be said by a name.
    #[must_use]
    pub fn saying(self, shortcuts: Vec<Arc<dyn Shortcut>>) -> Self {
        Self { shortcuts, ..self }
    }

    /// The same where this process is one of several.
    #[must_use]
    pub fn among(self, nodes: Option<Arc<Nodes>>) -> Self {
        Self { nodes, ..self }
    }

    pub(super) fn nodes(&self) -> Option<&Arc<Nodes>> {
        self.nodes.as_ref()
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn shortcuts(&self) -> &[Arc<dyn Shortcut>] {
        &self.shortcuts
    }

    pub(super) fn respond(&self, asked: &Asked) -> Reply {
        self.act(asked).unwrap_or_else(|fault| refuse(&self.metrics, &fault).into())
    }

    /// The answer to a client that may not see the live page and what it shows, which is everything. A key may
    /// come as the password of Basic too: that is what a browser asks its user for.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let looked = self.check_browser(headers).and_then(|()| self.access.onlooker(headers));
        let fault = looked.err()?;
        let mut response = fault.response();
        if fault.code == Code::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, BASIC);
        }
        Some(response)
    }

    pub(super) fn too_large(&self) -> Response<Bytes> {
        refuse(&self.metrics, &too_large())
    }

    fn act(&self, asked: &Asked) -> Result<Reply, Fault> {
        let request = &asked.request;
        self.check_browser(request.headers())?;
        let action = Action::of(request.method(), request.uri())?;
        if action == Action::Describe {
            return Ok(description().into());
        }
        let caller = self.access.caller(request.headers())?;
        caller.check(&action)?;
        let known: &[&str] = match action {
            Action::List { .. } => &["user_id", "endpoint", "limit", "after"],
            Action::Disconnect { connection: None, .. } => &["user_id"],
            Action::Tell(Telling::Shortcut(_)) => &["endpoint"],
            Action::Disconnect { .. } | Action::Tell(_) | Action::Describe => &[],
        };
        let query = Query::parse(request.uri().query(), known)?;
        self.check_names(action.app(), query.endpoint.as_ref())?;
        match action {
            Action::Describe => Ok(description().into()),
            Action::Tell(telling) => self.tell(asked, caller, (telling, &query)),
            Action::List { app } => Ok(self.list(app, &query)),
            Action::Disconnect { app, connection } => {
                if connection.is_none() && query.user.is_none() {
                    return Err(Fault::invalid("user_id is missing"));
                }
                let only = match connection {
                    Some(id) => Group::connection(id),
                    None => query.user.map(Group::user).unwrap_or_default(),
                };
                let target = Target { app, only, ..Target::default() };
                Ok(self.disconnect(target, connection.is_some()))
            }
        }
    }

    fn list(&self, app: Option<Arc<str>>, query: &Query) -> Reply {
        let (to, after, limit) = (census::target(app, query), query.after, query.page());
        self.ask(Ask::Page { to, after, limit }, move |heard, roll| {
            Ok(with_nodes(census::list(&heard.page(limit)), roll))
        })
    }

    /// `is_one`: somebody is to be there.
    fn disconnect(&self, to: Target, is_one: bool) -> Reply {
        self.ask(Ask::Close { to }, move |heard, roll| match heard.closed() {
            0 if is_one && roll.is_none_or(Roll::is_complete) => Err(unknown_connection()),
            closed => Ok(with_nodes(json!({ "closed": closed }), roll)),
        })
    }

    /// Asks every node that is there, and says what follows from what they say.
    fn ask(
        &self,
        ask: Ask,
        say: impl FnOnce(Heard, Option<Roll>) -> Result<Value, Fault> + std::marker::Send + 'static,
    ) -> Reply {
        let own = ask.answer(&self.hub);
        let (promise, later) = Self::later();
        let said = Said { promise, pending: None, metrics: Arc::clone(&self.metrics) };
        match &self.nodes {
            None => said.finish(say(Heard::of(own), None)),
            Some(nodes) => {
                let tell = move |heard: Heard| {
                    let roll = heard.roll;
                    said.finish(say(heard, Some(roll)));
                };
                nodes.ask(ask, own, Box::new(tell));
            }
        }
        Reply::Later(later)
    }

    /// What goes through the queue.
    fn tell(
        &self,
        asked: &Asked,
        caller: Caller<'_>,
        (telling, query): (Telling, &Query),
    ) -> Result<Reply, Fault> {
        let body = asked.request.body();
        check_body(asked.request.headers(), body)?;
        match telling {
            Telling::Event => {
                let publish = body::parse::<Publish<'_>>(body)?;
                caller.check_model(publish.model())?;
                let event = publish.event(asked)?;
                let id = event.id.to_string();
                let say = move |reached: Reached, said: Said| {
                    said.finish(Ok(with(sent(reached), "event", id.into())));
                };
                self.send(asked, caller, vec![Parcel::Event(event)], say)
            }
            Telling::Broadcast { app } => {
                let (to, message) = body::parse::<Broadcast<'_>>(body)?.parts(app)?;
                self.check_names(to.app.as_ref(), to.endpoint.as_ref())?;
                let push = Parcel::Push(Push::new(to, message));
                self.send(asked, caller, vec![push], |reached, said| said.finish(Ok(sent(reached))))
            }
            Telling::Send { app, connection } => {
                let message = body::parse::<Send<'_>>(body)?.message()?;
                let to = Target { app, only: Group::connection(connection), ..Target::default() };
                let push = Parcel::Push(Push::new(to, message));
                self.send(asked, caller, vec![push], |reached, said| {
                    let is_nowhere = reached.readers == 0 && reached.nodes.is_none_or(Roll::is_complete);
                    said.finish(if is_nowhere { Err(unknown_connection()) } else { Ok(sent(reached)) });
                })
            }
            Telling::Emit => self.emit(asked, caller),
            Telling::Shortcut(name) => self.shortcut(asked, caller, (&name, query)),
        }
    }

    /// `say`: answers once so many readers were reached.
    pub(super) fn send(
        &self,
        asked: &Asked,
        caller: Caller<'_>,
        parcels: Vec<Parcel>,
        say: impl FnOnce(Reached, Said) + std::marker::Send + 'static,
    ) -> Result<Reply, Fault> {
        let (said, later) = match self.begin(asked, caller)? {
            Begun::Anew(said, later) => (said, later),
            Begun::Before(reply) => return Ok(reply),
        };
        self.hand_over(parcels, move |reached| say(reached, said))?;
        Ok(Reply::Later(later))
    }

    /// What is about to be handed over, and its answer; or that of the same request before.
    pub(super) fn begin(&self, asked: &Asked, caller: Caller<'_>) -> Result<Begun, Fault> {
        let pending = match self.replay(asked, caller)? {
            Some(replay::Turn::Done(answer)) => {
                return Ok(Begun::Before(replayed(&self.metrics, answer).into()));
            }
            Some(replay::Turn::First(pending)) => Some(pending),
            None => None,
        };
        let (promise, later) = Self::later();
        Ok(Begun::Anew(Said { promise, pending, metrics: Arc::clone(&self.metrics) }, later))
    }

    /// An answer that is to come.
    fn later() -> (Promise, Later) {
        let internal = Fault::new(Code::Internal, "it could not be done");
        Later::new(internal.response())
    }

    /// Has parcels published.
    pub(super) fn hand_over(
        &self,
        parcels: Vec<Parcel>,
        receipt: impl FnOnce(Reached) + std::marker::Send + 'static,
    ) -> Result<(), Fault> {
        let full = || Fault::new(Code::QueueFull, "too much waits to be published");
        let place = Waiting::new(&self.waiting).ok_or_else(full)?;
        let receipt = move |reached| {
            drop(place);
            receipt(reached);
        };
        self.publisher.send(parcels, Box::new(receipt)).map_err(|QueueFull| full())
    }

    fn replay(&self, asked: &Asked, caller: Caller<'_>) -> Result<Option<replay::Turn>, Fault> {
        let request = &asked.request;
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let (caller, method, body) = (caller.name(), request.method(), request.body());
        let which = replay::Request { caller, method, target, body };
        self.replays.begin(request.headers(), which, asked.uptime)
    }

    fn check_browser(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let is_safe =
            guard::same_origin(headers) && (self.access.needs_key() || guard::is_addressed(headers));
        let foreign = || Fault::new(Code::ForeignOrigin, "a page of another origin may not use this");
        if is_safe { Ok(()) } else { Err(foreign()) }
    }

    pub(super) fn check_names(
        &self,
        app: Option<&Arc<str>>,
        endpoint: Option<&Arc<str>>,
    ) -> Result<(), Fault> {
        let mut target = Target { app: app.cloned(), ..Target::default() };
        if !self.hub.knows(&target) {
            return Err(Fault::new(Code::UnknownApp, "no endpoint belongs to such an app"));
        }
        target.endpoint = endpoint.cloned();
        if endpoint.is_some() && !self.hub.knows(&target) {
            return Err(Fault::new(Code::UnknownEndpoint, "there is no such endpoint"));
        }
        Ok(())
    }
}

pub(super) fn sent(Reached { readers, nodes }: Reached) -> Value {
    with_nodes(json!({ "sent": readers }), nodes)
}

/// Of how many nodes it is the sum, where there are several.
pub(super) fn with_nodes(said: Value, roll: Option<Roll>) -> Value {
    match roll {
        Some(Roll { there, heard }) => with(said, "nodes", json!({ "there": there, "heard": heard })),
        None => said,
    }
}

fn with(mut said: Value, key: &str, value: Value) -> Value {
    if let Some(said) = said.as_object_mut() {
        said.insert(key.to_owned(), value);
    }
    said
}

fn refuse(metrics: &Metrics, fault: &Fault) -> Response<Bytes> {
    metrics.api_refused(Code::ALL.iter().position(|code| *code == fault.code).unwrap_or_default());
    fault.response()
}

fn description() -> Response<Bytes> {
    super::answer(StatusCode::OK, "application/json", DESCRIPTION)
}

fn answered(metrics: &Metrics, said: &Value) -> Response<Bytes> {
    metrics.api_answered();
    super::answer(StatusCode::OK, "application/json", said.to_string())
}

fn replayed(metrics: &Metrics, answer: Bytes) -> Response<Bytes> {
    metrics.api_answered();
    let mut response = super::answer(StatusCode::OK, "application/json", answer);
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}

fn too_large() -> Fault {
    Fault::new(Code::TooLarge, format!("the body is larger than {} bytes", body::MAX_BYTES))
}

/// A form of a page can send anything but this type without asking.
fn check_body(headers: &HeaderMap, body: &Bytes) -> Result<(), Fault> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Fault::new(Code::UnsupportedMediaType, "Content-Type must be application/json"));
    }
    if body.len() > body::MAX_BYTES { Err(too_large()) } else { Ok(()) }
}

/// One of the requests that wait.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn new(count: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(count));
        (count.fetch_add(1, Ordering::Relaxed) < MAX_WAITING).then_some(place)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
