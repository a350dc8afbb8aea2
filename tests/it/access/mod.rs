//! `visibility = "upstream"`: each reader sees what the backend lets its own credentials GET.
//!
//! The backend answers writes with what it was sent. A GET is answered as the test says for whoever asks, by
//! its `Authorization`, else its cookie, else `nobody`.

mod loaded;

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::harness::*;
use crate::origin::{Origin, Request};
use crate::visibility::{JWT, SECRET, now, sign};

/// What the backend says to GETs.
#[derive(Default)]
struct Say {
    /// By who asks: status and body; 404 for everybody else.
    to: Mutex<HashMap<String, (u16, String)>>,
    /// Whose GETs are not answered for now.
    slow: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Say {
    fn set(&self, who: &str, status: u16, body: &str) {
        self.to.lock().unwrap().insert(who.to_owned(), (status, body.to_owned()));
    }

    fn delay(&self, who: &[&str]) {
        *self.slow.lock().unwrap() = who.iter().map(|&who| who.to_owned()).collect();
        self.changed.notify_all();
    }

    fn answer(&self, who: &str) -> (u16, String) {
        let slow = self.slow.lock().unwrap();
        let is_slow = |slow: &mut Vec<String>| slow.iter().any(|slow| slow == who);
        drop(self.changed.wait_timeout_while(slow, DEADLINE, is_slow).unwrap());
        self.to.lock().unwrap().get(who).cloned().unwrap_or((404, "{}".to_owned()))
    }
}

fn who(request: &Request) -> String {
    let named = request.header("authorization").or_else(|| request.header("cookie"));
    named.map_or("nobody".to_owned(), |named| named.trim_start_matches("Bearer ").to_owned())
}

struct Setup {
    say: Arc<Say>,
    origin: Origin,
    proxy: Proxy,
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// `route`: more lines for the route; `tables`: more tables.
fn setup(route: &str, tables: &str) -> Setup {
    setup_behind("", route, tables)
}

/// `server`: more lines of `[server]`.
fn setup_behind(server: &str, route: &str, tables: &str) -> Setup {
    let say = Arc::new(Say::default());
    let told = Arc::clone(&say);
    let origin = Origin::start(move |request, stream| {
        let (status, body) = if request.line.starts_with("GET") {
            told.answer(&who(request))
        } else if request.line.starts_with("DELETE") {
            (200, "{}".to_owned())
        } else {
            (200, String::from_utf8(request.body.clone()).unwrap())
        };
        let is_coded = request.header("accept-encoding").is_some_and(|codings| codings.contains("gzip"));
        let coding = if is_coded { "Content-Encoding: gzip\r\n" } else { "" };
        let body = if is_coded { gzip(&body) } else { body.into_bytes() };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{coding}Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).is_ok()
    });
    let marks = "[[route]]\npath = \"/api/marks/{id}\"\nmodel = \"mark\"\nvisibility = \"public\"\n";
    let route = format!("{AUTHOR_ROUTE}visibility = \"upstream\"\n{route}\n");
    let canonical = "[[endpoint]]\npath = \"/canonical\"\ndialect = \"canonical\"\n";
    let upstream = format!("servers = [\"http://{}\"]", origin.address);
    let tables = format!("{route}{marks}{WS_ENDPOINT}{canonical}{tables}");
    let proxy = Proxy::with_server(server, &upstream, &tables);
    Setup { say, origin, proxy }
}

impl Setup {
    /// A reader whose handshake has these headers.
    fn with(&self, path: &str, headers: &[(&str, &str)]) -> Reader {
        let mut request = format!("ws://{}{path}", self.proxy.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        Reader(tokio_tungstenite::tungstenite::client(request, connect(self.proxy.address)).unwrap().0)
    }

    fn reader(&self, name: &str) -> Reader {
        self.with("/ws", &[("authorization", &format!("Bearer {name}"))])
    }

    fn write(&self, method: &str, id: u32, name: &str) {
        let path = if method == "POST" { "/api/authors".to_owned() } else { format!("/api/authors/{id}") };
        let body = json!({"id": id, "name": name}).to_string();
        let body = if method == "DELETE" { "" } else { body.as_str() };
        assert_eq!(self.proxy.send(method, &path, body).status, 200);
    }

    /// What everybody sees, so that silence before it is proven.
    fn mark(&self) {
        assert_eq!(self.proxy.send("PUT", "/api/marks/1", r#"{"id":1}"#).status, 200);
    }

    /// How often a GET for `who` has come.
    fn asked(&self, who_asks: &str) -> usize {
        let is_theirs = |request: &&Request| request.line.starts_with("GET") && who(request) == who_asks;
        self.origin.requests().iter().filter(is_theirs).count()
    }

    /// It is counted once it is done, which the reader may be told before.
    fn expect_withheld(&self, reason: &str, count: f64) {
        let series = format!("restcast_access_withheld_total{{reason=\"{reason}\"}}");
        eventually(&format!("{count} withheld"), || (self.proxy.metric(&series) == count).then_some(()));
    }
}

/// What a reader gets before the mark, as `METHOD ID NAME`.
fn seen(reader: &mut Reader) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let event = reader.next();
        if event["model"] == "mark" {
            return all;
        }
        let name = event["payload"]["name"].as_str().unwrap_or("-");
        all.push(format!("{} {} {name}", event["method"].as_str().unwrap(), event["id"]));
    }
}

#[test]
fn readers_get_what_the_backend_lets_them_get() {
    let setup = setup("", "");
    let mut readers = ["ann", "bob"].map(|name| setup.reader(name));
    let mut nobody = setup.with("/ws", &[]);
    setup.say.set("ann", 200, "{}");
    setup.say.set("bob", 403, "{}");
    setup.say.set("nobody", 401, "{}");
    let mut round = |setup: &Setup| {
        setup.mark();
        assert_eq!(seen(&mut nobody), [""; 0]);
        readers.each_mut().map(seen)
    };
    setup.write("POST", 7, "created");
    assert_eq!(round(&setup), [vec!["POST 7 created".to_owned()], vec![]]);
    // Out of sight for one, into sight for the other.
    setup.say.set("ann", 404, "{}");
    setup.say.set("bob", 200, "{}");
    setup.write("PUT", 7, "moved");
    assert_eq!(round(&setup), [vec!["DELETE 7 -".to_owned()], vec!["PUT 7 moved".to_owned()]]);
    setup.write("PUT", 7, "again");
    assert_eq!(round(&setup), [vec![], vec!["PUT 7 again".to_owned()]]);
    setup.write("DELETE", 7, "");
    assert_eq!(round(&setup), [vec![], vec!["DELETE 7 -".to_owned()]]);
    assert_eq!((setup.asked("ann"), setup.asked("bob"), setup.asked("nobody")), (3, 3, 3));
    setup.expect_withheld("hidden", 7.0);
    let path = setup.origin.requests().iter().find(|r| r.line.starts_with("GET")).unwrap().line.clone();
    assert!(path.starts_with("GET /api/authors/7 "), "{path}");
}

#[test]
fn a_reader_gets_the_fields_that_its_own_get_returns() {
    let setup = setup("payload = \"refetch\"\nrecord = \"/data\"", "");
    setup.say.set("boss", 200, r#"{"data":{"id":7,"name":"Ada","salary":5}}"#);
    setup.say.set("ann", 200, r#"{"data":{"id":7,"name":"Ada"}}"#);
    setup.say.set("odd", 200, "no JSON");
    let mut readers = ["boss", "ann", "odd"].map(|name| setup.reader(name));
    let mut canonical = setup.with("/canonical?token=ann", &[]);
    let body = r#"{"data":{"id":7,"name":"written","salary":6,"secret":1}}"#;
    assert_eq!(setup.proxy.send("PUT", "/api/authors/7", body).status, 200);
    let got = readers.each_mut().map(|reader| reader.next()["payload"].clone());
    assert_eq!(got, [json!({"id":7,"name":"Ada","salary":5}), json!({"id":7,"name":"Ada"}), Value::Null]);
    let event = canonical.next();
    assert_eq!(event["items"], json!([{"id":7,"strength":"record","record":{"id":7,"name":"Ada"}}]));
    assert_eq!(setup.asked("ann"), 1, "both dialects share an answer");
}

#[test]
fn fifty_tabs_with_one_token_ask_once_for_each_event() {
    let setup = setup("", "");
    setup.say.set("ann", 200, "{}");
    let mut tabs: Vec<Reader> = (0..50).map(|_| setup.reader("ann")).collect();
    for number in 1..=3 {
        setup.write("PUT", number, "x");
        for tab in &mut tabs {
            assert_eq!(tab.next()["id"], number);
        }
        assert_eq!(setup.asked("ann"), number as usize);
    }
}

#[test]
fn whoever_waits_for_a_slow_answer_delays_nobody_else_and_loses_no_order() {
    let setup = setup("", "");
    setup.say.set("ann", 200, "{}");
    setup.say.set("bob", 200, "{}");
    setup.say.delay(&["ann"]);
    let mut readers = ["ann", "bob"].map(|name| setup.reader(name));
    for number in 1..=20 {
        setup.write("PUT", number, "x");
    }
    setup.mark();
    let expected: Vec<String> = (1..=20).map(|number| format!("PUT {number} x")).collect();
    assert_eq!(seen(&mut readers[1]), expected);
    readers[0].expect_silence();
    setup.say.delay(&[]);
    assert_eq!(seen(&mut readers[0]), expected);
}

#[test]
fn order_holds_under_load() {
    let setup = setup("", "");
    let names = ["a", "b", "c", "d"];
    for name in names {
        setup.say.set(name, 200, "{}");
    }
    let mut readers = names.map(|name| setup.reader(name));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            for round in 0..40 {
                setup.say.delay(&[names[round % 4], names[(round + 1) % 4]]);
                std::thread::yield_now();
            }
            setup.say.delay(&[]);
        });
        for number in 1..=100 {
            setup.write(if number % 3 == 0 { "POST" } else { "PUT" }, number, "x");
        }
        slow.join().unwrap();
    });
    setup.mark();
    for reader in &mut readers {
        let ids: Vec<String> =
            seen(reader).iter().map(|event| event.split(' ').nth(1).unwrap().to_owned()).collect();
        assert_eq!(ids, (1..=100).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn a_reader_for_whom_too_much_waits_is_closed_alone() {
    let setup = setup("", "[hub]\nqueue_frames = 4\n");
    setup.say.set("ann", 200, "{}");
    setup.say.set("bob", 200, "{}");
    setup.say.delay(&["ann"]);
    let mut ann = setup.reader("ann");
    let mut bob = setup.reader("bob");
    for number in 1..=5 {
        setup.write("PUT", number, "x");
        assert_eq!(bob.next()["id"], number);
    }
    assert_eq!(ann.close_code(), 1013);
    assert_eq!(setup.proxy.metric("restcast_access_lagging_readers_total"), 1.0);
    setup.say.delay(&[]);
}

#[test]
fn what_the_backend_does_not_say_is_withheld_and_what_comes_behind_it_is_not() {
    let setup = setup("", "[access]\ntimeout = \"200ms\"\n");
    let mut ann = setup.reader("ann");
    for status in [500, 302, 429, 405] {
        setup.say.set("ann", status, "{}");
        setup.write("PUT", 7, "x");
    }
    setup.mark();
    assert_eq!(seen(&mut ann), [""; 0]);
    setup.expect_withheld("unclear", 4.0);
    setup.say.set("ann", 200, "{}");
    setup.say.delay(&["ann"]);
    setup.write("PUT", 7, "late");
    setup.mark();
    assert_eq!(seen(&mut ann), [""; 0]);
    setup.expect_withheld("unclear", 5.0);
    setup.say.delay(&[]);
    setup.write("PUT", 7, "seen");
    setup.mark();
    assert_eq!(seen(&mut ann), ["PUT 7 seen"]);
}

#[test]
fn too_many_questions_are_withheld_from_whom_they_are_for() {
    let limits = "[access]\nat_once = 8\nat_once_per_reader = 1\nwaiting = 8\nwaiting_per_reader = 1\n";
    let setup = setup("", limits);
    setup.say.set("ann", 200, "{}");
    setup.say.set("bob", 200, "{}");
    setup.say.delay(&["ann"]);
    let mut readers = ["ann", "bob"].map(|name| setup.reader(name));
    for number in 1..=4 {
        setup.write("PUT", number, "x");
        assert_eq!(readers[1].next()["id"], number);
    }
    setup.say.delay(&[]);
    setup.mark();
    assert_eq!(seen(&mut readers[0]), ["PUT 1 x", "PUT 2 x"]);
    setup.expect_withheld("full", 2.0);
}

#[test]
fn reads_are_asked_about_once_in_a_while_and_questions_are_no_reads() {
    let setup = setup("publish_reads = true", "[access]\nttl = \"1h\"\n");
    setup.say.set("ann", 200, r#"{"id":7,"name":"read"}"#);
    setup.say.set("nobody", 200, r#"{"id":7,"name":"read"}"#);
    let mut ann = setup.reader("ann");
    for _ in 0..3 {
        assert_eq!(setup.proxy.get("/api/authors/7").status, 200);
    }
    setup.mark();
    assert_eq!(seen(&mut ann), ["GET 7 read"; 3]);
    assert_eq!(setup.asked("ann"), 1);
    setup.write("PUT", 7, "written");
    assert_eq!(setup.proxy.get("/api/authors/7").status, 200);
    setup.mark();
    assert_eq!(seen(&mut ann), ["PUT 7 written", "GET 7 read"]);
    assert_eq!(setup.asked("ann"), 2);
}

/// Path, headers, and who asks.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn credentials_are_those_of_the_handshake_and_cookies_those_of_the_sites_own_pages() {
    let setup = setup("", "");
    let host = setup.proxy.address.to_string();
    let (own, other) = (format!("http://{host}"), "http://evil.test");
    let rows: &[Row<'_>] = &[
        ("/ws", &[("authorization", "Basic eA==")], "Basic eA=="),
        ("/ws?token=query", &[], "query"),
        ("/ws?token=query", &[("authorization", "Bearer head")], "head"),
        ("/ws", &[("cookie", "s=1")], "s=1"),
        ("/ws", &[("cookie", "s=2"), ("origin", &own)], "s=2"),
        ("/ws", &[("cookie", "s=3"), ("origin", other)], "nobody"),
        ("/ws", &[], "nobody"),
    ];
    for (number, (path, headers, expected)) in rows.iter().enumerate() {
        let before = setup.asked(expected);
        let reader = setup.with(path, headers);
        setup.write("PUT", 7, "x");
        eventually("the backend is asked", || (setup.asked(expected) > before).then_some(()));
        drop(reader);
        let open = "restcast_connections{dialect=\"flarchitect\"}";
        eventually("the reader has left", || (setup.proxy.metric(open) == 0.0).then_some(()));
        assert_eq!(setup.asked("s=3"), 0, "row {number}");
    }
    let question = setup.origin.requests().into_iter().find(|r| r.line.starts_with("GET")).unwrap();
    assert_eq!(question.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(question.header("host"), Some(host.as_str()));
    assert_eq!(question.header("upgrade"), None);
}

#[test]
fn a_reader_is_asked_for_as_whom_it_says_that_it_is_at_present() {
    let cms =
        "[[endpoint]]\npath = \"/cms\"\ndialect = \"fastcms\"\nauth = \"optional\"\non_expiry = \"demote\"\n";
    let setup = setup("", &format!("{cms}{JWT}"));
    let mut reader = setup.with("/cms", &[("cookie", "s=1")]);
    let mut say = |message: Value, kind: &str| {
        reader.send(message.to_string());
        while reader.next()["type"] != kind {}
    };
    let is_asked = |who: &str| {
        let before = setup.asked(who);
        setup.write("PUT", 7, "x");
        eventually(&format!("{who} is asked for"), || (setup.asked(who) > before).then_some(()));
    };
    say(json!({"action": "subscribe", "collection": "author"}), "subscribed");
    is_asked("s=1");
    let token = sign(SECRET, &json!({"sub": "alice", "exp": now() + 3}));
    say(json!({"action": "auth", "token": token}), "authenticated");
    is_asked(&token);
    // Once the token has expired it is nobody, and not whom the cookie named.
    let cookies = setup.asked("s=1");
    eventually("nobody is asked for", || {
        setup.write("PUT", 7, "x");
        (setup.asked("nobody") > 0).then_some(())
    });
    assert_eq!(setup.asked("s=1"), cookies);
}

#[test]
fn explain_says_where_each_reader_would_be_asked_for() {
    let folder = Folder::new();
    let body = folder.write("body.json", r#"{"id":7}"#);
    // (payload, request, what is said)
    let rows: [(&str, &[&str], &str); 3] = [
        ("record", &["PUT", "/api/authors/7/"], "readers   readers whose own GET /api/authors/7/ succeeds\n"),
        (
            "refetch",
            &["POST", "/api/authors"],
            "readers   readers whose own GET /api/authors/7 succeeds, each as that answer shows it\n",
        ),
        ("record", &["POST", "/api/authors", "--status", "204"], "no path leads to its record"),
    ];
    for (payload, request, said) in rows {
        let route = format!("{AUTHOR_ROUTE}visibility = \"upstream\"\npayload = \"{payload}\"\n");
        let tables = format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{route}{WS_ENDPOINT}");
        let config = folder.write("proxy.toml", tables);
        let mut command = restcast();
        command.arg("explain").args(request).arg("--config").arg(config);
        if !request.contains(&"204") {
            command.arg("--body").arg(&body);
        }
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(text.contains(said), "{request:?}: {text}");
    }
}

#[test]
fn behind_a_proxy_that_is_believed_the_backend_is_asked_as_its_own_requests_come() {
    let forwarded = [
        ("authorization", "Bearer ann"),
        ("forwarded", "for=192.0.2.9;proto=https"),
        ("x-forwarded-for", "192.0.2.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
    ];
    // (server, what the GET must bring)
    for (server, told) in [
        (
            "trusted_proxies = [\"127.0.0.0/8\"]",
            ["192.0.2.9, 127.0.0.1", "https", "shop.example", "for=192.0.2.9;proto=https"],
        ),
        ("", ["127.0.0.1", "http", "", ""]),
    ] {
        let setup = setup_behind(server, "", "");
        setup.say.set("ann", 200, "{}");
        let mut reader = setup.with("/ws", &forwarded);
        setup.write("PUT", 7, "Ada");
        setup.mark();
        assert_eq!(seen(&mut reader), ["PUT 7 Ada"]);
        let requests = setup.origin.requests();
        let asked = requests.iter().find(|request| request.line.starts_with("GET")).unwrap();
        let own = format!("{}", setup.proxy.address);
        let host = if told[2].is_empty() { own.as_str() } else { told[2] };
        let names = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"];
        let found = names.map(|name| asked.header(name).unwrap_or_default().to_owned());
        assert_eq!(found, [told[0], told[1], host, told[3]], "{server}");
    }
}
