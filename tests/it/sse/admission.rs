//! Who comes in, and what it may see.

use super::*;
use crate::visibility::{JWT, SECRET, now, sign};

/// One that is good for so many seconds.
pub(super) fn token(user: &str, seconds: u64) -> String {
    sign(SECRET, &json!({"sub": user, "roles": ["member"], "exp": now() + seconds}))
}

fn proxy(origin: &Origin, more: &str) -> Proxy {
    let routes = r#"
[[route]]
path = "/api/authors/{id}"
model = "author"
visibility = "authenticated"
[[route]]
path = "/api/books/{id}"
model = "book"
visibility = "public"
[[route]]
path = "/api/own/{id}"
model = "own"
visibility = { claim = "sub", field = "owner" }
[[endpoint]]
path = "/events"
dialect = "sse"
"#;
    Proxy::with(origin.address, &format!("{routes}{more}\n{JWT}"))
}

fn proxy_of_one(origin: &Origin) -> Proxy {
    proxy(origin, "[hub]\nmax_connections = 1\n")
}

fn refusal(proxy: &Proxy, target: &str, headers: &[(&str, &str)]) -> (u16, String, Answer) {
    let answer = request(proxy.address, "GET", target, headers, b"");
    let body: Value = serde_json::from_str(&answer.text()).unwrap();
    (answer.status, body["message"].as_str().unwrap().to_owned(), answer)
}

