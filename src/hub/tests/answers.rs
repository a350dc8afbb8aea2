//! What a client is answered holds from then on: behind the answer nothing comes that was for whom it was
//! before, or by what it wanted then. Events and pushes are under way on another thread all the time.

use std::thread;

use super::filters::{item_by_item, subscribe};
use super::identities::user;
use super::*;

const MIN_ROUNDS: usize = 1_000;
const MAX_ROUNDS: usize = 1_000_000;
const ANSWERED: &str = "answered";
const RETURNS: &str = "returns";

/// As its connection does it.
fn act(reader: &mut Subscriber, commands: &[Command]) {
    for command in commands {
        if let Some(identity) = reader.handle(command.clone()) {
            reader.identify(identity, None).unwrap();
        }
    }
}

/// A reader does `there` and `back` in turn; `deliver` is for whom it is before it does `there`.
fn nothing_comes_behind(there: Vec<Command>, back: Vec<Command>, deliver: impl Fn(&Hub) -> Delivery) {
    let (hub, inbox, reached) = (item_by_item(), Inbox::new(), Arc::new(AtomicUsize::new(0)));
    let mut reader = attach(&hub, &inbox);
    let turning = {
        let (inbox, reached) = (Arc::clone(&inbox), Arc::clone(&reached));
        thread::spawn(move || {
            let say = |word: &str| inbox.frames.lock().unwrap().push(word.to_owned());
            let mut rounds = 0;
            while rounds < MIN_ROUNDS || (reached.load(Ordering::Relaxed) == 0 && rounds < MAX_ROUNDS) {
                rounds += 1;
                act(&mut reader, &back);
                thread::yield_now();
                act(&mut reader, &there);
                say(ANSWERED);
                thread::yield_now();
                say(RETURNS);
            }
        })
    };
    let (mut got, mut total) = (Vec::new(), 0);
    while !turning.is_finished() {
        total += deliver(&hub).reached;
        reached.store(usize::try_from(total).unwrap(), Ordering::Relaxed);
        got.extend(inbox.take());
    }
    turning.join().unwrap();
    got.extend(inbox.take());
    let late = got.windows(2).filter(|pair| pair[0] == ANSWERED && pair[1] != RETURNS).count();
    assert_eq!(late, 0, "of {total}");
    assert!(total > 0, "nothing came at all");
}

fn write(hub: &Hub) -> Delivery {
    deliver(hub, event("note", &["1"]))
}

fn subscribed(topic: &str) -> Command {
    Command::subscribe(Topic::parse(topic))
}

/// As ann, and as bob.
fn ann_and_bob() -> [Vec<Command>; 2] {
    ["ann", "bob"].map(|name| vec![Command::Identify(user(name)), subscribed("note")])
}

#[test]
fn an_event_came_behind_the_answer_to_an_unsubscription() {
    let there = vec![Command::unsubscribe(Topic::parse("note"))];
    nothing_comes_behind(there, vec![subscribed("note")], write);
}

#[test]
fn an_event_came_behind_the_answer_to_a_swap() {
    let swap = |leave: &str, enter: &str| {
        vec![Command::Swap { leave: vec![Topic::parse(leave)], enter: vec![(Topic::parse(enter), None)] }]
    };
    nothing_comes_behind(swap("note", "other"), swap("other", "note"), write);
}

#[test]
fn an_event_came_behind_the_answer_to_another_filter() {
    for before in ["null", r#"{"id":1}"#, r#"[{"column":"id","operator":"gt","value":0}]"#] {
        let there = vec![subscribe("note", r#"{"id":2}"#)];
        nothing_comes_behind(there, vec![subscribe("note", before)], write);
    }
}

#[test]
fn an_event_of_the_former_user_came_behind_the_answer_to_the_next() {
    let [ann, bob] = ann_and_bob();
    nothing_comes_behind(bob, ann, |hub| {
        deliver(hub, Event { audience: Audience::User(Arc::from("ann")), ..event("note", &["1"]) })
    });
}

#[test]
fn a_tombstone_for_the_former_user_came_behind_the_answer_to_the_next() {
    let [ann, bob] = ann_and_bob();
    nothing_comes_behind(bob, ann, |hub| {
        let mut moved = event("note", &["1"]);
        moved.audience = Audience::Owner(Arc::from("sub"));
        (moved.items[0].was, moved.items[0].owner) = (Some(Arc::from("ann")), Some(Arc::from("cat")));
        deliver(hub, moved)
    });
}

#[test]
fn a_push_for_the_former_user_came_behind_the_answer_to_the_next() {
    let [ann, bob] = ann_and_bob();
    let to = Target { only: Group::user(Arc::from("ann")), ..Target::default() };
    let push = Push::new(to, Json::parse("1").unwrap());
    nothing_comes_behind(bob, ann, |hub| hub.push(&push, SystemTime::UNIX_EPOCH, || {}));
}
