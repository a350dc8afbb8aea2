//! What clients of `mdb_engine` say, handed to a real application: checks 10 to 13 of `protocols.md`, section 2.9.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::*;
use crate::mdb_engine::{ITEMS, endpoint, join};
use crate::tls::{AUTHORITY, serve_tls};
use crate::tools::{Backend, python, seed};
use crate::visibility::JWT;

const SECRET: &str = "webhook_secret = \"secret\"\n";

fn hook(app: &Backend, more: &str) -> String {
    format!("webhook = \"http://{}/hook\"\n{SECRET}{more}", app.address)
}

fn proxy(endpoints: &str) -> Proxy {
    Proxy::with(free_address(), &format!("{ITEMS}{endpoints}{JWT}"))
}

/// What the application got.
fn log(app: &Backend) -> Vec<Value> {
    serde_json::from_str(&request(app.address, "GET", "/log", &[], b"").text()).unwrap()
}

fn say(reader: &mut Reader, message: &Value) {
    reader.send(message.to_string());
}

/// Says something that is answered, and reads the answer: all before it has been handled.
fn mark(reader: &mut Reader) {
    say(reader, &json!({"type": "say", "text": "mark"}));
    assert_eq!(reader.next()["text"], "mark");
}

fn error(reader: &mut Reader) -> String {
    let message = reader.next();
    assert_eq!(message["type"], "error", "{message}");
    assert_eq!(message["message"], "Error processing message");
    assert_eq!(message["app_slug"], "my_app");
    assert!(message["timestamp"].is_string());
    message["error"].as_str().unwrap().to_owned()
}

#[test]
fn checks_10_and_13_pongs_and_noise_are_handed_to_nobody() {
    let Some(python) = python() else { return };
    let app = python.mdb_app(&[]);
    let proxy = proxy(&endpoint("/ws", "my_app", &hook(&app, "")));
    let mut reader = join(&proxy, "/ws", "ann");
    for text in [r#"{"type":"pong"}"#, "not json", "[1,2]", "5"] {
        reader.send(text);
    }
    reader.send(Message::from(vec![0, 255]));
    mark(&mut reader);
    let log = log(&app);
    assert_eq!(log.len(), 1, "{log:?}");
}

/// The handler is the document's.
#[test]
fn check_11_the_documents_handler_is_told_and_its_broadcast_reaches_all() {
    let (Some(python), Some(seed)) = (python(), seed("001-mdb_engine.md")) else { return };
    let folder = Folder::new();
    let handlers = folder.write("handlers.py", python.verbatim(&seed, "python", 1));
    let app = python.mdb_app(&["--handlers", handlers.to_str().unwrap()]);
    let models = "models = [\"item\"]\n";
    let tables = [
        endpoint("/ws", "my_app", &hook(&app, models)),
        endpoint("/events", "my_app", &format!("{models}auth = \"none\"")),
        endpoint("/other", "other", "models = [\"note\"]\nauth = \"none\""),
    ];
    let proxy = proxy(&tables.concat());
    let mut ann = join(&proxy, "/ws", "ann");
    let mut others = [join(&proxy, "/ws", "ben"), join(&proxy, "/events", "")];
    let mut stranger = join(&proxy, "/other", "");
    say(&mut ann, &json!({"type": "subscribe", "channel": "c1", "user_id": "ann"}));
    for reader in others.iter_mut().chain([&mut ann]) {
        let message = reader.next();
        assert_eq!((&message["type"], &message["channel"]), (&json!("subscribed"), &json!("c1")));
        assert_eq!(message["app_slug"], "my_app");
    }
    let call = &log(&app)[0];
    let connection = &call["connection"];
    assert_eq!((&call["app_slug"], &call["endpoint"]), (&json!("my_app"), &json!("realtime")));
    assert_eq!(
        (&connection["user_id"], &connection["user_email"]),
        (&json!("ann"), &json!("ann@example.com"))
    );
    assert_eq!(call["message"], json!({"type": "subscribe", "channel": "c1", "user_id": "ann"}));
    assert_eq!(
        (connection["id"].as_str().unwrap().len(), connection["connected_at"].as_str().unwrap().len()),
        (36, 32)
    );
    // Its answer to a ping goes to that user; what the handler says to the sender alone reaches nobody else.
    say(&mut ann, &json!({"type": "ping", "timestamp": 5, "user_id": "ben"}));
    assert_eq!(others[0].next()["type"], "pong");
    say(&mut ann, &json!({"type": "to", "user_id": "ben", "text": "done"}));
    assert_eq!(
        (others[0].next()["type"].clone(), ann.next()["text"].clone()),
        (json!("told"), json!("done"))
    );
    others.iter_mut().chain([&mut ann, &mut stranger]).for_each(Reader::expect_silence);
    assert_eq!(proxy.metric("restcast_webhook_calls_total{outcome=\"done\"}"), 3.0);
}