#[test]
fn each_reader_gets_what_it_may_see() {
    let origin = Origin::json(200, r#"{"id":1,"owner":"alice"}"#);
    let proxy = proxy(&origin, "auth = \"optional\"\ncookie = \"session\"");
    let (alice, bob) = (token("alice", 600), token("bob", 600));
    let bearer = format!("Bearer {bob}");
    let cookie = format!("session={alice}");
    let mut readers = [
        (Events::connect(proxy.address, "/events"), vec!["book"]),
        (Events::connect(proxy.address, &format!("/events?token={alice}")), vec!["author", "book", "own"]),
        (
            Events::connect_with(proxy.address, "/events", &[("Authorization", &bearer)]).unwrap(),
            vec!["author", "book"],
        ),
        (
            Events::connect_with(proxy.address, "/events", &[("Cookie", &cookie)]).unwrap(),
            vec!["author", "book", "own"],
        ),
    ];
    for path in ["/api/authors/1", "/api/books/1", "/api/own/1"] {
        assert_eq!(proxy.send("PUT", path, "{}").status, 200);
    }
    for (reader, models) in &mut readers {
        for model in models {
            assert_eq!(reader.next().json()["model"], *model);
        }
        reader.expect_silence();
    }
    let said = proxy.process.output();
    assert!(!said.contains(&alice) && !said.contains(&bob), "{said}");
}

#[test]
fn who_may_not_come_in_gets_json_that_says_why() {
    let origin = Origin::json(200, "{}");
    let proxy = proxy(&origin, "auth = \"required\"\ncookie = \"session\"");
    let expired = sign(SECRET, &json!({"sub": "alice", "exp": now() - 60}));
    let forged =
        sign("another secret of more than thirty-two bytes", &json!({"sub": "a", "exp": now() + 60}));
    for target in
        ["/events".to_owned(), format!("/events?token={expired}"), format!("/events?topic=a&token={forged}")]
    {
        let (status, message, answer) = refusal(&proxy, &target, &[]);
        assert_eq!((status, answer.header("www-authenticate")), (401, Some("Bearer")), "{message}");
        assert!(answer.header("content-type") == Some("application/json") && !message.is_empty());
    }
    assert_eq!(proxy.metric(r#"restcast_connections{dialect="sse"}"#), 0.0);
    // A cookie is sent by any page of a browser; only the site's own count.
    let alice = token("alice", 600);
    let cookie = format!("session={alice}");
    let own = format!("http://{}", proxy.address);
    for (origin, expected) in [(own.as_str(), None), ("https://evil.example", Some(403)), ("null", Some(403))]
    {
        let headers = [("Cookie", cookie.as_str()), ("Origin", origin)];
        assert_eq!(Events::connect_with(proxy.address, "/events", &headers).err(), expected, "{origin}");
    }
    // A token that a page had to know counts from anywhere.
    let headers = [("Origin", "https://evil.example")];
    let target = format!("/events?token={alice}");
    let reader = Events::connect_with(proxy.address, &target, &headers).unwrap();
    assert_eq!(reader.header("access-control-allow-origin"), Some("https://evil.example"));
    assert_eq!(reader.header("access-control-allow-credentials"), None);
}

#[test]
fn pages_of_listed_origins_may_read_and_others_may_not() {
    let origin = Origin::json(200, "{}");
    let proxy = proxy(&origin, "origins = [\"https://app.example\"]");
    let from = |origin: &str| Events::connect_with(proxy.address, "/events", &[("Origin", origin)]);
    let reader = from("https://app.example").unwrap();
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-allow-credentials", "true"),
        ("vary", "Origin"),
    ] {
        assert_eq!(reader.header(name), Some(value), "{name}");
    }
    let (status, _, answer) = refusal(&proxy, "/events", &[("Origin", "https://evil.example")]);
    assert_eq!((status, answer.header("access-control-allow-origin")), (403, None));
    // What a page that sends a header of its own asks before.
    let asks = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Headers", "authorization,last-event-id"),
    ];
    let answer = request(proxy.address, "OPTIONS", "/events", &asks, b"");
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (204, Some("GET, OPTIONS")));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,last-event-id"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    // A page that is let in may read why it is refused.
    let (status, _, answer) = refusal(&proxy, "/events?topic=%01", &[("Origin", "https://app.example")]);
    assert_eq!((status, answer.header("access-control-allow-origin")), (400, Some("https://app.example")));
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_reader_whose_token_expires_is_told_or_is_nobody_from_then_on() {
    let origin = Origin::json(200, r#"{"id":1}"#);
    for (more, ends) in [("", true), ("on_expiry = \"demote\"", false)] {
        let proxy = proxy(&origin, &format!("auth = \"optional\"\n{more}"));
        let target = format!("/events?token={}", token("alice", 2));
        let mut reader = Events::connect(proxy.address, &target);
        proxy.send("PUT", "/api/authors/1", "{}");
        assert_eq!(reader.next().json()["model"], "author");
        if ends {
            assert_eq!(reader.end(), json!({ "code": 1008, "reason": "Token expired" }));
            // What `EventSource` does next by itself; it gives up then.
            assert_eq!(Events::connect_with(proxy.address, &target, &[]).err(), Some(401));
            continue;
        }
        eventually("it is nobody", || {
            proxy.send("PUT", "/api/authors/1", "{}");
            proxy.send("PUT", "/api/books/1", "{}");
            let first = reader.next().json()["model"].clone();
            let is_nobody = first == "book";
            if !is_nobody {
                reader.next();
            }
            is_nobody.then_some(())
        });
    }
}

#[test]
fn one_client_has_its_share_and_all_have_theirs() {
    let origin = Origin::json(200, "{}");
    let proxy = proxy(&origin, "[limits]\nconnections_per_address = 2\n");
    let kept = [0, 1].map(|_| Events::connect(proxy.address, "/events"));
    let page = [("Origin", "https://app.example")];
    let (status, message, answer) = refusal(&proxy, "/events", &page);
    assert_eq!((status, message.as_str()), (429, "too many connections"));
    // A page reads why.
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    drop(kept);
    eventually("there is room again", || Events::connect_with(proxy.address, "/events", &[]).ok());

    let full = proxy_of_one(&origin);
    let _kept = Events::connect(full.address, "/events");
    assert_eq!(Events::connect_with(full.address, "/events", &[]).err(), Some(503));
}
