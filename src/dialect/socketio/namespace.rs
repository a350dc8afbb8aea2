//! One namespace of an endpoint: who may come in, what it is told, and what it may ask for.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::Options;
use super::broadcast::Broadcast;
use super::claim::{self, Claim};
use super::packet::Writer;
use super::reading;
use super::request::{Backend, Requests};
use super::scope::{ANSWERED, KNOWN, Scope};
use super::template::{Template, Text};
use crate::event::Topic;
use crate::filter::Filter;
use crate::identity::Identity;
use crate::message::{Command, Stamp, Tag, Webhook};

/// Rooms of one socket.
const MAX_ROOMS: usize = 100;

/// `[[endpoint.namespace]]`, with all that other tables say of it.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: Arc<str>,
    /// The path of its endpoint.
    pub(super) endpoint: Arc<str>,
    pub(super) writer: Writer,
    /// Nobody comes in without a token.
    pub(super) required: bool,
    /// One of these must hold, if there are any.
    admit: Vec<Claim>,
    /// What is said to whom none holds for.
    pub(super) refusal: String,
    rooms: Vec<Text>,
    /// The event by which a client may say again who it is; empty: none.
    pub(super) connect_event: String,
    pub(super) greeting: Option<Greeting>,
    /// What a client may say of itself alone.
    own: Vec<(String, Template)>,
    /// For whom that does not hold.
    own_unless: Vec<Claim>,
    pub(super) requests: Requests,
    /// The names of its clients' events, sorted.
    pub(super) events: Vec<String>,
    /// By model.
    pub(super) broadcasts: Vec<Arc<Broadcast>>,
    /// Who is asked where a request says so, and of events that nothing is known of.
    pub(super) webhook: Option<Arc<Webhook>>,
    pub(super) max_rooms: usize,
    /// Events say where they stand, so that a client can say what it got last.
    pub(super) says_offset: bool,
}

/// What a client is told when it has come in.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) event: String,
    pub(super) backend: Option<Backend>,
    pub(super) data: Template,
}

/// What a subscription to the hub is known by.
pub(super) type Want = (Topic, Option<Tag>, Option<Arc<Filter>>);

impl Namespace {
    /// What is wrong is reported.
    pub(super) fn read(options: &dyn Options, endpoint: &Arc<str>) -> Self {
        let name = options.text("name", "/");
        if !name.starts_with('/') || name.contains([',', '?']) {
            options.report("name", "expected a name such as \"/admin\"".to_owned());
        }
        let greeting = reading::event(options, "greeting");
        let backend = Backend::read(options);
        let data = reading::template(options, "data", &json!({}), &ANSWERED);
        let own = reading::members(options, "own").into_iter().filter_map(|(name, value)| {
            let template = Template::parse(&value, &KNOWN);
            template.map_err(|message| options.report("own", message)).ok().map(|template| (name, template))
        });
        let required =
            super::super::options::word(options, "auth", ("required", true), &[("optional", false)]);
        let admit = reading::claims(options, "admit");
        if !required && !admit.is_empty() {
            let message = "is held against tokens, and auth = \"optional\" lets in whoever shows none";
            options.report("admit", message.to_owned());
        }
        Self {
            endpoint: Arc::clone(endpoint),
            writer: Writer::new(&name),
            required,
            admit,
            refusal: options.text("refusal", "Access denied"),
            rooms: reading::texts(options, "rooms", &KNOWN),
            connect_event: reading::event(options, "connect_event"),
            greeting: (!greeting.is_empty()).then_some(Greeting { event: greeting, backend, data }),
            own: own.collect(),
            own_unless: reading::claims(options, "own_unless"),
            requests: Requests::new(),
            events: Vec::new(),
            broadcasts: Vec::new(),
            webhook: None,
            max_rooms: options.number("max_rooms", MAX_ROOMS),
            says_offset: false,
            name: Arc::from(name),
        }
    }

    /// Whether the backend is asked anything.
    pub(super) fn asks(&self) -> bool {
        let greeting = self.greeting.as_ref().and_then(|greeting| greeting.backend.as_ref());
        greeting.is_some() || self.requests.values().any(|request| request.backend.is_some())
    }

    /// Whether this user may come in.
    pub(super) fn admits(&self, identity: &Identity) -> bool {
        self.admit.is_empty() || claim::any(&self.admit, identity)
    }

