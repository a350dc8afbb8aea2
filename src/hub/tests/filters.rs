//! Who gets which items of an event by their filters, as scenes; and whom an event meets.

use super::*;
use crate::event::{Item, Operation};
use crate::filter::{Deletes, Filter};
use crate::hub::wishes::Wishes;

pub(super) fn json(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|| panic!("no JSON: {text}"))
}

/// A map or a list; `null` is no filter. Deletions are judged by maps and delivered by lists.
pub(super) fn filter(text: &str) -> Option<Arc<Filter>> {
    let filter = if text.starts_with('[') {
        Filter::from_list(&json(text), Deletes::Deliver)
    } else {
        Filter::from_map(&json(text), Deletes::Judge)
    };
    filter.unwrap().map(Arc::new)
}

pub(super) fn subscribe(topic: &str, text: &str) -> Command {
    Command::Subscribe { topic: Topic::parse(topic), filter: filter(text), tag: None }
}

/// Readers get each item in a frame of its own.
pub(super) fn item_by_item() -> Arc<Hub> {
    Arc::new(Hub::new(vec![desk("/each", None, Arc::new(ItemByItem))], 100_000))
}

/// Items are records, or the ids of records that the event does not hold.
pub(super) fn written(operation: Operation, model: &str, items: &[&str]) -> Event {
    let item = |text: &&str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        let id = value.get("id").unwrap_or(&value).to_string();
        let record = value.is_object().then(|| json(text));
        Item { id: Some(json(&id)), record, ..Item::default() }
    };
    let items: Vec<Item> = items.iter().map(item).collect();
    Event { operation, many: items.len() != 1, items, ..event(model, &[]) }
}

type People = BTreeMap<String, (Arc<Inbox>, Subscriber)>;

fn got(people: &People) -> Vec<String> {
    let frames = people.iter().map(|(name, (inbox, _))| (name, inbox.take()));
    frames
        .filter(|(_, frames)| !frames.is_empty())
        .map(|(name, frames)| format!("{name} {}", frames.join(" ")))
        .collect()
}

/// Plays a scene: `NAME wants TOPIC [FILTER]`, `NAME drops TOPIC`, `NAME leaves`, and
/// `OPERATION MODEL ITEM… -> NAME ID…, …`.
fn check(scene: &str) {
    let hub = item_by_item();
    let mut people = People::new();
    for line in scene.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        let (name, verb, topic) = (next(), next(), next());
        match verb {
            "leaves" => drop(people.remove(name)),
            "wants" | "drops" => {
                let (_, subscriber) = people.entry(name.to_owned()).or_insert_with(|| {
                    let inbox = Inbox::new();
                    let subscriber = attach(&hub, &inbox);
                    (inbox, subscriber)
                });
                let rest = line.splitn(4, ' ').nth(3).unwrap_or("null");
                let drops = Command::unsubscribe(Topic::parse(topic));
                subscriber.handle(if verb == "wants" { subscribe(topic, rest) } else { drops });
            }
            model => {
                let operation = match name {
                    "create" => Operation::Create,
                    "delete" => Operation::Delete,
                    _ => Operation::Update,
                };
                let (items, expected) = line.split_once("->").unwrap();
                let items: Vec<&str> = items.split_whitespace().skip(2).collect();
                let delivery = deliver(&hub, written(operation, model, &items));
                let got = got(&people);
                assert_eq!(got.join(", "), expected.trim(), "{line}");
                assert_eq!(delivery.reached, got.len() as u64, "{line}");
            }
        }
    }
    drop(people);
    assert_eq!((hub.connections(), hub.topics()), (0, 0), "nothing is left behind");
}

#[test]
fn readers_get_what_their_filters_let_through() {
    check(
        r#"
        all wants post
        one wants post {"a":1}
        two wants post {"a":2,"b":"x"}
        any wants post [{"column":"a","operator":"in","value":[1,2]}]
        not wants post [{"column":"a","operator":"neq","value":1}]
        none wants post {"a":null}
        never wants post [{"column":"a","operator":"in","value":[]}]
        update post {"id":5,"a":1} -> all 5, any 5, one 5
        update post {"id":5,"a":true} -> all 5, not 5, one 5
        update post {"id":5,"a":2} -> all 5, any 5, not 5
        update post {"id":5,"a":2,"b":"x"} -> all 5, any 5, not 5, two 5
        update post {"id":5,"a":3} -> all 5, not 5
        update post {"id":5} -> all 5, none 5
        update book {"id":5,"a":1} ->
        one leaves
        update post {"id":5,"a":1} -> all 5, any 5
        "#,
    );
}

