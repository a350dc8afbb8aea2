//! Socket.IO (`protocols.md`, section 4) with clients that nobody here wrote: `socket.io-client` and
//! `python-socketio`, with the options that they have by themselves.

mod clients;
mod emits;
mod polls;
mod raw;
mod recovery;

use serde_json::{Value, json};

use crate::harness::*;
use crate::tools::{self, Node, Python};

/// `/admin` for admins, `/client` for clients, and `/` for everybody.
const CONFIG: &str = r#"
[auth.jwt]
algorithms = ["HS256"]
secret = "a secret of more than thirty-two bytes"
[[route]]
path = "/api/platforms/{id}"
model = "platform"
[[endpoint]]
path = "/socket.io"
dialect = "socketio"
[[endpoint.namespace]]
name = "/"
auth = "optional"
[[endpoint.namespace]]
name = "/admin"
admit = [{ claim = "role", is = ["admin"] }]
refusal = "Admin access required"
rooms = ["admin"]
greeting = "admin_connected"
data = { user_id = "{claims.user_id}" }
[[endpoint.namespace]]
name = "/client"
admit = [{ claim = "client_id" }]
rooms = ["clients", "client_{claims.client_id}"]
[[endpoint.broadcast]]
model = "platform"
event = "platform_update"
to = { "/admin" = ["admin", "platform_{id}"], "/client" = ["clients"] }
data = { platform_id = "{id}", data = "{record}" }
[[endpoint.request]]
namespace = "/admin"
event = "subscribe_entity_updates"
needs = ["entity_type", "entity_id"]
join = "{data.entity_type}_{data.entity_id}"
reply = "subscribed"
data = { room = "{room}" }
ack = ["{room}"]
[[endpoint.request]]
namespace = "/admin"
event = "request_activity_feed"
defaults = { limit = 2, offset = 0 }
request = "GET /api/feed?per_page={data.limit}&page={page}"
reply = "activity_feed_update"
data = { activities = "{answer.activities=[]}" }
error = "Failed to fetch activity feed"
[[endpoint.request]]
namespace = "/admin"
event = "announce"
needs = ["message"]
[[endpoint.request.emit]]
event = "announcement"
data = { message = "{data.message}" }
when = "{data.target=all}"
is = ["all"]
to = { "/" = [], "/admin" = ["admin", "platform_1"], "/client" = ["clients"] }
"#;

/// The only record, and the answer to everything else.
const ANSWER: &str = r#"{"id":1,"name":"web","activities":[1,2]}"#;

fn proxy() -> (Origin, Proxy) {
    with("")
}

/// With more options of the endpoint.
fn with(options: &str) -> (Origin, Proxy) {
    let origin = Origin::json(200, ANSWER);
    let endpoint = "dialect = \"socketio\"\n";
    let proxy = Proxy::with(origin.address, &CONFIG.replace(endpoint, &format!("{endpoint}{options}")));
    (origin, proxy)
}

/// Of somebody with these claims.
fn token(proxy: &Proxy, claims: &[&str]) -> String {
    token_for(proxy, claims, "1h")
}

/// The same, good for so long.
fn token_for(proxy: &Proxy, claims: &[&str], expires: &str) -> String {
    let mut command = restcast();
    command.args(["token", "--sub", "7", "--expires", expires]).arg("--config").arg(&proxy.config);
    let output = command.args(claims.iter().flat_map(|claim| ["--claim", claim])).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn admin(proxy: &Proxy) -> String {
    token(proxy, &["role=admin", "user_id=7"])
}

/// One line of a client that holds all of these.
fn line(client: &Process, parts: &[&str]) -> Value {
    let find = || {
        let output = client.output();
        let line = output.lines().find(|line| parts.iter().all(|part| line.contains(part)))?;
        serde_json::from_str(line).ok()
    };
    eventually(&format!("{parts:?} in {}", client.output()), find)
}

fn count(client: &Process, parts: &[&str]) -> usize {
    client.output().lines().filter(|line| parts.iter().all(|part| line.contains(part))).count()
}

fn write(proxy: &Proxy) {
    let headers = [("Content-Type", "application/json"), ("Authorization", "Bearer somebody")];
    let answer = request(proxy.address, "PUT", "/api/platforms/1", &headers, br#"{"name":"web"}"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
}
