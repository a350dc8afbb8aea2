//! What writes look like, and what programs announce.

use super::*;
use crate::event::{Json, Origin, Outcome, Position};

/// What is said, without what every message gets.
fn told(engine: &MdbEngine, event: Event) -> Vec<String> {
    let publication = Publication { position: Position::untold(1), time: UNIX_EPOCH + TIME, event };
    let said = texts(&engine.encode(&publication).into_frames());
    let plain = |text: &String| text.strip_suffix(&format!(",{STAMPS}}}")).expect("stamps").to_owned() + "}";
    said.iter().map(plain).collect()
}

#[test]
fn writes_are_told_record_by_record_with_ids_as_texts() {
    let record = r#"{"id": 42,"big":12345678901234567890,"one":1.0}"#;
    let engine = engine(&[]);
    for (operation, items, expected) in [
        (
            Operation::Create,
            vec![item("42", record)],
            vec![format!(r#"{{"type":"item_created","data":{{"id":"42","item":{record}}}}}"#)],
        ),
        (
            Operation::Update,
            vec![item("\"a\\\"b\"", "{}")],
            vec![r#"{"type":"item_updated","data":{"id":"a\"b","updates":{}}}"#.to_owned()],
        ),
        (
            Operation::Update,
            vec![item("1", "-")],
            vec![r#"{"type":"item_updated","data":{"id":"1","updates":null}}"#.to_owned()],
        ),
        (
            Operation::Delete,
            vec![item("42", record)],
            vec![r#"{"type":"item_deleted","data":{"id":"42"}}"#.to_owned()],
        ),
        (
            Operation::Create,
            vec![item("-", "-")],
            vec![r#"{"type":"item_created","data":{"id":null,"item":null}}"#.to_owned()],
        ),
        (
            Operation::Delete,
            vec![item("1", "-"), item("2", "-")],
            vec![
                r#"{"type":"item_deleted","data":{"id":"1"}}"#.to_owned(),
                r#"{"type":"item_deleted","data":{"id":"2"}}"#.to_owned(),
            ],
        ),
        (
            Operation::Create,
            vec![],
            vec![r#"{"type":"item_created","data":{"id":null,"item":null}}"#.to_owned()],
        ),
        (Operation::Read, vec![item("1", "{}")], vec![]),
    ] {
        assert_eq!(told(&engine, event(operation, items)), expected);
    }
    let mut doubtful = event(Operation::Update, vec![item("1", "{}")]);
    doubtful.outcome = Outcome::Uncertain;
    assert_eq!(told(&engine, doubtful), Vec::<String>::new());
}

#[test]
fn what_programs_announce_is_told_under_its_name_and_who_comes_and_goes_is_not() {
    let mut custom = event(Operation::Custom, vec![item("1", "{}")]);
    (custom.origin, custom.action) = (Origin::PublishApi, Some(Arc::from("item_sold")));
    let engine = engine(&[]);
    assert_eq!(told(&engine, custom.clone()), [r#"{"type":"item_sold","data":{"id":"1","item":{}}}"#]);
    custom.origin = Origin::Presence;
    assert_eq!(told(&engine, custom), Vec::<String>::new());
}

#[test]
fn the_words_of_a_template_are_the_endpoints() {
    let engine = engine(&[
        ("created_type", "document_created"),
        ("updated_type", "{name}.changed.{name}"),
        ("deleted_type", ""),
        ("item_key", "document"),
        ("updates_key", "the \"rest\""),
    ]);
    let told = |operation| told(&engine, event(operation, vec![item("1", "{}")]));
    assert_eq!(told(Operation::Create), [r#"{"type":"document_created","data":{"id":"1","document":{}}}"#]);
    assert_eq!(
        told(Operation::Update),
        [r#"{"type":"item.changed.item","data":{"id":"1","the \"rest\"":{}}}"#]
    );
    assert_eq!(told(Operation::Delete), Vec::<String>::new());
}

#[test]
fn updates_are_the_backends_record_unless_the_request_is_asked_for() {
    let (record, request) = (engine(&[]), engine(&[("updates", "request"), ("models", "Item")]));
    assert!(!record.shows_requests() && request.shows_requests());
    assert_eq!(request.models().unwrap(), ["item"]);
    let mut event = event(Operation::Update, vec![item("1", r#"{"id":1,"a":2}"#)]);
    event.request_body = Json::parse(r#"{"a":2}"#);
    let data = |engine: &MdbEngine, event: &Event| told(engine, event.clone()).pop().unwrap();
    assert!(data(&record, &event).ends_with(r#""updates":{"id":1,"a":2}}}"#));
    assert!(data(&request, &event).ends_with(r#""updates":{"a":2}}}"#));
    event.operation = Operation::Create;
    assert!(data(&request, &event).ends_with(r#""item":{"id":1,"a":2}}}"#));
    (event.operation, event.request_body) = (Operation::Update, None);
    assert!(data(&request, &event).ends_with(r#""updates":{"id":1,"a":2}}}"#));
}

#[test]
fn an_app_hears_of_its_own_models_alone() {
    let engine = engine(&[("models", "item Note")]);
    let (_, turn) = open(&engine, &Credential::Missing, false);
    let topics = ["item", "note"].map(|model| Command::subscribe(crate::event::Topic::model(model)));
    assert_eq!(turn.commands, topics);
    for (model, expected) in [("item", 1), ("Item", 1), ("NOTE", 1), ("order", 0), ("item/1", 0)] {
        let mut event = event(Operation::Delete, vec![item("1", "-")]);
        event.model = Arc::from(model);
        assert_eq!(told(&engine, event).len(), expected, "{model}");
    }
}
