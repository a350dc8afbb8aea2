//! Events for sockets of namespaces: whom they reach, what is refused, and what comes back.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::publish::{Ear, Slow, asked, said, user, wait};
use super::*;
use crate::event::{Json, Topic};
use crate::hub::{Desk, Hub, Profile, Subscriber};
use crate::message::{Command, Encode, Frame, Publication, Push, Receipt, Rendering, Shortcut, Target};

/// Keeps what is pushed; `connect` is nothing that one may say.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Push>>);

impl Encode for Kept {
    fn encode(&self, _: &Publication) -> Rendering {
        Rendering::Nothing
    }

    fn refusal(&self, message: &Json) -> Option<String> {
        message.as_str().contains(r#""event":"connect""#).then(|| "event: not that one".to_owned())
    }

    fn push(&self, push: &Push, _: SystemTime, _: crate::event::Position) -> Option<Frame> {
        self.0.lock().unwrap().push(push.clone());
        Some(Frame::text("{}"))
    }
}

/// Says its data to `/client` of its endpoint, twice.
#[derive(Debug)]
struct Twice(Arc<str>);

impl Shortcut for Twice {
    fn name(&self) -> &'static str {
        "twice"
    }

    fn endpoint(&self) -> &Arc<str> {
        &self.0
    }

    fn pushes(&self, data: Map<String, Value>, _: SystemTime) -> Result<Vec<Push>, String> {
        if data.is_empty() {
            return Err("data: is missing".to_owned());
        }
        let (endpoint, namespace) = (Some(Arc::clone(&self.0)), Some(Arc::from("/client")));
        let to = Target { endpoint, namespace, ..Target::default() };
        Ok(vec![Push::new(to, Json::parse(&Value::Object(data).to_string()).unwrap()); 2])
    }
}

struct Office {
    api: PublishApi,
    hub: Arc<Hub>,
    kept: Arc<Kept>,
    readers: Vec<Subscriber>,
}

/// Three of `/admin` and one of `/client` at one endpoint, and one of `/admin` at another.
fn office() -> Office {
    let kept = Arc::new(Kept::default());
    let desk = |path: &str, namespace: Option<&str>| Desk {
        path: Arc::from(path),
        app: None,
        namespace: namespace.map(Arc::from),
        encode: Arc::clone(&kept) as Arc<dyn Encode>,
        required: false,
    };
    let desks = vec![
        desk("/io", Some("/admin")),
        desk("/io", Some("/client")),
        desk("/other", Some("/admin")),
        desk("/ws", None),
    ];
    let hub = Arc::new(Hub::new(desks, 100));
    let who = [(0, "7", "x"), (0, "7", "y"), (0, "8", "y"), (1, "7", "x"), (2, "8", "x")];
    let reader = |(number, (endpoint, name, room)): (usize, &(usize, &str, &str))| {
        let id = Uuid::from_u128(number as u128 + 1);
        let since = SystemTime::UNIX_EPOCH;
        let profile = Profile { id, endpoint: *endpoint, identity: user(name), since, address: None };
        let mut reader = hub.attach(Arc::new(Ear), profile).unwrap();
        let namespace = if *endpoint == 1 { "/client" } else { "/admin" };
        reader.handle(Command::subscribe(Topic::room(namespace, room)));
        reader
    };
    let readers = who.iter().enumerate().map(reader).collect();
    let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
    let broker = Arc::new(Slow { hub: Arc::clone(&hub), go: Mutex::default() });
    let (publisher, _worker) = Publisher::start(100, broker, Arc::clone(&metrics)).unwrap();
    let key = |name: &str| ApiKey::new(name.to_owned(), name.as_bytes());
    let (mut app, mut reads) = (key("app"), key("reads"));
    app.apps = vec!["shop".to_owned()];
    reads.scopes = vec![Scope::Read];
    let access = Access::Keys(vec![key("all"), app, reads]);
    let shortcuts: Vec<Arc<dyn Shortcut>> =
        vec![Arc::new(Twice(Arc::from("/io"))), Arc::new(Twice(Arc::from("/other")))];
    let api = PublishApi::new(Arc::clone(&hub), publisher, metrics, access).saying(shortcuts);
    Office { api, hub, kept, readers }
}

impl Office {
    fn post(&self, key: &str, path: &str, body: &str) -> Reply {
        let bearer = format!("Bearer {key}");
        self.api.respond(&asked(&format!("POST /api/socketio/{path}"), &[("authorization", &bearer)], body))
    }

    fn ask(&self, key: &str, path: &str, body: &str) -> String {
        said(&wait(self.post(key, path, body)))
    }

