//! The index against a model that has none, with random readers and events.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence::SourceParallel;

use super::filters::{filter, item_by_item, subscribe, written};
use super::*;
use crate::event::{Item, Operation};
use crate::filter::{Filter, Record};

const TOPICS: [&str; 5] = ["all", "post", "post/1", "post/2", "book"];
const FILTERS: [&str; 12] = [
    "null",
    r#"{"a":1}"#,
    r#"{"a":2}"#,
    r#"{"a":null}"#,
    r#"{"id":1}"#,
    r#"{"a":1,"b":"x"}"#,
    r#"{"a":[1]}"#,
    r#"[{"column":"a","operator":"in","value":[1,2]}]"#,
    r#"[{"column":"a","operator":"neq","value":1}]"#,
    r#"[{"column":"a","operator":"eq","value":1},{"column":"b","operator":"eq","value":"x","logic_operator":"OR"}]"#,
    r#"[{"column":"c.d","operator":"eq","value":"1"}]"#,
    r#"[{"column":"a","operator":"in","value":[]}]"#,
];
const ITEMS: [&str; 9] = [
    "1",
    "2",
    r#"{"id":1}"#,
    r#"{"id":1,"a":1}"#,
    r#"{"id":2,"a":true,"b":"x"}"#,
    r#"{"id":2,"a":2,"c":{"d":1}}"#,
    r#"{"id":3,"a":"1"}"#,
    r#"{"id":3,"a":[1],"b":"x"}"#,
    r#"{"id":3,"a":null,"c":{"d":"1"}}"#,
];

#[derive(Debug, Clone)]
enum Step {
    Subscribe(usize, &'static str, &'static str),
    Unsubscribe(usize, &'static str),
    Leave(usize),
    Write(Operation, &'static str, Vec<&'static str>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let operation = select(&[Operation::Create, Operation::Update, Operation::Delete][..]);
    let items = prop::collection::vec(select(&ITEMS[..]), 0..4);
    let step = prop_oneof![
        4 => (0..5usize, select(&TOPICS[..]), select(&FILTERS[..])).prop_map(|(who, topic, filter)| Step::Subscribe(who, topic, filter)),
        1 => (0..5usize, select(&TOPICS[..])).prop_map(|(who, topic)| Step::Unsubscribe(who, topic)),
        1 => (0..5usize).prop_map(Step::Leave),
        4 => (operation, select(&["post", "post", "book"][..]), items).prop_map(|(operation, model, items)| Step::Write(operation, model, items)),
    ];
    prop::collection::vec(step, 1..40)
}

/// Asks every subscription about every item.
fn expected(held: &BTreeMap<(usize, &str), &str>, who: usize, event: &Event) -> Vec<String> {
    let topics = event.topics();
    let filters: Vec<Option<Arc<Filter>>> = held
        .iter()
        .filter(|((reader, topic), _)| *reader == who && topics.contains(&Topic::parse(topic)))
        .map(|(_, text)| filter(text))
        .collect();
    let is_wanted = |item: &&Item| {
        filters.iter().any(|filter| {
            filter.as_ref().is_none_or(|filter| filter.matches(&Record::of(item, event.operation)))
        })
    };
    event.items.iter().filter(is_wanted).map(|item| item.id.as_ref().unwrap().as_str().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: Some(Box::new(SourceParallel("tests/regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_index_finds_what_asking_everybody_finds(steps in steps()) {
        let hub = item_by_item();
        let inboxes: [Arc<Inbox>; 5] = std::array::from_fn(|_| Inbox::new());
        let mut readers: [Subscriber; 5] = std::array::from_fn(|who| attach(&hub, &inboxes[who]));
        let mut held: BTreeMap<(usize, &str), &str> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Subscribe(who, topic, filter) => {
                    held.insert((who, topic), filter);
                    readers[who].handle(subscribe(topic, filter));
                }
                Step::Unsubscribe(who, topic) => {
                    held.remove(&(who, topic));
                    readers[who].handle(Command::unsubscribe(Topic::parse(topic)));
                }
                Step::Leave(who) => {
                    held.retain(|(reader, _), _| *reader != who);
                    readers[who] = attach(&hub, &inboxes[who]);
                }
                Step::Write(operation, model, items) => {
                    let event = written(operation, model, &items);
                    let wanted: Vec<_> = (0..5).map(|who| expected(&held, who, &event)).collect();
                    let delivery = deliver(&hub, event);
                    let got: Vec<_> = inboxes.iter().map(|inbox| inbox.take()).collect();
                    prop_assert_eq!(&got, &wanted, "{:?} {:?}", held, items);
                    prop_assert_eq!(delivery.reached, got.iter().filter(|frames| !frames.is_empty()).count() as u64);
                }
            }
            let topics: BTreeSet<_> = held.keys().map(|(_, topic)| topic).collect();
            prop_assert_eq!(hub.topics(), topics.len());
        }
        drop(readers);
        prop_assert_eq!((hub.connections(), hub.topics()), (0, 0));
    }
}
