use super::*;
use http::{HeaderMap, StatusCode};

fn admin() -> Talk {
    Talk::inside("/admin", json!({"role": "admin"}))
}

fn answer(status: u16, body: &str) -> Returned {
    let status = StatusCode::from_u16(status).unwrap();
    Returned::Upstream(Ok(Answer { status, headers: HeaderMap::new(), body: body.to_owned().into() }))
}

#[test]
fn a_room_is_joined_by_an_event_and_named_in_the_reply() {
    let mut talk = admin();
    let turn = talk.say(r#"2/admin,["subscribe_entity_updates",{"entity_type":"platform","entity_id":1}]"#);
    let reply = r#"42/admin,["subscribed",{"entity_id":1,"entity_type":"platform","room":"platform_1"}]"#;
    assert_eq!(told(&turn), [reply]);
    assert_eq!(wanted(&turn), ["+#/admin#platform_1", "+platform/1"]);
    let missing = r#"42/admin,["error",{"message":"entity_type and entity_id required"}]"#;
    for data in [r#"{"entity_type":"platform"}"#, r#"{"entity_type":"secret","entity_id":1}"#] {
        let turn = talk.say(&format!(r#"2/admin,["subscribe_entity_updates",{data}]"#));
        assert_eq!(told(&turn), [missing], "{data}");
        assert_eq!(turn.commands, []);
    }
}

#[test]
fn words_that_make_no_room_join_none() {
    let refused = r#"42/admin,["error",{"message":"The data names no room"}]"#;
    let long = format!("\"{}\"", "x".repeat(256));
    for id in ["{}", "[1]", &long] {
        let data = format!(r#"{{"entity_type":"platform","entity_id":{id}}}"#);
        let turn = admin().say(&format!(r#"2/admin,["subscribe_entity_updates",{data}]"#));
        assert_eq!((told(&turn), wanted(&turn)), (vec![refused.to_owned()], Vec::new()), "{id}");
    }
}

#[test]
fn who_shows_a_newer_token_of_its_own_stays_in_its_rooms_and_nobody_else_does() {
    let again = |claims: Value| {
        let mut talk = Talk::inside("/admin", json!({"role": "admin", "exp": 1}));
        talk.say(r#"2/admin,["subscribe_entity_updates",{"entity_type":"platform","entity_id":1}]"#);
        talk.say(r#"2/admin,["admin_connect",{"token":"t"}]"#);
        wanted(&talk.returned(Returned::Credential(Credential::Valid(user(claims)))))
    };
    assert_eq!(again(json!({"role": "admin", "exp": 2})), [""; 0]);
    let left = ["-#/admin#platform_1", "-platform/1"];
    assert_eq!(again(json!({"role": "admin", "exp": 2, "of": "another"})), left);
}

#[test]
fn the_backend_is_asked_and_its_answer_becomes_the_reply() {
    let mut talk = admin();
    let Some(Call::Upstream(asked)) = talk.say(r#"2/admin,1["request_activity_feed",{"offset":4}]"#).call
    else {
        panic!("nothing is asked")
    };
    assert_eq!(asked.target, "/api/feed?per_page=2&page=3");
    let turn = talk.returned(answer(200, r#"{"activities":[1,2]}"#));
    assert_eq!(
        told(&turn),
        [r#"42/admin,["activity_feed_update",{"activities":[1,2],"has_more":true}]"#, "43/admin,1[]"]
    );
    talk.say(r#"2/admin,["request_activity_feed"]"#);
    let failed = r#"42/admin,["error",{"message":"Failed to fetch activity feed"}]"#;
    assert_eq!(told(&talk.returned(answer(500, "{}"))), [failed]);
    talk.say(r#"2/admin,["request_activity_feed"]"#);
    assert_eq!(told(&talk.returned(Returned::Upstream(Err(UpstreamError::TimedOut)))), [failed]);
}

#[test]
fn nobody_speaks_for_another() {
    let mut talk = Talk::inside("/client", json!({"client_id": 3}));
    let beat = r#"42/client,["heartbeat_ack",{"timestamp":"1970-01-01T00:00:00.000000+00:00"}]"#;
    assert_eq!(told(&talk.say(r#"2/client,["heartbeat",{"client_id":3}]"#)), [beat]);
    assert_eq!(told(&talk.say(r#"2/client,["heartbeat",{"client_id":"3"}]"#)), [beat]);
    assert_eq!(told(&talk.say(r#"2/client,["heartbeat"]"#)), [beat]);
    let refused = r#"42/client,["error",{"message":"Client access required"}]"#;
    assert_eq!(told(&talk.say(r#"2/client,["heartbeat",{"client_id":4}]"#)), [refused]);
    assert_eq!(
        told(&talk.say(r#"2/client,["heartbeat",[1]]"#)),
        [r#"42/client,["error",{"message":"The data must be an object"}]"#]
    );
}

#[test]
fn an_event_that_nobody_knows_is_acknowledged_as_such() {
    assert_eq!(
        told(&admin().say(r#"2/admin,9["whatever",1]"#)),
        [r#"43/admin,9[{"error":"unknown_event"}]"#]
    );
    assert_eq!(told(&admin().say(r#"2/admin,["whatever",1]"#)), [""; 0]);
}

#[test]
fn nothing_is_heard_of_who_is_not_in() {
    let turn = Talk::open("/admin").say(r#"2/admin,1["request_activity_feed"]"#);
    assert_eq!((told(&turn), turn.call), (Vec::new(), None));
}

#[test]
fn what_became_of_each_event_is_counted_by_its_name() {
    let events = namespace("/admin").events();
    assert_eq!(events, ["admin_connect", "request_activity_feed", "subscribe_entity_updates"]);
    let counted = |turn: &Turn| {
        let name = |heard: &crate::message::Heard| {
            format!("{} {}", heard.event.map_or("other", |event| &events[event]), heard.fate.name())
        };
        turn.heard.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let mut talk = Talk::inside("/admin", json!({"role": "admin"}));
    for (packet, expected) in [
        (
            r#"2/admin,["subscribe_entity_updates",{"entity_type":"platform","entity_id":1}]"#,
            "subscribe_entity_updates done",
        ),
        (r#"2/admin,["subscribe_entity_updates",{}]"#, "subscribe_entity_updates refused"),
        (r#"2/admin,["subscribe_entity_updates",7]"#, "subscribe_entity_updates refused"),
        (r#"2/admin,["nothing",{}]"#, "other unknown"),
        ("2/admin,[7]", "other refused"),
        (r#"2/admin,["admin_connect",{}]"#, "admin_connect refused"),
        (r#"2/admin,["request_activity_feed",{}]"#, ""),
    ] {
        assert_eq!(counted(&talk.say(packet)), expected, "{packet}");
    }
    let failed = talk.returned(Returned::Upstream(Err(UpstreamError::TimedOut)));
    assert_eq!(counted(&failed), "request_activity_feed failed");
    let mut turn = Turn::default();
    talk.0.dropped(&Message::Text(String::new()), NOW, &mut turn);
    assert_eq!(counted(&turn), "other dropped");
}

#[test]
fn nothing_is_kept_for_questions_where_the_backend_is_never_asked() {
    let asks = |text: &str| {
        let config = Config::parse("test", text).unwrap_or_else(|error| panic!("{error}"));
        config.endpoints[0].dialect.calls().is_some()
    };
    let without_requests = CONFIG.split("[[endpoint.request]]").next().unwrap();
    assert!(asks(CONFIG));
    assert!(!asks(without_requests));
    let greeting = "greeting = \"admin_connected\"";
    assert!(asks(&without_requests.replace(greeting, &format!("{greeting}\nrequest = \"GET /api/me\""))));
}

/// Clients take a text that comes last in an event for the place of what they got last.
#[test]
fn an_answer_that_is_a_text_was_taken_for_where_its_client_stands() {
    let data = r#"{ entity_type = "{data.entity_type}", entity_id = "{data.entity_id}", room = "{room}" }"#;
    let config = CONFIG.replace(data, r#""{room}""#);
    let recovering = config.replace("dialect = \"socketio\"", "dialect = \"socketio\"\nrecovery = \"2m\"");
    for (config, expected) in [(config, r#""platform_1""#), (recovering, r#""platform_1",null"#)] {
        let namespace = namespace_of(&config, "/admin");
        let mut talk = Talk(open(&*namespace, "/socket.io", (&Credential::Missing, true), NOW).0);
        talk.say(r#"0/admin,{"token":"t"}"#);
        talk.returned(Returned::Credential(Credential::Valid(user(json!({"role": "admin"})))));
        let turn =
            talk.say(r#"2/admin,["subscribe_entity_updates",{"entity_type":"platform","entity_id":1}]"#);
        assert_eq!(told(&turn), [format!(r#"42/admin,["subscribed",{expected}]"#)]);
    }
}

/// Some backends, and proxies before them, decode a path before they look where it leads.
#[test]
fn no_id_leads_to_another_path() {
    let request = "request = \"GET /api/feed?per_page={data.limit}&page={page}\"";
    let config = CONFIG.replace(request, "request = \"GET /api/feed/{data.id}\"");
    let namespace = namespace_of(&config, "/admin");
    let asked = |id: &str| {
        let mut talk = Talk::inside_of(&*namespace, "/admin", json!({"role": "admin"}));
        match talk.say(&format!(r#"2/admin,["request_activity_feed",{}]"#, json!({"id": id}))).call {
            Some(Call::Upstream(asked)) => asked.target,
            _ => String::new(),
        }
    };
    assert_eq!(asked("a/b ?#%\r\n"), "/api/feed/a%2Fb%20%3F%23%25%0D%0A");
    assert_eq!(asked("..."), "/api/feed/...");
    for id in ["", ".", "..", "../users", "x/../../users", "..\\users", "x/."] {
        assert_eq!(asked(id), "", "{id}");
    }
}
