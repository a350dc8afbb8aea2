//! Several subscriptions of one topic, told apart by their tags.

use super::filters::{filter, written};
use super::*;
use crate::event::Operation;
use crate::message::Halves;

/// Says each item's id in halves; nothing about id 0.
#[derive(Debug)]
struct Tagging;

impl Encode for Tagging {
    fn encode(&self, publication: &Publication) -> Rendering {
        let halves = |item: &crate::event::Item| {
            let id = item.id.as_ref().map_or("", Json::as_str);
            (id != "0").then(|| Halves { before: Box::from("<"), behind: format!("> {id}").into() })
        };
        Rendering::Tagged(publication.event.items.iter().map(halves).collect())
    }
}

fn scene() -> (Arc<Hub>, Arc<Inbox>, Subscriber) {
    let hub = Arc::new(Hub::new(vec![desk("/tags", None, Arc::new(Tagging))], 10));
    let inbox = Inbox::new();
    let reader = attach(&hub, &inbox);
    (hub, inbox, reader)
}

fn subscribe(topic: &str, text: &str, tag: &str) -> Command {
    Command::Subscribe { topic: Topic::parse(topic), filter: filter(text), tag: Some(Arc::from(tag)) }
}

fn unsubscribe(topic: &str, tag: &str) -> Command {
    Command::Unsubscribe { topic: Topic::parse(topic), tag: Some(Arc::from(tag)) }
}

#[test]
fn each_subscription_says_its_tag_of_the_items_that_it_wants() {
    let (hub, inbox, mut reader) = scene();
    for (topic, text, tag) in
        [("post", "null", "a"), ("post", "null", "b"), ("post", r#"{"n":2}"#, "c"), ("book", "null", "d")]
    {
        reader.handle(subscribe(topic, text, tag));
    }
    let write = |items: &[&str]| deliver(&hub, written(Operation::Update, "post", items));
    let delivery = write(&[r#"{"id":1,"n":1}"#, r#"{"id":0,"n":2}"#, r#"{"id":2,"n":2}"#]);
    assert_eq!(inbox.take(), ["<a> 1", "<b> 1", "<a> 2", "<b> 2", "<c> 2"]);
    assert_eq!((delivery.reached, delivery.delivered), (1, vec![5]));
    reader.handle(unsubscribe("post", "a"));
    reader.handle(unsubscribe("post", "nobody's"));
    write(&[r#"{"id":2,"n":2}"#]);
    assert_eq!(inbox.take(), ["<b> 2", "<c> 2"]);
    for tag in ["b", "c"] {
        reader.handle(unsubscribe("post", tag));
    }
    write(&[r#"{"id":2,"n":2}"#]);
    assert_eq!((inbox.take(), reader.topics(), hub.topics()), (vec![], 1, 1));
}

#[test]
fn a_filter_takes_the_place_of_the_one_under_the_same_tag_alone() {
    let (hub, inbox, mut reader) = scene();
    reader.handle(subscribe("post", r#"{"n":1}"#, "a"));
    reader.handle(subscribe("post", r#"{"n":1}"#, "b"));
    reader.handle(subscribe("post", r#"{"n":2}"#, "a"));
    deliver(&hub, written(Operation::Update, "post", &[r#"{"id":1,"n":1}"#]));
    deliver(&hub, written(Operation::Update, "post", &[r#"{"id":2,"n":2}"#]));
    assert_eq!(inbox.take(), ["<b> 1", "<a> 2"]);
    assert_eq!(reader.topics(), 2);
}

#[test]
fn of_what_was_moved_away_each_subscription_hears_the_end() {
    let (hub, inbox, mut reader) = scene();
    reader.handle(Command::Identify(identities::user("ann")));
    reader.handle(subscribe("post", "null", "a"));
    reader.handle(subscribe("post", "null", "b"));
    let mut moved = written(Operation::Update, "post", &[r#"{"id":1}"#]);
    moved.audience = Audience::Owner(Arc::from("sub"));
    (moved.items[0].was, moved.items[0].owner) = (Some(Arc::from("ann")), Some(Arc::from("bob")));
    deliver(&hub, moved);
    assert_eq!(inbox.take(), ["<a> 1", "<b> 1"]);
}
