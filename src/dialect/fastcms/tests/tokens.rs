//! Who a client is, and who is told of it.

use super::*;

#[test]
fn the_token_of_the_handshake_is_answered_behind_the_greeting() {
    let fastcms = dialect(&[]);
    let failed = r#"{"type":"error","data":{"message":"Authentication failed"}}"#;
    let alice = vec!["is alice".to_owned(), ALICE.to_owned(), joined("alice", "joined")];
    let close = |reason: &str| format!("close {reason}");
    let rows = [
        (user("alice"), false, alice.clone()),
        (user("alice"), true, alice),
        (Credential::Missing, false, vec![]),
        (Credential::Missing, true, vec![]),
        (Credential::Invalid, false, vec![BAD_TOKEN.to_owned()]),
        (Credential::Invalid, true, vec![BAD_TOKEN.to_owned(), close("1008 Invalid token")]),
        (Credential::Expired, true, vec![BAD_TOKEN.to_owned(), close("1008 Token expired")]),
        (Credential::Unchecked, false, vec![failed.to_owned()]),
        (
            Credential::Unchecked,
            true,
            vec![failed.to_owned(), close("1011 Internal server error during authentication")],
        ),
        (Credential::Valid(Identity::Operator), true, vec!["is nobody".to_owned()]),
    ];
    for (credential, required, expected) in rows {
        assert_eq!(Talk::open(&fastcms, &credential, required).1, expected, "{credential:?} {required}");
    }
}

#[test]
fn a_token_by_message_changes_who_it_is_and_a_bad_one_does_not() {
    let fastcms = dialect(&[]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    assert_eq!(talk.say(1, r#"{"action":"Auth","token":"t"}"#), ["who is t?"]);
    assert_eq!(talk.answer(Credential::Invalid), [BAD_TOKEN]);
    assert_eq!(talk.answer(Credential::Missing), [BAD_TOKEN]);
    assert_eq!(talk.answer(user("alice")), ["is alice", ALICE, &joined("alice", "joined")]);
    // The same once more, and a failure in between.
    assert_eq!(talk.answer(user("alice")), ["is alice", ALICE]);
    assert_eq!(talk.answer(Credential::Expired), [BAD_TOKEN]);
    let both = [joined("alice", "left"), joined("bob", "joined")];
    assert_eq!(talk.answer(user("bob")), ["is bob", BOB, &both[0], &both[1]]);
    assert_eq!(talk.end(), [joined("bob", "left")]);
    assert_eq!(talk.end(), [""; 0]);
}

#[test]
fn where_a_token_is_required_nothing_is_done_before_and_not_for_long() {
    let required = r#"{"type":"error","data":{"message":"Authentication required"}}"#;
    let fastcms = dialect(&[]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, true);
    assert_eq!(talk.say(1, r#"{"action":"subscribe","collection":"posts"}"#), [required]);
    assert_eq!(talk.say(1, r#"{"action":"unsubscribe","collection":"posts"}"#), [required]);
    assert_eq!(talk.say(1, r#"{"action":"ping"}"#), [r#"{"type":"pong"}"#]);
    assert_eq!(talk.wait(9), [""; 0]);
    let close = "10 close 1008 Authentication required";
    assert_eq!(talk.wait(10), [format!("10 {required}"), close.to_owned()]);

    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, true);
    assert_eq!(talk.answer(user("bob"))[..2], ["is bob", BOB]);
    assert_eq!(talk.wait(29), [""; 0]);
    assert_eq!(talk.say(29, r#"{"action":"subscribe","collection":"posts"}"#)[0], "+posts");
    // It was in before.
    assert_eq!(talk.answer(Credential::Invalid), [BAD_TOKEN]);

    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, true);
    assert_eq!(talk.answer(Credential::Invalid), [BAD_TOKEN, "close 1008 Invalid token"]);
}

#[test]
fn a_user_with_several_connections_comes_and_leaves_once_where_that_is_asked_for() {
    let fastcms = dialect(&[("presence", "user"), ("presence_audience", "public")]);
    let event = |what: &str| vec![joined("bob", what).replace("Authenticated", "Everyone")];
    let none: Vec<String> = Vec::new();
    let open = || {
        let (talk, mut told) = Talk::open(&fastcms, &user("bob"), false);
        told.retain(|line| line.starts_with("announce"));
        (talk, told)
    };
    let (mut first, told) = open();
    assert_eq!(told, event("joined"));
    let (mut second, told) = open();
    assert_eq!(told, none);
    // One that ends without a word.
    drop(open());
    assert_eq!(first.end(), none);
    assert_eq!(second.end(), event("left"));
    drop((first, second));
    assert_eq!(open().1, event("joined"));
    assert_eq!(Talk::open(&dialect(&[("presence", "off")]), &user("bob"), false).1, ["is bob", BOB]);
}

#[test]
fn a_user_whom_the_hub_refused_was_said_to_have_come_and_left() {
    for presence in ["connection", "user"] {
        let fastcms = dialect(&[("presence", presence)]);
        let (mut talk, _) = Talk::open(&fastcms, &user("alice"), false);
        let mut turn = Turn::default();
        talk.conversation.returned(Returned::Credential(user("bob")), now(5), &mut turn);
        assert_eq!(told(turn), ["is bob", BOB]);
        // Its connection is closed, and is still whose it was.
        assert_eq!(talk.end(), [joined("alice", "left")]);
        let (mut bob, told) = Talk::open(&fastcms, &user("bob"), false);
        assert_eq!(told.last(), Some(&joined("bob", "joined")));
        assert_eq!(bob.end(), [joined("bob", "left")]);
    }
}

#[test]
fn whose_token_has_expired_is_told_and_gone_once() {
    let (mut talk, _) = Talk::open(&dialect(&[]), &user("bob"), false);
    let mut turn = Turn::default();
    talk.conversation.expired(now(1), &mut turn);
    assert_eq!(told(turn), [BAD_TOKEN.to_owned(), joined("bob", "left")]);
    assert_eq!(talk.end(), [""; 0]);
}
