//! Who clients are, and what that changes.

use serde_json::{Value, json};

use super::{Client, Cms, PATH, authenticated, backend, error, token};
use crate::harness::*;
use crate::visibility::{JWT, SECRET, now, sign};

#[test]
fn fastcms_check_11_users_come_and_leave() {
    let cms = Cms::start("auth = \"optional\"");
    let mut watcher = cms.open(&format!("?token={}", token("watcher")));
    assert_eq!(watcher.0.next(), authenticated("watcher"));
    // Nobody in particular is not told who is here.
    let mut stranger = cms.reader(&["presence", "marks"]);
    watcher.subscribe("presence");
    let mut bob = cms.open(&format!("?token={}", token("bob")));
    assert_eq!(bob.0.next(), authenticated("bob"));
    let mut expect = |kind: &str, action: &str| {
        let event = watcher.event();
        // Its own came before it was subscribed, or just after.
        let event = if event["record_id"] == "watcher" { watcher.event() } else { event };
        assert_eq!(
            json!([event["type"], event["collection"], event["record_id"]]),
            json!([kind, "presence", "bob"])
        );
        assert_eq!(json!([event["data"]["user_id"], event["data"]["action"]]), json!(["bob", action]));
        assert!(event["data"]["timestamp"].is_string());
    };
    expect("user.joined", "joined");
    drop(bob);
    expect("user.left", "left");
    cms.mark();
    assert_eq!(stranger.until_mark(), []);
}

#[test]
fn a_user_whom_its_share_refused_was_said_to_have_come_and_left() {
    let cms = Cms::with("auth = \"optional\"", "[limits]\nconnections_per_user = 1\n");
    let mut watcher = cms.open(&format!("?token={}", token("watcher")));
    assert_eq!(watcher.0.next(), authenticated("watcher"));
    watcher.subscribe("marks");
    watcher.subscribe("presence");
    let mut bob = cms.open(&format!("?token={}", token("bob")));
    assert_eq!(bob.0.next(), authenticated("bob"));
    let mut told: Vec<String> = Vec::new();
    let mut listen = || {
        cms.mark();
        // The watcher's own came before it was subscribed, or just after.
        let events = watcher.until_mark().into_iter().filter(|(_, id)| id == "bob");
        told.extend(events.map(|(kind, _)| kind));
        told.clone()
    };
    eventually("bob has come", || (!listen().is_empty()).then_some(()));
    let mut second = cms.open("");
    second.say(&json!({"action": "auth", "token": token("bob")}));
    assert_eq!(second.0.close_code(), 1008);
    let mut third = cms.proxy.reader(&format!("{PATH}?token={}", token("bob")));
    assert_eq!(third.close_code(), 1008);
    drop((second, third, bob));
    eventually("bob has left", || listen().contains(&"user.left".to_owned()).then_some(()));
    eventually("all are gone", || {
        (cms.proxy.metric("restcast_connections{dialect=\"fastcms\"}") == 1.0).then_some(())
    });
    assert_eq!(listen(), ["user.joined", "user.left"]);
}

#[test]
fn fastcms_check_12_a_token_by_message() {
    let expired = sign(SECRET, &json!({"sub": "ann", "exp": now() - 600}));
    let refresh = sign(SECRET, &json!({"sub": "ann", "type": "refresh", "exp": now() + 600}));
    let cms = Cms::start("auth = \"optional\"");
    let mut client = cms.open("");
    for bad in
        [&expired, &refresh, "nonsense", &sign("another secret", &json!({"sub": "a", "exp": now() + 9}))]
    {
        let answer = client.ask(&json!({"action": "auth", "token": bad}));
        assert_eq!(answer, error("Invalid or expired token"));
        let mut client = cms.open(&format!("?token={bad}"));
        assert_eq!(client.0.next(), error("Invalid or expired token"));
        client.subscribe("posts");
    }
    for user in ["ann", "bob"] {
        let answer = client.ask(&json!({"action": "auth", "token": token(user)}));
        assert_eq!(answer, authenticated(user));
    }

    let cms = Cms::start("auth = \"required\"\nauth_timeout = \"300ms\"");
    let mut client = cms.open(&format!("?token={refresh}"));
    assert_eq!(client.0.next(), error("Invalid or expired token"));
    assert_eq!(client.0.close_code(), 1008);
    let mut client = cms.open("");
    let subscribe = json!({"action": "subscribe", "collection": "posts"});
    assert_eq!(client.ask(&subscribe), error("Authentication required"));
    assert_eq!(client.0.next(), error("Authentication required"));
    assert_eq!(client.0.close_code(), 1008);
}

