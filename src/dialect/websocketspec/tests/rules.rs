//! What rules keep from clients, each way that they may try.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::event::Item;
use crate::identity::{Identity, User};

pub(super) const RULES: &str = "[[route]]\npath = \"/api/users/{id}\"\nmodel = \"user\"\n[route.rules]\n";
pub(super) const LISTED: &str = "[route.query]\nfields = [\"id\", \"owner\", \"a\", \"salary\"]\n";
pub(super) const ASKED: &str = "filter_default = \"{column}={value}\"\n";
pub(super) const OWNED: &str = "forced = [{ column = \"owner\", value = \"{claims.sub}\" }]\n";
pub(super) const MASKED: &str = "masks = [{ columns = [\"salary\"], unless_roles = [\"hr\"] }]\n";

pub(super) fn ann(roles: &[&str]) -> Credential {
    let claims = json!({"sub": "ann"}).as_object().unwrap().clone().into();
    let roles = roles.iter().map(|&role| role.to_owned()).collect();
    Credential::Valid(Identity::User(Arc::new(User {
        id: "ann".to_owned(),
        email: None,
        roles,
        claims,
        expires: None,
    })))
}

pub(super) fn talk(rules: &str, credential: &Credential) -> Talk {
    let dialect = with_routes(&format!("{RULES}{rules}"), "");
    Talk(open(&*dialect, "/ws", (credential, false), NOW).0)
}

