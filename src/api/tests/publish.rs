//! How far keys reach, what belongs to an app, and what happens where the hub is busy.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::broker::{Broker, Parcel};
use crate::hub::{Desk, Lane, Profile, Sent, Subscriber};
use crate::identity::{Claims, Identity, User};
use crate::message::{CloseReason, Encode, Frame, Publication, Rendering};

#[derive(Debug)]
struct Plain;

impl Encode for Plain {
    fn encode(&self, _: &Publication) -> Rendering {
        Rendering::Nothing
    }
}

#[derive(Debug)]
pub(super) struct Ear;

impl Lane for Ear {
    fn send(&self, _: &Frame) -> Sent {
        Sent::Written
    }

    fn close(&self, _: CloseReason) {}
}

/// Takes a parcel only when the test lets it.
#[derive(Debug)]
pub(super) struct Slow {
    pub(super) hub: Arc<Hub>,
    pub(super) go: Mutex<Option<Receiver<()>>>,
}

impl Broker for Slow {
    fn lose(&self) {}

    fn publish(&self, parcel: Parcel) -> u64 {
        if let Some(go) = &*self.go.lock().unwrap() {
            go.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        match parcel {
            Parcel::Event(event) => self.hub.deliver(event, SystemTime::UNIX_EPOCH, || {}).reached,
            Parcel::Push(push) => self.hub.push(&push, SystemTime::UNIX_EPOCH, || {}).reached,
        }
    }
}

struct Office {
    api: PublishApi,
    hub: Arc<Hub>,
    _readers: Vec<Subscriber>,
}

pub(super) fn user(id: &str) -> Identity {
    let (id, claims) = (id.to_owned(), Claims::default());
    Identity::User(Arc::new(User { id, email: None, roles: Vec::new(), claims, expires: None }))
}

/// Readers of two apps: two of `shop`, one of `desk`, and one of none.
fn office(access: Access, go: Option<Receiver<()>>, capacity: usize) -> Office {
    let desk = |path: &str, app: Option<&str>| Desk {
        path: Arc::from(path),
        app: app.map(Arc::from),
        namespace: None,
        encode: Arc::new(Plain),
        required: false,
    };
    let desks = vec![desk("/shop", Some("shop")), desk("/desk", Some("desk")), desk("/ws", None)];
    let hub = Arc::new(Hub::new(desks, 100));
    let readers = [(0, "ann"), (0, "bob"), (1, "ann"), (2, "ann")].into_iter().enumerate();
    let readers = readers.map(|(number, (endpoint, name))| {
        let id = Uuid::from_u128(number as u128 + 1);
        let since = SystemTime::UNIX_EPOCH;
        let profile = Profile { id, endpoint, identity: user(name), since, address: None };
        hub.attach(Arc::new(Ear), profile).unwrap()
    });
    let readers = readers.collect();
    let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
    let broker = Arc::new(Slow { hub: Arc::clone(&hub), go: Mutex::new(go) });
    let (publisher, _worker) = Publisher::start(capacity, broker, Arc::clone(&metrics)).unwrap();
    let api = PublishApi::new(Arc::clone(&hub), publisher, metrics, access);
    Office { api, hub, _readers: readers }
}

pub(super) fn asked(line: &str, headers: &[(&str, &str)], body: &str) -> Asked {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    Asked { request, time: SystemTime::UNIX_EPOCH, uptime: Duration::ZERO, id: Uuid::nil() }
}

pub(super) fn wait(reply: Reply) -> Response<Bytes> {
    let mut later = match reply {
        Reply::Now(response) => return response,
        Reply::Later(later) => pin!(later),
    };
    loop {
        let mut context = Context::from_waker(Waker::noop());
        match later.as_mut().poll(&mut context) {
            Poll::Ready(response) => return response,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

/// Status, and the error's code or the answer.
pub(super) fn said(response: &Response<Bytes>) -> String {
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let code = body["error"]["code"].as_str().map_or_else(|| body.to_string(), ToOwned::to_owned);
    format!("{} {code}", response.status().as_u16())
}

impl Office {
    fn ask(&self, key: &str, line: &str, body: &str) -> String {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let headers = if key.is_empty() { &headers[..0] } else { &headers[..] };
        said(&wait(self.api.respond(&asked(line, headers, body))))
    }
}

/// `key | METHOD PATH body -> answer`, in order.
fn check(access: Access, rows: &str) {
    let office = office(access, None, 100);
    for row in rows.trim().lines().map(str::trim) {
        let (request, expected) = row.split_once(" -> ").unwrap();
        let (key, request) = request.split_once("| ").unwrap();
        let (line, body) = request.split_once(" {").unwrap_or((request, ""));
        let body = if body.is_empty() { String::new() } else { format!("{{{body}") };
        let answer = office.ask(key.trim(), line, &body);
        assert!(answer.starts_with(expected), "{row}: {answer}");
    }
}

const ID: &str = "00000000-0000-0000-0000-000000000001";

fn with_ids(rows: &str) -> String {
    rows.replace("ID", ID).replace("NOBODY", &ID.replace('1', "9"))
}

#[test]
fn an_app_is_reached_by_its_name_and_no_other_one_is() {
    check(
        Access::Open,
        &with_ids(
            r#"
            | POST /api/apps/shop/broadcast {"message":{}} -> 200 {"sent":2}
            | POST /api/apps/desk/broadcast {"message":{}} -> 200 {"sent":1}
            | POST /api/apps/shop/broadcast {"message":{},"user_id":"ann"} -> 200 {"sent":1}
            | POST /api/apps/shop/broadcast {"message":{},"endpoint":"/shop"} -> 200 {"sent":2}
            | POST /api/apps/shop/broadcast {"message":{},"endpoint":"/desk"} -> 404 unknown_endpoint
            | POST /api/apps/other/broadcast {"message":{}} -> 404 unknown_app
            | POST /api/broadcast {"message":{},"user_id":"ann"} -> 200 {"sent":3}
            | POST /api/apps/shop/connections/ID/send {"message":{}} -> 200 {"sent":1}
            | POST /api/apps/desk/connections/ID/send {"message":{}} -> 404 unknown_connection
            | POST /api/connections/NOBODY/send {"message":{}} -> 404 unknown_connection
            | GET /api/apps/shop/connections?limit=0 -> 200 {"connections":[],"count":2
            | GET /api/apps/shop/connections?limit=0&user_id=ann -> 200 {"connections":[],"count":1
            | GET /api/apps/desk/connections?endpoint=/shop -> 404 unknown_endpoint
            | DELETE /api/apps/desk/connections/ID -> 404 unknown_connection
            | DELETE /api/apps/shop/connections/ID -> 200 {"closed":1}
            | DELETE /api/apps/shop/connections?user_id=ann -> 200 {"closed":1}
            | DELETE /api/connections?user_id=ann -> 200 {"closed":3}
            "#,
        ),
    );
}

fn keys() -> Access {
    let key = |name: &str| ApiKey::new(name.to_owned(), name.as_bytes());
    let (mut model, mut app, mut reader) = (key("model"), key("app"), key("reader"));
    model.models = vec!["Author".to_owned()];
    app.apps = vec!["shop".to_owned()];
    reader.scopes = vec![Scope::Read];
    Access::Keys(vec![key("all"), model, app, reader])
}

#[test]
fn a_key_reaches_as_far_as_it_is_said() {
    check(
        keys(),
        &with_ids(
            r#"
            | GET /api/openapi.json -> 200
            | GET /api/connections -> 401 unauthorized
            | GET /api/nothing -> 404 not_found
            al | GET /api/connections -> 401 unauthorized
            alls | GET /api/connections -> 401 unauthorized
            all | GET /api/connections -> 200
            all | POST /api/events {"model":"book","operation":"x","audience":"everyone"} -> 200
            model | POST /api/events {"model":"author","operation":"x","audience":"everyone"} -> 200
            model | POST /api/events {"model":"AUTHOR","operation":"x","audience":"everyone"} -> 200
            model | POST /api/events {"model":"book","operation":"x","audience":"everyone"} -> 403 forbidden
            model | POST /api/broadcast {"message":{}} -> 403 forbidden
            model | GET /api/connections -> 403 forbidden
            model | GET /api/apps/shop/connections -> 403 forbidden
            model | DELETE /api/connections/ID -> 403 forbidden
            app | POST /api/events {"model":"author","operation":"x","audience":"everyone"} -> 403 forbidden
            app | POST /api/broadcast {"message":{}} -> 403 forbidden
            app | POST /api/apps/shop/broadcast {"message":{}} -> 200 {"sent":2}
            app | POST /api/apps/desk/broadcast {"message":{}} -> 403 forbidden
            app | GET /api/apps/other/connections -> 403 forbidden
            app | GET /api/apps/shop/connections -> 200
            app | GET /api/connections -> 403 forbidden
            app | DELETE /api/apps/shop/connections/ID -> 200
            app | DELETE /api/connections/ID -> 403 forbidden
            reader | GET /api/connections -> 200
            reader | POST /api/events {"model":"author","operation":"x","audience":"everyone"} -> 403 forbidden
            reader | POST /api/broadcast {"message":{}} -> 403 forbidden
            reader | DELETE /api/connections/ID -> 403 forbidden
            "#,
        ),
    );
}

#[test]
fn without_keys_a_port_that_others_reach_is_closed() {
    check(
        Access::Closed,
        r#"
        | GET /api/openapi.json -> 200
        | GET /api/connections -> 403 forbidden
        anything | POST /api/events {"model":"author","operation":"x","audience":"everyone"} -> 403 forbidden
        "#,
    );
}

#[test]
fn keys_stand_in_the_authorization_header_alone() {
    let office = office(keys(), None, 10);
    for (name, value, status) in [
        ("authorization", "Bearer all", 200),
        ("authorization", "bearer  all ", 200),
        ("authorization", "Basic all", 401),
        ("authorization", "all", 401),
        ("authorization", "Bearer ", 401),
        ("x-api-key", "all", 401),
    ] {
        let response = wait(office.api.respond(&asked("GET /api/connections", &[(name, value)], "")));
        assert_eq!(response.status().as_u16(), status, "{name}: {value}");
        let challenge = response.headers().get(header::WWW_AUTHENTICATE).is_some();
        assert_eq!(challenge, status == 401);
    }
    // With a key it may also be asked under a name; without, a name is a page's that was made to point here.
    let name = [("host", "restcast.internal"), ("authorization", "Bearer all")];
    assert_eq!(wait(office.api.respond(&asked("GET /api/connections", &name, ""))).status(), 200);
}

#[test]
fn the_error_of_a_wrong_audience_did_not_name_the_field_and_its_forms() {
    let office = office(Access::Open, None, 100);
    for (audience, part) in [
        (
            "\"all\"",
            "one of \"everyone\", \"authenticated\", {\"roles\":[\"admin\"]} and {\"user\":\"alice\"}",
        ),
        ("null", "one of \"everyone\""),
        ("7", "one of \"everyone\""),
        ("{}", "one of \"everyone\""),
        ("{\"user\":7}", "one of \"everyone\""),
        ("{\"roles\":\"admin\"}", "one of \"everyone\""),
        ("{\"roles\":[\"a\"],\"user\":\"b\"}", "one of \"everyone\""),
        ("{\"roles\":[]}", "audience.roles: 1 to 100 roles"),
        ("{\"user\":\"\"}", "audience.user: 1 to 256 characters"),
    ] {
        let body = EVENT.replace("\"everyone\"", audience);
        let answer = wait(office.api.respond(&asked("POST /api/events", &[], &body)));
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("audience") && message.contains(part), "{audience}: {message}");
        assert_eq!(said(&answer), "400 invalid_request");
    }
    // It is needed.
    let without = EVENT.replace(",\"audience\":\"everyone\"", "");
    let answer = wait(office.api.respond(&asked("POST /api/events", &[], &without)));
    assert_eq!(said(&answer), "400 invalid_request");
}

const EVENT: &str = r#"{"model":"author","operation":"x","audience":"everyone"}"#;

fn busy(capacity: usize) -> (Office, Sender<()>) {
    let (go, wait) = channel();
    (office(keys(), Some(wait), capacity), go)
}

fn publish(office: &Office, key: &str, idempotency: &str, body: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", idempotency)];
    office.api.respond(&asked("POST /api/events", &headers, body))
}

#[test]
fn the_same_request_is_done_once_and_answered_alike() {
    let (office, go) = busy(100);
    let first = publish(&office, "all", "1", EVENT);
    // Not done yet.
    let early = wait(publish(&office, "all", "1", EVENT));
    assert_eq!(
        (said(&early).as_str(), early.headers()[header::RETRY_AFTER].as_bytes()),
        ("409 in_progress", &b"1"[..])
    );
    go.send(()).unwrap();
    let first = wait(first);
    let again = wait(publish(&office, "all", "1", EVENT));
    assert_eq!((first.status(), first.body()), (again.status(), again.body()));
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    let other = wait(publish(&office, "all", "1", &EVENT.replace('x', "y")));
    assert_eq!(said(&other), "422 key_reused");
    // Another caller's key of the same name is another one; so is that of another path.
    go.send(()).unwrap();
    assert_eq!(wait(publish(&office, "model", "1", EVENT)).status(), 200);
    // Only what was published was waited for.
    assert!(go.send(()).is_ok());
    let headers = [("authorization", "Bearer all"), ("idempotency-key", "1")];
    let broadcast = office.api.respond(&asked("POST /api/broadcast", &headers, r#"{"message":{}}"#));
    assert_eq!(said(&wait(broadcast)), r#"200 {"sent":4}"#);
}

#[test]
fn what_was_refused_may_come_again() {
    let (office, go) = busy(100);
    assert_eq!(said(&wait(publish(&office, "all", "1", "{}"))), "400 invalid_request");
    assert_eq!(said(&wait(publish(&office, "all", "1", "{"))), "400 invalid_json");
    go.send(()).unwrap();
    assert_eq!(wait(publish(&office, "all", "1", EVENT)).status(), 200);
}

#[test]
fn where_too_much_waits_it_is_said_and_nobody_misses_anything() {
    let (office, go) = busy(1);
    let mut waiting = Vec::new();
    let refused = loop {
        match publish(&office, "all", &waiting.len().to_string(), EVENT) {
            Reply::Now(refused) => break refused,
            later @ Reply::Later(_) => waiting.push(later),
        }
    };
    // One is being done, and one waits; a third one may find either.
    assert!((1..=2).contains(&waiting.len()));
    assert_eq!(
        (said(&refused).as_str(), refused.headers()[header::RETRY_AFTER].as_bytes()),
        ("503 queue_full", &b"1"[..])
    );
    let number = waiting.len().to_string();
    for later in waiting {
        go.send(()).unwrap();
        assert_eq!(wait(later).status(), 200);
    }
    assert_eq!(office.hub.connections(), 4);
    // Its key was not used up.
    go.send(()).unwrap();
    assert_eq!(wait(publish(&office, "all", &number, EVENT)).status(), 200);
}

#[test]
fn the_taps_queue_is_left_to_the_tap() {
    let (office, go) = busy(1 << 16);
    let mut waiting = Vec::new();
    while let later @ Reply::Later(_) = publish(&office, "all", &waiting.len().to_string(), EVENT) {
        waiting.push(later);
    }
    assert_eq!(waiting.len(), 256);
    for later in waiting {
        go.send(()).unwrap();
        assert_eq!(wait(later).status(), 200);
    }
    go.send(()).unwrap();
    assert_eq!(wait(publish(&office, "all", "one-more", EVENT)).status(), 200);
}

#[test]
fn a_bug_behind_the_queue_is_answered_too() {
    let (office, go) = busy(10);
    // The broker panics: nobody tells it to go on.
    drop(go);
    assert_eq!(said(&wait(publish(&office, "all", "1", EVENT))), "500 internal");
}
