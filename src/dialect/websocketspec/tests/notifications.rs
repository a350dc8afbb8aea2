//! What subscribers are told of an event.

use super::super::super::tests::item;
use super::*;
use crate::event::{Event, Position};
use crate::message::Rendering;

/// The frames of a subscription whose tag is `TAG`.
fn told_of(event: Event) -> Vec<String> {
    let publication = Publication { position: Position::untold(1), time: UNIX_EPOCH, event };
    match dialect("").encode(&publication) {
        Rendering::Nothing => Vec::new(),
        Rendering::Tagged(items) => {
            let text = |halves: crate::message::Halves| {
                String::from_utf8(halves.frame("TAG,").payload().to_vec()).unwrap()
            };
            items.into_iter().flatten().map(text).collect()
        }
        other @ (Rendering::Whole(_) | Rendering::Each(_)) => panic!("{other:?}"),
    }
}

fn notification(operation: &str, data: &str) -> String {
    format!(r#"{{"type":"notification","operation":"{operation}",TAG,"data":{data}{TIME}"#)
}

#[test]
fn each_record_has_a_notification_as_the_backend_wrote_it() {
    let ada = r#"{"name": "Ada", "big":12345678901234567890,"one":1.0}"#;
    for (operation, model, items, expected) in [
        (Operation::Create, "user", vec![item("1", ada)], vec![notification("create", ada)]),
        (
            Operation::Create,
            "user",
            vec![item("1", "{}"), item("2", "[ ]")],
            vec![notification("create", "{}"), notification("create", "[ ]")],
        ),
        (Operation::Update, "user", vec![item("1", ada)], vec![notification("update", ada)]),
        (Operation::Update, "user", vec![item("1", "-")], vec![notification("update", r#"{"id":1}"#)]),
        (Operation::Update, "user", vec![item("-", "-")], vec![notification("update", "{}")]),
        (Operation::Delete, "user", vec![item("1", "-")], vec![notification("delete", r#"{"id":1}"#)]),
        (Operation::Delete, "USER", vec![item("\"a\"", ada)], vec![notification("delete", r#"{"id":"a"}"#)]),
        (Operation::Delete, "row", vec![item("7", "-")], vec![notification("delete", r#"{"key":7}"#)]),
        (Operation::Delete, "other", vec![item("7", "-")], vec![notification("delete", r#"{"id":7}"#)]),
        (Operation::Read, "user", vec![item("1", ada)], vec![]),
        (Operation::Custom, "user", vec![item("1", ada)], vec![]),
    ] {
        let event = Event { operation, items, ..Event::sample(model, "1") };
        assert_eq!(told_of(event), expected);
    }
}

/// Such as `restcast explain` shows it.
#[test]
fn a_notification_of_no_subscription_is_json() {
    let publication =
        Publication { position: Position::untold(1), time: UNIX_EPOCH, event: Event::sample("user", "1") };
    let frames = dialect("").encode(&publication).into_frames();
    let told = format!(r#"{{"type":"notification","operation":"update","data":{{"id":1}}{TIME}"#);
    assert_eq!(frames, [crate::message::Frame::text(&told)]);
}

#[test]
fn what_may_not_have_happened_is_not_told() {
    let event = Event { outcome: Outcome::Uncertain, ..Event::sample("user", "1") };
    assert_eq!(told_of(event), [""; 0]);
}

/// `data.id` failed in clients.
#[test]
fn a_record_too_deep_to_be_masked_was_no_object() {
    let rules = "[route.rules]\nmasks = [{ columns = [\"salary\"], unless_roles = [\"hr\"] }]\n";
    let routes = format!("[[route]]\npath = \"/api/users/{{id}}\"\nmodel = \"user\"\n{rules}");
    let nested = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    for record in [r#"{"id":1,"salary":2}"#.to_owned(), format!(r#"{{"id":1,"salary":2,"bonus":{nested}}}"#)]
    {
        let event = Event { items: vec![item("1", &record)], ..Event::sample("user", "1") };
        let publication = Publication { position: Position::untold(1), time: UNIX_EPOCH, event };
        let frames = with_routes(&routes, "").encode_variant(&publication, 1).into_frames();
        let said = String::from_utf8(frames.first().unwrap().payload().to_vec()).unwrap();
        assert!(said.contains(r#""data":{"id":1}"#), "{said}");
    }
}
