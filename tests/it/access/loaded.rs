//! What readers have loaded by GETs of their own through the proxy: they hear when it is out of their sight.

use super::*;

impl Setup {
    /// A page's own GET.
    fn load(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        request(self.proxy.address, "GET", path, headers, b"")
    }

    /// The same by the bearer of a token, with this answer.
    fn loads(&self, name: &str, path: &str, status: u16, body: &str) {
        self.say.set(name, status, body);
        let answer = self.load(path, &[("authorization", &format!("Bearer {name}"))]);
        assert_eq!((answer.status, answer.text()), (status, body.to_owned()));
    }

    /// What a reader gets of the deletion of these.
    fn deletes(&self, ids: impl IntoIterator<Item = u32>, reader: &mut Reader) -> Vec<String> {
        ids.into_iter().for_each(|id| self.write("DELETE", id, ""));
        self.mark();
        seen(reader)
    }
}

const NONE: [&str; 0] = [];

#[test]
fn a_record_that_was_loaded_and_is_taken_back_is_told_as_a_deletion() {
    let setup = setup("", "");
    let mut readers = ["bob", "cid"].map(|name| setup.reader(name));
    setup.loads("bob", "/api/authors/7", 200, r#"{"id":7}"#);
    setup.say.set("bob", 404, "{}");
    for expected in [vec!["DELETE 7 -"], vec![]] {
        setup.write("PUT", 7, "not shared any more");
        setup.mark();
        assert_eq!(seen(&mut readers[0]), expected);
        assert_eq!(seen(&mut readers[1]), NONE);
    }
    assert_eq!(setup.deletes([7], &mut readers[0]), NONE, "it was told already");
    // And shared once more: that is no event.
    setup.loads("bob", "/api/authors/7/", 200, r#"{"id":7}"#);
    assert_eq!(setup.deletes([7, 7], &mut readers[0]), ["DELETE 7 -"]);
    assert_eq!(setup.deletes([], &mut readers[1]), NONE);
}

#[test]
fn the_records_of_a_list_were_loaded() {
    let setup = setup("", "");
    let mut readers = ["bob", "cid"].map(|name| setup.reader(name));
    setup.loads("bob", "/api/authors", 200, r#"[{"id":1},{"id":2}]"#);
    setup.loads("bob", "/api/authors/?page=2", 200, r#"{"count":1,"results":[{"id":3}]}"#);
    setup.loads("cid", "/api/authors", 200, r#"[{"id":2}]"#);
    setup.say.set("bob", 403, "{}");
    setup.write("PUT", 1, "taken back");
    setup.write("PUT", 4, "never shown");
    // Answered before the next write, so that it is not superseded.
    setup.mark();
    assert_eq!(seen(&mut readers[0]), ["DELETE 1 -"]);
    assert_eq!(seen(&mut readers[1]), ["PUT 1 taken back", "PUT 4 never shown"]);
    assert_eq!(setup.deletes(1..=4, &mut readers[0]), ["DELETE 2 -", "DELETE 3 -"]);
    assert_eq!(seen(&mut readers[1]), ["DELETE 1 -", "DELETE 2 -", "DELETE 4 -"]);
}

#[test]
fn an_answer_may_be_compressed() {
    let setup = setup("", "");
    let mut bob = setup.reader("bob");
    setup.say.set("bob", 200, r#"[{"id":1}]"#);
    let headers = [("authorization", "Bearer bob"), ("accept-encoding", "gzip, br")];
    let answer = setup.load("/api/authors", &headers);
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.body, gzip(r#"[{"id":1}]"#));
    assert_eq!(setup.deletes([1], &mut bob), ["DELETE 1 -"]);
}

#[test]
fn a_refused_get_shows_nothing_and_forgets_what_was_shown() {
    let setup = setup("", "");
    let mut bob = setup.reader("bob");
    for (id, status) in [(1, 404), (2, 403), (3, 500), (4, 302)] {
        setup.loads("bob", &format!("/api/authors/{id}"), status, &format!(r#"{{"id":{id}}}"#));
    }
    assert_eq!(setup.deletes(1..=4, &mut bob), NONE);
    for (id, status) in [(5, 404), (6, 500)] {
        let path = format!("/api/authors/{id}");
        setup.loads("bob", &path, 200, &format!(r#"{{"id":{id}}}"#));
        setup.loads("bob", &path, status, "{}");
    }
    assert_eq!(setup.deletes([5, 6], &mut bob), ["DELETE 6 -"]);
}

/// A handshake's path and headers, a GET's path and headers, and whether they are one reader.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a [(&'a str, &'a str)], bool);

#[test]
fn a_page_and_its_websocket_are_one_reader() {
    let setup = setup("", "");
    let token = ("authorization", "Bearer t");
    let cookie = ("cookie", "s=1");
    let (language, foreign) = (("accept-language", "de"), ("origin", "http://evil.test"));
    let item = "/api/authors/ID";
    let rows: &[Row<'_>] = &[
        ("/ws?token=t", &[], item, &[token, language, cookie], true),
        ("/ws?token=t", &[cookie], item, &[token], true),
        ("/ws", &[token], item, &[token], true),
        ("/ws?token=u", &[], item, &[token], false),
        ("/ws", &[], item, &[token], false),
        ("/ws?token=t", &[], item, &[cookie], false),
        ("/ws", &[cookie], item, &[cookie, language], true),
        ("/ws", &[("cookie", "s=2")], item, &[cookie], false),
        // What a cookie has shown is nobody's, wherever the page comes from that sent it.
        ("/ws", &[], item, &[cookie, foreign], false),
        ("/ws", &[], item, &[("user-agent", "x"), ("sec-fetch-mode", "cors"), language], true),
        // Nobody knows what these prove.
        ("/ws", &[], item, &[("x-api-key", "k")], false),
        ("/ws", &[], "/api/authors/ID?key=k", &[], false),
    ];
    for name in ["t", "s=1", "nobody"] {
        setup.say.set(name, 200, r#"{"id":7}"#);
    }
    for (number, (path, handshake, loaded, headers, is_one)) in rows.iter().enumerate() {
        let mut reader = setup.with(path, handshake);
        assert_eq!(setup.load(&loaded.replace("ID", &number.to_string()), headers).status, 200);
        let expected = is_one.then(|| format!("DELETE {number} -"));
        let number = u32::try_from(number).unwrap();
        assert_eq!(setup.deletes([number], &mut reader), Vec::from_iter(expected), "row {number}");
    }
}

#[test]
fn a_page_that_names_itself_by_message_is_the_same_reader() {
    let cms = "[[endpoint]]\npath = \"/cms\"\ndialect = \"fastcms\"\nauth = \"optional\"\n";
    let setup = setup("", &format!("{cms}{JWT}"));
    let token = sign(SECRET, &json!({"sub": "alice", "exp": now() + 60}));
    let mut reader = setup.with("/cms", &[("cookie", "s=1")]);
    let mut say = |message: Value, kind: &str| {
        reader.send(message.to_string());
        while reader.next()["type"] != kind {}
    };
    say(json!({"action": "subscribe", "collection": "author"}), "subscribed");
    say(json!({"action": "auth", "token": token}), "authenticated");
    setup.loads(&token, "/api/authors/7", 200, r#"{"id":7}"#);
    setup.write("DELETE", 7, "");
    let told = reader.next();
    assert_eq!((&told["data"]["type"], &told["data"]["record_id"]), (&json!("record.deleted"), &json!(7)));
}

#[test]
fn what_was_loaded_long_ago_or_while_nobody_listened_is_forgotten() {
    let setup = setup("", "[access]\nremembered = 2\n");
    setup.loads("bob", "/api/authors/9", 200, r#"{"id":9}"#);
    let mut bob = setup.reader("bob");
    assert_eq!(setup.deletes([9], &mut bob), NONE);
    for id in 1..=5 {
        setup.loads("bob", &format!("/api/authors/{id}"), 200, "{}");
    }
    assert_eq!(setup.deletes(1..=5, &mut bob), ["DELETE 3 -", "DELETE 4 -", "DELETE 5 -"]);
}

#[test]
fn gets_that_are_noted_are_no_events_and_are_counted_as_none() {
    let setup = setup("payload = \"refetch\"", "");
    let mut bob = setup.reader("bob");
    let captures = || {
        let metrics = request(setup.proxy.admin, "GET", "/metrics", &[], b"").text();
        let lines = metrics.lines().filter(|line| line.starts_with("restcast_captures_total"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = captures();
    setup.loads("bob", "/api/authors/7", 200, r#"{"id":7}"#);
    setup.loads("bob", "/api/authors", 200, r#"[{"id":7}]"#);
    assert_eq!(captures(), before);
    assert_eq!(setup.deletes([7], &mut bob), ["DELETE 7 -"]);
}
