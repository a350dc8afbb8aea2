//! Polls, posts and upgrades one request at a time.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;

use super::*;

/// A connection that is polled, over one connection of HTTP that is kept.
struct Polled {
    address: std::net::SocketAddr,
    stream: BufReader<TcpStream>,
    path: String,
}

impl Polled {
    fn open(proxy: &Proxy) -> Self {
        let stream = BufReader::new(connect(proxy.address));
        let path = "/socket.io/?EIO=4&transport=polling".to_owned();
        let mut polled = Self { address: proxy.address, stream, path };
        polled.ask("GET", b"");
        let open = polled.answer().text();
        let told: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        assert_eq!(told["upgrades"], json!(["websocket"]));
        polled.path = format!("{}&sid={}", polled.path, told["sid"].as_str().unwrap());
        polled
    }

    /// One that is in `/admin`, with its answer read.
    fn admin(proxy: &Proxy) -> Self {
        let mut polled = Self::open(proxy);
        let connect = format!(r#"40/admin,{{"token":"{}"}}"#, admin(proxy));
        assert_eq!(polled.post(&connect), (200, "ok".to_owned()));
        let mut heard = String::new();
        while !heard.contains("admin_connected") {
            heard += &polled.poll();
        }
        assert!(heard.starts_with(r#"40/admin,{"sid":""#), "{heard}");
        polled
    }

    fn ask(&mut self, method: &str, body: &[u8]) {
        let (path, length) = (&self.path, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat()).unwrap();
    }

    fn answer(&mut self) -> Answer {
        let answer = read_answer(&mut self.stream, false);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer
    }

    fn poll(&mut self) -> String {
        self.ask("GET", b"");
        let answer = self.answer();
        assert_eq!(answer.status, 200);
        answer.text()
    }

    fn post(&mut self, body: &str) -> (u16, String) {
        self.ask("POST", body.as_bytes());
        let answer = self.answer();
        (answer.status, answer.text())
    }

    /// The same request on a connection of its own.
    fn beside(&self, method: &str, body: &str) -> (u16, String) {
        let answer = request(self.address, method, &self.path, &[], body.as_bytes());
        (answer.status, answer.text())
    }
}

const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD: &str = r#"{"code":3,"message":"Bad request"}"#;

#[test]
fn a_connection_of_http_is_kept_from_poll_to_poll() {
    let (_origin, proxy) = proxy();
    let mut polled = Polled::admin(&proxy);
    for _ in 0..3 {
        write(&proxy);
        assert!(polled.poll().contains("platform_update"));
    }
    assert_eq!(
        polled.post(r#"42/admin,7["subscribe_entity_updates",{"entity_type":"a","entity_id":1}]"#).0,
        200
    );
    assert_eq!(polled.poll(), "42/admin,[\"subscribed\",{\"room\":\"a_1\"}]\u{1e}43/admin,7[\"a_1\"]");
}

#[test]
fn two_polls_at_once_end_the_connection() {
    let (_origin, proxy) = proxy();
    let mut polled = Polled::admin(&proxy);
    polled.ask("GET", b"");
    // Whichever comes second is refused, and the other hears of the end.
    let other = polled.beside("GET", "");
    let first = polled.answer();
    let mut both = [other, (first.status, first.text())];
    both.sort();
    assert_eq!(both, [(200, "1".to_owned()), (400, BAD.to_owned())]);
    eventually("it is unknown", || (polled.beside("GET", "") == (400, UNKNOWN.to_owned())).then_some(()));
}

#[test]
fn what_a_poll_did_not_take_waits_for_the_next() {
    let (_origin, proxy) = proxy();
    let mut polled = Polled::admin(&proxy);
    polled.ask("GET", b"");
    polled.stream.get_mut().shutdown(std::net::Shutdown::Both).unwrap();
    // Only when it has hung up is the next one no second.
    let answer = eventually("the next poll is taken", || {
        write(&proxy);
        polled.stream = BufReader::new(connect(proxy.address));
        polled.ask("GET", b"");
        let answer = polled.answer();
        assert_eq!(answer.status, 200, "{}", answer.text());
        Some(answer.text())
    });
    assert!(answer.contains("platform_update"), "{answer}");
}

#[test]
fn what_nobody_understands_ends_the_connection() {
    let (_origin, proxy) = proxy();
    for said in ["", "9", "4x", r#"42/client,["hello"]"#, r#"42["hello"]"#] {
        let mut polled = Polled::admin(&proxy);
        let (status, _) = polled.post(said);
        assert!(status == 200 || status == 400, "{said}");
        eventually("it has ended", || {
            let (status, text) = polled.beside("GET", "");
            assert!(text == "1" || status == 400, "{said}: {text}");
            (text == UNKNOWN).then_some(())
        });
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let (_origin, proxy) = proxy();
    let mut polled = Polled::admin(&proxy);
    let (status, _) = polled.beside("POST", &format!("4{}", "x".repeat(1_000_000)));
    assert_eq!(status, 413);
    write(&proxy);
    assert!(polled.poll().contains("platform_update"));
}

#[test]
fn an_event_that_comes_while_a_client_goes_over_follows_it() {
    let (_origin, proxy) = proxy();
    let mut polled = Polled::admin(&proxy);
    polled.ask("GET", b"");
    let mut reader = proxy.reader(&polled.path.replace("polling", "websocket"));
    reader.send("2probe");
    assert_eq!(reader.next_text(), "3probe");
    assert_eq!(polled.answer().text(), "6", "the poll does not wait any more");
    write(&proxy);
    reader.send("5");
    assert!(reader.next_text().contains("platform_update"));
    assert_eq!(polled.beside("GET", ""), (400, BAD.to_owned()));
    reader.send(r#"42/admin,7["subscribe_entity_updates",{"entity_type":"a","entity_id":1}]"#);
    assert!(reader.next_text().contains("subscribed"));
    assert_eq!(reader.next_text(), r#"43/admin,7["a_1"]"#);
}

#[test]
fn a_poll_does_not_hold_up_the_end_of_the_process() {
    let (_origin, mut proxy) = proxy();
    // One that is in no namespace, and one that is.
    let mut waiting = [Polled::open(&proxy), Polled::admin(&proxy)];
    for polled in &mut waiting {
        polled.ask("GET", b"");
    }
    write(&proxy);
    assert!(waiting[1].answer().text().contains("platform_update"));
    waiting[1].ask("GET", b"");
    let start = std::time::Instant::now();
    proxy.process.signal("TERM");
    for polled in &mut waiting {
        // Clients come back behind that, and not all of them do behind a packet that says the end.
        assert_eq!(polled.answer().text(), UNKNOWN);
    }
    proxy.process.wait();
    assert!(start.elapsed() < DEADLINE / 4, "{:?}", start.elapsed());
}
