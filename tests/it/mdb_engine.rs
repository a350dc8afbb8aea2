//! Dialect `mdb_engine` with the real executable: the acceptance checks of `protocols.md`, section 2.9, by their
//! numbers. Those of the webhook are in `mdb_webhook.rs`.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::harness::*;
use crate::tools::{python, seed};
use crate::visibility::{JWT, SECRET, now, sign};

pub const ITEMS: &str = "[[route]]\npath = \"/api/items/{id}\"\nmodel = \"item\"\nvisibility = \"public\"\n";

pub fn endpoint(path: &str, app: &str, more: &str) -> String {
    format!("[[endpoint]]\npath = \"{path}\"\ndialect = \"mdb_engine\"\napp = \"{app}\"\n{more}\n")
}

pub fn token(user: &str) -> String {
    let email = format!("{user}@example.com");
    sign(SECRET, &json!({"sub": user, "email": email, "exp": now() + 600}))
}

/// A backend that answers a write with the body that it was sent, and a DELETE with 204.
fn backend() -> Origin {
    Origin::start(|request, stream| {
        let is_deletion = request.line.starts_with("DELETE");
        let answer = if is_deletion {
            "HTTP/1.1 204 X\r\n\r\n".to_owned()
        } else {
            format!("HTTP/1.1 201 X\r\nContent-Length: {}\r\n\r\n", request.body.len())
        };
        let body: &[u8] = if is_deletion { b"" } else { &request.body };
        stream.write_all(&[answer.as_bytes(), body].concat()).is_ok()
    })
}

/// Two endpoints of `my_app`, of which one asks for no token, and one of another app.
fn apps(origin: &Origin) -> Proxy {
    let models = "models = [\"item\"]\n";
    let tables = [
        ITEMS.to_owned(),
        endpoint("/ws", "my_app", models),
        endpoint("/events", "my_app", &format!("{models}auth = \"optional\"\nallow_bad_token = true\n")),
        endpoint("/other", "other", "models = [\"note\"]\nauth = \"none\"\n"),
        JWT.to_owned(),
    ];
    Proxy::with(origin.address, &tables.concat())
}

/// Connects, and reads its greeting.
pub fn join(proxy: &Proxy, path: &str, user: &str) -> Reader {
    let path = if user.is_empty() { path.to_owned() } else { format!("{path}?token={}", token(user)) };
    let mut reader = proxy.reader(&path);
    assert_eq!(reader.next()["type"], "connected");
    reader
}

fn with_cookie(proxy: &Proxy, path: &str, cookie: &str) -> Reader {
    let mut request = format!("ws://{}{path}", proxy.address).into_client_request().unwrap();
    request.headers_mut().append("cookie", cookie.parse().unwrap());
    let (socket, _) = tungstenite::client(request, connect(proxy.address)).unwrap();
    Reader(socket)
}

/// Code and reason of the close frame, which is the first thing that comes.
fn closed(mut reader: Reader) -> (u16, String) {
    match reader.0.read().unwrap() {
        Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
        other => panic!("{other:?}"),
    }
}

/// A broadcast by the publish API; how many were reached, or the status of the refusal.
fn broadcast(proxy: &Proxy, app: &str, body: &Value) -> Result<u64, u16> {
    let headers = [("Content-Type", "application/json")];
    let path = format!("/api/apps/{app}/broadcast");
    let answer = request(proxy.admin, "POST", &path, &headers, body.to_string().as_bytes());
    let said: Value = serde_json::from_str(&answer.text()).unwrap();
    if answer.status == 200 { Ok(said["sent"].as_u64().unwrap()) } else { Err(answer.status) }
}

fn connections(proxy: &Proxy, query: &str) -> Value {
    let path = format!("/api/apps/my_app/connections{query}");
    serde_json::from_str(&request(proxy.admin, "GET", &path, &[], b"").text()).unwrap()
}

fn is_stamped(message: &Value) {
    assert_eq!(message["app_slug"], "my_app", "{message}");
    let time = message["timestamp"].as_str().unwrap();
    assert!(
        time.len() == 32 && time.ends_with("+00:00") && time.starts_with("20") && time.as_bytes()[10] == b'T',
        "{time}"
    );
}

