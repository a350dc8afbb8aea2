//! Events of which the backend says who may see them, as scenes: what is written, what is asked, what it
//! answers, and what each reader gets.

mod edges;
mod filters;
mod waiting;

use std::cell::Cell;

use http::{HeaderMap, HeaderValue};

use super::identities::user;
use super::*;
use crate::access::{Answer, Credentials, Limits, Question};
use crate::event::{Item, Operation, Payload, Showing};

/// Keeps what it is to ask, but for what a test says that nobody asks.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<Question>>, Mutex<&'static str>);

impl Ask for Asked {
    fn ask(&self, question: Question) -> Result<(), NotAsked> {
        if *question.record == **self.1.lock().unwrap() {
            return Err(NotAsked);
        }
        self.0.lock().unwrap().push(question);
        Ok(())
    }
}

/// Says what was done to which record, item by item.
#[derive(Debug)]
struct Items;

fn said(event: &Event, item: &Item) -> String {
    let text = |json: &Option<Json>| json.as_ref().map_or("-", Json::as_str).to_owned();
    format!("{} {} {}", event.operation.name(), text(&item.id), text(&item.record))
}

impl Encode for Items {
    fn encode(&self, publication: &Publication) -> Rendering {
        let event = &publication.event;
        Rendering::Each(event.items.iter().map(|item| Some(Frame::text(&said(event, item)))).collect())
    }
}

/// The same in one frame.
#[derive(Debug)]
struct Together;

impl Encode for Together {
    fn encode(&self, publication: &Publication) -> Rendering {
        let event = &publication.event;
        let items: Vec<String> = event.items.iter().map(|item| said(event, item)).collect();
        Rendering::Whole(Frame::text(&items.join("; ")))
    }
}

const LIMITS: Limits = Limits {
    ttl: std::time::Duration::from_secs(10),
    at_once: 100,
    at_once_each: 100,
    waiting: 100,
    waiting_each: 100,
    waiters: 100,
    bytes: 10_000,
    patience: std::time::Duration::from_secs(5),
    remembered: 100,
};
const LINE: OutboxLimits = OutboxLimits { frames: 3, bytes: 1000 };

struct Scene {
    hub: Arc<Hub>,
    asked: Arc<Asked>,
    open: Vec<Question>,
    readers: BTreeMap<&'static str, (Arc<Inbox>, Subscriber)>,
    payload: Payload,
    delivery: Delivery,
    /// While the last answer was told.
    pauses: usize,
}

fn scene(limits: Limits, payload: Payload) -> Scene {
    let asked = Arc::new(Asked::default());
    let desks = vec![desk("/each", None, Arc::new(Items)), desk("/whole", None, Arc::new(Together))];
    let hub = Hub::new(desks, 100).asking(limits, LINE, Arc::clone(&asked) as Arc<dyn Ask>);
    let (open, readers, delivery) = (Vec::new(), BTreeMap::new(), Delivery::default());
    Scene { hub: Arc::new(hub), asked, open, readers, payload, delivery, pauses: 0 }
}

impl Scene {
    fn join_at(&mut self, endpoint: usize, name: &'static str, token: &str) {
        let inbox = Inbox::new();
        let profile = profile(endpoint, Identity::Anonymous);
        let mut subscriber = self.hub.attach(Arc::clone(&inbox) as Arc<dyn Lane>, profile).unwrap();
        subscriber.bear(Some(self.credentials(token)));
        subscriber.handle(Command::subscribe(Topic::all()));
        self.readers.insert(name, (inbox, subscriber));
    }

    fn join(&mut self, name: &'static str, token: &str) {
        self.join_at(0, name, token);
    }

