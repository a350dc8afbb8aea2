//! The publish API on the admin port: what programs beside the backend publish, send, see and end.

use serde_json::{Value, json};

use crate::harness::*;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const ENDPOINTS: &str = "[[endpoint]]\npath = \"/events\"\ndialect = \"canonical\"\nauth = \"optional\"\n\
    [[endpoint]]\npath = \"/more\"\ndialect = \"canonical\"\nauth = \"optional\"\n";
const JWT: &str =
    "[auth.jwt]\nalgorithms = [\"HS256\"]\nsecret = \"a secret of more than thirty-two bytes\"\n";

/// A proxy with two endpoints for readers with and without a token; nothing goes to its backend.
fn proxy() -> Proxy {
    Proxy::with(free_address(), &format!("{AUTHOR_ROUTE}{ENDPOINTS}{JWT}"))
}

pub fn token(user: &str, role: &str) -> String {
    let folder = Folder::new();
    let tables = format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{AUTHOR_ROUTE}{ENDPOINTS}{JWT}");
    let config = folder.write("proxy.toml", tables);
    let mut command = restcast();
    command.args(["token", "--sub", user, "--role", role, "--claim", "email=a@b.c", "--config"]).arg(config);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

trait Api {
    fn api(&self, method: &str, path: &str, body: &Value) -> (u16, Value);
    fn user(&self, path: &str, user: &str) -> Reader;
}

impl Api for Proxy {
    fn api(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        said(&request(self.admin, method, path, &[JSON], body.as_bytes()))
    }

    fn user(&self, path: &str, user: &str) -> Reader {
        self.reader(&format!("{path}?token={}", token(user, "member")))
    }
}

/// Status and JSON of an answer.
fn said(answer: &Answer) -> (u16, Value) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// Status and code of a refusal.
fn refusal((status, body): (u16, Value)) -> (u16, String) {
    assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    (status, body["error"]["code"].as_str().unwrap().to_owned())
}

fn event(more: &Value) -> Value {
    let mut event = json!({ "model": "author", "operation": "update", "audience": "everyone" });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

#[test]
fn an_event_reaches_those_who_subscribed_to_it() {
    let proxy = proxy();
    let mut all = proxy.reader("/events");
    let mut record = proxy.reader("/more?topic=author/42");
    let mut other = proxy.reader("/events?topic=book");
    let body = event(&json!({ "operation": "create", "id": 42, "record": { "id": 42, "big": 1 } }));
    // Numbers pass as they were written.
    let text = body.to_string().replace("\"big\":1", "\"big\":12345678901234567890.50");
    let (status, answer) = said(&request(proxy.admin, "POST", "/api/events", &[JSON], text.as_bytes()));
    assert_eq!((status, &answer["sent"]), (200, &json!(2)), "{answer}");
    let got = all.next_text();
    assert!(got.contains("\"big\":12345678901234567890.50"), "{got}");
    let got: Value = serde_json::from_str(&got).unwrap();
    assert_eq!(got["event"], answer["event"]);
    assert_eq!(
        (&got["origin"], &got["model"], &got["operation"], &got["action"], &got["http"]),
        (&json!("publish_api"), &json!("author"), &json!("create"), &Value::Null, &Value::Null)
    );
    assert_eq!(got["items"][0]["strength"], "record");
    assert_eq!(record.next()["event"], answer["event"]);
    // A name of its own, and nothing but that.
    let (_, answer) = proxy.api(
        "POST",
        "/api/events",
        &json!({ "collection": "book", "operation": "order.shipped", "id": "a", "audience": "everyone" }),
    );
    let got = other.next();
    assert_eq!((&got["event"], &got["action"]), (&answer["event"], &json!("order.shipped")));
    assert_eq!((&got["operation"], &got["items"][0]["id"]), (&json!("custom"), &json!("a")));
    assert_eq!(got["items"][0]["strength"], "changed");
    assert_eq!(all.next()["event"], answer["event"]);
    record.expect_silence();
    assert_eq!(proxy.metric("restcast_api_requests_total{result=\"ok\"}"), 2.0);
}

#[test]
fn an_audience_says_who_gets_an_event() {
    let proxy = proxy();
    let mut readers = [proxy.reader("/events"), proxy.user("/events", "alice"), proxy.user("/more", "bob")];
    // (audience, who gets it)
    let rows: [(Value, &[usize]); 6] = [
        (json!("everyone"), &[0, 1, 2]),
        (json!("authenticated"), &[1, 2]),
        (json!({ "roles": ["admin", "member"] }), &[1, 2]),
        (json!({ "roles": ["admin"] }), &[]),
        (json!({ "user": "bob" }), &[2]),
        (json!({ "user": "nobody" }), &[]),
    ];
    for (audience, who) in rows {
        let (status, answer) = proxy.api("POST", "/api/events", &event(&json!({ "audience": audience })));
        assert_eq!((status, &answer["sent"]), (200, &json!(who.len())), "{audience}");
        for index in who {
            assert_eq!(readers[*index].next()["event"], answer["event"], "{audience} {index}");
        }
    }
    readers.iter_mut().for_each(Reader::expect_silence);
}

#[test]
fn messages_go_to_everybody_an_endpoint_a_user_or_one_connection() {
    let proxy = proxy();
    let mut readers = [proxy.user("/events", "alice"), proxy.user("/more", "alice"), proxy.reader("/more")];
    let mut live = Reader::connect(proxy.admin, "/live");
    let (_, listed) = proxy.api("GET", "/api/connections?user_id=alice&endpoint=/more", &Value::Null);
    let id = listed["connections"][0]["connection_id"].as_str().unwrap();
    let send = format!("/api/connections/{id}/send");
    let rows: [(&str, Value, &[usize]); 6] = [
        ("/api/broadcast", json!({}), &[0, 1, 2]),
        ("/api/broadcast", json!({ "endpoint": "/more" }), &[1, 2]),
        ("/api/broadcast", json!({ "user_id": "alice" }), &[0, 1]),
        ("/api/broadcast", json!({ "user_id": "alice", "endpoint": "/events" }), &[0]),
        ("/api/broadcast", json!({ "user_id": "nobody" }), &[]),
        (&send, json!({}), &[1]),
    ];
    for (number, (path, mut body, who)) in rows.into_iter().enumerate() {
        let message = json!({ "type": "hello", "number": number });
        body["message"] = message.clone();
        assert_eq!(proxy.api("POST", path, &body), (200, json!({ "sent": who.len() })), "{body}");
        for index in who {
            assert_eq!(readers[*index].next(), message);
        }
    }
    readers.iter_mut().for_each(Reader::expect_silence);
    // Who looks on is nobody's reader.
    live.expect_silence();
    let gone = format!("/api/connections/{}/send", "00000000-0000-4000-8000-000000000000");
    for path in [gone.as_str(), "/api/connections/x/send"] {
        let answer = proxy.api("POST", path, &json!({ "message": {} }));
        assert_eq!(refusal(answer), (404, "unknown_connection".to_owned()));
    }
}

#[test]
fn connections_are_counted_listed_page_by_page_and_gone_when_they_end() {
    let proxy = proxy();
    let before = std::time::SystemTime::now();
    let mut readers: Vec<Reader> = (0..3).map(|_| proxy.user("/events", "alice")).collect();
    let _other = proxy.reader("/more");
    let _live = Reader::connect(proxy.admin, "/live");
    let list = |query: &str| proxy.api("GET", &format!("/api/connections{query}"), &Value::Null).1;
    for (query, count) in [
        ("", 4),
        ("?user_id=alice", 3),
        ("?endpoint=/more", 1),
        ("?endpoint=%2Fmore", 1),
        ("?user_id=alice&endpoint=/more", 0),
        ("?user_id=nobody", 0),
        ("?limit=0", 4),
    ] {
        assert_eq!(list(query)["count"], count, "{query}");
    }
    let connection = &list("?user_id=alice&limit=1")["connections"][0];
    let mut fields: Vec<&String> = connection.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        ["connected_at", "connection_id", "endpoint", "namespace", "rooms", "user_email", "user_id"]
    );
    assert_eq!((&connection["user_id"], &connection["user_email"]), (&json!("alice"), &json!("a@b.c")));
    assert_eq!(connection["endpoint"], "/events");
    let since = connection["connected_at"].as_str().unwrap();
    assert!(since.len() == 32 && since.ends_with("+00:00"), "{since}");
    let year = 1970 + before.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 31_556_952;
    assert!(since.starts_with(&year.to_string()), "{since}");
    // Page by page, each connection once.
    let (mut after, mut ids) = (String::new(), Vec::new());
    loop {
        let page = list(&format!("?user_id=alice&limit=2{after}"));
        assert_eq!(page["count"], 3);
        let connections = page["connections"].as_array().unwrap();
        ids.extend(connections.iter().map(|c| c["connection_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    readers.pop();
    eventually("one is gone", || (list("?user_id=alice")["count"] == 2).then_some(()));
    readers.clear();
    eventually("all are gone", || (list("?user_id=alice")["count"] == 0).then_some(()));
}

#[test]
fn connections_are_ended_one_by_one_or_all_of_a_user() {
    let proxy = proxy();
    let mut readers =
        [proxy.user("/events", "alice"), proxy.user("/more", "alice"), proxy.user("/more", "bob")];
    let (_, listed) = proxy.api("GET", "/api/connections?user_id=bob", &Value::Null);
    let path = format!("/api/connections/{}", listed["connections"][0]["connection_id"].as_str().unwrap());
    assert_eq!(proxy.api("DELETE", &path, &Value::Null), (200, json!({ "closed": 1 })));
    assert_eq!(readers[2].close_code(), 1008);
    let gone = || proxy.api("DELETE", &path, &Value::Null).0 == 404;
    eventually("it is forgotten", || gone().then_some(()));
    let closed = proxy.api("DELETE", "/api/connections?user_id=alice", &Value::Null);
    assert_eq!(closed, (200, json!({ "closed": 2 })));
    assert_eq!([readers[0].close_code(), readers[1].close_code()], [1008, 1008]);
    let all = proxy.api("DELETE", "/api/connections", &Value::Null);
    assert_eq!(refusal(all), (400, "invalid_request".to_owned()));
}

/// Status, code, path and body.
const WRONG: &str = r#"
400 invalid_json /api/events
400 invalid_json /api/events {
400 invalid_json /api/events {} {}
400 invalid_json /api/broadcast {"message":{"a":1e999}}
400 invalid_request /api/events []
400 invalid_request /api/events ["author","update",1,{},false,"everyone"]
400 invalid_request /api/events {"model":"author","operation":"update"}
400 invalid_request /api/events {"operation":"update","audience":"everyone"}
400 invalid_request /api/events {"model":"a","operation":"","audience":"everyone"}
400 invalid_request /api/events {"model":"ALL","operation":"x","audience":"everyone"}
400 invalid_request /api/events {"model":"a/b","operation":"x","audience":"everyone"}
400 invalid_request /api/events {"model":"a","operation":"x","audience":"all"}
400 invalid_request /api/events {"model":"a","operation":"x","audience":{"roles":[]}}
400 invalid_request /api/events {"model":"a","operation":"x","audience":{"user":""}}
400 invalid_request /api/events {"model":"a","operation":"x","audience":"everyone","id":1.5}
400 invalid_request /api/events {"model":"a","operation":"x","audience":"everyone","id":[1]}
400 invalid_request /api/events {"model":"a","operation":"x","audience":"everyone","id":""}
400 invalid_request /api/events {"model":"a","operation":"x","audience":"everyone","ids":1}
400 invalid_request /api/events {"model":"a","collection":"b","operation":"x","audience":"everyone"}
400 invalid_request /api/events?x=1 {"model":"a","operation":"x","audience":"everyone"}
400 invalid_request /api/broadcast {}
400 invalid_request /api/broadcast {"message":[1]}
400 invalid_request /api/broadcast {"message":"a"}
400 invalid_request /api/broadcast {"message":{},"user_id":""}
400 invalid_request /api/broadcast {"message":{},"user_id":7}
400 invalid_request /api/broadcast {"message":{},"user":"a"}
404 unknown_endpoint /api/broadcast {"message":{},"endpoint":"/no"}
404 unknown_app /api/apps/shop/broadcast {"message":{}}
404 not_found /api/apps/%ff/broadcast {"message":{}}
404 not_found /api/ {}
404 not_found /api/events/ {}
404 not_found /api/apps/shop/events {}
"#;

#[test]
fn what_is_wrong_with_a_request_is_said_with_a_code() {
    let proxy = proxy();
    let refused =
        |path: &str, body: &str| refusal(said(&request(proxy.admin, "POST", path, &[JSON], body.as_bytes())));
    for row in WRONG.trim().lines() {
        let mut parts = row.splitn(4, ' ');
        let [status, code, path, body] = [(); 4].map(|()| parts.next().unwrap_or_default());
        assert_eq!(refused(path, body), (status.parse().unwrap(), code.to_owned()), "{row}");
    }
    let deep = format!(r#"{{"message":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    assert_eq!(refused("/api/broadcast", &deep).1, "invalid_json");
    let long = event(&json!({ "model": "m".repeat(129) })).to_string();
    assert_eq!(refused("/api/events", &long).1, "invalid_request");
    let queries =
        ["limit=1001", "limit=-1", "after=x", "user_id=", "user=a", "limit=1&limit=1", "user_id=%ff"];
    for query in queries {
        let answer = proxy.api("GET", &format!("/api/connections?{query}"), &Value::Null);
        assert_eq!(refusal(answer), (400, "invalid_request".to_owned()), "{query}");
    }
    let answer = proxy.api("GET", "/api/connections?endpoint=/no", &Value::Null);
    assert_eq!(refusal(answer), (404, "unknown_endpoint".to_owned()));
    assert!(proxy.metric("restcast_api_requests_total{result=\"invalid_json\"}") >= 5.0);
}

#[test]
fn methods_types_and_sizes_are_said_to_be_wrong() {
    let proxy = proxy();
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        request(proxy.admin, method, path, headers, body)
    };
    for (method, path, allow) in [
        ("GET", "/api/events", "POST"),
        ("PUT", "/api/broadcast", "POST"),
        ("POST", "/api/connections", "GET, HEAD, DELETE"),
        ("GET", "/api/connections/x", "DELETE"),
        ("DELETE", "/api/connections/x/send", "POST"),
        ("OPTIONS", "/api/openapi.json", "GET, HEAD"),
    ] {
        let answer = ask(method, path, &[JSON], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
    // What the form of a page can send.
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
    {
        let answer = ask("POST", "/api/broadcast", &[("Content-Type", content_type)], br#"{"message":{}}"#);
        assert_eq!(refusal(said(&answer)), (415, "unsupported_media_type".to_owned()), "{content_type}");
    }
    assert_eq!(ask("POST", "/api/broadcast", &[], br#"{"message":{}}"#).status, 415);
    let types = [("Content-Type", "Application/JSON; charset=utf-8")];
    assert_eq!(ask("POST", "/api/broadcast", &types, br#"{"message":{}}"#).status, 200);
    for size in [256 * 1024 + 1, 1024 * 1024 + 1] {
        let answer = ask("POST", "/api/broadcast", &[JSON], &vec![b' '; size]);
        assert_eq!(refusal(said(&answer)), (413, "too_large".to_owned()), "{size}");
    }
}

#[test]
fn pages_in_browsers_of_this_machine_are_refused() {
    let proxy = proxy();
    let (own, port) = (proxy.admin.to_string(), proxy.admin.port());
    let (local, name) = (format!("localhost:{port}"), format!("evil.example:{port}"));
    let ask = |host: &str, origin: &str| {
        let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
        let text =
            format!("GET /api/connections HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: close\r\n\r\n");
        let mut stream = connect(proxy.admin);
        std::io::Write::write_all(&mut stream, text.as_bytes()).unwrap();
        read_answer(&mut std::io::BufReader::new(stream), false).status
    };
    for (host, origin, status) in [
        (own.as_str(), "", 200),
        (&own, &format!("http://{own}"), 200),
        (&local, &format!("http://{local}"), 200),
        (&own, "http://evil.example", 403),
        (&own, "null", 403),
        (&own, &format!("http://{local}"), 403),
        // A name that was made to point here: a page of it needs no Origin to read.
        (&name, "", 403),
        (&name, &format!("http://{name}"), 403),
    ] {
        assert_eq!(ask(host, origin), status, "{host} {origin}");
    }
}

const KEYS: &str = "[[admin.key]]\nname = \"all\"\nsecret = \"env:RESTCAST_API_KEY\"\n\
    [[admin.key]]\nname = \"authors\"\nsecret = \"a-secret-of-authors\"\nmodels = [\"author\"]\n";

#[test]
fn keys_are_needed_where_there_are_some_and_never_logged() {
    let environment = [("RESTCAST_API_KEY", "a-secret-of-all-models"), ("RUST_LOG", "trace")];
    let tables = format!("{AUTHOR_ROUTE}{ENDPOINTS}{JWT}{KEYS}");
    let proxy = Proxy::with_environment(&environment, free_address(), &tables);
    let ask = |key: &str, model: &str| {
        let key = format!("Bearer {key}");
        let headers = [JSON, ("Authorization", key.as_str())];
        let headers = if key == "Bearer " { &headers[..1] } else { &headers };
        let body = event(&json!({ "model": model })).to_string();
        request(proxy.admin, "POST", "/api/events", headers, body.as_bytes())
    };
    for (key, model, status) in [
        ("", "author", 401),
        ("a-secret-of-nobody", "author", 401),
        ("a-secret-of-all-models", "author", 200),
        ("a-secret-of-all-models", "book", 200),
        ("a-secret-of-authors", "author", 200),
        ("a-secret-of-authors", "book", 403),
    ] {
        let answer = ask(key, model);
        assert_eq!(
            (answer.status, answer.header("www-authenticate").is_some()),
            (status, status == 401),
            "{key}"
        );
    }
    // The numbers stay as they are, and so does the document.
    for path in ["/metrics", "/healthz", "/api/openapi.json"] {
        assert_eq!(request(proxy.admin, "GET", path, &[], b"").status, 200, "{path}");
    }
    assert_eq!(proxy.metric("restcast_api_requests_total{result=\"unauthorized\"}"), 2.0);
    let log = proxy.process.output();
    assert!(log.contains("listening") && !log.contains("a-secret-of"), "{log}");
}

#[test]
fn a_port_that_others_reach_needs_a_key() {
    let admin = free_address();
    let folder = Folder::new();
    let tables = format!(
        "[server]\nlisten = \"{}\"\n[admin]\nlisten = \"0.0.0.0:{}\"\n[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{}",
        free_address(),
        admin.port(),
        tables()
    );
    let process =
        Process::start(restcast().arg("serve").arg("--config").arg(folder.write("proxy.toml", tables)));
    process.line("listening");
    let answer = request(admin, "GET", "/api/connections", &[], b"");
    assert_eq!(refusal(said(&answer)), (403, "forbidden".to_owned()));
}

#[test]
fn the_same_idempotency_key_publishes_once() {
    let proxy = proxy();
    let mut reader = proxy.reader("/events");
    let ask = |operation: &str| {
        let body = event(&json!({ "operation": operation })).to_string();
        let headers = [JSON, ("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")];
        request(proxy.admin, "POST", "/api/events", &headers, body.as_bytes())
    };
    let (first, again) = (ask("create"), ask("create"));
    assert_eq!((first.status, &first.body), (200, &again.body));
    let replayed = |answer: &Answer| answer.header("idempotent-replayed") == Some("true");
    assert!(!replayed(&first) && replayed(&again));
    assert_eq!(refusal(said(&ask("update"))), (422, "key_reused".to_owned()));
    assert_eq!(reader.next()["event"], said(&first).1["event"]);
    reader.expect_silence();
}
