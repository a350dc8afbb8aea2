//! What is kept of a request's body, and what of it reaches the event.

use super::*;
use crate::route::model_tests::collections;

/// Routes that are asked for the bodies of authors' requests.
fn asked(change: impl Fn(&mut Route)) -> Routes {
    let mut routes = authors(change)();
    routes.keep_requests(["Author"]);
    routes
}

const PUT: &str = r#"PUT /api/authors/7 -> 200 {"id":7,"name":"Ada"}"#;
const BODY: &str = r#"{"name":"Ada", "age":1.0}"#;

fn write(routes: &Routes, exchange: &str, body: &str) -> Verdict {
    let exchange = Exchange::parse(exchange);
    let mut capture = exchange.capture(routes);
    capture.attempt();
    for chunk in body.as_bytes().chunks(5) {
        capture.request_chunk(chunk);
    }
    capture.request_sent();
    capture.response_head(exchange.status, &exchange.headers);
    capture.response_chunk(&exchange.body);
    finish(capture, exchange.whole, routes)
}

/// The body that the event has; `-` where it has none.
fn shown(routes: &Routes, exchange: &str, body: &str) -> String {
    let event = write(routes, exchange, body).event.expect("an event");
    event.request_body.map_or("-".to_owned(), |body| body.as_str().to_owned())
}

