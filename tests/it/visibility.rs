//! Who gets what: every visibility, each dialect that tells events, each kind of reader, each kind of write.

use std::time::{SystemTime, UNIX_EPOCH};

use restcast::auth::{Algorithm, Issuer, Issuers, Key, Secret};
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::harness::*;

pub const SECRET: &str = "a secret of more than thirty-two bytes";
pub const JWT: &str = "[auth.jwt]\nalgorithms = [\"HS256\"]\nsecret = \"a secret of more than thirty-two bytes\"\nleeway = \"1ms\"\n";
/// Those that turn away who may not come in, and all that tell events.
const DIALECTS: [&str; 2] = ["flarchitect", "canonical"];
const TELLING: [&str; 5] = ["flarchitect", "canonical", "fastcms", "mdb_engine", "websocketspec"];

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn sign(secret: &str, claims: &Value) -> String {
    let issuer = Issuer::new(vec![Algorithm::HS256], Key::Shared(Secret::new(secret)));
    let issuers = Issuers::new(vec![issuer]);
    let map: &Map<String, Value> = claims.as_object().unwrap();
    issuers.iter().next().unwrap().sign(map).unwrap()
}

fn token(user: &str, roles: &[&str]) -> String {
    sign(SECRET, &json!({"sub": user, "roles": roles, "exp": now() + 600}))
}

/// A backend that answers a write with the body that it was sent, a DELETE with 204, and a GET of nobody in
/// particular with 401.
fn echoing() -> Origin {
    Origin::start(|request, stream| {
        let answer = if request.line.starts_with("DELETE") {
            b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
        } else if request.line.starts_with("GET") && request.header("authorization").is_none() {
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec()
        } else {
            let length = request.body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            );
            [head.as_bytes(), &request.body].concat()
        };
        std::io::Write::write_all(stream, &answer).is_ok()
    })
}

fn endpoint(path: &str, dialect: &str, more: &str) -> String {
    format!("[[endpoint]]\npath = \"{path}\"\ndialect = \"{dialect}\"\n{more}\n")
}

fn proxy(origin: &Origin, visibility: &str, more: &str) -> Proxy {
    let own = |name: &str| match name {
        // Who comes and leaves is not what is told here.
        "fastcms" => "presence = \"off\"",
        "mdb_engine" => "app = \"my_app\"",
        _ => "",
    };
    let made = |name: &&str| endpoint(&format!("/{name}"), name, &format!("{more}\n{}", own(name)));
    let endpoints: String = TELLING.iter().map(made).collect();
    Proxy::with(
        origin.address,
        &format!("{AUTHOR_ROUTE}visibility = {visibility}\n{MARK_ROUTE}{endpoints}{JWT}"),
    )
}

/// What everybody sees, so that silence before it is proven.
const MARK_ROUTE: &str = "[[route]]\npath = \"/api/marks/{id}\"\nmodel = \"mark\"\nvisibility = \"public\"\n";

