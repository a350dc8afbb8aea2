//! The sample backend as its clients see it: tables of requests and answers.

use http::header::{ALLOW, CONTENT_LENGTH, LOCATION};

use super::store::{Collection, RECORD_LIMIT, Store, StoreError};
use super::*;

fn ask(backend: &Backend, line: &str, body: &[u8]) -> Response<Bytes> {
    let (method, path) = line.split_once(' ').expect("METHOD PATH");
    let request = Request::builder().method(method).uri(path);
    backend.serve(request.body(Bytes::copy_from_slice(body)).expect("a request"))
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).expect("UTF-8")
}

/// Each line is `METHOD PATH [BODY] -> STATUS [ANSWER]`; of an error's message a part is given.
/// All lines go to one backend, in order.
fn check(lines: &str) {
    let backend = Backend::seeded();
    for row in lines.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (request, expected) = row.split_once(" -> ").expect("an arrow");
        let (line, body) = request.split_once(" {").unwrap_or((request, ""));
        let body = if body.is_empty() { String::new() } else { format!("{{{body}") };
        let response = ask(&backend, line, body.as_bytes());
        let status = response.status();
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{row}");
        let answer = format!("{} {}", status.as_u16(), text(&response));
        if status.is_success() {
            assert_eq!(answer.trim(), expected, "{row}");
        } else {
            let value: Value = serde_json::from_slice(response.body()).expect("a JSON error");
            let message = value["error"].as_str().expect("a text");
            let (code, part) = expected.split_once(' ').expect("a part of the message");
            assert!(answer.starts_with(code) && message.contains(part), "{row}: {answer}");
        }
    }
}

#[test]
fn authors_are_listed_written_and_deleted() {
    check(
        r#"
        GET /api/authors/2 -> 200 {"id":2,"name":"Italo Calvino","born":1923}
        POST /api/authors {"name":"Ada"} -> 201 {"id":4,"name":"Ada","born":null}
        PATCH /api/authors/4 {"born":1815} -> 200 {"id":4,"name":"Ada","born":1815}
        PATCH /api/authors/4 {} -> 200 {"id":4,"name":"Ada","born":1815}
        PATCH /api/authors/4 {"born":null} -> 200 {"id":4,"name":"Ada","born":null}
        PUT /api/authors/2 {"name":"I. C."} -> 200 {"id":2,"name":"I. C.","born":null}
        PUT /api/authors/2 {"id":2,"name":"É\n","born":null} -> 200 {"id":2,"name":"É\n","born":null}
        DELETE /api/authors/1 -> 204
        DELETE /api/authors/3 -> 204
        DELETE /api/authors/4 -> 204
        GET /api/authors/ -> 200 [{"id":2,"name":"É\n","born":null}]
        POST /api/authors/ {"name":"B"} -> 201 {"id":5,"name":"B","born":null}
        GET /api/authors -> 200 [{"id":2,"name":"É\n","born":null},{"id":5,"name":"B","born":null}]
        "#,
    );
}

#[test]
fn books_belong_to_their_author_and_go_with_it() {
    check(
        r#"
        GET /api/authors/1/books/2 -> 200 {"id":2,"author_id":1,"title":"The Dispossessed","year":1974}
        GET /api/authors/2/books/2 -> 404 there is no book 2 here
        PATCH /api/authors/2/books/2 {} -> 404 there is no book 2 here
        DELETE /api/authors/2/books/2 -> 404 there is no book 2 here
        POST /api/authors/2/books {"title":"T"} -> 201 {"id":5,"author_id":2,"title":"T","year":null}
        PUT /api/authors/2/books/5 {"author_id":2,"title":"U"} -> 200 {"id":5,"author_id":2,"title":"U","year":null}
        PUT /api/authors/2/books/5 {"author_id":1,"title":"U"} -> 400 "author_id" must stay 2
        DELETE /api/authors/1 -> 204
        GET /api/authors/1/books -> 404 there is no author 1 here
        POST /api/authors/1/books {"title":"T"} -> 404 there is no author 1 here
        GET /api/authors/1/books/2 -> 404 there is no author 1 here
        DELETE /api/authors/2/books/5 -> 204
        DELETE /api/authors/2/books/3 -> 204
        GET /api/authors/2/books -> 200 []
        "#,
    );
}

