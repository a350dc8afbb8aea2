//! Who gets which event, as small scenes.

use super::*;

/// Plays a scene: `NAME joins: TOPIC…`, `NAME leaves`, and `write MODEL ID… -> NAME…`, where each of the
/// named readers gets the event once and nobody else gets anything.
fn check(scene: &str) {
    let hub = hub(100);
    let mut readers: BTreeMap<String, (Arc<Inbox>, Subscriber)> = BTreeMap::new();
    let mut position = 0;
    for line in scene.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some((name, topics)) = line.split_once(" joins:") {
            let inbox = Inbox::new();
            let subscriber = join(&hub, &inbox, topics);
            readers.insert(name.to_owned(), (inbox, subscriber));
        } else if let Some(name) = line.strip_suffix(" leaves") {
            drop(readers.remove(name).unwrap());
        } else {
            position += 1;
            let (written, expected) = line.strip_prefix("write ").unwrap().split_once("->").unwrap();
            let mut words = written.split_whitespace();
            let model = words.next().unwrap();
            let delivery = deliver(&hub, event(model, &words.collect::<Vec<_>>()));
            let got = readers.iter().flat_map(|(name, (inbox, _))| {
                inbox.take().into_iter().map(move |frame| (name.clone(), frame))
            });
            let got: Vec<(String, String)> = got.collect();
            let expected: Vec<(String, String)> = expected
                .split_whitespace()
                .map(|name| (name.to_owned(), format!("{position} {model}")))
                .collect();
            assert_eq!(got, expected, "{line}");
            assert_eq!(delivery.delivered, [expected.len() as u64, 0], "{line}");
        }
    }
    drop(readers);
    assert_eq!((hub.connections(), hub.topics()), (0, 0), "nothing is left behind");
}

#[test]
fn readers_get_the_events_of_their_topics() {
    check(
        r#"
        write author 1 ->
        all joins: all
        empty joins:
        model joins: author
        shout joins: AUTHOR
        record joins: author/7
        other joins: author/8 book
        text joins: author/x-Y
        nobody joins: no-such-model
        write author 1 -> all model shout
        write author 7 -> all model record shout
        write author "7" -> all model record shout
        write author "x-Y" -> all model shout text
        write author "x-y" -> all model shout
        write book 7 -> all other
        write author 7 8 7 -> all model other record shout
        write author -> all model shout
        "#,
    );
}

#[test]
fn a_reader_of_several_topics_gets_an_event_once() {
    check(
        "
        ann joins: author/7 all author author/7 author
        bob joins: author
        write author 7 -> ann bob
        write book 7 -> ann
        write all 7 -> ann
        ",
    );
}

#[test]
fn readers_come_and_go_and_places_are_used_again() {
    check(
        "
        ann joins: author
        bob joins: author
        cat joins: author
        write author 1 -> ann bob cat
        bob leaves
        write author 1 -> ann cat
        dan joins: author
        eve joins: author
        write author 1 -> ann cat dan eve
        ann leaves
        cat leaves
        dan leaves
        eve leaves
        write author 1 ->
        ann joins: author
        write author 1 -> ann
        ",
    );
}
