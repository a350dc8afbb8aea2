//! Readers that change while something waits for them behind a question, and threads that meet at a line.

use std::thread;

use super::*;
use crate::message::{Group, Target};

/// An event for one user alone.
fn owned(id: &str, owner: &str) -> Event {
    let mut event = event("note", &[id]);
    event.audience = Audience::Owner(Arc::from("sub"));
    event.items[0].owner = Some(Arc::from(owner));
    event
}

fn push(scene: &mut Scene, user: &str) {
    let message = Json::parse("1").unwrap();
    let only = if user.is_empty() { Group::default() } else { Group::user(Arc::from(user)) };
    let push = Push::new(Target { only, ..Target::default() }, message);
    scene.delivery = scene.hub.push(&push, SystemTime::UNIX_EPOCH, || {});
}

fn identify(scene: &mut Scene, name: &str, identity: Identity) {
    scene.readers.get_mut(name).unwrap().1.identify(identity, None).unwrap();
}

fn got(scene: &Scene, name: &str) -> Vec<String> {
    scene.readers[name].0.take()
}

#[test]
fn what_waited_for_one_user_is_not_told_to_the_next_on_the_same_connection() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "");
    scene.readers.get_mut("ann").unwrap().1.identify(user("ann"), Some("a")).unwrap();
    scene.write("1");
    scene.delivery = deliver(&scene.hub, owned("2", "ann"));
    push(&mut scene, "ann");
    assert_eq!(got(&scene, "ann"), [""; 0]);
    identify(&mut scene, "ann", user("bob"));
    scene.answer_with("Bearer a /x/1", 404, None);
    assert_eq!(got(&scene, "ann"), [""; 0], "neither ann's record nor what was said to ann");
    scene.delivery = deliver(&scene.hub, owned("3", "bob"));
    assert_eq!(got(&scene, "ann").len(), 1);
}

#[test]
fn a_push_for_all_that_waits_is_told_to_whoever_the_reader_is_by_then() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.write("1");
    push(&mut scene, "");
    identify(&mut scene, "ann", user("bob"));
    scene.answer_with("a /x/1", 200, None);
    assert_eq!(got(&scene, "ann"), ["1"]);
}

#[test]
fn what_waited_is_told_only_if_it_is_still_wanted() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.write("1");
    scene.public("book");
    scene.readers.get_mut("ann").unwrap().1.handle(Command::unsubscribe(Topic::all()));
    scene.answer_with("a /x/1", 200, None);
    assert_eq!(got(&scene, "ann"), [""; 0]);
}

#[test]
fn a_push_that_waits_is_told_to_the_same_user_with_another_token() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "");
    scene.readers.get_mut("ann").unwrap().1.identify(user("ann"), Some("a")).unwrap();
    scene.write("1");
    push(&mut scene, "ann");
    identify(&mut scene, "ann", user("ann"));
    scene.answer_with("Bearer a /x/1", 404, None);
    assert_eq!(got(&scene, "ann"), ["1"]);
}

/// Events and answers on one thread, new identities on another: nobody waits for ever, and events keep their
/// order.
#[test]
fn answers_that_come_while_identities_change_keep_order_and_never_block() {
    const ROUNDS: usize = 2000;
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    let (inbox, mut subscriber) = scene.readers.remove("ann").unwrap();
    subscriber.identify(user("ann"), Some("a")).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                subscriber.identify(user("ann"), None).unwrap();
                thread::yield_now();
            }
        });
        let sighting = Sighting { answer: Answer::Seen, record: None, partial: false };
        for round in 0..ROUNDS {
            deliver(&scene.hub, scene.event(Operation::Update, &[&(round * 2 + 1).to_string()]));
            deliver(&scene.hub, event("note", &[&(round * 2 + 2).to_string()]));
            let question = scene.asked.0.lock().unwrap().pop().unwrap();
            scene.hub.returned(question.ticket, &sighting, SystemTime::UNIX_EPOCH, || {});
        }
        done.store(true, Ordering::Release);
    });
    let id = |said: &String| said.split(' ').nth(1).unwrap().parse::<usize>().unwrap();
    let ids: Vec<usize> = inbox.take().iter().map(id).collect();
    assert_eq!(ids, (1..=ROUNDS * 2).collect::<Vec<_>>());
}

