use super::*;
use crate::event::{Operation, Outcome, Position};

/// What a namespace says of an event.
fn said(name: &str, event: Event) -> Vec<String> {
    let publication = Publication { position: Position::untold(9), time: SystemTime::UNIX_EPOCH, event };
    let frames = namespace(name).encode(&publication).into_frames();
    frames.iter().map(|frame| String::from_utf8(frame.payload().to_vec()).unwrap()).collect()
}

fn platform() -> Event {
    let record = Json::parse(r#"{"id":1,"client_id":3}"#);
    let item = Item { id: Json::parse("1"), record, ..Item::default() };
    Event { items: vec![item], ..Event::sample("platform", "1") }
}

#[test]
fn a_write_is_an_event_of_its_namespaces() {
    let data = r#"{"data":{"id":1,"client_id":3},"platform_id":1,"timestamp":"1970-01-01T00:00:00.000000+00:00","type":"update"}"#;
    assert_eq!(said("/admin", platform()), [format!(r#"42/admin,["platform_update",{data}]"#)]);
    let toggled = Event { action: Some(Arc::from("toggle")), ..platform() };
    assert_eq!(
        said("/client", toggled),
        [format!(
            r#"42/client,["platform_update",{}]"#,
            data.replace(r#""type":"update""#, r#""type":"toggle""#)
        )]
    );
}

#[test]
fn what_the_config_does_not_name_is_not_told() {
    assert_eq!(said("/admin", Event { operation: Operation::Create, ..platform() }), [""; 0]);
    assert_eq!(said("/admin", Event { outcome: Outcome::Uncertain, ..platform() }), [""; 0]);
    assert_eq!(said("/admin", Event::sample("author", "1")), [""; 0]);
}

#[test]
fn rooms_of_a_field_are_a_filter() {
    let mut talk = Talk::open("/client");
    talk.say(r#"0/client,{"token":"t"}"#);
    let turn = talk.returned(Returned::Credential(Credential::Valid(user(json!({"client_id": 3})))));
    assert_eq!(wanted(&turn), ["+#/client#client_3", "+#/client#clients", "+platform?"]);
}

/// The editor of a record heard nothing of it where the room of its owner was called alike.
#[test]
fn a_record_is_told_in_the_room_of_each_of_its_fields() {
    let room = "\"client_{record.client_id}\"";
    let config = CONFIG.replace(room, &format!("{room}, \"client_{{record.editor_id}}\""));
    let namespace = namespace_of(&config, "/client");
    let mut talk = Talk::open_in(&*namespace);
    talk.say(r#"0/client,{"token":"t"}"#);
    let turn = talk.returned(Returned::Credential(Credential::Valid(user(json!({"client_id": 3})))));
    assert_eq!(wanted(&turn), ["+#/client#client_3", "+#/client#clients", "+platform?", "+platform?"]);
    let names: std::collections::HashSet<String> = turn
        .commands
        .iter()
        .filter_map(|command| {
            let Command::Subscribe { topic, tag, .. } = command else { return None };
            Some(format!("{topic} {tag:?}"))
        })
        .collect();
    assert_eq!(names.len(), 4, "the hub tells them apart");
}
