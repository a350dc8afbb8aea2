use super::*;

#[test]
fn a_good_token_comes_in_and_is_greeted_at_once() {
    let mut talk = Talk::open("/admin");
    assert_eq!(talk.say(r#"0/admin,{"token":"t"}"#).call, Some(Call::Identify("t".to_owned())));
    let admin = user(json!({"role": "admin", "user_id": 7, "level": "owner", "permissions": ["all"]}));
    let turn = talk.returned(Returned::Credential(Credential::Valid(admin.clone())));
    assert_eq!(
        told(&turn),
        [
            format!(r#"40/admin,{{"sid":"{SID}"}}"#),
            r#"42/admin,["admin_connected",{"permissions":["all"],"user_id":7}]"#.to_owned()
        ]
    );
    assert!(turn.commands.contains(&Command::Identify(admin)));
    assert_eq!(wanted(&turn), ["+#/admin#admin", "+#/admin#admin_owner", "+platform"]);
}

#[test]
fn who_may_not_come_in_is_told_why() {
    let refused = |credential| {
        let mut talk = Talk::open("/admin");
        talk.say(r#"0/admin,{"token":"t"}"#);
        let turn = talk.returned(Returned::Credential(credential));
        assert!(turn.close.is_some() && turn.commands.is_empty());
        told(&turn).join("")
    };
    let line = |message: &str, code: &str| {
        format!(r#"44/admin,{{"message":"{message}","data":{{"code":"{code}"}}}}"#)
    };
    let client = Credential::Valid(user(json!({"client_id": 3})));
    assert_eq!(refused(client), line("Admin access required", "forbidden"));
    assert_eq!(refused(Credential::Invalid), line("Invalid authentication", "invalid_token"));
    assert_eq!(refused(Credential::Expired), line("Invalid authentication", "expired_token"));
    assert_eq!(refused(Credential::Unchecked), line("Connection failed", "unavailable"));
    let nothing = Talk::open("/admin").say("0/admin,");
    assert_eq!(told(&nothing), [line("Authentication required", "missing_token")]);
    assert!(nothing.close.is_some());
}

#[test]
fn who_is_in_may_say_again_who_it_is() {
    let mut talk = Talk::inside("/admin", json!({"role": "admin", "level": "owner"}));
    let again = r#"2/admin,4["admin_connect",{"token":"other"}]"#;
    assert_eq!(talk.say(again).call, Some(Call::Identify("other".to_owned())));
    let other = user(json!({"role": "admin", "level": "junior"}));
    let turn = talk.returned(Returned::Credential(Credential::Valid(other)));
    assert_eq!(wanted(&turn), ["-#/admin#admin_owner", "+#/admin#admin_junior"]);
    assert_eq!(
        told(&turn),
        ["43/admin,4[true]", r#"42/admin,["admin_connected",{"permissions":[],"user_id":null}]"#]
    );
    talk.say(again);
    let turn = talk.returned(Returned::Credential(Credential::Invalid));
    assert_eq!(
        told(&turn),
        [r#"42/admin,["error",{"message":"Invalid authentication"}]"#, "43/admin,4[false]"]
    );
    assert_eq!(turn.close, None);
}

/// Whoever logs in on a page where another was lost the connection would have gone on as that one.
#[test]
fn who_comes_back_with_another_token_begins_anew() {
    let talk = Talk::inside("/admin", json!({"role": "admin"}));
    let goes_on = |packet: &str| talk.0.goes_on(&Message::Text(packet.to_owned()), false);
    assert!(goes_on(r#"0/admin,{"pid":"p","offset":"1.0","token":"t"}"#));
    assert!(!goes_on(r#"0/admin,{"pid":"p","offset":"1.0","token":"other"}"#));
    assert!(!goes_on(r#"0/admin,{"pid":"p","offset":"1.0"}"#));
}

/// What it says of itself later stands in no CONNECT.
#[test]
fn who_has_shown_another_token_since_does_not_come_back() {
    let mut talk = Talk::inside("/admin", json!({"role": "admin"}));
    let connect = Message::Text(r#"0/admin,{"pid":"p","token":"t"}"#.to_owned());
    for (token, goes_on) in [("t", true), ("other", false)] {
        talk.say(&format!(r#"2/admin,4["admin_connect",{{"token":"{token}"}}]"#));
        talk.returned(Returned::Credential(Credential::Valid(user(json!({"role": "admin"})))));
        assert_eq!(talk.0.goes_on(&connect, true), goes_on, "{token}");
    }
}

/// An administrator whose token had expired went on announcing where `on_expiry = "demote"`.
#[test]
fn whose_token_expires_leaves_where_nobody_comes_in_without_one() {
    let mut talk = Talk::inside("/admin", json!({"role": "admin"}));
    let mut turn = Turn::default();
    talk.0.expired(NOW, &mut turn);
    assert_eq!(turn.close, Some(CloseReason::Expired));
    assert_eq!(wanted(&turn), ["-#/admin#admin", "-platform"]);
}

/// What the handshake showed expires while what CONNECT shows is looked at.
#[test]
fn who_shows_a_newer_token_than_its_handshake_comes_in_by_that() {
    let mut talk = Talk::open("/admin");
    talk.say(r#"0/admin,{"token":"t"}"#);
    let mut turn = Turn::default();
    talk.0.expired(NOW, &mut turn);
    assert_eq!((turn.close, turn.commands.len()), (None, 0));
    let admin = user(json!({"role": "admin"}));
    let turn = talk.returned(Returned::Credential(Credential::Valid(admin)));
    assert_eq!(wanted(&turn), ["+#/admin#admin", "+platform"]);
}
