//! What is said to sockets and asked of the backend, without either.

mod admission;
mod config;
mod requests;
mod shortcuts;
mod writes;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::super::tests::open;
use super::*;
use crate::config::Config;
use crate::event::{Event, Item, Json};
use crate::identity::{Credential, Identity, User};
use crate::message::{Answer, Call, CloseReason, Command, Now, Returned, UpstreamError};

const NOW: Now = Now { time: UNIX_EPOCH, age: Duration::ZERO };
const SID: &str = "00000000000000000000000000000000";

const CONFIG: &str = r#"
[upstream]
servers = ["http://127.0.0.1:1"]
[auth.jwt]
algorithms = ["HS256"]
secret = "0123456789012345678901234567890123456789"
[[route]]
path = "/api/platforms/{id}"
model = "platform"
[[endpoint]]
path = "/socket.io"
dialect = "socketio"
[[endpoint.namespace]]
name = "/admin"
admit = [{ claim = "role", is = ["admin"] }]
refusal = "Admin access required"
rooms = ["admin", "admin_{claims.level}"]
connect_event = "admin_connect"
greeting = "admin_connected"
data = { user_id = "{claims.user_id}", permissions = "{claims.permissions=[]}" }
[[endpoint.namespace]]
name = "/client"
admit = [{ claim = "client_id" }]
rooms = ["clients", "client_{claims.client_id}"]
own = { client_id = "{claims.client_id}" }
[[endpoint.broadcast]]
model = "platform"
operations = ["update"]
event = "platform_update"
to = { "/admin" = ["admin", "platform_{id}"], "/client" = ["client_{record.client_id}"] }
[[endpoint.request]]
namespace = "/admin"
event = "subscribe_entity_updates"
needs = ["entity_type", "entity_id"]
missing = "entity_type and entity_id required"
allowed = { entity_type = ["platform"] }
join = "{data.entity_type}_{data.entity_id}"
reply = "subscribed"
data = { entity_type = "{data.entity_type}", entity_id = "{data.entity_id}", room = "{room}" }
[[endpoint.request]]
namespace = "/admin"
event = "request_activity_feed"
defaults = { limit = 2, offset = 0 }
request = "GET /api/feed?per_page={data.limit}&page={page}"
reply = "activity_feed_update"
data = { activities = "{answer.activities=[]}", has_more = "{full.activities}" }
error = "Failed to fetch activity feed"
[[endpoint.request]]
namespace = "/client"
event = "heartbeat"
needs = ["client_id"]
reply = "heartbeat_ack"
"#;

/// One namespace of the endpoint.
fn namespace(name: &str) -> Arc<dyn Dialect> {
    namespace_of(CONFIG, name)
}

fn namespace_of(config: &str, name: &str) -> Arc<dyn Dialect> {
    let config = Config::parse("test", config).unwrap_or_else(|error| panic!("{error}"));
    let endpoint = config.endpoints.first().unwrap();
    let namespaces = endpoint.dialect.multiplex().unwrap().namespaces().to_vec();
    namespaces.into_iter().find(|(known, _)| **known == *name).unwrap().1
}

fn user(claims: Value) -> Identity {
    let Value::Object(claims) = claims else { panic!("no claims") };
    Identity::User(Arc::new(User {
        id: "7".into(),
        email: None,
        roles: Vec::new(),
        claims: claims.into(),
        expires: None,
    }))
}

/// A socket, and what it hears.
struct Talk(Box<dyn Conversation>);

impl Talk {
    fn open(name: &str) -> Self {
        Self::open_in(&*namespace(name))
    }

    fn open_in(namespace: &dyn Dialect) -> Self {
        Self(open(namespace, "/socket.io", (&Credential::Missing, true), NOW).0)
    }

    /// One that has come in.
    fn inside(name: &str, claims: Value) -> Self {
        Self::inside_of(&*namespace(name), name, claims)
    }

    fn inside_of(namespace: &dyn Dialect, name: &str, claims: Value) -> Self {
        let mut talk = Self::open_in(namespace);
        talk.say(&format!(r#"0{name},{{"token":"t"}}"#));
        talk.returned(Returned::Credential(Credential::Valid(user(claims))));
        talk
    }

    fn say(&mut self, text: &str) -> Turn {
        let mut turn = Turn::default();
        self.0.receive(Message::Text(text.to_owned()), NOW, &mut turn);
        turn
    }

    fn returned(&mut self, returned: Returned) -> Turn {
        let mut turn = Turn::default();
        self.0.returned(returned, NOW, &mut turn);
        turn
    }
}

fn told(turn: &Turn) -> Vec<String> {
    turn.frames.iter().map(|frame| String::from_utf8(frame.payload().to_vec()).unwrap()).collect()
}

/// The topics of the turn's commands, with + and -.
fn wanted(turn: &Turn) -> Vec<String> {
    turn.commands
        .iter()
        .filter_map(|command| match command {
            Command::Subscribe { topic, filter, .. } => {
                Some(format!("+{topic}{}", if filter.is_some() { "?" } else { "" }).replace('\u{1}', "#"))
            }
            Command::Unsubscribe { topic, .. } => Some(format!("-{topic}").replace('\u{1}', "#")),
            Command::Swap { .. } | Command::Identify(_) => None,
        })
        .collect()
}
