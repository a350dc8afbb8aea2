//! What an application is asked, and what comes of its answers.

use super::*;
use crate::message::WebhookError;

/// An endpoint with these hooks.
fn hooked(hooks: &str, more: &str) -> String {
    let names: Vec<String> = hooks.split(' ').map(|name| format!("\"{name}\"")).collect();
    format!("hook_url = \"http://a.test/\"\nhook_secret = \"s\"\nhooks = [{}]\n{more}", names.join(", "))
}

fn talk(hooks: &str) -> Talk {
    Talk::open(&hooked(hooks, ""))
}

fn request(operation: &str, inside: &str) -> String {
    format!(r#"{{"id":"r","type":"request","operation":"{operation}","entity":"users"{inside}}}"#)
}

const NOBODY: &str =
    r#""connection":{"id":"00000000-0000-0000-0000-000000000000","user":null,"metadata":{}}"#;

/// The call at a point.
fn hook(name: &str, about: &str) -> String {
    format!(r#"hook {{"hook":"{name}",{NOBODY},{about}}}"#)
}

fn about(record_id: &str, options: &str, data: &str, result: &str) -> String {
    format!(
        r#""schema":"public","entity":"users","record_id":{record_id},"options":{options},"data":{data},"result":{result}"#
    )
}

fn said(client: &mut Talk, text: &str) -> Vec<String> {
    client.come_back(Returned::Webhook(Ok(text.to_owned().into())))
}

fn backend(client: &mut Talk, status: u16, body: &str) -> Vec<String> {
    client.come_back(Returned::Upstream(Ok(answer(status, body))))
}

#[test]
fn check_15_a_veto_comes_before_the_backend_and_a_change_reaches_it() {
    let mut client = talk("before_read");
    let list = request("read", r#","options":{"limit":5}"#);
    let call = hook("before_read", &about("null", r#"{"limit":5}"#, "null", "null"));
    assert_eq!(client.say(&list), std::slice::from_ref(&call));
    let told = said(&mut client, r#"{"allow":false,"message":"not \"you\""}"#);
    assert_eq!(told, [failed(r#""r""#, "hook_error", r#"not \"you\""#)]);
    assert_eq!(client.say(&list), [call]);
    let told = said(&mut client, r#"{"options":{"columns":["id"],"limit":1}}"#);
    assert_eq!(told, ["ask GET /api/users"]);
    let told = backend(&mut client, 200, r#"[{"id":1,"a":2},{"id":2}]"#);
    assert_eq!(told, [done("r", r#""data":[{"id":1}],"metadata":{"total":2,"count":1}"#)]);
}

#[test]
fn data_is_changed_before_a_write_and_the_result_behind_it() {
    let mut client = talk("before_create after_create");
    let told = client.say(&request("create", r#","data":{"a": 1}"#));
    assert_eq!(told, [hook("before_create", &about("null", "null", r#"{"a": 1}"#, "null"))]);
    assert_eq!(said(&mut client, r#"{"data":{"a":2}}"#), [r#"ask POST /api/users {"a":2}"#]);
    let told = backend(&mut client, 201, r#"{"id":1,"secret":2}"#);
    assert_eq!(told, [hook("after_create", &about("null", "null", r#"{"a":2}"#, r#"{"id":1,"secret":2}"#))]);
    assert_eq!(said(&mut client, r#"{"result":{"id":1}}"#), [done("r", r#""data":{"id":1}"#)]);
}

#[test]
fn a_hook_that_fails_behind_a_write_shows_nothing_of_it() {
    for (answer, text) in [
        (Ok(r#"{"allow":false}"#), "refused"),
        (Ok(r#"{"allow":false,"message":""}"#), "refused"),
        (Ok(r#"{"alow":false}"#), "the handler's answer is not understood"),
        (Err(WebhookError::Timeout), "the handler did not answer in time"),
    ] {
        let mut client = talk("after_update");
        client.say(&request("update", r#","record_id":"7","data":{}"#));
        assert_eq!(backend(&mut client, 200, r#"{"id":7,"secret":1}"#).len(), 1);
        let answer = answer.map(|text: &str| text.to_owned().into());
        let told = client.come_back(Returned::Webhook(answer));
        assert_eq!(told, [failed(r#""r""#, "hook_error", text)]);
        assert_eq!(client.say(&request("read", "")), ["ask GET /api/users"], "the next one");
    }
}

#[test]
fn a_failure_of_the_backend_is_told_and_no_hook_is_behind_it() {
    let mut client = talk("after_delete");
    client.say(&request("delete", r#","record_id":"7""#));
    let told = backend(&mut client, 404, "{}");
    assert_eq!(told, [failed_with(r#""r""#, "delete_error", "Not Found", r#"{"status":404}"#)]);
}

#[test]
fn who_cannot_be_asked_stops_it_or_not_as_the_config_says() {
    for (failure, is_asked) in [("closed", false), ("open", true)] {
        let mut client = Talk::open(&hooked("before_read", &format!("hook_failure = \"{failure}\"")));
        for error in [
            WebhookError::Unreachable,
            WebhookError::Timeout,
            WebhookError::Busy,
            WebhookError::Status(500),
            WebhookError::Status(503),
        ] {
            let answer = Err(error);
            client.say(&request("read", r#","record_id":"7""#));
            let told = client.come_back(Returned::Webhook(answer));
            assert_eq!(told[0].starts_with("ask GET"), is_asked, "{told:?}");
            if is_asked {
                backend(&mut client, 200, "{}");
            }
        }
        client.say(&request("read", ""));
        assert!(said(&mut client, r#"{"allow":false}"#)[0].contains("refused"), "a veto is no failure");
    }
}

/// It may have been a refusal in words that nobody reads.
#[test]
fn an_open_hook_took_an_answer_that_nobody_understands_for_consent() {
    let mut client = Talk::open(&hooked("before_read", "hook_failure = \"open\""));
    for answer in [
        Ok("[]".into()),
        Ok(r#"{"data":{}}"#.into()),
        Ok(r#"{"allow":"false"}"#.into()),
        Ok(r#"{"allow":null}"#.into()),
        Err(WebhookError::Answer),
        Err(WebhookError::Status(302)),
        Err(WebhookError::Status(403)),
        Err(WebhookError::Status(499)),
    ] {
        client.say(&request("read", r#","record_id":"7""#));
        let told = client.come_back(Returned::Webhook(answer.clone()));
        assert!(told[0].contains(r#""code":"hook_error""#), "{answer:?}: {told:?}");
    }
}

/// How many there were would tell what was taken away.
#[test]
fn a_list_that_became_another_one_has_other_numbers() {
    for (result, expected) in [
        (r#"[{"id":2}]"#, r#"[{"id":2}],"metadata":{"count":1}"#),
        (r#"[{"id":2},{"id":1}]"#, r#"[{"id":2},{"id":1}],"metadata":{"total":2,"count":2}"#),
        ("{}", r#"{},"metadata":{}"#),
    ] {
        let mut client = talk("after_read");
        client.say(&request("read", ""));
        backend(&mut client, 200, r#"[{"id":1},{"id":2}]"#);
        let told = said(&mut client, &format!(r#"{{"result":{result}}}"#));
        assert_eq!(told, [done("r", &format!(r#""data":{expected}"#))]);
    }
}

#[test]
fn a_subscription_that_is_refused_is_none() {
    let subscribe = r#"{"id":"r","type":"subscription","operation":"subscribe","entity":"users"}"#;
    let mut client = talk("before_subscribe after_subscribe before_unsubscribe after_unsubscribe");
    let told = client.say(subscribe);
    assert_eq!(told, [hook("before_subscribe", &about("null", r#"{"filters":null}"#, "null", "null"))]);
    assert_eq!(
        said(&mut client, r#"{"allow":false,"message":"no"}"#),
        [failed(r#""r""#, "hook_error", "no")]
    );
    client.say(subscribe);
    let told = said(&mut client, r#"{"options":{"filters":[{"column":"a","operator":"eq","value":1}]}}"#);
    assert!(told[0].starts_with(r#"hook {"hook":"after_subscribe""#), "{told:?}");
    assert_eq!(
        said(&mut client, r#"{"allow":false,"message":"no"}"#),
        [failed(r#""r""#, "hook_error", "no")]
    );
    client.say(subscribe);
    said(&mut client, r#"{"options":{"filters":[{"column":"a","operator":"eq","value":1}]}}"#);
    let told = said(&mut client, "{}");
    let id = "00000000-0000-0000-0000-000000000002";
    assert!(told[0].starts_with(&format!(r#"+user filtered "subscription_id":"{id}""#)), "{told:?}");
    let unsubscribe = |id: &str| {
        format!(r#"{{"id":"r","type":"subscription","operation":"unsubscribe","subscription_id":"{id}"}}"#)
    };
    let missing = client.say(&unsubscribe("x"));
    assert_eq!(missing, [failed(r#""r""#, "subscription_not_found", "Subscription not found: x")]);
    let told = client.say(&unsubscribe(id));
    assert!(told[0].contains(&format!(r#""options":{{"subscription_id":"{id}""#)), "{told:?}");
    assert_eq!(said(&mut client, r#"{"allow":false}"#), [failed(r#""r""#, "hook_error", "refused")]);
    client.say(&unsubscribe(id));
    let told = said(&mut client, "");
    assert!(told[0].starts_with("-user") && told[1].starts_with(r#"hook {"hook":"after_unsubscribe""#));
    assert!(said(&mut client, "")[0].contains(r#""unsubscribed":true"#));
}

fn begun(hooks: &str) -> (Talk, Vec<String>) {
    let dialect = dialect(&hooked(hooks, ""));
    let (conversation, turn) = open(&*dialect, "/ws?token=t", ANYBODY, NOW);
    (Talk(conversation), told(turn))
}

fn end(client: &mut Talk) -> Vec<String> {
    let mut turn = Turn::default();
    client.0.ended(NOW, &mut turn);
    told(turn)
}

#[test]
fn an_application_lets_clients_in_and_says_what_it_knows_of_them() {
    let (mut client, told) =
        begun("before_connect after_connect before_read before_disconnect after_disconnect");
    assert!(
        told[0].contains(r#""hook":"before_connect""#) && told[0].contains(r#""query":"token=t""#),
        "{told:?}"
    );
    let told = said(&mut client, r#"{"metadata":{"user":5}}"#);
    assert!(told[0].contains(r#""hook":"after_connect""#) && told[0].contains(r#""metadata":{"user":5}"#));
    assert_eq!(said(&mut client, r#"{"allow":false}"#), [""; 0], "it is there already");
    let told = client.say(&request("read", ""));
    assert!(told[0].contains(r#""metadata":{"user":5}"#) && !told[0].contains("token=t"), "{told:?}");
    said(&mut client, r#"{"metadata":{"user":6}}"#);
    let told = end(&mut client);
    assert!(
        told[0].contains(r#""hook":"before_disconnect""#) && told[0].contains(r#"{"user":6}"#),
        "{told:?}"
    );
    assert!(said(&mut client, r#"{"allow":false}"#)[0].contains(r#""hook":"after_disconnect""#));
    assert_eq!(said(&mut client, ""), [""; 0]);
}

#[test]
fn whom_an_application_refuses_was_never_there() {
    let hooks = "before_connect after_connect after_disconnect";
    for (answer, expected) in [
        (Ok(r#"{"allow":false,"message":"no"}"#.into()), "close 1008 Connection refused"),
        (Err(WebhookError::Timeout), "close 1011 Internal server error during authentication"),
        (
            Ok(format!(r#"{{"metadata":{{"a":"{}"}}}}"#, "x".repeat(9000)).into()),
            "close 1011 Internal server error during authentication",
        ),
    ] {
        let (mut client, _) = begun(hooks);
        assert_eq!(client.come_back(Returned::Webhook(answer)), [expected]);
        assert_eq!(end(&mut client), [""; 0]);
    }
    let (mut client, _) = begun(hooks);
    assert_eq!(end(&mut client), [""; 0], "it left before the answer");
}

#[test]
fn what_rules_hide_is_hidden_in_what_an_application_says_too() {
    let routes = format!(
        "{}[route.rules]\nforbidden = [\"role\"]\nmasks = [{{ columns = [\"pay\"] }}]\n",
        ROUTES.split_once("[[route]]\npath = \"/api/rows").unwrap().0
    );
    let dialect = with_routes(&routes, &hooked("before_create after_create", ""));
    let mut client = Talk(open(&*dialect, "/ws", ANYBODY, NOW).0);
    let told = client.say(&request("create", r#","data":{"role":1}"#));
    assert!(told[0].contains("Field not allowed: role"), "the application is not asked: {told:?}");
    client.say(&request("create", r#","data":{}"#));
    let told = said(&mut client, r#"{"data":{"role":"user"}}"#);
    assert_eq!(told, [r#"ask POST /api/users {"role":"user"}"#], "what it says is its own");
    let told = backend(&mut client, 201, r#"{"id":1,"pay":5}"#);
    assert!(told[0].contains(r#""result":{"id":1,"pay":5}"#), "{told:?}");
    assert_eq!(said(&mut client, r#"{"result":{"pay":6,"ok":1}}"#), [done("r", r#""data":{"ok":1}"#)]);
}

#[test]
fn options_of_hooks_say_what_would_be_right() {
    let url = ("hook_url", "http://a.test/");
    let rows: [(&[(&'static str, &'static str)], &str); 5] = [
        (
            &[url, ("hook_secret", "s"), ("hooks", "before_reed")],
            "hooks: expected names of hooks: before_read, after_read",
        ),
        (&[("hooks", "before_read")], "hooks: needs a hook_url"),
        (&[url, ("hook_secret", "s")], "hook_url: needs hooks"),
        (&[url, ("hooks", "before_read")], "hook_secret: is missing"),
        (
            &[url, ("hook_secret", "s"), ("hooks", "before_read"), ("hook_failure", "x")],
            "hook_failure: expected one of",
        ),
    ];
    for (options, expected) in rows {
        let options = Given::new(options);
        WebSocketSpec::new(&options);
        let reported = options.reported();
        assert!(reported.len() == 1 && reported[0].starts_with(expected), "{reported:?}");
    }
}

/// It is how some languages say that there is nothing to be seen.
#[test]
fn a_result_of_null_showed_everything() {
    let mut client = talk("before_read after_read after_subscribe");
    for (body, data) in [("{\"id\":7}", "null"), ("[]", "null")] {
        let inside = if body == "[]" { "" } else { r#","record_id":"7""# };
        client.say(&request("read", inside));
        assert!(said(&mut client, r#"{"allow":true,"result":null}"#)[0].starts_with("ask GET"), "none yet");
        backend(&mut client, 200, body);
        let told = said(&mut client, r#"{"allow":true,"options":null,"data":null,"result":null}"#);
        assert!(
            told[0].starts_with(&format!(r#"{{"id":"r","type":"response","success":true,"data":{data},"#)),
            "{told:?}"
        );
    }
}
