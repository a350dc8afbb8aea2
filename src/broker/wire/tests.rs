//! What is carried arrives as it was.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::event::{Audience, Event, Item, Outcome, Payload, Showing};
use crate::message::{Group, Push, Target};

fn event() -> Event {
    let items = vec![
        Item {
            id: Json::parse("12345678901234567890"),
            record: Json::parse(r#"{"b":1.50,"a":"\u00e9", "c":[ ]}"#),
            partial: true,
            owner: Some(Arc::from("ann")),
            was: Some(Arc::from("ben")),
        },
        Item::default(),
    ];
    Event {
        time: UNIX_EPOCH + Duration::from_nanos(1_712_345_678_901_234_567),
        action: Some(Arc::from("toggle")),
        many: true,
        items,
        request_body: Json::parse("[1]"),
        outcome: Outcome::Uncertain,
        overlapping: true,
        ..Event::sample("author", "7")
    }
}

fn carried(content: Content) -> Content {
    let letter = Letter { node: Uuid::max(), number: 7, content, asks: Some(3) };
    let read = Letter::read(&letter.write()).unwrap();
    assert_eq!((read.node, read.number, read.asks), (letter.node, letter.number, letter.asks));
    read.content
}

#[test]
fn an_event_arrives_as_it_was_sent() {
    let showing = Showing { payload: Payload::Refetch, paths: vec![None, Some(Arc::from("/a/1"))] };
    let audiences = [
        Audience::Everyone,
        Audience::Authenticated,
        Audience::Roles(vec!["admin".to_owned(), String::new()].into()),
        Audience::Owner(Arc::from("sub")),
        Audience::User(Arc::from("7")),
        Audience::Upstream(Arc::new(showing)),
    ];
    for audience in audiences {
        for http in [None, event().http] {
            let sent = Event { audience: audience.clone(), http, ..event() };
            let expected = format!("{sent:?}");
            let Content::Parcel(got) = carried(Content::Parcel(Box::new(Parcel::Event(sent)))) else {
                panic!("no event");
            };
            assert_eq!(format!("{got:?}"), format!("Event({expected})"));
        }
    }
}

#[test]
fn a_push_and_a_loss_arrive_as_they_were_sent() {
    let only = Group { users: vec![Arc::from("ann")], connections: vec![Uuid::max()], rooms: vec![] };
    let except = Group { rooms: vec![Arc::from("admins")], ..Group::default() };
    let to = Target { app: Some(Arc::from("shop")), endpoint: None, namespace: None, only, except };
    let push = Push { to, message: Json::parse(r#"{"a":1.0}"#).unwrap(), receipt: Some(9) };
    let Content::Parcel(got) = carried(Content::Parcel(Box::new(Parcel::Push(push.clone())))) else {
        panic!("no push");
    };
    assert_eq!(format!("{got:?}"), format!("Push({push:?})"));
    assert!(matches!(carried(Content::Lost), Content::Lost));
}

#[test]
fn what_is_no_letter_or_a_newer_one_is_said_to_be_unreadable() {
    for bytes in ["", "{", "[]", "{}", r#"{"v":1}"#, r#"{"v":1,"node":7,"number":1}"#] {
        assert!(matches!(Letter::read(bytes.as_bytes()), Err(Unreadable::Syntax(_))), "{bytes}");
    }
    let newer = br#"{"v":2,"something":"else"}"#;
    assert!(matches!(Letter::read(newer), Err(Unreadable::Newer(2))));
    let more = Letter { node: Uuid::nil(), number: 1, content: Content::Lost, asks: None }.write();
    let more = String::from_utf8(more.to_vec()).unwrap().replacen('{', r#"{"hint":[1],"#, 1);
    assert!(Letter::read(more.as_bytes()).is_ok(), "fields may be added");
}