#[test]
fn check_12_a_failure_is_told_and_the_next_message_is_handled() {
    let Some(python) = python() else { return };
    let app = python.mdb_app(&[]);
    let proxy =
        proxy(&endpoint("/ws", "my_app", &hook(&app, "webhook_retries = 0\nwebhook_timeout = \"3s\"")));
    let mut reader = join(&proxy, "/ws", "ann");
    for (message, expected) in [
        (json!({"type": "fail", "times": 9}), "the handler answered with status 500"),
        (json!({"type": "refuse"}), "the handler answered with status 400"),
        (json!({"type": "redirect"}), "the handler answered with status 302"),
        (json!({"type": "noise"}), "the handler's answer is not understood"),
        (json!({"type": "huge"}), "the handler's answer is not understood"),
        (json!({"type": "hang"}), "the handler did not answer in time"),
    ] {
        say(&mut reader, &message);
        assert_eq!(error(&mut reader), expected, "{message}");
        mark(&mut reader);
    }
    say(&mut reader, &json!({"type": "nothing"}));
    mark(&mut reader);
    // The first of them in a row is logged, without an address.
    let warning = proxy.process.line("a webhook fails");
    assert!(!warning.contains("/hook"), "{warning}");
    say(&mut reader, &json!({"type": "bye", "code": 4001, "text": "bye"}));
    assert_eq!(reader.next()["text"], "bye");
    assert_eq!(reader.close_code(), 4001);
    assert_eq!(proxy.metric("restcast_webhook_calls_total{outcome=\"failed\"}"), 6.0);
}

#[test]
fn a_server_that_fails_is_asked_again_under_the_same_delivery() {
    let Some(python) = python() else { return };
    let app = python.mdb_app(&[]);
    let tables = [
        endpoint("/ws", "my_app", &hook(&app, "")),
        endpoint(
            "/gone",
            "my_app",
            &format!("webhook = \"http://{}/\"\n{SECRET}webhook_retries = 1", free_address()),
        ),
        endpoint("/unsigned", "my_app", &hook(&app, "").replace("\"secret\"", "\"another\"")),
    ];
    let proxy = proxy(&tables.concat());
    let mut reader = join(&proxy, "/ws", "ann");
    say(&mut reader, &json!({"type": "fail", "times": 2, "text": "third"}));
    assert_eq!(reader.next()["text"], "third");
    say(&mut reader, &json!({"type": "fail", "times": 3, "text": "fourth"}));
    assert_eq!(error(&mut reader), "the handler answered with status 500");
    let deliveries: Vec<String> = log(&app).iter().map(|call| call["delivery"].to_string()).collect();
    assert_eq!(deliveries.len(), 6);
    assert!(deliveries[..3].iter().all(|id| *id == deliveries[0]), "{deliveries:?}");
    assert!(deliveries[3..].iter().all(|id| *id == deliveries[3] && *id != deliveries[0]), "{deliveries:?}");
    let mut gone = join(&proxy, "/gone", "ann");
    say(&mut gone, &json!({}));
    assert_eq!(error(&mut gone), "the handler cannot be reached");
    // One that does not know the secret is refused, and that is not asked again.
    let mut unsigned = join(&proxy, "/unsigned", "ann");
    say(&mut unsigned, &json!({"type": "say"}));
    assert_eq!(error(&mut unsigned), "the handler answered with status 403");
    assert_eq!(proxy.metric("restcast_webhook_calls_total{outcome=\"retried\"}"), 5.0);
}