#[test]
fn another_filter_takes_the_place_of_the_former() {
    check(
        r#"
        ann wants post {"a":1}
        ann wants post {"a":2}
        update post {"id":5,"a":1} ->
        update post {"id":5,"a":2} -> ann 5
        ann wants post
        update post {"id":5,"a":1} -> ann 5
        ann wants post {"a":1}
        update post {"id":5,"a":2} ->
        ann wants post [{"column":"a","operator":"gt","value":1}]
        update post {"id":5,"a":2} -> ann 5
        ann drops post
        update post {"id":5,"a":2} ->
        ann wants post {"a":2}
        update post {"id":5,"a":2} -> ann 5
        "#,
    );
}

#[test]
fn of_a_list_each_reader_gets_the_items_that_it_wants_in_their_order() {
    check(
        r#"
        all wants post
        one wants post {"a":1}
        two wants post {"a":2}
        both wants all {"a":2}
        both wants post {"a":1}
        star wants all
        star wants post {"a":1}
        update post {"id":5,"a":1} {"id":6,"a":2} {"id":7,"a":1} -> all 5 6 7, both 5 6 7, one 5 7, star 5 6 7, two 6
        update post {"id":5,"a":3} {"id":6,"a":2} -> all 5 6, both 6, star 5 6, two 6
        update post {"id":5,"a":3} {"id":6,"a":3} -> all 5 6, star 5 6
        update post -> 
        star drops all
        update post {"id":5,"a":1} {"id":6,"a":2} -> all 5 6, both 5 6, one 5, star 5, two 6
        update book {"id":5,"a":2} -> both 5
        "#,
    );
}

#[test]
fn what_is_gone_or_not_shown() {
    check(
        r#"
        all wants post
        map wants post {"a":1}
        list wants post [{"column":"a","operator":"eq","value":1}]
        rest wants post [{"column":"a","operator":"gt","value":1}]
        seven wants post {"id":7}
        null wants post {"a":null}
        delete post 7 -> all 7, list 7, null 7, rest 7, seven 7
        delete post 8 -> all 8, list 8, null 8, rest 8
        update post 7 -> all 7, list 7, map 7, null 7, rest 7, seven 7
        update post 8 {"id":9,"a":1} -> all 8 9, list 8 9, map 8 9, null 8, rest 8
        "#,
    );
}