/// Connects with these headers; else the status of the refusal.
pub fn connect_with(
    proxy: &Proxy,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(Reader, Option<String>), u16> {
    let mut request = format!("ws://{}{path}", proxy.address).into_client_request().unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    match tokio_tungstenite::tungstenite::client(request, connect(proxy.address)) {
        Ok((socket, answer)) => {
            let protocol = answer.headers().get("sec-websocket-protocol");
            Ok((Reader(socket), protocol.map(|value| value.to_str().unwrap().to_owned())))
        }
        Err(tokio_tungstenite::tungstenite::HandshakeError::Failure(
            tokio_tungstenite::tungstenite::Error::Http(answer),
        )) => Err(answer.status().as_u16()),
        Err(error) => panic!("{path}: {error}"),
    }
}

fn reader(proxy: &Proxy, dialect: &str, token: Option<&str>) -> Reader {
    let path = token.map_or(format!("/{dialect}"), |token| format!("/{dialect}?token={token}"));
    let mut reader = connect_with(proxy, &path, &[]).unwrap().0;
    if dialect == "fastcms" {
        reader.send(r#"{"action":"subscribe","collection":"*"}"#);
        while reader.next()["type"] != "subscribed" {}
    }
    if dialect == "mdb_engine" {
        assert_eq!(reader.next()["type"], "connected");
    }
    for entity in ["authors", "marks"].iter().filter(|_| dialect == "websocketspec") {
        let message = json!({"id": "s", "type": "subscription", "operation": "subscribe", "entity": entity});
        reader.send(message.to_string());
        assert_eq!(reader.next()["success"], true);
    }
    reader
}

/// A write, and what of it is to be recognised: the method that each dialect tells.
const WRITES: [(&str, &str, &str); 4] = [
    ("POST", "/api/authors", r#"{"id":7,"owner_id":"alice","name":"created"}"#),
    ("PUT", "/api/authors/7", r#"{"id":7,"owner_id":"alice","name":"updated"}"#),
    ("PATCH", "/api/authors/7", r#"{"id":7,"owner_id":"bob","name":"moved"}"#),
    ("DELETE", "/api/authors/7", ""),
];

/// What `fastcms`, `mdb_engine` and `websocketspec` tell. Of an update they do not say by which method.
fn method_of(kind: &str) -> &'static str {
    match kind {
        "record.created" | "author_created" | "create" => "POST",
        "record.updated" | "author_updated" | "update" => "UPDATE",
        "record.deleted" | "author_deleted" | "delete" => "DELETE",
        other => panic!("{other}"),
    }
}

/// What a dialect tells of these methods.
fn told(dialect: &str, methods: &[&str]) -> Vec<String> {
    let is_vague = ["fastcms", "mdb_engine", "websocketspec"].contains(&dialect);
    let is_update = |method: &str| is_vague && matches!(method, "PUT" | "PATCH");
    let told = methods.iter().map(|method| if is_update(method) { "UPDATE" } else { method });
    told.map(ToOwned::to_owned).collect()
}

/// The methods of the events that come before the mark.
fn seen(reader: &mut Reader) -> Vec<String> {
    let mut methods = Vec::new();
    loop {
        let event = reader.next();
        let data = &event["data"];
        let names = [&event["model"], &data["collection"], &event["type"], &event["entity"]];
        if names.iter().any(|name| ["mark", "mark_created", "marks"].iter().any(|mark| *name == mark)) {
            return methods;
        }
        if let Some(kind) = event["type"].as_str() {
            let kind = if kind == "notification" { &event["operation"] } else { &data["type"] }
                .as_str()
                .unwrap_or(kind);
            methods.push(method_of(kind).to_owned());
            continue;
        }
        let method = match (&event["method"], &event["http"]["method"]) {
            (Value::Null, Value::Null) => &event["operation"],
            (Value::Null, method) | (method, _) => method,
        };
        methods.push(method.as_str().unwrap().to_uppercase());
    }
}

#[test]
fn nobody_gets_what_it_may_not_see() {
    let all = ["POST", "PUT", "PATCH", "DELETE"];
    let none: [&str; 0] = [];
    // (visibility, what anonymous, alice, bob and an administrator get)
    let rows: [(&str, [&[&str]; 4]); 7] = [
        ("\"public\"", [&all, &all, &all, &all]),
        ("\"authenticated\"", [&none, &all, &all, &all]),
        ("\"auto\"", [&none, &all, &all, &all]),
        ("\"upstream\"", [&none, &all, &all, &all]),
        ("{ roles = [\"admin\", \"root\"] }", [&none, &none, &none, &all]),
        ("{ claim = \"sub\", field = \"owner_id\" }", [&none, &["POST", "PUT", "DELETE"], &all[2..], &none]),
        ("{ claim = \"sub\", field = \"/no/such\" }", [&none, &none, &none, &none]),
    ];
    for (visibility, expected) in rows {
        let origin = echoing();
        let proxy = proxy(&origin, visibility, "auth = \"optional\"");
        let tokens = [
            None,
            Some(token("alice", &[])),
            Some(token("bob", &["user"])),
            Some(token("carol", &["admin"])),
        ];
        let mut readers = Vec::new();
        for dialect in TELLING {
            for (who, token) in tokens.iter().enumerate() {
                readers.push((dialect, who, reader(&proxy, dialect, token.as_deref())));
            }
        }
        let mut operator = Reader::connect(proxy.admin, "/live");
        for (method, path, body) in WRITES {
            let credentials = ("Authorization", "Bearer whatever");
            request(proxy.address, method, path, &[credentials], body.as_bytes());
        }
        proxy.send("POST", "/api/marks", r#"{"id":1}"#);
        for (dialect, who, reader) in &mut readers {
            assert_eq!(seen(reader), told(dialect, expected[*who]), "{visibility} {dialect} {who}");
        }
        assert_eq!(seen(&mut operator), all, "{visibility}");
    }
}

#[test]
fn a_token_that_proves_nothing_is_refused_before_the_upgrade() {
    let origin = echoing();
    for mode in ["optional", "required"] {
        let proxy = proxy(&origin, "\"authenticated\"", &format!("auth = \"{mode}\""));
        let expired = sign(SECRET, &json!({"sub": "alice", "exp": now() - 5}));
        let forged = sign("another secret", &json!({"sub": "alice", "exp": now() + 60}));
        for dialect in DIALECTS {
            for (token, reason) in
                [(&expired, "expired"), (&forged, "signature"), (&"x".to_owned(), "malformed")]
            {
                let series = format!("restcast_auth_failures_total{{reason=\"{reason}\"}}");
                let before = proxy.metric(&series);
                assert_eq!(connect_with(&proxy, &format!("/{dialect}?token={token}"), &[]).err(), Some(401));
                assert_eq!(proxy.metric(&series), before + 1.0);
            }
            let without = connect_with(&proxy, &format!("/{dialect}"), &[]).err();
            assert_eq!(without, (mode == "required").then_some(401));
        }
        assert!(!proxy.process.output().contains(&expired));
    }
}

#[test]
fn a_refusal_is_json_that_says_why() {
    let origin = echoing();
    let proxy = proxy(&origin, "\"authenticated\"", "auth = \"required\"");
    let upgrade = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let answer = request(proxy.address, "GET", "/flarchitect", &upgrade, b"");
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    let body: Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(body, json!({"error": "unauthorized", "message": "a token is needed"}));
}

#[test]
fn a_token_is_taken_from_each_of_its_places() {
    let origin = echoing();
    let proxy = proxy(&origin, "\"authenticated\"", "auth = \"required\"\ncookie = \"session\"");
    let token = token("alice", &[]);
    let (bearer, protocol, cookie) =
        (format!("Bearer {token}"), format!("bearer, {token}"), format!("a=b; session={token}"));
    let in_query = format!("/flarchitect?token={token}&topic=author");
    let rows = [
        (in_query.as_str(), Vec::new(), None),
        ("/flarchitect?topic=author", vec![("Authorization", bearer.as_str())], None),
        ("/flarchitect?topic=author", vec![("Sec-WebSocket-Protocol", protocol.as_str())], Some("bearer")),
        ("/flarchitect?topic=author", vec![("Cookie", cookie.as_str())], None),
    ];
    for (path, headers, selected) in rows {
        let (mut reader, protocol) = connect_with(&proxy, path, &headers).unwrap();
        assert_eq!(protocol.as_deref(), selected);
        proxy.send("POST", "/api/authors", r#"{"id":1}"#);
        assert_eq!(reader.next()["model"], "author", "{path} {headers:?}");
    }
    assert!(!proxy.process.output().contains(&token));
}

#[test]
fn a_token_in_the_query_is_no_part_of_a_topic() {
    let origin = echoing();
    let proxy = proxy(&origin, "\"public\"", "auth = \"optional\"");
    let token = token("alice", &[]);
    // Whatever stands where, the first `topic` is the topic.
    for query in [
        format!("token={token}&topic=mark"),
        format!("topic=mark&token={token}"),
        "token=&topic=mark".to_owned(),
    ] {
        let (mut reader, _) = connect_with(&proxy, &format!("/flarchitect?{query}"), &[]).unwrap();
        proxy.send("POST", "/api/authors", r#"{"id":1}"#);
        proxy.send("POST", "/api/marks", r#"{"id":2}"#);
        assert_eq!(reader.next()["model"], "mark", "{query}");
    }
    // What looks like a topic inside a token is none, and the token is bad.
    assert_eq!(connect_with(&proxy, "/flarchitect?token=topic=mark", &[]).err(), Some(401));
}

#[test]
fn without_auth_tokens_are_not_looked_at() {
    let origin = echoing();
    let proxy = proxy(&origin, "\"authenticated\"", "");
    let mut reader = reader(&proxy, "flarchitect", Some("nonsense"));
    proxy.send("POST", "/api/authors", r#"{"id":1}"#);
    proxy.send("POST", "/api/marks", r#"{"id":2}"#);
    assert_eq!(seen(&mut reader), Vec::<String>::new());
}

#[test]
fn a_cookie_counts_only_from_the_sites_own_pages() {
    let origin = echoing();
    let settings = "auth = \"optional\"\ncookie = \"session\"\norigins = [\"https://app.example\"]";
    let listed = proxy(&origin, "\"authenticated\"", settings);
    let unlisted = proxy(&origin, "\"authenticated\"", "auth = \"optional\"\ncookie = \"session\"");
    let token = token("alice", &[]);
    let cookie = format!("session={token}");
    let own = |proxy: &Proxy| format!("http://{}", proxy.address);
    let by = |proxy: &Proxy, origin: &str, cookie: Option<&str>| {
        let mut headers = vec![("Origin", origin)];
        headers.extend(cookie.map(|cookie| ("Cookie", cookie)));
        connect_with(proxy, "/flarchitect", &headers).err()
    };
    for (proxy, foreign, anonymous) in [(&listed, None, Some(403)), (&unlisted, Some(403), None)] {
        assert_eq!(by(proxy, &own(proxy), Some(&cookie)), None);
        assert_eq!(by(proxy, "https://app.example", Some(&cookie)), foreign);
        assert_eq!(by(proxy, "https://evil.example", Some(&cookie)), Some(403));
        assert_eq!(by(proxy, "null", Some(&cookie)), Some(403));
        assert_eq!(by(proxy, "https://evil.example", None), anonymous);
        assert!(proxy.metric("restcast_auth_failures_total{reason=\"origin\"}") > 0.0);
    }
    // A token that a page had to know counts from anywhere, unless there is a list.
    let headers = [("Origin", "https://evil.example")];
    assert_eq!(connect_with(&unlisted, &format!("/flarchitect?token={token}"), &headers).err(), None);
}

#[test]
fn a_reader_whose_token_expires_is_closed_at_that_time() {
    let origin = echoing();
    let proxy = proxy(&origin, "\"authenticated\"", "auth = \"required\"");
    let until = now() + 2;
    let token = sign(SECRET, &json!({"sub": "alice", "exp": until}));
    let mut expiring = reader(&proxy, "flarchitect", Some(&token));
    proxy.send("POST", "/api/authors", r#"{"id":1}"#);
    assert_eq!(expiring.next()["id"], 1);
    let closed = loop {
        match expiring.0.read().unwrap() {
            tokio_tungstenite::tungstenite::Message::Close(Some(frame)) => break frame,
            other => assert!(!other.is_text(), "{other:?}"),
        }
    };
    assert_eq!((u16::from(closed.code), closed.reason.as_str()), (1008, "Token expired"));
    assert!(now() >= until, "too early");
    assert_eq!(connect_with(&proxy, &format!("/flarchitect?token={token}"), &[]).err(), Some(401));
}
