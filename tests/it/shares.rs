//! How much one client may have: connections of an address and of a user, and messages.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, HandshakeError, Message};

use crate::harness::*;
use crate::publish::token;

const JWT: &str =
    "[auth.jwt]\nalgorithms = [\"HS256\"]\nsecret = \"a secret of more than thirty-two bytes\"\n";
const SERVER: &str = "trusted_proxies = [\"127.0.0.1\"]";

/// `/answer` refuses before the upgrade, `/accept` and `/later` after it; all take tokens.
fn proxy(limits: &str) -> Proxy {
    let endpoint = |path: &str, dialect: &str, more: &str| {
        format!("[[endpoint]]\npath = \"{path}\"\ndialect = \"{dialect}\"\nauth = \"optional\"\n{more}")
    };
    let endpoints = [
        endpoint("/answer", "canonical", ""),
        endpoint("/accept", "mdb_engine", "app = \"shop\"\n"),
        endpoint("/later", "fastcms", ""),
        endpoint("/echo", "echo", ""),
    ];
    let tables = format!("{AUTHOR_ROUTE}{}{JWT}[limits]\n{limits}\n", endpoints.concat());
    Proxy::with_server(SERVER, "servers = [\"http://127.0.0.1:1\"]", &tables)
}

/// A reader that comes from `address`; else the status of the refusal and its body.
fn from(proxy: &Proxy, address: &str, path: &str) -> Result<Reader, (u16, Value)> {
    let mut request = format!("ws://{}{path}", proxy.address).into_client_request().unwrap();
    request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
    match tungstenite::client(request, connect(proxy.address)) {
        Ok((socket, _)) => Ok(Reader(socket)),
        Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            // No time could be said truthfully.
            assert!(answer.status() != 429 || !answer.headers().contains_key("retry-after"), "{answer:?}");
            let body = answer.body().as_deref().unwrap_or_default();
            Err((answer.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()))
        }
        Err(error) => panic!("{path}: {error}"),
    }
}

fn refused(proxy: &Proxy, address: &str, path: &str) -> u16 {
    let (status, body) = from(proxy, address, path).err().unwrap();
    assert_eq!(body["message"], "too many connections");
    status
}

fn exceeded(proxy: &Proxy, limit: &str) -> f64 {
    proxy.metric(&format!("restcast_limits_exceeded_total{{limit=\"{limit}\"}}"))
}

/// Code and text of the close frame that comes; messages before it are skipped.
fn close_of(reader: &mut Reader) -> (u16, String) {
    loop {
        match reader.0.read().unwrap() {
            Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.as_str().to_owned()),
            Message::Close(None) => panic!("a close frame without a code"),
            _ => {}
        }
    }
}

#[test]
fn an_address_has_its_share_of_connections_however_they_end() {
    let proxy = proxy("connections_per_address = 2");
    let first = from(&proxy, "10.0.0.1", "/answer").unwrap();
    let mut second = from(&proxy, "10.0.0.1", "/accept").unwrap();
    assert_eq!(refused(&proxy, "10.0.0.1", "/answer"), 429);
    // Who accepts everybody says it after the upgrade, and nothing before.
    let mut third = from(&proxy, "10.0.0.1", "/accept").unwrap();
    match third.0.read().unwrap() {
        Message::Close(Some(frame)) => {
            assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1008, "Too many connections"));
        }
        other => panic!("{other:?}"),
    }
    let _other = from(&proxy, "10.0.0.2", "/answer").unwrap();
    assert_eq!(exceeded(&proxy, "connections_per_address"), 2.0);
    // One hangs up, one closes well: both places are free again.
    drop(first);
    second.0.close(None).unwrap();
    let _again = eventually("two places are free", || from(&proxy, "10.0.0.1", "/answer").ok());
    let _again = eventually("two places are free", || from(&proxy, "10.0.0.1", "/answer").ok());
    assert_eq!(refused(&proxy, "10.0.0.1", "/answer"), 429);
}

