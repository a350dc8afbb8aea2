//! Several subscriptions of one topic, told apart by their tags.

use super::filters::{filter, written};
use super::*;
use crate::event::{Epoch, Operation};
use crate::message::{Halves, Pick, Tag};

/// Says each item's id in halves; nothing about id 0. Notes which variants were asked for.
#[derive(Debug, Default)]
struct Tagging(Mutex<Vec<u32>>);

impl Encode for Tagging {
    fn encode(&self, publication: &Publication) -> Rendering {
        let halves = |item: &crate::event::Item| {
            let id = item.id.as_ref().map_or("", Json::as_str);
            (id != "0").then(|| Halves { before: Box::from("<"), behind: format!("> {id}").into() })
        };
        Rendering::Tagged(publication.event.items.iter().map(halves).collect())
    }

    /// Says nothing of ids but that they are there; nothing at all in variant 9.
    fn encode_variant(&self, publication: &Publication, variant: u32) -> Rendering {
        self.0.lock().unwrap().push(variant);
        let halves = Halves { before: Box::from("<"), behind: format!("> of variant {variant}").into() };
        let items = publication.event.items.iter().map(|_| Some(halves.clone()));
        if variant == 9 { Rendering::Nothing } else { Rendering::Tagged(items.collect()) }
    }
}

fn scene() -> (Arc<Hub>, Arc<Inbox>, Subscriber) {
    with(Arc::new(Tagging::default()))
}

fn with(tagging: Arc<Tagging>) -> (Arc<Hub>, Arc<Inbox>, Subscriber) {
    let hub = Arc::new(Hub::new(vec![desk("/tags", None, tagging)], 10));
    let inbox = Inbox::new();
    let reader = attach(&hub, &inbox);
    (hub, inbox, reader)
}

fn subscribe(topic: &str, text: &str, tag: &str) -> Command {
    Command::Subscribe { topic: Topic::parse(topic), filter: filter(text), tag: Some(named(tag, 0)) }
}

fn named(text: &str, variant: u32) -> Tag {
    Tag { text: Arc::from(text), variant }
}

fn unsubscribe(topic: &str, tag: &str) -> Command {
    Command::Unsubscribe { topic: Topic::parse(topic), tag: Some(named(tag, 0)) }
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
    reader.identify(identities::user("ann"), None).unwrap();
    reader.handle(subscribe("post", "null", "a"));
    reader.handle(subscribe("post", "null", "b"));
    let mut moved = written(Operation::Update, "post", &[r#"{"id":1}"#]);
    moved.audience = Audience::Owner(Arc::from("sub"));
    (moved.items[0].was, moved.items[0].owner) = (Some(Arc::from("ann")), Some(Arc::from("bob")));
    deliver(&hub, moved);
    assert_eq!(inbox.take(), ["<a> 1", "<b> 1"]);
}

#[test]
fn a_variant_is_rendered_once_and_each_subscription_hears_its_own() {
    let tagging = Arc::new(Tagging::default());
    let (hub, inbox, mut reader) = with(Arc::clone(&tagging));
    let other = Inbox::new();
    let mut others = attach(&hub, &other);
    let subscribe = |reader: &mut Subscriber, tag: Tag| {
        reader.handle(Command::Subscribe { topic: Topic::parse("post"), filter: None, tag: Some(tag) });
    };
    for tag in [named("a", 0), named("b", 2), named("c", 2), named("d", 9)] {
        subscribe(&mut reader, tag);
    }
    subscribe(&mut others, named("e", 2));
    deliver(&hub, written(Operation::Update, "post", &[r#"{"id":1}"#, r#"{"id":2}"#]));
    let twice = |texts: [&str; 2]| texts.map(ToOwned::to_owned);
    assert_eq!(
        inbox.take(),
        ["<a> 1", "<b> of variant 2", "<c> of variant 2", "<a> 2", "<b> of variant 2", "<c> of variant 2"]
    );
    assert_eq!(other.take(), twice(["<e> of variant 2"; 2]));
    assert_eq!(*tagging.0.lock().unwrap(), [2, 9]);
}

#[test]
fn what_is_kept_of_an_event_holds_no_variants_once_it_is_through() {
    let tagging = Arc::new(Tagging::default());
    let limits = HistoryLimits { size: 5, bytes: 1 << 20, age: std::time::Duration::from_mins(1) };
    let desks = vec![desk("/tags", None, Arc::clone(&tagging) as Arc<dyn Encode>)];
    let hub = Arc::new(Hub::new(desks, 10).keeping(limits, Epoch::new(7)));
    let inbox = Inbox::new();
    let come = || {
        let mut reader = attach(&hub, &inbox);
        let (topic, tag) = (Topic::parse("post"), Some(named("a", 2)));
        reader.handle(Command::Subscribe { topic, filter: None, tag });
        reader
    };
    let variants = || {
        let (kept, ..) = hub.lock().history.whole();
        kept.iter().map(|kept| kept.rendered.as_ref().unwrap().variants()).sum::<usize>()
    };
    let _reader = come();
    deliver(&hub, written(Operation::Update, "post", &[r#"{"id":1}"#]));
    assert_eq!((inbox.take(), variants()), (vec!["<a> of variant 2".to_owned()], 0));
    let since = Position { epoch: Epoch::new(7), offset: 0 };
    let (_, frames) = come().catch_up(Some(since), Pick::All, 1000);
    assert_eq!((frames.len(), variants()), (1, 0));
}

#[test]
fn the_ends_of_what_was_moved_count_among_what_is_kept() {
    let kept = |was: Option<&str>| {
        let mut moved = written(Operation::Update, "post", &[r#"{"id":1}"#, r#"{"id":2}"#]);
        moved.items[0].was = was.map(Arc::from);
        let publication =
            Publication { position: Position::untold(1), time: SystemTime::UNIX_EPOCH, event: moved };
        let desks = vec![desk("/tags", None, Arc::new(Tagging::default()))];
        Rendered::new(publication, desks.into()).bytes_at_most()
    };
    assert!(kept(Some("ann")) > kept(None) + 1000);
}