#[test]
fn a_whole_event_goes_to_readers_who_want_an_item_of_it_and_may_see_all() {
    let hub = hub(100);
    let inboxes = [Inbox::new(), Inbox::new(), Inbox::new()];
    let mut readers = inboxes.each_ref().map(|inbox| attach(&hub, inbox));
    readers[0].handle(subscribe("post", r#"{"a":2}"#));
    readers[1].handle(subscribe("post", r#"{"a":3}"#));
    readers[2].handle(subscribe("post", r#"[{"column":"a","operator":"gt","value":2}]"#));
    let list = || written(Operation::Update, "post", &[r#"{"id":5,"a":1}"#, r#"{"id":6,"a":2}"#]);
    assert_eq!(deliver(&hub, list()).delivered, [1, 0]);
    assert_eq!(inboxes.each_ref().map(|inbox| inbox.take().concat()), ["1 post", "", ""]);
    let secret = deliver(&hub, Event { audience: Audience::Authenticated, ..list() });
    assert_eq!((secret.hidden, secret.reached), (1, 0), "who does not want it misses nothing");
}

#[test]
fn who_wants_only_what_it_may_not_see_gets_nothing_and_is_counted() {
    let hub = item_by_item();
    let inbox = Inbox::new();
    let mut reader =
        hub.attach(Arc::clone(&inbox) as Arc<dyn Lane>, profile(0, identities::user("ann"))).unwrap();
    reader.handle(subscribe("post", r#"{"a":2}"#));
    // (owners of 5 and 6, which is wanted; gets, hidden)
    for (owners, gets, hidden) in [(["ann", "bob"], "", 1), (["bob", "ann"], "6", 0), (["bob", "bob"], "", 1)]
    {
        let mut list = written(Operation::Update, "post", &[r#"{"id":5,"a":1}"#, r#"{"id":6,"a":2}"#]);
        list.audience = Audience::Owner(Arc::from("sub"));
        for (item, owner) in list.items.iter_mut().zip(owners) {
            item.owner = Some(Arc::from(owner));
        }
        assert_eq!(deliver(&hub, list).hidden, hidden, "{owners:?}");
        assert_eq!(inbox.take().concat(), gets, "{owners:?}");
    }
}

#[test]
fn an_event_meets_only_readers_whose_filters_need_a_value_that_it_has() {
    let hub = item_by_item();
    let inbox = Inbox::new();
    let readers: Vec<Subscriber> = (0..2000)
        .map(|number| {
            let mut reader = attach(&hub, &inbox);
            reader.handle(subscribe("post", &format!(r#"{{"draft":false,"post_id":{}}}"#, number % 200)));
            reader
        })
        .collect();
    let event = written(Operation::Create, "post", &[r#"{"id":5,"draft":false,"post_id":7}"#]);
    let topics = event.topics();
    let publication = Publication { position: Position::untold(1), time: SystemTime::UNIX_EPOCH, event };
    let wishes = Wishes::new(&publication, &topics);
    let tables = hub.lock();
    let index = tables.topics.get(&Topic::model("post")).unwrap();
    let mut met = Vec::new();
    let mut next = Some(Cursor::default());
    while let Some(from) = next {
        next = index.batch(from, from.needs_signs().then(|| wishes.signs()), usize::MAX, &mut met);
    }
    // At `draft` there are never more than there were at some `post_id`.
    assert!((10..=20).contains(&met.len()), "{}", met.len());
    drop(tables);
    assert_eq!(
        deliver(&hub, written(Operation::Create, "post", &[r#"{"id":5,"draft":false,"post_id":7}"#])).reached,
        10
    );
    drop(readers);
    assert_eq!(hub.topics(), 0);
}

#[test]
fn who_loses_a_record_hears_of_it_by_its_filter_and_nothing_of_what_it_became() {
    #[derive(Debug)]
    struct Operations;
    impl Encode for Operations {
        fn encode(&self, publication: &Publication) -> Rendering {
            let event = &publication.event;
            let ids = event.items.iter().map(|item| item.id.as_ref().map_or("", Json::as_str));
            Rendering::Each(
                ids.map(|id| Some(Frame::text(&format!("{} {id}", event.operation.name())))).collect(),
            )
        }
    }
    // (filter of the one it was taken from, gets)
    let rows = [
        ("null", "delete 7"),
        (r#"{"id":7}"#, "delete 7"),
        (r#"{"id":8}"#, ""),
        (r#"{"a":1}"#, ""),
        (r#"{"a":2}"#, ""),
        (r#"[{"column":"a","operator":"eq","value":1}]"#, "delete 7"),
        (r#"[{"column":"a","operator":"eq","value":2}]"#, "delete 7"),
        (r#"[{"column":"a","operator":"gt","value":7}]"#, "delete 7"),
    ];
    for (filter, gets) in rows {
        let hub = Arc::new(Hub::new(vec![desk("/", None, Arc::new(Operations))], 100));
        let inboxes = [Inbox::new(), Inbox::new()];
        let mut readers = [("ann", 0), ("bob", 1)].map(|(name, at)| {
            let lane = Arc::clone(&inboxes[at]) as Arc<dyn Lane>;
            hub.attach(lane, profile(0, identities::user(name))).unwrap()
        });
        readers[0].handle(subscribe("note", filter));
        readers[1].handle(subscribe("note", r#"{"a":2}"#));
        let mut moved = written(Operation::Update, "note", &[r#"{"id":7,"a":2}"#]);
        moved.audience = Audience::Owner(Arc::from("sub"));
        (moved.items[0].owner, moved.items[0].was) = (Some(Arc::from("bob")), Some(Arc::from("ann")));
        deliver(&hub, moved);
        assert_eq!(inboxes.each_ref().map(|inbox| inbox.take().concat()), [gets, "update 7"], "{filter}");
    }
}
