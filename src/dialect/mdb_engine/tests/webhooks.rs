//! What a webhook is told, and what comes of its answers.

use bytes::Bytes;
use serde_json::Value;

use super::{STAMPS, at, engine, open, texts, user};
use crate::dialect::Conversation;
use crate::identity::{Credential, Identity};
use crate::message::{Call, Delivery, Message, Returned, Target, Turn, WebhookError};

const HOOK: [(&str, &str); 4] = [
    ("webhook", "http://127.0.0.1:9/handle?key=hunter2"),
    ("webhook_secret", "secret"),
    ("webhook_timeout", "3"),
    ("name", "events"),
];

fn connected(more: &[(&'static str, &'static str)], identity: Identity) -> Box<dyn Conversation> {
    let options: Vec<_> = HOOK.iter().chain(more).copied().collect();
    open(&engine(&options), &Credential::Valid(identity), true).0
}

/// What the webhook gets for a message.
fn delivery(conversation: &mut dyn Conversation, message: &str) -> Option<Delivery> {
    let mut turn = Turn::default();
    conversation.receive(Message::Text(message.to_owned()), at(1), &mut turn);
    assert_eq!((turn.frames.len(), turn.pushes.len(), turn.close), (0, 0, None));
    turn.call.map(|call| match call {
        Call::Webhook(delivery) => delivery,
        other @ (Call::Identify(_) | Call::Upstream(_)) => panic!("{other:?}"),
    })
}

fn answered(more: &[(&'static str, &'static str)], answer: Result<&str, WebhookError>) -> Turn {
    let mut turn = Turn::default();
    let answer = answer.map(|text| Bytes::copy_from_slice(text.as_bytes()));
    connected(more, user("7", None)).returned(Returned::Webhook(answer), at(0), &mut turn);
    turn
}