    /// The rooms that this user is in from the start. A room of which the token does not say all is none.
    pub(super) fn rooms_of(&self, identity: &Identity, scope: &Scope<'_>) -> BTreeSet<String> {
        let scope = Scope { identity: Some(identity), ..*scope };
        self.rooms.iter().filter_map(|room| room.fill(&scope)).filter(|room| !room.is_empty()).collect()
    }

    /// Rooms in which not everybody is from the start.
    pub(super) fn private(&self) -> impl Iterator<Item = &Text> {
        self.rooms.iter().filter(|room| room.fixed().is_none())
    }

    /// Whether this is what clients say of themselves alone.
    pub(super) fn is_own(&self, name: &str) -> bool {
        self.own.iter().any(|(own, _)| own == name)
    }

    /// Fills in what the client says of itself; `false`: it says what is another's.
    pub(super) fn own(&self, data: &mut Map<String, Value>, identity: &Identity, scope: &Scope<'_>) -> bool {
        let is_free = claim::any(&self.own_unless, identity);
        let scope = Scope { identity: Some(identity), ..*scope };
        self.own.iter().all(|(name, own)| {
            let own: Value = serde_json::from_str(&own.fill(&scope)).unwrap_or(Value::Null);
            match data.get(name).filter(|said| !said.is_null()) {
                None if own.is_null() => true,
                None => {
                    data.insert(name.clone(), own);
                    true
                }
                Some(said) => is_free || same(said, &own),
            }
        })
    }

    /// A client's event by its number.
    pub(super) fn event(&self, name: &str) -> Option<usize> {
        self.events.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }

    /// Knows its clients' events by name, now that all of them are there.
    pub(super) fn name_events(&mut self) {
        let own = Some(&self.connect_event).filter(|name| !name.is_empty());
        self.events = self.requests.keys().chain(own).cloned().collect();
        self.events.sort_unstable();
    }

    /// The last argument of an event, behind its comma, where clients come back.
    pub(super) fn offset(&self, stamp: Stamp) -> String {
        match stamp {
            Stamp::Position(position, place) if self.says_offset => format!(",\"{position}.{place}\""),
            Stamp::Position(..) | Stamp::Receipt(_) | Stamp::None => String::new(),
        }
    }

    /// What stands in its place behind an event that a client is not sent again: it takes a text that comes last for
    /// where it stands.
    pub(super) fn no_offset(&self, data: &str) -> &'static str {
        if self.says_offset && data.starts_with('"') { ",null" } else { "" }
    }

    /// What the hub is to tell a socket of these rooms.
    pub(super) fn wants(&self, rooms: &BTreeSet<String>) -> Vec<Want> {
        let mut wants: Vec<Want> = Vec::new();
        wants.extend(self.broadcasts.iter().filter_map(|broadcast| broadcast.of_namespace(&self.name)));
        for room in rooms {
            wants.push((Topic::room(&self.name, room), None, None));
            wants.extend(self.broadcasts.iter().flat_map(|broadcast| broadcast.of_room(&self.name, room)));
        }
        // A topic without a filter holds all that others of it would.
        wants.sort_by(|(a, tag, _), (b, other, _)| {
            (a, tag.as_ref().map(|tag| &tag.text)).cmp(&(b, other.as_ref().map(|tag| &tag.text)))
        });
        wants.dedup_by(|(a, tag, _), (b, other, _)| a == b && tag == other);
        wants.shrink_to_fit();
        wants
    }
}

/// What changes a socket's subscriptions from the first to the second.
pub(super) fn change(from: &[Want], to: &[Want]) -> Vec<Command> {
    let is_in =
        |want: &Want, wants: &[Want]| wants.iter().any(|(topic, tag, _)| *topic == want.0 && *tag == want.1);
    let left = from.iter().filter(|want| !is_in(want, to));
    let left = left.map(|(topic, tag, _)| Command::Unsubscribe { topic: topic.clone(), tag: tag.clone() });
    let entered = to.iter().filter(|want| !is_in(want, from)).map(|(topic, tag, filter)| {
        Command::Subscribe { topic: topic.clone(), filter: filter.clone(), tag: tag.clone() }
    });
    left.chain(entered).collect()
}

/// Ids are numbers in one place and texts in another.
fn same(said: &Value, own: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    text(said).is_some_and(|said| text(own) == Some(said))
}
