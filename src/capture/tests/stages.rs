//! Status by method, and what becomes of an exchange that does not come to its end.

use super::*;
use crate::event::Audience;
use crate::route::Visibility;

#[test]
fn every_success_gives_an_event_and_nothing_else_does() {
    check(
        library,
        r#"
        POST /api/authors -> 200 {"id":7} => event create 7 {"id":7}
        POST /api/authors -> 201 {"id":7} => event create 7 {"id":7}
        POST /api/authors -> 202 {"id":7} => no_record create/accepted - -
        PUT /api/authors/7 -> 203 {"id":7} => event update 7 {"id":7}
        PUT /api/authors/7 -> 204 => no_record update 7 -
        PATCH /api/authors/7 -> 205 => no_record update 7 -
        PUT /api/authors/7 -> 206 {"id":7} => event update 7 ~{"id":7}
        POST /api/authors -> 207 [{"id":7,"status":201}] => no_record create - -
        PUT /api/authors/7 -> 226 => no_record update 7 -
        PATCH /api/authors/7 -> 200 {"id":7} => event update 7 ~{"id":7}
        DELETE /api/authors/7 -> 200 {"id":7} => event delete 7 -
        DELETE /api/authors/7 -> 204 => event delete 7 -
        DELETE /api/authors/7 -> 202 => event delete/accepted 7 -
        PUT /api/authors/7 -> 303 [Location: /api/authors/7] => no_record update 7 -
        POST /api/authors -> 303 [Location: /api/authors/7] => no_record create 7 -
        POST /api/authors -> 301 [Location: /api/authors/7] => refused
        POST /api/authors -> 302 [Location: /api/authors/7] => refused
        PUT /api/authors/7 -> 304 => refused
        POST /api/authors -> 307 [Location: /elsewhere] => refused
        POST /api/authors -> 308 [Location: /elsewhere] => refused
        POST /api/authors -> 400 {"id":7} => refused
        POST /api/authors -> 409 {"id":7} => refused
        PUT /api/authors/7 -> 412 => refused
        DELETE /api/authors/7 -> 404 => refused
        DELETE /api/authors/7 -> 410 => refused
        POST /api/authors -> 500 {"id":7} => refused
        PUT /api/authors/7 -> 503 => refused
        "#,
    );
}

#[test]
fn an_operation_and_an_action_may_be_the_routes() {
    let cancel = || {
        let mut cancel = route("/orders/{id}/cancel", "order");
        cancel.operation = Some(event::Operation::Update);
        cancel.action = Some("cancel".into());
        Routes::new(vec![cancel]).unwrap()
    };
    check(
        cancel,
        r#"
        POST /orders/7/cancel -> 200 {"id":7,"state":"cancelled"} => event update/cancel 7 {"id":7,"state":"cancelled"}
        POST /orders/7/cancel -> 204 => no_record update/cancel 7 -
        POST /orders/7/cancel -> 202 => no_record update/accepted 7 -
        DELETE /orders/7/cancel -> 204 => no_record update/cancel 7 -
        "#,
    );
}

#[test]
fn reads_give_events_only_with_the_full_answer() {
    check(
        authors(|route| route.publish_reads = true),
        r#"
        GET /api/authors/7 -> 200 {"id":7} => event read 7 {"id":7}
        GET /api/authors -> 200 [{"id":7},{"id":8}] => event read [7 {"id":7}, 8 {"id":8}]
        GET /api/authors -> 200 [] => event read []
        GET /api/authors/7 -> 206 {"id":7} => refused
        GET /api/authors/7 -> 304 => refused
        GET /api/authors/7 -> 404 {"id":7} => refused
        "#,
    );
}