/// `protocols.md`, section 2.1: the claim `sub`, else `user_id`.
#[test]
fn a_token_with_a_user_id_and_no_sub_was_one_of_nobody() {
    let origin = backend();
    let proxy = apps(&origin);
    let mut reader =
        proxy.reader(&format!("/ws?token={}", sign(SECRET, &json!({"user_id": 7, "exp": now() + 600}))));
    let greeting = reader.next();
    assert_eq!((&greeting["type"], &greeting["authenticated"]), (&json!("connected"), &json!(true)));
    assert_eq!(connections(&proxy, "?user_id=7")["count"], 1);
    let nobodys = proxy.reader(&format!("/ws?token={}", sign(SECRET, &json!({"exp": now() + 600}))));
    assert_eq!(closed(nobodys), (1008, "Authentication required".to_owned()));
}

#[test]
fn check_1_a_good_token_is_greeted_with_its_address() {
    let origin = backend();
    let proxy = apps(&origin);
    let mut reader = proxy.reader(&format!("/ws?token={}", token("ann")));
    let greeting = reader.next_text();
    let start = r#"{"type":"connected","app_slug":"my_app","message":"WebSocket connected successfully","authenticated":true,"user_email":"ann@example.com","timestamp":""#;
    assert!(greeting.starts_with(start), "{greeting}");
    is_stamped(&serde_json::from_str(&greeting).unwrap());
}

#[test]
fn check_2_a_cookie_holds_the_token_and_no_other_header_does() {
    let origin = backend();
    let proxy = apps(&origin);
    let (good, bad) = (token("ann"), "garbage");
    for cookie in [
        format!("token={good}"),
        format!("ws_token={good}"),
        format!("ws_token={good}; token={bad}"),
        format!("token={bad}; ws_token={good}"),
    ] {
        let greeting = with_cookie(&proxy, "/ws", &cookie).next();
        assert_eq!((&greeting["type"], &greeting["authenticated"]), (&json!("connected"), &json!(true)));
    }
    // The query's counts, be it good or bad.
    assert_eq!(
        with_cookie(&proxy, &format!("/ws?token={good}"), "token=garbage").next()["type"],
        "connected"
    );
    let reader = with_cookie(&proxy, "/ws?token=garbage", &format!("token={good}"));
    assert_eq!(closed(reader), (1008, "Invalid token".to_owned()));
    let mut request = format!("ws://{}/ws", proxy.address).into_client_request().unwrap();
    request.headers_mut().append("authorization", format!("Bearer {good}").parse().unwrap());
    let (socket, _) = tungstenite::client(request, connect(proxy.address)).unwrap();
    assert_eq!(closed(Reader(socket)), (1008, "Authentication required".to_owned()));
}

#[test]
fn check_3_without_a_token_the_upgrade_succeeds_and_nothing_but_the_end_comes() {
    let origin = backend();
    let proxy = apps(&origin);
    assert_eq!(closed(proxy.reader("/ws")), (1008, "Authentication required".to_owned()));
    assert_eq!(proxy.metric("restcast_auth_failures_total{reason=\"missing\"}"), 1.0);
}

#[test]
fn check_4_a_token_that_proves_nothing_ends_with_1008() {
    let origin = backend();
    let proxy = apps(&origin);
    let nobody = sign(SECRET, &json!({"email": "a@b.c", "exp": now() + 600}));
    let expired = sign(SECRET, &json!({"sub": "ann", "exp": now() - 60}));
    let forged =
        sign("another secret of more than thirty-two bytes", &json!({"sub": "a", "exp": now() + 600}));
    for (token, reason) in [
        (expired.as_str(), "Token expired"),
        (&forged, "Invalid token"),
        ("garbage", "Invalid token"),
        (&nobody, "Authentication required"),
    ] {
        assert_eq!(closed(proxy.reader(&format!("/ws?token={token}"))), (1008, reason.to_owned()), "{token}");
    }
}

#[test]
fn check_5_where_nobody_needs_a_token_a_good_one_still_counts() {
    let origin = backend();
    let proxy = apps(&origin);
    for (query, authenticated, email) in [
        (String::new(), false, Value::Null),
        (format!("?token={}", token("ann")), true, json!("ann@example.com")),
        ("?token=garbage".to_owned(), false, Value::Null),
    ] {
        let greeting = proxy.reader(&format!("/events{query}")).next();
        assert_eq!(greeting["authenticated"], authenticated, "{query}");
        assert_eq!(greeting["user_email"], email, "{query}");
    }
}