/// A user by a token that ends then.
fn by_token(id: &str, role: &str, end: u64) -> Identity {
    let claims =
        serde_json::json!({ "sub": id, "role": role, "exp": end, "iat": end - 1, "jti": end.to_string() });
    let expires = Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(end));
    let (id, roles) = (id.to_owned(), vec![role.to_owned()]);
    let claims = claims.as_object().unwrap().clone().into();
    Identity::User(Arc::new(crate::identity::User { id, email: None, roles, claims, expires }))
}

#[test]
fn a_reader_that_renews_its_token_loses_nothing_that_waits() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "");
    let identify = |scene: &mut Scene, identity, token| {
        scene.readers.get_mut("ann").unwrap().1.identify(identity, Some(token)).unwrap();
    };
    identify(&mut scene, by_token("ann", "editor", 10), "one");
    scene.write("7");
    identify(&mut scene, by_token("ann", "editor", 20), "two");
    scene.write("8");
    identify(&mut scene, by_token("ann", "editor", 30), "three");
    scene.answer("Bearer two /x/8", 200);
    scene.answer("Bearer one /x/7", 200);
    assert_eq!(got(&scene, "ann"), [r#"update 7 {"n":0}"#, r#"update 8 {"n":0}"#]);
    assert!(scene.readers["ann"].0.closed.lock().unwrap().is_empty());
}

#[test]
fn a_user_whose_new_token_says_something_else_hears_that_something_is_missing() {
    for (next, is_closed) in [(by_token("ann", "reader", 20), true), (by_token("bob", "editor", 20), false)] {
        let mut scene = scene(LIMITS, Payload::Record);
        scene.join("ann", "");
        let (_, ann) = scene.readers.get_mut("ann").unwrap();
        ann.identify(by_token("ann", "editor", 10), Some("one")).unwrap();
        scene.write("7");
        scene.readers.get_mut("ann").unwrap().1.identify(next, Some("two")).unwrap();
        scene.answer("Bearer one /x/7", 200);
        assert_eq!((got(&scene, "ann"), scene.withheld(Why::Changed)), (vec![], 1));
        let closed = scene.readers["ann"].0.closed.lock().unwrap().clone();
        assert_eq!(closed, if is_closed { vec![CloseReason::Lagging] } else { vec![] });
        assert_eq!(scene.delivery.lagged, u64::from(is_closed));
    }
}

#[test]
fn one_that_is_closed_does_not_hold_up_those_who_are_to_leave() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.write("1");
    (0..4).for_each(|_| scene.public("news"));
    assert_eq!(*scene.readers["ann"].0.closed.lock().unwrap(), [CloseReason::Lagging]);
    let mut leaving = scene.hub.retire();
    leaving.go(1);
    assert!(leaving.is_empty());
}

#[test]
fn one_that_waits_for_an_answer_leaves_behind_it() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.write("1");
    let mut leaving = scene.hub.retire();
    leaving.go(1);
    assert_eq!(leaving.len(), 1);
    scene.answer("a /x/1", 200);
    leaving.go(1);
    assert!(leaving.is_empty());
}

#[test]
fn the_topics_of_what_waits_count() {
    let ids: Vec<String> = (1..=40).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.join("bob", "b");
    scene.write("1");
    scene.delivery = deliver(&scene.hub, event("news", &ids));
    assert_eq!(scene.delivery.lagged, 0);
    scene.delivery = deliver(&scene.hub, event("news", &ids));
    assert_eq!(scene.delivery.lagged, 2, "80 bytes of records, and as many topics");
}