#[test]
fn a_read_that_was_cut_off_gives_no_event() {
    let routes = authors(|route| route.publish_reads = true)();
    let mut exchange = Exchange::parse(r#"GET /api/authors/7 -> 200 {"id":7}"#);
    exchange.whole = false;
    assert_eq!(render(&exchange.read(&routes)), "refused");
    let mut capture = exchange.capture(&routes);
    capture.request_sent();
    assert_eq!(render(&finish(capture, false, &routes)), "refused", "no answer at all");
}

#[test]
fn an_answer_that_was_cut_off_gives_an_event_without_record() {
    for (exchange, expected) in [
        (r#"PUT /api/authors/7 -> 200 {"id":7}"#, "no_record update 7 -"),
        (r#"POST /api/authors -> 201 [Location: /api/authors/7] {"id":7}"#, "no_record create 7 -"),
        (r#"POST /api/authors -> 201 {"id":7}"#, "no_record create - -"),
        (r#"DELETE /api/authors/7 -> 200 {"id":7}"#, "event delete 7 -"),
        (r#"PUT /api/authors/7 -> 500 {"id":7}"#, "refused"),
    ] {
        let mut exchange = Exchange::parse(exchange);
        exchange.whole = false;
        assert_eq!(render(&exchange.read(&library())), expected);
    }
}

/// What happens to a write, in order, and what is told of it.
#[test]
fn doubt_is_told_and_one_request_gives_one_event() {
    for (method, path, steps, expected) in [
        ("PUT", "/api/authors/7", "", "unsent"),
        ("PUT", "/api/authors/7", "attempt", "unsent"),
        ("PUT", "/api/authors/7", "attempt sent", "uncertain update 7 -"),
        ("POST", "/api/authors", "attempt sent", "uncertain create - -"),
        ("DELETE", "/api/authors/7", "attempt sent", "uncertain delete 7 -"),
        ("PUT", "/api/authors/7", "attempt sent 204", "no_record update 7 -"),
        // The backend may answer before it has read everything.
        ("PUT", "/api/authors/7", "attempt 204", "no_record update 7 -"),
        ("PUT", "/api/authors/7", "attempt 204 sent", "no_record update 7 -"),
        ("PUT", "/api/authors/7", "attempt 413", "refused"),
        ("PUT", "/api/authors/7", "attempt attempt sent 204", "no_record update 7 -"),
        ("PUT", "/api/authors/7", "attempt sent attempt sent 204", "no_record update 7 -"),
        ("PUT", "/api/authors/7", "attempt sent 500 attempt sent 204", "no_record update 7 -"),
        ("PUT", "/api/authors/7", "attempt sent 204 attempt sent 404", "refused"),
        // What the first attempt did is not known any more, whatever the second one came to.
        ("PUT", "/api/authors/7", "attempt sent attempt", "uncertain update 7 -"),
        ("PUT", "/api/authors/7", "attempt sent 204 attempt", "uncertain update 7 -"),
    ] {
        let routes = library();
        let capture = &mut Exchange::parse(&format!("{method} {path} -> 200")).capture(&routes);
        for step in steps.split_whitespace() {
            match step {
                "attempt" => capture.attempt(),
                "sent" => capture.request_sent(),
                status => capture.response_head(status.parse().unwrap(), &HeaderMap::new()),
            }
        }
        let capture = std::mem::replace(capture, Exchange::parse("PUT /books/1 -> 200").capture(&routes));
        assert_eq!(render(&finish(capture, false, &routes)), expected, "{steps}");
    }
}

#[test]
fn an_answer_of_an_earlier_attempt_leaves_no_bytes_behind() {
    let exchange = Exchange::parse(r#"PUT /api/authors/7 -> 200 {"id":7}"#);
    let routes = library();
    let mut capture = exchange.capture(&routes);
    for body in [r#"{"half":"#, r#"{"id":7,"name":"Ada"}"#] {
        capture.attempt();
        capture.request_sent();
        capture.response_head(exchange.status, &exchange.headers);
        capture.response_chunk(body.as_bytes());
    }
    assert_eq!(render(&finish(capture, true, &routes)), r#"event update 7 {"id":7,"name":"Ada"}"#);
}

#[test]
fn who_may_read_depends_on_the_route_and_on_credentials() {
    let (none, token, cookie) = ("", " [Authorization: Bearer x]", " [Cookie: session=x]");
    for (visibility, headers, audience, outcome) in [
        (Visibility::Auto, none, Audience::Everyone, Outcome::Event),
        (Visibility::Auto, token, Audience::Authenticated, Outcome::Withheld),
        (Visibility::Auto, cookie, Audience::Authenticated, Outcome::Withheld),
        (Visibility::Auto, " [X-Other: x]", Audience::Everyone, Outcome::Event),
        (Visibility::Public, none, Audience::Everyone, Outcome::Event),
        (Visibility::Public, token, Audience::Everyone, Outcome::Event),
        (Visibility::Authenticated, none, Audience::Authenticated, Outcome::Withheld),
        (Visibility::Authenticated, cookie, Audience::Authenticated, Outcome::Withheld),
    ] {
        let shown = format!("{visibility:?}{headers}");
        let routes = authors(|route| route.visibility = visibility.clone())();
        let exchange = Exchange::parse(&format!(r#"PUT /api/authors/7{headers} -> 200 {{"id":7}}"#));
        let mut verdict = exchange.read(&routes);
        verdict.note_withheld(true);
        assert_eq!(verdict.outcome, Outcome::Event, "{shown}");
        verdict.note_withheld(false);
        assert_eq!(verdict.event.unwrap().audience, audience, "{shown}");
        assert_eq!(verdict.outcome, outcome, "{shown}");
    }
}

#[test]
fn a_withheld_doubt_is_counted_as_doubt() {
    let routes = library();
    let mut capture = Exchange::parse("PUT /api/authors/7 [Cookie: a=b] -> 200").capture(&routes);
    capture.request_sent();
    let mut verdict = finish(capture, false, &routes);
    verdict.note_withheld(false);
    assert_eq!(verdict.outcome, Outcome::Uncertain);
    assert_eq!(verdict.event.unwrap().audience, Audience::Authenticated);
}

#[test]
fn an_event_says_where_and_when_it_comes_from() {
    let exchange = Exchange::parse(r#"PUT /api/authors/7?secret=1 -> 200 {"id":7}"#);
    let event = exchange.read(&library()).event.unwrap();
    let http = event::Exchange { method: Method::PUT, path: "/api/authors/7".to_owned(), status: Some(200) };
    assert_eq!((event.http, &*event.model), (Some(http), "author"));
    assert_eq!(event.time, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
}