#[test]
fn a_message_is_told_with_its_connection_and_unchanged() {
    let mut conversation = connected(&[], user("a\"b", Some("ann@example.com")));
    let message = r#"{"type":"subscribe", "n":1.0,"channel":"c1"}"#;
    let Delivery { webhook, body } = delivery(&mut *conversation, &format!(" {message}\n")).unwrap();
    let expected = format!(
        r#"{{"app_slug":"my_app","endpoint":"events","connection":{{"id":"00000000-0000-0000-0000-000000000000","user_id":"a\"b","user_email":"ann@example.com","connected_at":"2024-04-05T19:34:38.901234+00:00"}},"message":{message}}}"#
    );
    assert_eq!(body, expected);
    serde_json::from_slice::<Value>(&body).unwrap();
    assert_eq!((webhook.timeout.as_secs(), webhook.retries, &webhook.secret[..]), (3, 2, &b"secret"[..]));
    let debug = format!("{webhook:?} {conversation:?}");
    assert!(!debug.contains("hunter2") && !debug.contains("secret"), "{debug}");
    // Its token has expired, and it may stay.
    conversation.expired(at(2), &mut Turn::default());
    let body = delivery(&mut *conversation, "{}").unwrap().body;
    assert!(String::from_utf8(body.to_vec()).unwrap().contains(r#""user_id":null,"user_email":null,"#));
}

/// Checks 10 and 13 of the document's list.
#[test]
fn pongs_and_what_is_no_object_are_told_to_nobody() {
    let mut conversation = connected(&[], user("7", None));
    for message in [
        r#"{"type":"pong"}"#,
        r#"{"a":1,"type": "p\u006fng" }"#,
        r#"{"type":"x","type":"pong"}"#,
        "not json",
        "",
        "[1,2]",
        "5",
        "\"pong\"",
        "null",
        "{} {}",
        "{\"a\":",
    ] {
        assert_eq!(delivery(&mut *conversation, message), None, "{message}");
    }
    for message in ["{}", r#"{"type":"ping"}"#, r#"{"type":["pong"]}"#, r#"{"data":{"type":"pong"}}"#] {
        assert!(delivery(&mut *conversation, message).is_some(), "{message}");
    }
    let mut turn = Turn::default();
    conversation.receive(Message::Binary(Bytes::from_static(b"{}")), at(1), &mut turn);
    assert_eq!(turn.call, None);
}

#[test]
fn actions_are_done_in_their_order() {
    let turn = answered(
        &[],
        Ok(r#"{"actions":[{"send":{"message":{"n":1}}},{"broadcast":{"message":{"all":1.0}}},
            {"broadcast":{"message":{"one":1},"user_id":"u"}},{"broadcast":{"message":{"one":2},"user_id":9}},
            {"broadcast":{"message":{"all":2},"user_id":null}},{"send":{"message":{"timestamp":0}}},
            {"close":{"code":4001}}]}"#),
    );
    let second = r#"{"timestamp":"2024-04-05T19:34:38.901234+00:00","app_slug":"my_app"}"#.to_owned();
    assert_eq!(texts(&turn.frames), [format!("{{\"n\":1,{STAMPS}}}"), second]);
    let pushes: Vec<_> = turn
        .pushes
        .iter()
        .map(|push| (push.message.as_str(), push.to.only.users.first().map(|id| &**id)))
        .collect();
    assert_eq!(
        pushes,
        [
            (r#"{"all":1.0}"#, None),
            (r#"{"one":1}"#, Some("u")),
            (r#"{"one":2}"#, Some("9")),
            (r#"{"all":2}"#, None)
        ]
    );
    for push in &turn.pushes {
        let app_alone =
            Target { only: push.to.only.clone(), app: Some("my_app".into()), ..Target::default() };
        assert_eq!(push.to, app_alone, "never another app's");
    }
    assert_eq!(turn.close.unwrap().code(), 4001);
}

#[test]
fn an_answer_may_say_that_nothing_is_to_be_done() {
    for answer in ["", " \n", "{}", r#"{"actions":[]}"#] {
        let turn = answered(&[], Ok(answer));
        assert_eq!((turn.frames.len(), turn.pushes.len(), turn.close), (0, 0, None), "{answer}");
    }
    for (close, code) in
        [(r"{}", 1000), (r#"{"code":1000}"#, 1000), (r#"{"code":3000}"#, 3000), (r#"{"code":4999}"#, 4999)]
    {
        let turn = answered(&[], Ok(&format!(r#"{{"actions":[{{"close":{close}}}]}}"#)));
        assert_eq!(turn.close.unwrap().code(), code);
    }
}

/// Part of check 12 of the document's list.
#[test]
fn what_could_not_be_handled_is_told_and_nothing_of_it_is_done() {
    let told = |turn: &Turn| {
        assert_eq!((turn.pushes.len(), turn.close), (0, None));
        texts(&turn.frames)
    };
    let error = |text: &str| {
        format!(r#"{{"type":"error","message":"Error processing message","error":"{text}",{STAMPS}}}"#)
    };
    for (failed, text) in [
        (WebhookError::Busy, "too many messages are being handled"),
        (WebhookError::Unreachable, "the handler cannot be reached"),
        (WebhookError::Timeout, "the handler did not answer in time"),
        (WebhookError::Status(500), "the handler answered with status 500"),
        (WebhookError::Answer, "the handler's answer is not understood"),
    ] {
        assert_eq!(told(&answered(&[], Err(failed))), [error(text)]);
        assert_eq!(told(&answered(&[("handler_error_reply", "false")], Err(failed))), Vec::<String>::new());
    }
    let send = r#"{"send":{"message":{}}}"#;
    let many = format!(r#"{{"actions":[{}]}}"#, vec![send; 65].join(","));
    let with = |action: &str| format!(r#"{{"actions":[{send},{action}]}}"#);
    for answer in [
        "ok".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{".to_owned(),
        r#"{"action":[]}"#.to_owned(),
        many,
        with("{}"),
        with(r#"{"shout":{"message":{}}}"#),
        with(r#"{"send":{"message":{}},"close":{}}"#),
        with(r#"{"send":{}}"#),
        with(r#"{"send":{"message":"text"}}"#),
        with(r#"{"send":{"message":[1]}}"#),
        with(r#"{"send":{"message":{},"user_id":"u"}}"#),
        with(r#"{"broadcast":{"message":7}}"#),
        with(r#"{"broadcast":{"message":{},"user_id":""}}"#),
        with(r#"{"broadcast":{"message":{},"user_id":true}}"#),
        with(r#"{"broadcast":{"message":{},"user_id":1.5}}"#),
        with(r#"{"broadcast":{"message":{},"app_slug":"other"}}"#),
        with(r#"{"close":{"code":1001}}"#),
        with(r#"{"close":{"code":2999}}"#),
        with(r#"{"close":{"code":5000}}"#),
        with(r#"{"close":{"code":70000}}"#),
        with(r#"{"close":{"code":1000,"reason":"x"}}"#),
    ] {
        assert_eq!(
            told(&answered(&[], Ok(&answer))),
            [error("the handler's answer is not understood")],
            "{answer}"
        );
    }
    let most = format!(r#"{{"actions":[{}]}}"#, vec![send; 64].join(","));
    assert_eq!(told(&answered(&[], Ok(&most))).len(), 64);
}