#[test]
fn messages_of_one_connection_are_handled_one_after_the_other_in_their_order() {
    let Some(python) = python() else { return };
    let app = python.mdb_app(&[]);
    let proxy = proxy(&endpoint("/ws", "my_app", &hook(&app, "")));
    let mut reader = join(&proxy, "/ws", "ann");
    for number in 0..20 {
        say(&mut reader, &json!({"type": "say", "text": number}));
    }
    for number in 0..20 {
        assert_eq!(reader.next()["text"], number);
    }
    let log = log(&app);
    let numbers: Vec<u64> = log.iter().map(|call| call["message"]["text"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert!(log.iter().all(|call| call["inside"] == 1), "{log:?}");
}

#[test]
fn a_webhook_of_https_is_called_if_the_authorities_vouch_for_it() {
    let address = serve_tls(|stream| {
        let mut stream = BufReader::new(stream);
        let (_, headers) = read_head(&mut stream);
        let length = find_header(&headers, "content-length").unwrap().parse().unwrap();
        let mut call = vec![0; length];
        stream.read_exact(&mut call).unwrap();
        let call: Value = serde_json::from_slice(&call).unwrap();
        let body = json!({"actions": [{"send": {"message": {"heard": call["message"]}}}]}).to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        drop(stream.get_mut().write_all(format!("{head}{body}").as_bytes()));
    });
    let folder = Folder::new();
    let file = folder.write("ca.pem", AUTHORITY);
    let trusted = format!("webhook_ca_file = \"{}\"", file.display());
    let hook = |host: &str, more: &str| {
        let url = format!("webhook = \"https://{host}:{}/hook\"\n", address.port());
        endpoint("/ws", "my_app", &format!("{url}{SECRET}webhook_retries = 0\n{more}"))
    };
    let trusting = proxy(&hook("localhost", &trusted));
    let mut reader = join(&trusting, "/ws", "ann");
    say(&mut reader, &json!({"n": 1}));
    assert_eq!(reader.next()["heard"], json!({"n": 1}));
    // An authority that nobody knows, and a certificate for another name.
    for (host, more, reason) in
        [("localhost", "", "UnknownIssuer"), ("127.0.0.1", trusted.as_str(), "not valid for name")]
    {
        let proxy = proxy(&hook(host, more));
        let mut reader = join(&proxy, "/ws", "ann");
        say(&mut reader, &json!({"n": 2}));
        assert_eq!(error(&mut reader), "the handler cannot be reached");
        let warning = proxy.process.line("a webhook fails");
        assert!(warning.contains(reason) && !warning.contains("/hook"), "{warning}");
    }
}

/// What hangs holds up its own clients, and of those no more than may be.
#[test]
fn no_more_messages_are_handled_at_once_than_may_be_and_others_are_told() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("webhook = \"http://{}/\"\n{SECRET}auth = \"none\"", silent.local_addr().unwrap());
    let hub = "[hub]\nmax_webhook_calls = 2\n";
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let others = format!("webhook = \"http://{}/\"\n{SECRET}auth = \"none\"", other.local_addr().unwrap());
    let endpoints = [
        endpoint("/ws", "my_app", &format!("models = [\"item\"]\n{hook}")),
        endpoint("/other", "other", &format!("models = [\"note\"]\n{others}")),
    ];
    let proxy = proxy(&format!("{hub}{}", endpoints.concat()));
    let mut waiting = [join(&proxy, "/ws", ""), join(&proxy, "/ws", "")];
    let mut held = Vec::new();
    for reader in &mut waiting {
        say(reader, &json!({}));
        held.push(silent.accept().unwrap());
    }
    let mut third = join(&proxy, "/ws", "");
    say(&mut third, &json!({}));
    assert_eq!(error(&mut third), "too many messages are being handled");
    assert_eq!(proxy.metric("restcast_webhook_calls_total{outcome=\"refused\"}"), 1.0);
    // Another application has places of its own.
    let mut stranger = join(&proxy, "/other", "");
    say(&mut stranger, &json!({}));
    other.set_nonblocking(true).unwrap();
    eventually("another application's service is asked", || other.accept().ok());
    // Who leaves gives its place back.
    let [first, _second] = waiting;
    drop(first);
    eventually("there is room", || {
        say(&mut third, &json!({}));
        silent.set_nonblocking(true).unwrap();
        silent.accept().ok()
    });
}
