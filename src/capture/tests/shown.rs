//! Which records a GET has shown, by their paths.

use super::*;
use crate::route::{Condition, Scalar};

/// Each line is `EXCHANGE => PATHS`. A GET need not be one that gives events.
fn shown(routes: impl Fn() -> Routes, table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (exchange, expected) = line.rsplit_once(" =>").unwrap();
        assert_eq!(paths(&Exchange::parse(exchange), &routes()).join(" "), expected.trim(), "{line}");
    }
}

fn paths(exchange: &Exchange, routes: &Routes) -> Vec<String> {
    let matched = routes.of_request(&exchange.request).expect("no route");
    let mut capture = Capture::begin(matched, &exchange.request, exchange.limits.clone());
    capture.response_head(exchange.status, &exchange.headers);
    if capture.shows_by_body() {
        capture.response_chunk(&exchange.body);
    }
    Box::new(capture).finish(exchange.whole, SystemTime::UNIX_EPOCH, Uuid::nil()).shown(routes)
}

#[test]
fn a_get_of_a_record_has_shown_it() {
    shown(
        library,
        r#"
        GET /api/authors/7 -> 200 {"id":7} => /api/authors/7
        GET /api/authors/7?full=1 -> 200 {"id":7} => /api/authors/7
        GET /api/authors/7/ -> 200 {"id":7} => /api/authors/7/
        GET /api/authors/a%20b -> 200 {} => /api/authors/a%20b
        GET /api/authors/7/books/9 -> 200 {"id":9} => /api/authors/7/books/9
        GET /api/authors/7 -> 304 => /api/authors/7
        GET /api/authors/7 -> 404 {"id":7} =>
        GET /api/authors/7 -> 302 =>
        GET /api/authors/7 -> 204 =>
        GET /api/authors/7 -> 200 [Content-Type: text/html] <html> =>
        "#,
    );
}

#[test]
fn a_get_of_a_list_has_shown_its_records() {
    shown(
        library,
        r#"
        GET /api/authors -> 200 [{"id":7},{"id":"a b"},{"name":"x"},8,null] => /api/authors/7 /api/authors/a%20b
        GET /api/authors/?page=2 -> 200 [{"id":7}] => /api/authors/7/
        GET /api/authors/7/books -> 200 [{"id":9}] => /api/authors/7/books/9
        GET /api/authors -> 200 {"count":1,"next":null,"results":[{"id":7}]} => /api/authors/7
        GET /api/authors -> 200 {"_links":{},"_embedded":{"authors":[{"id":7}]}} => /api/authors/7
        GET /api/authors -> 200 {"authors":[],"books":[{"id":9}]} =>
        GET /api/authors -> 200 {"id":7,"books":[{"id":9}]} =>
        GET /api/authors -> 200 {"data":{"items":[{"id":7}]}} =>
        GET /api/authors -> 200 [] =>
        GET /api/authors -> 200 7 =>
        GET /api/authors -> 200 [{"id":7} =>
        GET /api/authors -> 404 [{"id":7}] =>
        GET /api/authors -> 206 [{"id":7}] =>
        GET /api/authors -> 304 =>
        GET /api/authors -> 200 [Content-Type: text/html] [{"id":7}] =>
        "#,
    );
}

#[test]
fn lists_and_ids_stand_where_the_route_says() {
    let routes = authors(|route| {
        route.list = pointer("/items");
        route.item = pointer("/body");
        route.item_status = Some(pointer("/status"));
        route.id.parts = vec![pointer("/key")];
    });
    shown(
        routes,
        r#"
        GET /api/authors -> 200 {"items":[{"body":{"key":7}},{"status":404,"body":{"key":8}}],"more":[]} => /api/authors/7
        GET /api/authors -> 200 [{"body":{"key":7}}] => /api/authors/7
        "#,
    );
}

#[test]
fn what_the_body_takes_back_was_not_shown() {
    let routes = authors(|route| {
        route.success_when = Some(Condition { pointer: pointer("/ok"), equals: Scalar::Bool(true) });
        route.list = pointer("/list");
    });
    shown(
        routes,
        r#"
        GET /api/authors/7 -> 200 {"ok":true} => /api/authors/7
        GET /api/authors/7 -> 200 {"ok":false} =>
        GET /api/authors/7 -> 200 {"ok" =>
        GET /api/authors/7 -> 304 =>
        GET /api/authors -> 200 {"ok":false,"list":[{"id":7}]} =>
        GET /api/authors -> 200 {"ok":true,"list":[{"id":7}]} => /api/authors/7
        "#,
    );
}

#[test]
fn below_a_record_is_not_the_record() {
    let routes = || {
        Routes::new(vec![route("/api/authors/{id}/avatar", "author"), route("/api/authors/{id}", "author")])
            .unwrap()
    };
    shown(
        routes,
        r#"
        GET /api/authors/7/avatar -> 200 {"id":7} =>
        GET /api/authors/7 -> 200 {"id":7} => /api/authors/7
        "#,
    );
}

#[test]
fn an_answer_that_was_cut_off_or_is_too_large_has_shown_nothing() {
    let mut exchange = Exchange::parse(r#"GET /api/authors -> 200 [{"id":7}]"#);
    assert_eq!(paths(&exchange, &library()), ["/api/authors/7"]);
    exchange.limits.memory = Budget::new(15);
    assert_eq!(paths(&exchange, &library()), ["/api/authors/7"]);
    exchange.limits.memory = exchange.limits.memory.leaving_half();
    assert_eq!(paths(&exchange, &library()), [""; 0]);
    exchange.limits.memory = Budget::new(100);
    exchange.whole = false;
    assert_eq!(paths(&exchange, &library()), [""; 0]);
    let mut item = Exchange::parse("GET /api/authors/7 -> 200 {}");
    item.limits.body = 0;
    assert_eq!(paths(&item, &library()), ["/api/authors/7"], "of one record nothing is kept");
    item.whole = false;
    assert_eq!(paths(&item, &library()), [""; 0]);
}