#[test]
fn a_bad_body_gets_a_clear_error_and_changes_nothing() {
    check(
        r#"
        POST /api/authors -> 400 not JSON
        POST /api/authors {"name": -> 400 not JSON
        POST /api/authors {} -> 400 "name" is missing
        POST /api/authors {"name":7} -> 400 "name" is wrong: a text
        POST /api/authors {"name":" "} -> 400 "name" is wrong: a text
        POST /api/authors {"name":"A","born":"1815"} -> 400 "born" is wrong: a year
        POST /api/authors {"name":"A","born":1e99} -> 400 "born" is wrong: a year
        POST /api/authors {"name":"A","id":9} -> 400 "id" is chosen by the server
        POST /api/authors {"name":"A","title":"x"} -> 400 author has name and born
        POST /api/authors/9/books {"title":"T"} -> 404 there is no author 9 here
        PATCH /api/authors/9 {"name":"A"} -> 404 there is no author 9 here
        PATCH /api/authors/1 {"name":null} -> 400 "name" is missing
        PATCH /api/authors/1 {"nom":null} -> 400 "nom" is not known
        PATCH /api/authors/1 {"id":2} -> 400 "id" must stay 1
        PUT /api/authors/1 {"born":1} -> 400 "name" is missing
        GET /api/authors/1 -> 200 {"id":1,"name":"Ursula K. Le Guin","born":1929}
        POST /api/authors {"name":"A"} -> 201 {"id":4,"name":"A","born":null}
        "#,
    );
}

#[test]
fn hostile_bodies_are_refused() {
    let backend = Backend::seeded();
    let longest = format!(r#"{{"name":"{}"}}"#, "é".repeat(200));
    let too_long = format!(r#"{{"name":"{}"}}"#, "é".repeat(201));
    let long_key = format!(r#"{{"name":"A","{}":1}}"#, "é".repeat(20_000));
    let rows: [(&[u8], u16, &str); 6] = [
        (longest.as_bytes(), 201, ""),
        (too_long.as_bytes(), 400, "1 to 200 characters"),
        (long_key.as_bytes(), 400, "is not known"),
        (&[b'['; 10_000], 400, "recursion limit"),
        (br#"["Ada"]"#, 400, "must be a JSON object"),
        (b"{\"name\":\"\xff\"}", 400, "not JSON"),
    ];
    for (body, status, part) in rows {
        let response = ask(&backend, "POST /api/authors", body);
        assert_eq!(response.status().as_u16(), status, "{part}");
        assert!(text(&response).contains(part) && response.body().len() < 1_000, "{part}");
    }
}

#[test]
fn paths_and_methods_that_do_not_exist_are_refused() {
    let backend = Backend::seeded();
    let rows = [
        ("GET /api/authors/9", 404, None),
        ("GET /api/authors/99999999999999999999", 404, None),
        ("GET /api/authors/01", 404, None),
        ("GET /api/authors/+1", 404, None),
        ("GET /api/authors/-1", 404, None),
        ("GET /api/authors//", 404, None),
        ("GET /api/authors/1//", 404, None),
        ("GET /api/authorship", 404, None),
        ("GET /api/authors/1/boo", 404, None),
        ("GET /api/authors/1/books/1/pages", 404, None),
        ("GET /api", 404, None),
        ("GET *", 404, None),
        ("PUT /api/authors", 405, Some(LIST_METHODS)),
        ("DELETE /api/authors/1/books", 405, Some(LIST_METHODS)),
        ("POST /api/authors/1", 405, Some(ITEM_METHODS)),
        ("BREW /api/authors/1/books/1", 405, Some(ITEM_METHODS)),
        ("POST /", 405, Some(READ_METHODS)),
        ("OPTIONS /api/authors", 204, Some(LIST_METHODS)),
        ("OPTIONS /api/authors/1", 204, Some(ITEM_METHODS)),
        ("OPTIONS /elsewhere", 204, Some(ALL_METHODS)),
    ];
    for (line, status, allow) in rows {
        let response = ask(&backend, line, b"");
        assert_eq!(response.status().as_u16(), status, "{line}");
        assert_eq!(response.headers().get(ALLOW).map(|value| value.to_str().unwrap()), allow, "{line}");
    }
}

#[test]
fn heads_are_complete() {
    let backend = Backend::seeded();
    let preflight = ask(&backend, "OPTIONS /api/authors/1", b"");
    assert!(preflight.headers()["access-control-allow-methods"].to_str().unwrap().contains("PATCH"));
    assert!(preflight.headers()["access-control-allow-headers"].to_str().unwrap().contains("Content-Type"));
    assert!(!preflight.headers().contains_key(CONTENT_LENGTH), "a 204 has none");

    let get = ask(&backend, "GET /api/authors?page=2", b"");
    let head = ask(&backend, "HEAD /api/authors", b"");
    assert_eq!(get.headers()[CONTENT_LENGTH], get.body().len().to_string());
    assert_eq!(get.headers(), head.headers());
    assert!(head.body().is_empty());

    for path in ["/api/authors", "/api/authors/"] {
        let created = ask(&backend, &format!("POST {path}"), br#"{"name":"Ada"}"#);
        let record: Value = serde_json::from_slice(created.body()).unwrap();
        assert_eq!(created.headers()[LOCATION], format!("/api/authors/{}", record["id"]));
    }
    let index: Value = serde_json::from_slice(ask(&backend, "GET /", b"").body()).unwrap();
    assert!(!index["try"].as_array().unwrap().is_empty());
}

#[test]
fn what_the_index_lists_works() {
    let backend = Backend::seeded();
    let index: Value = serde_json::from_slice(ask(&backend, "GET /", b"").body()).unwrap();
    for example in index["try"].as_array().unwrap() {
        let example = example.as_str().unwrap();
        let (line, body) = example
            .split_once(" {")
            .map_or((example, String::new()), |(line, rest)| (line, format!("{{{rest}")));
        let response = ask(&backend, line, body.as_bytes());
        assert!(response.status().is_success(), "{example}: {}", text(&response));
    }
}

#[test]
fn a_large_body_and_a_full_collection_are_refused() {
    let backend = Backend::seeded();
    let mut body = br#"{"name":"A"}"#.to_vec();
    body.resize(BODY_LIMIT_BYTES, b' ');
    assert_eq!(ask(&backend, "POST /api/authors", &body).status(), 201);
    body.push(b' ');
    assert_eq!(ask(&backend, "POST /api/authors", &body).status(), 413);

    for line in ["POST /api/authors", "POST /api/authors/1/books"] {
        let body: &[u8] = if line.ends_with("books") { br#"{"title":"T"}"# } else { br#"{"name":"A"}"# };
        while ask(&backend, line, body).status() == 201 {}
        let full = ask(&backend, line, body);
        assert_eq!(full.status(), 507);
        assert!(text(&full).contains("at most 1000"), "{}", text(&full));
        assert_eq!(
            ask(&backend, "DELETE /api/authors/2", b"").status().is_success(),
            line == "POST /api/authors"
        );
    }
    // Author 2 had a book, but it went before the books were full: one more place for an author only.
    assert_eq!(ask(&backend, "POST /api/authors", br#"{"name":"A"}"#).status(), 201);
    assert_eq!(ask(&backend, "POST /api/authors", br#"{"name":"A"}"#).status(), 507);
}

#[test]
fn the_limit_counts_records_not_ids() {
    let mut store = Store::empty();
    let body = || json!({"name": "A"}).as_object().cloned().unwrap();
    for round in 0..2 * RECORD_LIMIT as u64 {
        store.create(Collection::Authors, body()).expect("there is room");
        store.delete(Collection::Authors, round + 1).expect("ids go up by one");
    }
    for _ in 0..RECORD_LIMIT {
        store.create(Collection::Authors, body()).expect("there is room");
    }
    assert_eq!(store.create(Collection::Authors, body()).unwrap_err(), StoreError::Full { noun: "author" });
}