#[test]
fn fastcms_check_14_the_statistics() {
    let cms = Cms::start("auth = \"optional\"");
    let mut clients = [cms.reader(&["posts", "comments"]), cms.reader(&["posts", "*"]), cms.open("")];
    let authorization = format!("Bearer {}", token("ann"));
    let get = |method: &str, headers: &[(&str, &str)]| {
        request(cms.proxy.address, method, "/api/v1/stats", headers, b"")
    };
    assert_eq!(clients[2].ask(&json!({"action": "auth", "token": token("ann")})), authenticated("ann"));
    assert_eq!(get("GET", &[]).status, 401);
    assert_eq!(get("GET", &[("Authorization", "Bearer nonsense")]).status, 401);
    let answer = get("GET", &[("Authorization", &authorization)]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let mut stats: Value = serde_json::from_str(&answer.text()).unwrap();
    let listed = stats["subscriptions"].take();
    let mut listed: Vec<Value> = listed.as_object().unwrap().values().cloned().collect();
    listed.sort_by_key(Value::to_string);
    assert_eq!(listed, [json!(["*"]), json!(["comments", "posts"]), json!([])]);
    assert_eq!(
        stats,
        json!({"total_connections": 3, "authenticated_connections": 1, "unique_users": 1,
            "pubsub_backend": "memory", "subscriptions": null})
    );
    let head = get("HEAD", &[("Authorization", &authorization)]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(cms.origin.requests().len(), 0);
    // What is not asked for with a GET is not the statistics'.
    get("POST", &[]);
    assert_eq!(cms.origin.requests().len(), 1);
}

#[test]
fn fastcms_check_14_the_statistics_are_open_or_not_there_where_that_is_said() {
    let cms = Cms::start("stats = \"public\"\nstats_path = \"/stats\"");
    let _client = cms.open("");
    let stats = cms.proxy.get("/stats").text();
    assert!(stats.starts_with(r#"{"total_connections":1,"authenticated_connections":0,"#), "{stats}");
    assert_eq!(cms.origin.requests().len(), 0);
    let cms = Cms::start("stats = \"off\"");
    assert_eq!(cms.proxy.get("/api/v1/stats").status, 201);
    assert_eq!(cms.origin.requests().len(), 1);
}

/// A word before the end of what a token was good for.
#[test]
fn fastcms_says_when_a_token_expires() {
    for (settings, is_closed) in
        [("auth = \"required\"", true), ("auth = \"optional\"\non_expiry = \"demote\"", false)]
    {
        let cms = Cms::start(settings);
        let mut client = cms.open(&format!("?token={}", token("ann")));
        assert_eq!(client.0.next(), authenticated("ann"));
        let until = now() + 2;
        let short = sign(SECRET, &json!({"sub": "ann", "email": "ann@example.com", "exp": until}));
        assert_eq!(client.ask(&json!({"action": "auth", "token": short})), authenticated("ann"));
        assert_eq!(client.0.next(), error("Invalid or expired token"));
        assert!(now() >= until, "too early");
        if is_closed {
            assert_eq!(client.0.close_code(), 1008);
        } else {
            client.subscribe("posts");
        }
    }
}

/// A list whose records belong to several: each gets its own, and nothing of the others.
#[test]
fn fastcms_tells_each_owner_of_its_own_records_of_a_list() {
    let origin = backend();
    let route = "[[route]]\npath = \"/api/notes/{id}\"\nmodel = \"note\"\n\
        visibility = { claim = \"sub\", field = \"owner\" }\n";
    let endpoint = format!("[[endpoint]]\npath = \"{PATH}\"\ndialect = \"fastcms\"\nauth = \"optional\"\n");
    let proxy = Proxy::with(origin.address, &format!("{route}{endpoint}{JWT}"));
    let mut clients = ["ann", "bob"].map(|user| {
        let mut client = Client(proxy.reader(&format!("{PATH}?token={}", token(user))));
        while client.0.next()["type"] != "authenticated" {}
        client.subscribe("note");
        client
    });
    let list = json!([{"id": 1, "owner": "ann"}, {"id": 2, "owner": "bob"}, {"id": 3, "owner": "ann"}]);
    proxy.send("POST", "/api/notes", &list.to_string());
    proxy.send("POST", "/api/notes", r#"[{"id": 4, "owner": "ann"}, {"id": 5, "owner": "bob"}]"#);
    let ids = |client: &mut Client, count| -> Vec<Value> {
        (0..count).map(|_| client.event()["record_id"].clone()).collect()
    };
    assert_eq!(ids(&mut clients[0], 3), [1, 3, 4]);
    assert_eq!(ids(&mut clients[1], 2), [2, 5]);
}