#[test]
fn checks_6_7_and_8_a_broadcast_reaches_its_app_or_one_user_with_stamps() {
    let origin = backend();
    let proxy = apps(&origin);
    let mut tabs = [join(&proxy, "/ws", "user123"), join(&proxy, "/events", "user123")];
    let mut others = [join(&proxy, "/ws", "ben"), join(&proxy, "/events", "")];
    let mut stranger = join(&proxy, "/other", "");
    let update = json!({"type": "update", "data": {"status": "completed"}});
    assert_eq!(broadcast(&proxy, "my_app", &json!({"message": update})), Ok(4));
    for reader in tabs.iter_mut().chain(&mut others) {
        let message = reader.next();
        assert_eq!((&message["type"], &message["data"]["status"]), (&json!("update"), &json!("completed")));
        is_stamped(&message);
    }
    let message = json!({"timestamp": "mine", "type": "notification"});
    assert_eq!(broadcast(&proxy, "my_app", &json!({"message": message, "user_id": "user123"})), Ok(2));
    for tab in &mut tabs {
        let message = tab.next_text();
        assert!(message.starts_with(r#"{"timestamp":"20"#), "{message}");
        assert!(message.ends_with(r#","type":"notification","app_slug":"my_app"}"#), "{message}");
    }
    assert_eq!(broadcast(&proxy, "my_app", &json!({"message": message, "user_id": ""})), Err(400));
    assert_eq!(broadcast(&proxy, "other", &json!({"message": update})), Ok(1));
    assert_eq!(stranger.next()["app_slug"], "other");
    assert_eq!(broadcast(&proxy, "nobodys", &json!({"message": update})).unwrap_or(0), 0);
    others.iter_mut().for_each(Reader::expect_silence);
}

#[test]
fn check_9_silence_is_answered_by_pings_without_end() {
    let origin = backend();
    let tables = [
        ITEMS.to_owned(),
        endpoint("/ws", "my_app", "auth = \"none\"\nping_interval = \"5s\""),
        endpoint("/slower", "my_app", "auth = \"none\"\nping_interval = \"7s\""),
    ];
    let proxy = Proxy::with(origin.address, &tables.concat());
    let mut slower = join(&proxy, "/slower", "");
    let start = Instant::now();
    let mut silent = join(&proxy, "/ws", "");
    for number in 1..=3 {
        let text = silent.next_text();
        assert!(text.starts_with(r#"{"type":"ping","timestamp":"20"#), "{text}");
        assert!(text.ends_with(r#"","app_slug":"my_app"}"#), "{text}");
        assert!(
            start.elapsed() > Duration::from_millis(5000 * number - 100),
            "{number}: {:?}",
            start.elapsed()
        );
        if number == 1 {
            slower.send("anything");
            assert_eq!(slower.next()["type"], "ping");
            assert!(start.elapsed() > Duration::from_millis(11_900), "{:?}", start.elapsed());
        }
    }
    silent.send("still there");
    assert_eq!(broadcast(&proxy, "my_app", &json!({"message": {"type": "x"}})), Ok(2));
    assert_eq!(silent.next()["type"], "x");
}

#[test]
fn check_14_writes_are_told_as_the_document_has_applications_tell_them() {
    let origin = backend();
    let proxy = apps(&origin);
    let mut reader = join(&proxy, "/ws", "ann");
    let mut stranger = join(&proxy, "/other", "");
    proxy.send("POST", "/api/items", r#"{"name":"Ada","id":42,"score":1.50}"#);
    let created = reader.next_text();
    let start = r#"{"type":"item_created","data":{"id":"42","item":{"name":"Ada","id":42,"score":1.50}},"app_slug":"my_app","timestamp":""#;
    assert!(created.starts_with(start), "{created}");
    proxy.send("PATCH", "/api/items/42", r#"{"id":42,"name":"Ada L."}"#);
    let updated = reader.next();
    assert_eq!(updated["type"], "item_updated");
    assert_eq!(updated["data"], json!({"id": "42", "updates": {"id": 42, "name": "Ada L."}}));
    proxy.send("DELETE", "/api/items/42", "");
    let deleted = reader.next();
    assert_eq!((&deleted["type"], &deleted["data"]), (&json!("item_deleted"), &json!({"id": "42"})));
    is_stamped(&deleted);
    stranger.expect_silence();
}

#[test]
fn check_14_an_owners_items_are_told_to_the_owner() {
    let origin = backend();
    let route = ITEMS.replace("\"public\"", "{ claim = \"sub\", field = \"owner_id\" }");
    let tables = [route, endpoint("/ws", "my_app", "updates = \"request\""), JWT.to_owned()];
    let proxy = Proxy::with(origin.address, &tables.concat());
    let (mut ann, mut ben) = (join(&proxy, "/ws", "ann"), join(&proxy, "/ws", "ben"));
    for (id, owner) in [(1, "ann"), (2, "ben"), (3, "ann")] {
        proxy.send("POST", "/api/items", &json!({"id": id, "owner_id": owner}).to_string());
    }
    // What was asked for, which here is what the backend echoes.
    proxy.send("PUT", "/api/items/2", r#"{"owner_id":"ben"}"#);
    assert_eq!([ann.next()["data"]["id"].clone(), ann.next()["data"]["id"].clone()], ["1", "3"]);
    assert_eq!(ben.next()["data"]["id"], "2");
    assert_eq!(ben.next()["data"], json!({"id": "2", "updates": {"owner_id": "ben"}}));
    ann.expect_silence();
}

#[test]
fn check_15_an_interval_out_of_bounds_is_a_configuration_error() {
    for (interval, is_right) in [("4s", false), ("5s", true), ("300s", true), ("301s", false)] {
        let folder = Folder::new();
        let endpoint = endpoint("/ws", "a", &format!("auth = \"none\"\nping_interval = \"{interval}\""));
        let upstream = "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n";
        let config = folder.write("proxy.toml", format!("{upstream}{ITEMS}{endpoint}"));
        let output = restcast().args(["check", "--config"]).arg(config).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.success(), is_right, "{interval}: {said}");
        assert_eq!(said.contains("expected a duration from \"5s\" to \"300s\""), !is_right, "{said}");
    }
}

#[test]
fn check_16_who_has_left_is_not_counted() {
    let origin = backend();
    let proxy = apps(&origin);
    let readers = [join(&proxy, "/ws", "ann"), join(&proxy, "/ws", "ann"), join(&proxy, "/events", "")];
    let listed = connections(&proxy, "?user_id=ann");
    assert_eq!(listed["count"], 2);
    assert_eq!(listed["connections"][0]["user_email"], "ann@example.com");
    assert_eq!(connections(&proxy, "")["count"], 3);
    drop(readers);
    eventually("all are gone", || (connections(&proxy, "")["count"] == 0).then_some(()));
    assert_eq!(broadcast(&proxy, "my_app", &json!({"message": {}})), Ok(0));
}

/// The document's blocks of JSON are manifests, and its snippet broadcasts through the publish API.
#[test]
fn the_documents_manifests_and_broadcasts_work_as_they_stand() {
    let (Some(python), Some(seed)) = (python(), seed("001-mdb_engine.md")) else { return };
    let folder = Folder::new();
    let first = folder.write("first.json", python.verbatim(&seed, "json", 0));
    let second = folder.write("second.json", python.verbatim(&seed, "json", 2));
    let manifest = |path: &std::path::Path, more: &str| {
        format!(
            "[[endpoint]]\ndialect = \"mdb_engine\"\nmanifest = \"{}\"\nmodels = [\"item\"]\n{more}\n",
            path.display()
        )
    };
    let origin = backend();
    let tables = [ITEMS.to_owned(), manifest(&first, ""), JWT.to_owned()];
    let proxy = Proxy::with(origin.address, &tables.concat());
    assert_eq!(closed(proxy.reader("/ws")), (1008, "Authentication required".to_owned()));
    let (mut user, mut other) = (join(&proxy, "/ws", "user123"), join(&proxy, "/ws", "ann"));
    let script = folder.write("broadcast.py", python.verbatim(&seed, "python", 0));
    let admin = format!("http://{}", proxy.admin);
    let mut sent = python.client("mdb_app.py", &["--admin", &admin, "--script", script.to_str().unwrap()]);
    assert!(sent.wait().success());
    for reader in [&mut user, &mut other] {
        let message = reader.next();
        assert_eq!((&message["type"], &message["data"]["status"]), (&json!("update"), &json!("completed")));
        is_stamped(&message);
    }
    assert_eq!(user.next()["data"], json!({"message": "Hello"}));
    other.expect_silence();

    let tables = [ITEMS.to_owned(), manifest(&second, "app = \"my_app\""), JWT.to_owned()];
    let proxy = Proxy::with(origin.address, &tables.concat());
    proxy.process.line("endpoint /events lets in whoever comes, and /ws needs a token");
    assert_eq!(closed(proxy.reader("/ws")).0, 1008);
    assert_eq!(proxy.reader("/events").next()["authenticated"], false);
    assert_eq!(proxy.reader(&format!("/events?token={}", token("ann"))).next()["authenticated"], true);
}