    /// An event for `/admin` with this besides.
    fn emit(&self, besides: &str) -> String {
        let comma = if besides.is_empty() { "" } else { "," };
        self.ask(
            "all",
            "emit",
            &format!(r#"{{"namespace":"/admin","event":"e","data":{{}}{comma}{besides}}}"#),
        )
    }

    /// The answer to one that waits for answers, after these readers have answered.
    fn acked(&self, reply: Reply, answers: &[(usize, &str)]) -> String {
        let Reply::Later(later) = reply else { panic!("{reply:?}") };
        let pushed = || self.kept.0.lock().unwrap().last().map(|push| push.receipt.unwrap());
        for (reader, answer) in answers {
            let answer = Json::parse(answer).unwrap();
            let answers = |number| self.readers[*reader].answer(Receipt { number, answer: answer.clone() });
            // It has not been sent before.
            until(|| pushed().is_some_and(answers));
        }
        said(&wait(Reply::Later(later)))
    }
}

fn until(holds: impl Fn() -> bool) {
    let is_met = (0..50_000_000).any(|_| {
        std::thread::yield_now();
        holds()
    });
    assert!(is_met);
}

#[test]
fn an_event_reaches_each_socket_that_is_named_once() {
    let office = office();
    for (besides, sent) in [
        ("", 4),
        (r#""endpoint":"/io""#, 3),
        (r#""endpoint":"/io","rooms":["x","y"]"#, 3),
        (r#""rooms":["x"]"#, 2),
        (r#""rooms":["x"],"users":["7"]"#, 3),
        (r#""users":[7]"#, 2),
        (r#""users":[7.0]"#, 2),
        (r#""users":["nobody"]"#, 0),
        (r#""rooms":["nowhere"]"#, 0),
        (r#""connections":["00000000-0000-0000-0000-000000000003"]"#, 1),
        (r#""connections":["00000000000000000000000000000003"],"rooms":["y"]"#, 2),
        (r#""connections":["00000000-0000-0000-0000-000000000004"]"#, 0),
        (r#""except":["y"]"#, 2),
        (r#""except":[]"#, 4),
        (r#""except":{}"#, 4),
        (r#""rooms":["y"],"except":{"users":[7]}"#, 1),
        (r#""except":{"rooms":["x"],"connections":["00000000-0000-0000-0000-000000000003"]}"#, 1),
        (r#""rooms":null,"users":null,"connections":null,"except":null,"endpoint":null,"ack":null"#, 4),
    ] {
        assert_eq!(office.emit(besides), format!(r#"200 {{"sent":{sent}}}"#), "{besides}");
    }
    let kept = office.kept.0.lock().unwrap();
    assert_eq!(kept[0].message.as_str(), r#"{"event":"e","data":{}}"#);
    assert!(kept.iter().all(|push| push.receipt.is_none()));
}

#[test]
fn an_empty_list_of_names_was_everybody() {
    let office = office();
    for field in ["rooms", "users", "connections"] {
        let response = wait(office.post(
            "all",
            "emit",
            &format!(r#"{{"namespace":"/admin","event":"e","data":1,"{field}":[]}}"#),
        ));
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(body.contains("invalid_request") && body.contains(&format!("{field}: 1 to")), "{body}");
    }
}

#[test]
fn what_is_wrong_with_an_event_is_said() {
    let office = office();
    let body = |namespace: &str, event: &str, besides: &str| {
        format!(r#"{{"namespace":"{namespace}","event":"{event}","data":0{besides}}}"#)
    };
    for (body, expected) in [
        (body("/nobody", "e", ""), "404 unknown_namespace"),
        (body("/client", "e", r#","endpoint":"/other""#), "404 unknown_namespace"),
        (body("/admin", "e", r#","endpoint":"/ws""#), "404 unknown_namespace"),
        (body("/admin", "e", r#","endpoint":"/nowhere""#), "404 unknown_endpoint"),
        (body("", "e", ""), "400 invalid_request"),
        (body("/admin", "", ""), "400 invalid_request"),
        (body("/admin", "connect", ""), "400 invalid_request"),
        (body("/admin", "e", r#","rooms":[""]"#), "400 invalid_request"),
        (body("/admin", "e", r#","rooms":[7]"#), "400 invalid_request"),
        (body("/admin", "e", r#","rooms":"x""#), "400 invalid_request"),
        (body("/admin", "e", r#","users":[1.5]"#), "400 invalid_request"),
        (body("/admin", "e", r#","users":[""]"#), "400 invalid_request"),
        (body("/admin", "e", r#","connections":["x"]"#), "400 invalid_request"),
        (body("/admin", "e", r#","except":"x""#), "400 invalid_request"),
        (body("/admin", "e", r#","except":{"room":["x"]}"#), "400 invalid_request"),
        (body("/admin", "e", r#","ack":"5""#), "400 invalid_request"),
        (body("/admin", "e", r#","ack":"0s""#), "400 invalid_request"),
        (body("/admin", "e", r#","ack":"61s""#), "400 invalid_request"),
        (body("/admin", "e", r#","ack":true"#), "400 invalid_request"),
        (body("/admin", "e", r#","room":"x""#), "400 invalid_request"),
        (r#"{"namespace":"/admin","event":"e"}"#.to_owned(), "400 invalid_request"),
        (r#"{"namespace":"/admin","data":0}"#.to_owned(), "400 invalid_request"),
        (r#"{"event":"e","data":0}"#.to_owned(), "400 invalid_request"),
    ] {
        assert_eq!(office.ask("all", "emit", &body), expected, "{body}");
    }
    assert_eq!(office.ask("app", "emit", &body("/admin", "e", "")), "403 forbidden");
    assert_eq!(office.ask("reads", "emit", &body("/admin", "e", "")), "403 forbidden");
    assert_eq!(office.ask("reads", "twice", r#"{"a":1}"#), "403 forbidden");
    assert!(office.kept.0.lock().unwrap().is_empty());
}

#[test]
fn a_shortcut_says_what_the_config_has_of_it() {
    let office = office();
    assert_eq!(office.ask("all", "twice", r#"{"a":1}"#), r#"200 {"sent":2}"#);
    assert_eq!(office.kept.0.lock().unwrap()[0].message.as_str(), r#"{"a":1}"#);
    assert_eq!(office.ask("all", "twice?endpoint=/other", r#"{"a":1}"#), r#"200 {"sent":0}"#);
    assert_eq!(office.ask("all", "twice?endpoint=/ws", r#"{"a":1}"#), "404 not_found");
    assert_eq!(office.ask("all", "twice?endpoint=/nowhere", r#"{"a":1}"#), "404 unknown_endpoint");
    assert_eq!(office.ask("all", "thrice", r#"{"a":1}"#), "404 not_found");
    assert_eq!(office.ask("all", "twice", "{}"), "400 invalid_request");
    assert_eq!(office.ask("all", "twice", "[]"), "400 invalid_request");
}

const ASKING: &str = r#"{"namespace":"/admin","event":"e","data":0,"rooms":["y"],"ack":"5s"}"#;

#[test]
fn answers_come_back_when_all_have_answered() {
    let office = office();
    let answer = office.acked(office.post("all", "emit", ASKING), &[(2, r#"[{"a":1}]"#), (1, "[]")]);
    let id = "00000000-0000-0000-0000-00000000000";
    let expected = format!(
        r#"200 {{"acked":2,"answers":[{{"answer":[{{"a":1}}],"connection":"{id}3"}},{{"answer":[],"connection":"{id}2"}}],"sent":2}}"#
    );
    assert_eq!(answer, expected);
    let nobody = ASKING.replace(r#"["y"]"#, r#"["nowhere"]"#);
    assert_eq!(office.ask("all", "emit", &nobody), r#"200 {"acked":0,"answers":[],"sent":0}"#);
}

#[test]
fn what_has_come_comes_back_when_the_time_is_over() {
    let office = office();
    let reply = office.post("all", "emit", ASKING);
    let Reply::Later(mut later) = reply else { panic!("{reply:?}") };
    assert_eq!(later.patience(), Some(Duration::from_secs(5)));
    later.time_is_over();
    assert_eq!(said(&wait(Reply::Later(later))), r#"200 {"acked":0,"answers":[],"sent":2}"#);
}

#[test]
fn whoever_does_not_wait_leaves_nothing_behind() {
    let office = office();
    let mut kept = Vec::new();
    while let later @ Reply::Later(_) = office.post("all", "emit", ASKING) {
        kept.push(later);
    }
    assert_eq!(kept.len(), 64);
    assert_eq!(office.ask("all", "emit", ASKING), "503 queue_full");
    drop(kept);
    // The hub may still be sending the last ones.
    until(|| office.hub.ask_for_receipts().is_ok());
}

#[test]
fn an_answered_event_that_comes_again_says_how_many_had_answered() {
    let office = office();
    let headers = [("authorization", "Bearer all"), ("idempotency-key", "1")];
    let post = || office.api.respond(&asked("POST /api/socketio/emit", &headers, ASKING));
    office.acked(post(), &[(1, "[1]"), (2, "[2]")]);
    assert_eq!(said(&wait(post())), r#"200 {"acked":2,"answers":[],"sent":2}"#);
    assert_eq!(office.kept.0.lock().unwrap().len(), 1);
}