#[test]
fn the_body_is_kept_for_the_models_that_are_asked_for() {
    let none = library();
    assert_eq!(shown(&none, PUT, BODY), "-");
    let mut one = library();
    one.keep_requests(["book", "page"]);
    assert_eq!(shown(&one, PUT, BODY), "-");
    assert_eq!(shown(&one, r#"PUT /books/7 -> 200 {"id":7}"#, BODY), BODY);
    one.keep_requests(["AUTHOR"]);
    assert_eq!(shown(&one, PUT, BODY), BODY);
    assert_eq!(shown(&one, r#"PUT /books/7 -> 200 {"id":7}"#, BODY), BODY);
    let mut every = library();
    every.keep_all_requests();
    every.keep_requests(["page"]);
    assert_eq!(shown(&every, PUT, BODY), BODY);
}

#[test]
fn a_model_that_the_path_names_is_asked_for_by_its_name() {
    let mut routes = Routes::new(vec![collections("/c/{collection}/{id}")]).unwrap();
    routes.keep_requests(["posts"]);
    for (path, expected) in [("/c/posts/7", BODY), ("/c/Posts/7", BODY), ("/c/notes/7", "-")] {
        assert_eq!(shown(&routes, &format!("PUT {path} -> 204"), BODY), expected, "{path}");
    }
    routes.keep_all_requests();
    let long = "x".repeat(1000);
    for (collection, expected) in [("notes", BODY), (&long, "-")] {
        assert_eq!(shown(&routes, &format!("PUT /c/{collection}/7 -> 204"), BODY), expected, "{collection}");
    }
}

#[test]
fn a_body_is_shown_as_it_was_sent_if_it_is_a_plain_json_object() {
    for (headers, body, expected) in [
        ("", " {\"a\":1}\n", "{\"a\":1}"),
        ("", "{}", "{}"),
        ("Content-Type: application/json;charset=utf-8", BODY, BODY),
        ("Content-Type: application/merge-patch+json", "{\"a\":null}", "{\"a\":null}"),
        ("Content-Encoding: identity", BODY, BODY),
        ("Content-Encoding: Identity", BODY, BODY),
        ("", "", "-"),
        ("", "[{}]", "-"),
        ("", "7", "-"),
        ("", "null", "-"),
        ("", "{\"a\":1", "-"),
        ("", "{\"a\":1}{}", "-"),
        ("", "a=1&b=2", "-"),
        ("Content-Type: application/x-www-form-urlencoded", BODY, "-"),
        ("Content-Type: text/plain", BODY, "-"),
        ("Content-Encoding: gzip", BODY, "-"),
        ("Content-Encoding: identity, gzip", BODY, "-"),
        ("Content-Encoding: gzip; Content-Encoding: identity", BODY, "-"),
    ] {
        let headers = if headers.is_empty() { String::new() } else { format!(" [{headers}]") };
        let exchange = format!("PUT /api/authors/7{headers} -> 204");
        assert_eq!(shown(&asked(|_| {}), &exchange, body), expected, "{headers} {body}");
    }
    let mut capture = Exchange::parse("PUT /api/authors/7 -> 204").capture(&asked(|_| {}));
    capture.request_chunk(b"{\"a\":\"\xFF\"}");
    capture.request_sent();
    capture.response_head(StatusCode::NO_CONTENT, &HeaderMap::new());
    assert_eq!(finish(capture, true, &asked(|_| {})).event.unwrap().request_body, None);
}

#[test]
fn readers_get_no_field_of_a_request_that_the_record_would_not_show() {
    let routes = asked(|route| route.fields = vec!["id".to_owned(), "name".to_owned()]);
    for (body, expected) in [
        (r#"{"password":"x","name":"Ada"}"#, r#"{"name":"Ada"}"#),
        (r#"{"password":"x"}"#, "{}"),
        (r#"{"name":{"a":[1.0]},"id":7}"#, r#"{"id":7,"name":{"a":[1.0]}}"#),
    ] {
        assert_eq!(shown(&routes, PUT, body), expected);
    }
}

#[test]
fn a_body_is_shown_only_of_a_write_of_one_record_that_was_surely_done() {
    let routes = asked(|route| {
        route.publish_reads = true;
        route.item_status = Some(pointer("/status"));
    });
    for (exchange, expected) in [
        (PUT, BODY),
        (r#"POST /api/authors -> 201 {"id":7}"#, BODY),
        ("PATCH /api/authors/7 -> 204", BODY),
        ("PATCH /api/authors/7 -> 303 [Location: /api/authors/7]", BODY),
        ("DELETE /api/authors/7 -> 204", "-"),
        (r#"GET /api/authors/7 -> 200 {"id":7}"#, "-"),
        ("PUT /api/authors/7 -> 202", "-"),
        ("PUT /api/authors/7 -> 303 [Location: /login]", "-"),
        (r#"PATCH /api/authors -> 200 [{"id":7,"status":200},{"id":8,"status":200}]"#, "-"),
    ] {
        assert_eq!(shown(&routes, exchange, BODY), expected, "{exchange}");
    }
    let mut lost = Exchange::parse("PUT /api/authors/7 -> 200").capture(&routes);
    lost.request_chunk(BODY.as_bytes());
    lost.request_sent();
    let verdict = finish(lost, false, &routes);
    assert_eq!((verdict.outcome, verdict.event.unwrap().request_body), (Outcome::Uncertain, None));
}

#[test]
fn of_writes_that_overlap_a_later_one_does_not_show_what_it_asked_for() {
    let mut verdict = write(&asked(|_| {}), PUT, BODY);
    verdict.mark_overlapping(|_, _| false);
    assert!(verdict.event.as_ref().unwrap().request_body.is_some());
    verdict.mark_overlapping(|_, _| true);
    assert_eq!(verdict.event.unwrap().request_body, None);
}

/// Plays attempts, each the chunks of a request, the last of which ends if `whole`.
fn attempts(limits: &Limits, attempts: &[&[&str]], whole: bool) -> Option<String> {
    let routes = asked(|_| {});
    let exchange = Exchange { limits: limits.clone(), ..Exchange::parse(PUT) };
    let mut capture = exchange.capture(&routes);
    for (number, chunks) in attempts.iter().enumerate() {
        capture.attempt();
        chunks.iter().for_each(|chunk| capture.request_chunk(chunk.as_bytes()));
        if whole || number + 1 < attempts.len() {
            capture.request_sent();
        }
    }
    capture.response_head(exchange.status, &exchange.headers);
    capture.response_chunk(&exchange.body);
    let body = finish(capture, true, &routes).event.unwrap().request_body;
    body.map(|body| body.as_str().to_owned())
}

fn limits(body: usize, memory: usize) -> Limits {
    Limits { body, decoded: 10_000, memory: Budget::new(memory) }
}

#[test]
fn each_attempt_begins_anew_and_only_a_whole_request_counts() {
    let limits = limits(1000, 1000);
    assert_eq!(attempts(&limits, &[&["{\"a\":", "1}"]], true).unwrap(), "{\"a\":1}");
    assert_eq!(attempts(&limits, &[&["{\"a\":"], &["{\"a\":", "1}"]], true).unwrap(), "{\"a\":1}");
    assert_eq!(attempts(&limits, &[&["{\"a\":1}"], &["{\"a\":1}"]], true).unwrap(), "{\"a\":1}");
    assert_eq!(attempts(&limits, &[&["{\"a\":1}"], &[]], true), None);
    // The answer came before the end of the request: nobody knows what was behind this.
    assert_eq!(attempts(&limits, &[&["{\"a\":1}"]], false), None);
    assert_eq!(attempts(&limits, &[&["{\"a\":1}"], &["{\"a\":1}"]], false), None);
}

#[test]
fn a_body_over_a_limit_is_dropped_and_leaves_the_event_as_it_is() {
    let record = r#"event update 7 {"id":7,"name":"Ada"}"#;
    for (body, memory, expected) in [
        (30, 1000, true),
        (25, 1000, true),
        (24, 1000, false),
        (1000, 49, true),
        (1000, 30, true),
        (1000, 24, false),
    ] {
        let routes = asked(|_| {});
        let exchange = Exchange { limits: limits(body, memory), ..Exchange::parse(PUT) };
        let mut capture = exchange.capture(&routes);
        BODY.as_bytes().chunks(5).for_each(|chunk| capture.request_chunk(chunk));
        capture.request_sent();
        capture.response_head(exchange.status, &exchange.headers);
        let shown = finish(capture, true, &routes).event.unwrap().request_body.is_some();
        assert_eq!(shown, expected, "{body} {memory}");
    }
    assert_eq!(BODY.len(), 25);
    // What was dropped leaves its memory to the answer.
    let exchange = Exchange { limits: limits(24, 30), ..Exchange::parse(PUT) };
    let routes = asked(|_| {});
    let mut capture = exchange.capture(&routes);
    BODY.as_bytes().chunks(5).for_each(|chunk| capture.request_chunk(chunk));
    capture.request_sent();
    capture.response_head(exchange.status, &exchange.headers);
    capture.response_chunk(&exchange.body);
    assert_eq!(render(&finish(capture, true, &routes)), record);
    // And one attempt's leaves it to the next.
    let one = limits(25, 25);
    assert!(attempts(&one, &[&[BODY], &[BODY], &[BODY]], true).is_some());
}

#[test]
fn nothing_is_kept_where_nobody_asks_or_nothing_could_be_read() {
    let unasked = library();
    let asked = asked(|_| {});
    for (routes, exchange, expected) in [
        (&unasked, PUT, 0),
        (&asked, PUT, BODY.len()),
        (&asked, "DELETE /api/authors/7 -> 204", 0),
        (&asked, "PUT /api/authors/7 [Content-Encoding: br] -> 204", 0),
        (&asked, "PUT /api/authors/7 [Content-Type: multipart/form-data;boundary=a] -> 204", 0),
    ] {
        let limits = limits(1000, 1000);
        let free = limits.memory.clone();
        let mut capture = Exchange { limits, ..Exchange::parse(exchange) }.capture(routes);
        capture.request_chunk(BODY.as_bytes());
        let taken = (0..=1000).rev().find(|bytes| free.reserve_nothing().grow(*bytes)).unwrap();
        assert_eq!(1000 - taken, expected, "{exchange}");
        drop(capture);
        assert!(free.reserve_nothing().grow(1000), "{exchange}: it is given back");
    }
}