    fn credentials(&self, token: &str) -> Arc<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(token).unwrap());
        Arc::new(Credentials::new(self.hub.keys(), headers, None))
    }

    /// An event of `operation` on these records.
    fn event(&self, operation: Operation, ids: &[&str]) -> Event {
        let mut event = event("note", ids);
        event.operation = operation;
        for (number, item) in event.items.iter_mut().enumerate() {
            let record = format!(r#"{{"n":{number}}}"#);
            item.record = Json::parse(&record).filter(|_| operation != Operation::Delete);
        }
        let path = |id: &&str| Some(Arc::from(format!("/x/{id}"))).filter(|_| *id != "0");
        let paths = ids.iter().map(path).collect();
        event.audience = Audience::Upstream(Arc::new(Showing { payload: self.payload, paths }));
        event
    }

    fn happen(&mut self, operation: Operation, ids: &[&str]) {
        self.delivery = deliver(&self.hub, self.event(operation, ids));
    }

    fn write(&mut self, id: &str) {
        self.happen(Operation::Update, &[id]);
    }

    fn public(&mut self, model: &str) {
        self.delivery = deliver(&self.hub, event(model, &["9"]));
    }

    /// What is asked and not answered, as `WHO PATH`, in order.
    fn questions(&mut self) -> String {
        self.open.append(&mut self.asked.0.lock().unwrap());
        let name = |question: &Question| {
            format!("{} {}", question.who.headers()["authorization"].to_str().unwrap(), question.record)
        };
        self.open.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    fn answer_with(&mut self, question: &str, status: u16, record: Option<&str>) {
        let open = self.questions();
        let at = open.split(", ").position(|open| open == question).unwrap_or_else(|| panic!("{open}"));
        let ticket = self.open.remove(at).ticket;
        let answer = Answer::of_status(status);
        let sighting = Sighting { answer, record: record.and_then(Json::parse), partial: false };
        let pauses = Cell::new(0);
        let pause = || pauses.set(pauses.get() + 1);
        self.delivery = self.hub.returned(ticket, &sighting, SystemTime::UNIX_EPOCH, pause);
        self.pauses = pauses.get();
    }

    fn answer(&mut self, question: &str, status: u16) {
        self.answer_with(question, status, None);
    }

    /// What a reader has got since.
    fn got(&self, name: &str) -> String {
        self.readers[name].0.take().join(" | ")
    }

    fn withheld(&self, why: Why) -> u64 {
        self.delivery.withheld[why as usize]
    }
}

fn event(model: &str, ids: &[&str]) -> Event {
    let mut event = Event::sample(model, "1");
    let item = |id: &&str| Item { id: Json::parse(id), record: Json::parse("{}"), ..Item::default() };
    event.items = ids.iter().map(item).collect();
    event.many = ids.len() != 1;
    event
}

#[test]
fn an_event_waits_for_the_answer_and_each_credential_has_its_own() {
    let mut scene = scene(LIMITS, Payload::Record);
    for (name, token) in [("ann", "a"), ("ann2", "a"), ("ann3", "a"), ("bob", "b"), ("cid", "c")] {
        scene.join(name, token);
    }
    scene.write("7");
    assert_eq!(scene.questions(), "a /x/7, b /x/7, c /x/7");
    assert_eq!(scene.got("ann"), "");
    scene.answer("a /x/7", 200);
    for name in ["ann", "ann2", "ann3"] {
        assert_eq!(scene.got(name), r#"update 7 {"n":0}"#);
    }
    assert_eq!((scene.delivery.delivered.clone(), scene.delivery.reached), (vec![3, 0], 3));
    scene.answer("b /x/7", 404);
    assert_eq!((scene.got("bob"), scene.withheld(Why::Hidden)), (String::new(), 1));
    scene.answer("c /x/7", 500);
    assert_eq!((scene.got("cid"), scene.withheld(Why::Unclear)), (String::new(), 1));
}

#[test]
fn who_could_see_a_record_hears_that_it_is_gone_and_nobody_else_does() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.join("ann2", "a");
    scene.join("bob", "b");
    scene.happen(Operation::Create, &["7"]);
    scene.answer("a /x/7", 200);
    scene.answer("b /x/7", 403);
    assert_eq!(scene.got("ann"), r#"create 7 {"n":0}"#);
    // Out of sight, into sight, and out of sight for ever.
    scene.write("7");
    scene.answer("a /x/7", 404);
    scene.answer("b /x/7", 404);
    assert_eq!(
        (scene.got("ann2"), scene.got("bob")),
        (r#"create 7 {"n":0} | delete 7 -"#.to_owned(), String::new())
    );
    assert_eq!(scene.got("ann"), "delete 7 -");
    scene.write("7");
    scene.answer("a /x/7", 401);
    scene.answer("b /x/7", 200);
    assert_eq!((scene.got("ann"), scene.got("bob")), (String::new(), r#"update 7 {"n":0}"#.to_owned()));
    scene.happen(Operation::Delete, &["7"]);
    assert_eq!((scene.got("ann"), scene.got("bob")), (String::new(), "delete 7 -".to_owned()));
    assert_eq!((scene.questions(), scene.withheld(Why::Hidden)), (String::new(), 2));
    scene.happen(Operation::Delete, &["7"]);
    assert_eq!(scene.got("bob"), "", "it is gone once");
}

#[test]
fn later_events_of_a_reader_wait_behind_a_question_and_nobody_else_does() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.join("bob", "b");
    scene.write("1");
    scene.public("news");
    scene.write("2");
    assert_eq!(scene.questions(), "a /x/1, b /x/1, a /x/2, b /x/2");
    scene.answer("a /x/2", 200);
    assert_eq!(scene.got("ann"), "");
    scene.answer("b /x/1", 500);
    assert_eq!(scene.got("bob"), "update 9 {}");
    scene.answer("a /x/1", 200);
    assert_eq!(scene.got("ann"), r#"update 1 {"n":0} | update 9 {} | update 2 {"n":0}"#);
    scene.public("news");
    assert_eq!((scene.got("ann"), scene.got("bob")), ("update 9 {}".to_owned(), String::new()));
    scene.answer("b /x/2", 200);
    assert_eq!(scene.got("bob"), r#"update 2 {"n":0} | update 9 {}"#);
}

#[test]
fn a_reader_for_whom_too_much_waits_is_closed_and_nobody_else_notices() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.join("bob", "b");
    scene.write("1");
    scene.answer("b /x/1", 200);
    scene.public("news");
    scene.public("news");
    assert_eq!(scene.delivery.lagged, 0);
    scene.public("news");
    assert_eq!(scene.delivery.lagged, 1);
    assert_eq!(*scene.readers["ann"].0.closed.lock().unwrap(), [CloseReason::Lagging]);
    scene.public("news");
    scene.write("2");
    assert_eq!(scene.delivery.lagged, 0);
    scene.answer("a /x/1", 200);
    assert_eq!(scene.got("ann"), "", "nothing comes behind what is lost");
    scene.answer("b /x/2", 200);
    assert_eq!(scene.got("bob").matches("update").count(), 6);
    assert!(scene.readers["bob"].0.closed.lock().unwrap().is_empty());
}

#[test]
fn large_records_that_wait_close_a_reader_too_but_one_alone_does_not() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    let mut large = scene.event(Operation::Update, &["1"]);
    large.items[0].record = Json::parse(&format!("\"{}\"", "x".repeat(2000)));
    assert_eq!(deliver(&scene.hub, large.clone()).lagged, 0);
    assert_eq!(deliver(&scene.hub, large).lagged, 1);
}

#[test]
fn a_reader_gets_what_its_own_get_returned() {
    let mut scene = scene(LIMITS, Payload::Refetch);
    for (name, token) in [("ann", "a"), ("bob", "b"), ("cid", "c")] {
        scene.join(name, token);
    }
    scene.write("7");
    scene.answer_with("a /x/7", 200, Some(r#"{"salary":5}"#));
    scene.answer_with("b /x/7", 200, Some("{}"));
    scene.answer_with("c /x/7", 200, None);
    assert_eq!(scene.got("ann"), r#"update 7 {"salary":5}"#);
    assert_eq!(scene.got("bob"), "update 7 {}");
    assert_eq!(scene.got("cid"), "update 7 -");
    // A read asks again: what is shown is what a GET returns now.
    scene.happen(Operation::Read, &["7"]);
    scene.answer_with("a /x/7", 200, Some(r#"{"salary":6}"#));
    assert_eq!(scene.got("ann"), r#"read 7 {"salary":6}"#);
}

#[test]
fn a_record_is_not_shown_for_what_a_later_one_may_be_seen_for() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.write("7");
    scene.write("7");
    scene.answer("a /x/7", 200);
    assert_eq!(scene.got("ann"), "update 7 -", "it may have been hidden then");
    scene.answer("a /x/7", 200);
    assert_eq!(scene.got("ann"), r#"update 7 {"n":0}"#);
}

#[test]
fn an_answer_holds_for_a_read_while_the_record_does_not_change() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.happen(Operation::Read, &["7"]);
    scene.answer("a /x/7", 200);
    scene.happen(Operation::Read, &["7"]);
    assert_eq!(scene.questions(), "");
    assert_eq!(scene.got("ann"), r#"read 7 {"n":0} | read 7 {"n":0}"#);
    let late = SystemTime::UNIX_EPOCH + LIMITS.ttl;
    scene.hub.deliver(scene.event(Operation::Read, &["7"]), late, || {});
    assert_eq!(scene.questions(), "a /x/7");
}

#[test]
fn of_several_records_each_reader_gets_those_that_it_may_see() {
    for endpoint in [0, 1] {
        let mut scene = scene(LIMITS, Payload::Record);
        scene.join_at(endpoint, "ann", "a");
        scene.join_at(endpoint, "bob", "b");
        scene.join_at(endpoint, "cid", "c");
        scene.happen(Operation::Update, &["1", "2", "3", "0"]);
        for id in ["1", "2", "3"] {
            scene.answer(&format!("a /x/{id}"), 200);
            scene.answer(&format!("b /x/{id}"), if id == "2" { 404 } else { 200 });
            scene.answer(&format!("c /x/{id}"), 404);
        }
        let between = ["; ", " | "][1 - endpoint];
        let all = [r#"update 1 {"n":0}"#, r#"update 2 {"n":1}"#, r#"update 3 {"n":2}"#];
        assert_eq!(scene.got("ann"), all.join(between), "the one without a path is nobody's");
        assert_eq!(scene.got("bob"), [all[0], all[2]].join(between));
        assert_eq!(scene.got("cid"), "");
        scene.happen(Operation::Update, &["1", "3"]);
        for question in ["b /x/1", "a /x/1", "b /x/3"] {
            scene.answer(question, 404);
        }
        scene.answer("a /x/3", 200);
        assert_eq!(scene.got("ann"), r#"delete 1 - | update 3 {"n":1}"#);
        assert_eq!(scene.got("bob"), "delete 1 - | delete 3 -");
        scene.happen(Operation::Delete, &["2", "3"]);
        assert_eq!(scene.got("ann"), ["delete 2 -", "delete 3 -"].join(between));
        assert_eq!(scene.got("bob"), "");
    }
}