pub(super) fn request(operation: &str, inside: &str) -> String {
    format!(r#"{{"id":"r","type":"request","operation":"{operation}","entity":"users"{inside}}}"#)
}

pub(super) fn subscribe(filters: &str) -> String {
    format!(
        r#"{{"id":"r","type":"subscription","operation":"subscribe","entity":"users","options":{{"filters":{filters}}}}}"#
    )
}

pub(super) fn refused(code: &str, message: &str) -> [String; 1] {
    [failed(r#""r""#, code, message)]
}

#[test]
fn of_a_list_everybody_gets_his_own() {
    let list = r#"[{"id":1,"owner":"ann"},{"id":2,"owner":"bob"},{"id":3}]"#;
    let or =
        r#","options":{"filters":[{"column":"owner","operator":"eq","value":"bob","logic_operator":"OR"}]}"#;
    for (inside, expected) in [("", r#"[{"id":1,"owner":"ann"}]"#), (or, "[]")] {
        let told = talk(&format!("{OWNED}{LISTED}"), &ann(&[])).ask(&request("read", inside), 200, list);
        assert!(told.contains(&format!(r#""data":{expected},"#)), "{told}");
    }
    let told = talk(OWNED, &ann(&[]))
        .say(&request("read", r#","options":{"filters":[{"column":"a||1","operator":"eq","value":1}]}"#));
    assert_eq!(told, refused("unauthorized", "Column not allowed: a||1"));
}

#[test]
fn what_is_not_ones_own_is_not_there_for_reads_and_writes_by_id() {
    let (own, other) = (r#"{"id":7,"owner":"ann"}"#, r#"{"id":7,"owner":"bob"}"#);
    let id = r#","record_id":"7","data":{"a":1}"#;
    for (operation, code, asked) in [
        ("read", "read_error", None),
        ("update", "update_error", Some(r#"ask PATCH /api/users/7 {"a":1}"#)),
        ("delete", "delete_error", Some("ask DELETE /api/users/7")),
    ] {
        let mut client = talk(OWNED, &ann(&[]));
        let not_found = failed_with(r#""r""#, code, "Not Found", r#"{"status":404}"#);
        for foreign in [other, r#"{"id":7}"#] {
            assert_eq!(client.say(&request(operation, id)), ["ask GET /api/users/7"]);
            let told = client.come_back(Returned::Upstream(Ok(answer(200, foreign))));
            assert_eq!(told, std::slice::from_ref(&not_found), "{operation} {foreign}");
        }
        assert_eq!(client.say(&request(operation, id)), ["ask GET /api/users/7"]);
        let told = client.come_back(Returned::Upstream(Ok(answer(200, own))));
        match asked {
            Some(asked) => assert_eq!(told, [asked]),
            None => assert!(told[0].contains(own), "{told:?}"),
        }
    }
}

#[test]
fn who_lacks_the_claim_gets_nothing_and_the_backend_is_not_asked() {
    let messages = [
        request("read", ""),
        request("read", r#","record_id":"7""#),
        request("create", r#","data":{}"#),
        request("update", r#","record_id":"7","data":{}"#),
        request("delete", r#","record_id":"7""#),
        request("meta", ""),
        subscribe("[]"),
    ];
    for message in messages {
        let told = talk(OWNED, &Credential::Missing).say(&message);
        assert_eq!(told, refused("unauthorized", "Not allowed without the claim sub"), "{message}");
    }
}

#[test]
fn a_field_that_is_not_the_clients_is_named() {
    let rules = "required = [\"title\"]\nforbidden = [\"role\"]\noperations = [\"create\", \"update\"]\n";
    let mut client = talk(rules, &ann(&[]));
    let mut said = |operation, inside| client.say(&request(operation, inside));
    let field = |text: &str, field: &str| {
        [failed_with(r#""r""#, "validation_error", text, &format!(r#"{{"field":"{field}"}}"#))]
    };
    assert_eq!(said("create", r#","data":{"a":1}"#), field("Field required: title", "title"));
    assert_eq!(said("create", r#","data":{"title":1,"role":"x"}"#), field("Field not allowed: role", "role"));
    assert_eq!(
        said("update", r#","record_id":"1","data":{"role":"x"}"#),
        field("Field not allowed: role", "role")
    );
    assert_eq!(said("update", r#","record_id":"1","data":{"a":1}"#), [r#"ask PATCH /api/users/1 {"a":1}"#]);
    let mut client = talk(rules, &ann(&[]));
    let told = client.say(&request("delete", r#","record_id":"1""#));
    assert_eq!(told, refused("invalid_operation", "Operation not allowed: delete"));
    assert_eq!(
        client.say(&subscribe("[]")),
        refused("invalid_operation", "Operation not allowed: subscribe")
    );
}

#[test]
fn what_is_hidden_is_in_no_answer() {
    let record = r#"{"id":7,"salary":5,"boss":{"salary":9}}"#;
    let by_id = r#","record_id":"7","data":{}"#;
    let taken = r#"{"message":"Taken","salary":5}"#;
    for (operation, inside, status, body, shown) in [
        ("read", "", 200, format!("[{record}]"), r#""data":[{"id":7,"boss":{}}]"#),
        ("read", by_id, 200, record.to_owned(), r#""data":{"id":7,"boss":{}}"#),
        (
            "read",
            r#","options":{"omit_columns":["id"]}"#,
            200,
            format!("[{record}]"),
            r#""data":[{"boss":{}}]"#,
        ),
        ("create", r#","data":{"salary":5}"#, 201, record.to_owned(), r#""data":{"id":7,"boss":{}}"#),
        ("update", by_id, 200, record.to_owned(), r#""data":{"id":7,"boss":{}}"#),
        ("update", by_id, 422, taken.to_owned(), r#""details":{"message":"Taken"}"#),
        ("meta", "", 200, format!("[{record}]"), r#""columns":["id","boss"]"#),
    ] {
        let told = talk(MASKED, &ann(&["staff"])).ask(&request(operation, inside), status, &body);
        assert!(told.contains(shown) && !told.contains("salary"), "{operation} {told}");
        let told = talk(MASKED, &ann(&["hr"])).ask(&request(operation, inside), status, &body);
        assert!(told.contains("salary"), "{operation} {told}");
    }
}

#[test]
fn what_is_hidden_is_not_to_be_asked_about() {
    let condition = r#"[{"column":"salary","operator":"gt","value":5}]"#;
    let options = [
        format!(r#"{{"filters":{condition}}}"#),
        r#"{"sort":[{"column":"Salary"}]}"#.to_owned(),
        r#"{"columns":["id","salary"]}"#.to_owned(),
        r#"{"preload":["salary"]}"#.to_owned(),
        r#"{"preload":[{"relation":"salary"}]}"#.to_owned(),
    ];
    for options in options {
        for inside in ["", r#","record_id":"7","data":{}"#] {
            for operation in ["read", "update"] {
                let inside = format!(r#","options":{options}{inside}"#);
                if operation == "update" && !inside.contains("record_id") {
                    continue;
                }
                let told = talk(MASKED, &ann(&[])).say(&request(operation, &inside));
                let [error] = &told[..] else { panic!("{told:?}") };
                assert!(
                    error.contains(r#""code":"unauthorized","message":"Column not allowed: "#),
                    "{error}"
                );
            }
        }
    }
    let told = talk(MASKED, &ann(&[])).say(&subscribe(condition));
    assert_eq!(told, refused("unauthorized", "Column not allowed: salary"));
    assert!(talk(MASKED, &ann(&["hr"])).say(&subscribe(condition))[0].starts_with("+user filtered"));
}

#[test]
fn a_parameter_of_the_path_needs_no_listing() {
    let routes = format!("{}{OWNED}", RULES.replace("/api/users", "/api/teams/{team}/users"));
    let mut client = Talk(open(&*with_routes(&routes, ""), "/ws", (&ann(&[]), false), NOW).0);
    let filters = r#","options":{"filters":[{"column":"team","operator":"eq","value":"x"}]}"#;
    assert_eq!(client.say(&request("read", filters)), ["ask GET /api/teams/x/users"]);
}

#[test]
fn a_record_was_made_below_a_parameter_that_the_client_chose() {
    for (forced, right, wrong) in [
        (r#"operator = "in", value = ["a", "b"]"#, vec!["a", "b"], vec!["c", "A"]),
        (r#"operator = "in", value = [1, 2]"#, vec!["1"], vec!["3", "01", "x"]),
        (r#"operator = "neq", value = 7"#, vec!["8"], vec!["7", "7.0", "07", " 7"]),
        (r#"operator = "gt", value = 5"#, vec!["10"], vec!["5", "x"]),
        (r#"value = "{claims.sub}""#, vec![], vec!["bob"]),
    ] {
        let routes = RULES.replace("/api/users", "/api/teams/{team}/users");
        let routes = format!("{routes}forced = [{{ column = \"team\", {forced} }}]\n");
        let mut client = Talk(open(&*with_routes(&routes, ""), "/ws", (&ann(&[]), false), NOW).0);
        let mut create = |team: &str| {
            let filters = format!(r#"[{{"column":"team","operator":"eq","value":"{team}"}}]"#);
            client.say(&request("create", &format!(r#","data":{{}},"options":{{"filters":{filters}}}"#)))
        };
        for team in right {
            assert_eq!(create(team), [format!("ask POST /api/teams/{team}/users {{}}")], "{forced}");
        }
        for team in wrong {
            let told = create(team);
            let is_own = told == ["ask POST /api/teams/ann/users {}"];
            assert!(is_own || told[0].contains("Team is not allowed to be that"), "{forced} {told:?}");
        }
    }
}

#[test]
fn an_update_of_ones_own_record_named_another_ones_id() {
    let mut client = talk(OWNED, &ann(&[]));
    for (data, is_right) in [
        (r#"{"id":7}"#, true),
        (r#"{"id":"7"}"#, true),
        (r#"{"a":8}"#, true),
        (r#"{"id":8}"#, false),
        (r#"{"ID":"8"}"#, false),
        (r#"{"id":7,"id":8}"#, false),
        (r#"{"id":null}"#, false),
    ] {
        let told = client.say(&request("update", &format!(r#","record_id":"7","data":{data}"#)));
        let refusal = failed_with(r#""r""#, "validation_error", "Field not allowed: id", r#"{"field":"id"}"#);
        let expected = if is_right { "ask GET /api/users/7".to_owned() } else { refusal };
        assert_eq!(told, [expected], "{data}");
        client = talk(OWNED, &ann(&[]));
    }
    let told = talk("", &ann(&[])).say(&request("update", r#","record_id":"7","data":{"id":8}"#));
    assert_eq!(told, [r#"ask PATCH /api/users/7 {"id":8}"#]);
}

/// Which variant a subscription has.
fn variant(rules: &str, credential: &Credential) -> u32 {
    let mut turn = Turn::default();
    let message = Message::Text(subscribe("[]"));
    talk(rules, credential).0.receive(message, NOW, &mut turn);
    let Command::Subscribe { tag: Some(tag), .. } = &turn.commands[0] else { panic!("{turn:?}") };
    tag.variant
}

#[test]
fn what_is_hidden_is_in_no_notification() {
    let dialect = with_routes(&format!("{RULES}{MASKED}"), "");
    let mut event = Event::sample("user", "7");
    let record = Json::parse(r#"{"id":7,"salary":5}"#);
    event.items = vec![Item { record, ..event.items[0].clone() }];
    let publication = Publication { position: crate::event::Position::untold(1), time: UNIX_EPOCH, event };
    let said = |variant| {
        let frame = dialect.encode_variant(&publication, variant).into_frames().remove(0);
        String::from_utf8(frame.payload().to_vec()).unwrap()
    };
    let [hidden, shown] = [&ann(&["staff"]), &ann(&["hr"])].map(|who| said(variant(MASKED, who)));
    assert!(hidden.contains(r#""data":{"id":7}"#) && shown.contains(r#""salary":5"#), "{hidden} {shown}");
    assert_eq!(variant(MASKED, &Credential::Missing), variant(MASKED, &ann(&[])));
}

#[test]
fn a_subscription_that_follows_from_who_one_was_ends_with_the_token() {
    for (rules, ends) in [(OWNED, 1), (MASKED, 1), ("", 0)] {
        let mut client = talk(rules, &ann(&["hr"]));
        assert_eq!(client.say(&subscribe("[]")).len(), 2);
        let mut turn = Turn::default();
        client.0.expired(NOW, &mut turn);
        assert_eq!((turn.commands.len(), turn.frames.len()), (ends, 1), "{rules}");
    }
}

#[test]
fn what_a_hook_made_of_data_was_another_owners() {
    let hook = "hook_url = \"http://a.test/\"\nhook_secret = \"s\"\nhooks = [\"before_create\"]\n";
    let dialect = with_routes(&format!("{RULES}{OWNED}"), hook);
    for (data, expected) in [
        (
            r#"{"owner":"bob"}"#,
            failed_with(r#""r""#, "validation_error", "Field not allowed: owner", r#"{"field":"owner"}"#),
        ),
        (r#"{"owner":"ann","b":2}"#, r#"ask POST /api/users {"owner":"ann","b":2}"#.to_owned()),
    ] {
        let mut client = Talk(open(&*dialect, "/ws", (&ann(&[]), false), NOW).0);
        client.say(&request("create", r#","data":{"a":1}"#));
        let told = client.come_back(Returned::Webhook(Ok(format!(r#"{{"data":{data}}}"#).into())));
        assert_eq!(told, [expected], "{data}");
    }
}

const HOOKED: &str = "hook_url = \"http://a.test/\"\nhook_secret = \"s\"\nhooks = ";

/// Ann's connection, with these hooks and rules.
fn hooked(hooks: &str, rules: &str) -> (Talk, Vec<String>) {
    let dialect = with_routes(&format!("{RULES}{rules}"), &format!("{HOOKED}{hooks}"));
    let (conversation, turn) = open(&*dialect, "/ws", (&ann(&["hr"]), false), NOW);
    (Talk(conversation), told(turn))
}

fn expire(client: &mut Talk) {
    let mut turn = Turn::default();
    client.0.expired(NOW, &mut turn);
    assert_eq!(turn.frames.len(), 1);
}

fn said(client: &mut Talk, text: &str) -> Vec<String> {
    client.come_back(Returned::Webhook(Ok(text.to_owned().into())))
}

/// The hub would have been told what the user may hear of, for a client that is nobody any more.
#[test]
fn a_token_that_ended_while_a_subscription_was_agreed_left_it_with_what_the_user_may_hear_of() {
    for rules in [OWNED, MASKED] {
        let (mut client, _) = hooked(r#"["after_subscribe"]"#, rules);
        client.say(&subscribe("[]"));
        expire(&mut client);
        assert_eq!(said(&mut client, "{}"), refused("unauthorized", "Token expired"), "{rules}");
    }
    // The one that follows from nothing stays, and so does one that was there before.
    let (mut client, _) = hooked(r#"["after_subscribe"]"#, "");
    client.say(&subscribe("[]"));
    expire(&mut client);
    assert_eq!(said(&mut client, "{}").len(), 2);
    client.say(&subscribe("[]"));
    expire(&mut client);
    said(&mut client, r#"{"allow":false}"#);
    let first = r#"{"id":"r","type":"subscription","operation":"unsubscribe","subscription_id":"00000000-0000-0000-0000-000000000001"}"#;
    assert_eq!(client.say(first).len(), 2);
}

#[test]
fn a_refused_subscription_that_had_ended_took_another_one_with_it() {
    let free = format!("{RULES}{OWNED}[[route]]\npath = \"/api/rows/{{id}}\"\nmodel = \"row\"\n");
    let dialect = with_routes(&free, &format!("{HOOKED}[\"after_subscribe\"]"));
    let mut client = Talk(open(&*dialect, "/ws", (&ann(&[]), false), NOW).0);
    client.say(&subscribe("[]").replace("users", "rows"));
    assert_eq!(said(&mut client, "").len(), 2);
    client.say(&subscribe("[]"));
    expire(&mut client);
    assert!(said(&mut client, r#"{"allow":false}"#)[0].contains("refused"));
    let first = r#"{"id":"r","type":"subscription","operation":"unsubscribe","subscription_id":"00000000-0000-0000-0000-000000000001"}"#;
    assert_eq!(client.say(first).len(), 2);
}

#[test]
fn a_filter_that_the_user_might_use_was_used_by_nobody() {
    let (mut client, _) = hooked(r#"["before_subscribe"]"#, MASKED);
    client.say(&subscribe(r#"[{"column":"salary","operator":"gt","value":1}]"#));
    expire(&mut client);
    assert_eq!(said(&mut client, "{}"), refused("unauthorized", "Column not allowed: salary"));
}

#[test]
fn what_an_application_said_of_a_user_was_told_of_whoever_was_left() {
    let (mut client, _) = hooked(r#"["before_connect","before_read"]"#, "");
    said(&mut client, r#"{"metadata":{"team":7}}"#);
    let told = client.say(&request("read", ""));
    assert!(told[0].contains(r#""metadata":{"team":7}"#), "{told:?}");
    expire(&mut client);
    said(&mut client, r#"{"allow":false,"metadata":{"team":7}}"#);
    let told = client.say(&request("read", ""));
    assert!(told[0].contains(r#""user":null,"metadata":{}"#), "{told:?}");
    expire(&mut client);
    said(&mut client, r#"{"metadata":{"team":7}}"#);
    client.returned(Ok(answer(200, "[]")));
    assert!(client.say(&request("read", ""))[0].contains(r#""metadata":{}"#), "said of whom it was");
    said(&mut client, r#"{"metadata":{"team":8}}"#);
    client.returned(Ok(answer(200, "[]")));
    assert!(client.say(&request("read", ""))[0].contains(r#""metadata":{"team":8}"#));
}
