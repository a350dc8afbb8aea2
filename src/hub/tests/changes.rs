//! Readers that change what they want while an event is on its way.

use super::filters::{item_by_item, subscribe, written};
use super::*;
use crate::event::Operation;

/// Lets everything through, and has to be asked each time.
const ASKED: &str = r#"[{"column":"id","operator":"gt","value":0}]"#;

/// A reader changes its filter while the event is at one that comes before it, a batch away; `others` is the
/// filter of those who come before. What the reader gets of this event and of the next.
fn change(before: &str, after: &str, others: &str) -> (Vec<String>, Vec<String>) {
    let hub = item_by_item();
    let (first, changing) = (Inbox::new(), Inbox::new());
    let mut readers: Vec<Subscriber> = (0..=BATCH).map(|_| attach(&hub, &first)).collect();
    for reader in &mut readers {
        reader.handle(subscribe("post", others));
    }
    let reader = Arc::new(Mutex::new(attach(&hub, &changing)));
    reader.lock().unwrap().handle(subscribe("post", before));
    first.meanwhile({
        let (hub, reader, after) = (Arc::clone(&hub), Arc::clone(&reader), after.to_owned());
        move || {
            // Often, which leaves no more behind than once.
            for filter in [&after, r#"{"a":1,"b":1}"#, &after] {
                reader.lock().unwrap().handle(subscribe("post", filter));
            }
            assert!(hub.lock().left.len() <= 1);
        }
    });
    let write = || {
        deliver(&hub, written(Operation::Update, "post", &[r#"{"id":5,"a":1,"b":1}"#]));
        changing.take()
    };
    let got = (write(), write());
    assert!(hub.lock().left.is_empty() && !hub.lock().delivering);
    drop((readers, reader));
    assert_eq!((hub.connections(), hub.topics()), (0, 0));
    got
}

#[test]
fn who_changes_its_filter_while_an_event_is_on_its_way_gets_it_once_if_both_let_it_through() {
    let filters = ["null", r#"{"a":1}"#, r#"{"b":1}"#, ASKED];
    for (before, after) in filters.iter().flat_map(|before| filters.map(|after| (before, after))) {
        for others in ["null", ASKED] {
            let got = change(before, after, others);
            assert_eq!(got, (vec!["5".to_owned()], vec!["5".to_owned()]), "{before} {after} {others}");
        }
    }
}

#[test]
fn from_the_change_on_only_the_new_filter_counts() {
    for before in ["null", r#"{"a":1}"#, r#"{"b":1}"#, ASKED] {
        assert_eq!(change(before, r#"{"c":9}"#, "null"), (vec![], vec![]), "{before}");
    }
    let (_, next) = change(r#"{"c":9}"#, r#"{"a":1}"#, "null");
    assert_eq!(next, ["5"]);
}

#[test]
fn what_is_subscribed_to_while_an_event_is_on_its_way_says_nothing_of_it() {
    let hub = item_by_item();
    let (first, inbox) = (Inbox::new(), Inbox::new());
    let firsts = join(&hub, &first, "all");
    let reader = Arc::new(Mutex::new(attach(&hub, &inbox)));
    reader.lock().unwrap().handle(subscribe("post", r#"{"a":2}"#));
    let also = Arc::clone(&reader);
    first.meanwhile(move || {
        also.lock().unwrap().handle(subscribe("all", "null"));
    });
    let list = || written(Operation::Update, "post", &[r#"{"id":5,"a":1}"#, r#"{"id":6,"a":2}"#]);
    deliver(&hub, list());
    assert_eq!(inbox.take(), ["6"]);
    deliver(&hub, list());
    assert_eq!(inbox.take(), ["5", "6"]);
    drop(firsts);
}

fn swap(leave: &str, enter: &str) -> Command {
    let leave = leave.split_whitespace().map(Topic::parse).collect();
    let enter = enter.split_whitespace().map(|topic| (Topic::parse(topic), None)).collect();
    Command::Swap { leave, enter }
}

/// A reader of the topics `before` goes to `after`, and perhaps on, while an event of `post` is at one that is
/// found at `others`. What it gets of this event and of the next, which is of `post` too.
fn go(before: &str, steps: &[(&str, &str)], others: &str) -> (Vec<String>, Vec<String>) {
    let hub = item_by_item();
    let (first, going) = (Inbox::new(), Inbox::new());
    let readers: Vec<Subscriber> = (0..=BATCH).map(|_| join(&hub, &first, others)).collect();
    let reader = Arc::new(Mutex::new(join(&hub, &going, before)));
    let steps: Vec<Command> = steps.iter().map(|(leave, enter)| swap(leave, enter)).collect();
    first.meanwhile({
        let reader = Arc::clone(&reader);
        move || {
            for step in steps {
                reader.lock().unwrap().handle(step);
            }
        }
    });
    let write = || {
        deliver(&hub, written(Operation::Update, "post", &[r#"{"id":5}"#]));
        going.take()
    };
    let got = (write(), write());
    assert!(hub.lock().left.is_empty() && !hub.lock().delivering);
    drop((readers, reader));
    assert_eq!((hub.connections(), hub.topics()), (0, 0));
    got
}

#[test]
fn who_swaps_topics_while_an_event_is_on_its_way_gets_what_both_have_once() {
    let once = (vec!["5".to_owned()], vec!["5".to_owned()]);
    for others in ["all", "post"] {
        for (before, steps) in [
            ("post tag", &[("post tag", "all")][..]),
            ("all", &[("all", "tag post")]),
            ("post", &[("post", "all"), ("all", "post")]),
            ("all", &[("all", "post"), ("post", "all"), ("all", "post")]),
            ("post", &[("post", "post/5")]),
            ("post", &[("post", "post all")]),
        ] {
            assert_eq!(go(before, steps, others), once, "{before} {steps:?} {others}");
        }
    }
}

#[test]
fn who_swaps_topics_gets_nothing_of_what_only_one_of_them_has() {
    for others in ["all", "post"] {
        // What comes later counts from then on, and what goes does not any more.
        assert_eq!(go("tag", &[("tag", "all")], others), (vec![], vec!["5".to_owned()]), "{others}");
        assert_eq!(go("", &[("tag", "post")], others), (vec![], vec!["5".to_owned()]), "{others}");
    }
    assert_eq!(go("post", &[("post", "tag")], "all"), (vec![], vec![]));
    assert_eq!(go("all", &[("all", "")], "all").1, [""; 0]);
}