#[test]
fn a_user_has_its_share_wherever_it_comes_from_and_whenever_it_says_who_it_is() {
    let proxy = proxy("connections_per_user = 1");
    let (ann, bob) = (token("ann", "member"), token("bob", "member"));
    let with = |path: &str, token: &str| format!("{path}?token={token}");
    let first = from(&proxy, "10.0.0.1", &with("/answer", &ann)).unwrap();
    assert_eq!(refused(&proxy, "10.0.0.2", &with("/answer", &ann)), 429);
    let mut accepted = from(&proxy, "10.0.0.3", &with("/accept", &ann)).unwrap();
    assert_eq!(close_of(&mut accepted), (1008, "Too many connections".to_owned()));
    let _bob = from(&proxy, "10.0.0.1", &with("/answer", &bob)).unwrap();
    // Anybody may come without a token; the one who then says who it is may be one too many.
    let mut late = from(&proxy, "10.0.0.4", "/later").unwrap();
    assert_eq!(late.next()["type"], "connected");
    late.send(json!({ "action": "auth", "token": ann }).to_string());
    assert_eq!(close_of(&mut late), (1008, "Too many connections".to_owned()));
    assert_eq!(exceeded(&proxy, "connections_per_user"), 3.0);
    drop(first);
    let authenticated = eventually("the place is free", || {
        let mut late = from(&proxy, "10.0.0.4", "/later").unwrap();
        late.next();
        late.send(json!({ "action": "auth", "token": ann }).to_string());
        (late.0.read().is_ok_and(|message| message.is_text())).then_some(late)
    });
    assert_eq!(refused(&proxy, "10.0.0.2", &with("/answer", &ann)), 429);
    drop(authenticated);
    eventually("it is free again", || from(&proxy, "10.0.0.2", &with("/answer", &ann)).ok());
}

#[test]
fn what_comes_too_fast_is_dropped_with_the_dialects_error_and_a_flood_ends() {
    // Slow enough that nothing is given back while the test runs, in its first part.
    let proxy = proxy("messages_per_second = 1\nmessage_burst = 20");
    let pings = |reader: &mut Reader, count: usize| {
        for _ in 0..count {
            reader.send(r#"{"action":"ping"}"#);
        }
    };
    let mut reader = from(&proxy, "10.0.0.1", "/later").unwrap();
    assert_eq!(reader.next()["type"], "connected");
    pings(&mut reader, 30);
    let said: Vec<Value> = (0..30).map(|_| reader.next()).collect();
    let error = json!({ "type": "error", "data": { "message": "Rate limit exceeded" } });
    let dropped = u32::try_from(said.iter().filter(|said| **said == error).count()).unwrap();
    let pongs = said.iter().filter(|said| **said == json!({ "type": "pong" })).count();
    // A slow machine gives some back.
    assert!(dropped as usize + pongs == 30 && (20..=25).contains(&pongs), "{said:?}");
    assert_eq!(exceeded(&proxy, "messages_per_second"), f64::from(dropped));
    // It still gets its events, and goes on for too long.
    for _ in 0..60 {
        if reader.0.send(r#"{"action":"ping"}"#.into()).is_err() {
            break;
        }
    }
    assert_eq!(close_of(&mut reader), (1008, "Rate limit exceeded".to_owned()));
    assert_eq!(exceeded(&proxy, "floods"), 1.0);
    let mut other = from(&proxy, "10.0.0.1", "/accept").unwrap();
    assert_eq!(other.next()["type"], "connected");
    for _ in 0..25 {
        other.send("{}");
    }
    let said = other.next();
    assert_eq!((&said["type"], &said["message"]), (&json!("error"), &json!("Rate limit exceeded")));
    assert_eq!(said["app_slug"], "shop");
}

#[test]
fn as_many_messages_as_one_may_send_are_all_read() {
    let proxy = proxy("messages_per_second = 1\nmessage_burst = 200");
    let mut reader = from(&proxy, "10.0.0.1", "/echo").unwrap();
    for number in 0..200 {
        reader.send(number.to_string());
    }
    for number in 0..200 {
        assert_eq!(reader.next_text(), number.to_string());
    }
    assert_eq!(exceeded(&proxy, "messages_per_second"), 0.0);
}
