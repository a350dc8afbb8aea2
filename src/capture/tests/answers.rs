//! What real APIs answer besides a plain record: envelopes, bulk answers, codes of their own.

use super::*;
use crate::route::{Condition, IdSource, Pattern, Scalar};

fn odata() -> Routes {
    let mut authors = route("/odata/Authors({id})", "author");
    authors.list = pointer("/value");
    authors.id.reference = Some(pointer("/@odata.id"));
    let mut books = route("/odata/Authors({author_id})/Books({id})", "book");
    books.id.parts = vec![pointer("/ISBN")];
    let mut lines = route("/odata/Lines({id})", "line");
    lines.id.parts = vec![pointer("/OrderID"), pointer("/LineNo")];
    Routes::new(vec![authors, books, lines]).unwrap()
}

#[test]
fn a_see_other_proves_a_write_only_where_it_leads_to_something_of_ours() {
    check(
        library,
        "
        POST /api/authors -> 303 [Location: /api/authors/7] => no_record create 7 -
        POST /api/authors -> 303 [Location: http://api.test/api/authors/7] => no_record create 7 -
        POST /api/authors -> 303 [Location: /api/authors] => no_record create - -
        POST /api/authors -> 303 [Location: /books/9] => no_record create - -
        POST /api/authors -> 303 [Content-Location: /api/authors/7; Location: /thanks] => no_record create 7 -
        DELETE /api/authors/7 -> 303 [Location: /api/authors] => event delete 7 -
        PUT /api/authors/7 -> 303 [Location: /api/authors/7] => no_record update 7 -
        POST /api/authors -> 303 [Location: /login] => uncertain create - -
        POST /api/authors -> 303 [Location: http://evil.test/api/authors/7] => uncertain create - -
        POST /api/authors -> 303 => uncertain create - -
        DELETE /api/authors/7 -> 303 [Location: /login] => uncertain delete 7 -
        ",
    );
    check(
        authors(|route| route.publish_reads = true),
        "GET /api/authors/7 -> 303 [Location: /api/authors/7] => refused",
    );
}

#[test]
fn an_answer_without_any_id_proves_no_record() {
    check(
        library,
        r#"
        POST /api/authors -> 200 {} => no_record create - -
        POST /api/authors -> 201 {"message":"ok"} => no_record create - -
        POST /api/authors -> 200 {"count":3} => no_record create - -
        POST /api/authors -> 200 3 => no_record create - -
        PATCH /api/authors -> 200 {"updated":3} => no_record update - -
        PUT /api/authors -> 200 {"id":{}} => no_record update - -
        DELETE /api/authors -> 200 {"deleted":3} => event delete - -
        POST /api/authors -> 201 [Location: /api/authors/7] {"message":"ok"} => event create 7 ~{"message":"ok"}
        "#,
    );
}

/// `success_when = { pointer = "/success", equals = … }`.
fn success(equals: Scalar) -> impl Fn() -> Routes {
    authors(move |route| {
        let condition = Condition { pointer: pointer("/success"), equals: equals.clone() };
        route.success_when = Some(condition);
    })
}

#[test]
fn a_success_status_may_be_taken_back_by_the_body() {
    check(
        success(Scalar::Bool(true)),
        r#"
        PUT /api/authors/7 -> 200 {"success":true,"id":7} => event update 7 {"success":true,"id":7}
        PUT /api/authors/7 -> 200 {"success":false,"id":7} => refused
        PUT /api/authors/7 -> 200 {"success":"true","id":7} => refused
        PUT /api/authors/7 -> 200 {"success":null} => refused
        PUT /api/authors/7 -> 200 {"success":true,"success":false} => refused
        PUT /api/authors/7 -> 200 {"id":7} => event update 7 {"id":7}
        PUT /api/authors/7 -> 200 [] => event update []
        POST /api/authors -> 202 {"success":false} => refused
        POST /api/authors -> 202 {"success":true} => no_record create/accepted - -
        POST /api/authors -> 207 {"success":false} => refused
        DELETE /api/authors/7 -> 200 {"success":false} => refused
        DELETE /api/authors/7 -> 200 {"success":true} => event delete 7 -
        DELETE /api/authors/7 -> 204 => event delete 7 -
        DELETE /api/authors/7 -> 200 => event delete 7 -
        PUT /api/authors/7 -> 200 {"success": => uncertain update 7 -
        PUT /api/authors/7 -> 200 [Content-Encoding: gzip] {"success":true} => uncertain update 7 -
        PUT /api/authors/7 -> 200 [Content-Type: text/html] <h1>error</h1> => uncertain update 7 -
        DELETE /api/authors/7 -> 200 [Content-Type: text/html] <h1>error</h1> => uncertain delete 7 -
        PUT /api/authors/7 -> 409 {"success":true} => refused
        "#,
    );
    check(
        success(Scalar::Integer(0)),
        r#"
        PUT /api/authors/7 -> 200 {"success":0} => event update 7 ~{"success":0}
        PUT /api/authors/7 -> 200 {"success":0.0} => event update 7 ~{"success":0.0}
        PUT /api/authors/7 -> 200 {"success":1} => refused
        PUT /api/authors/7 -> 200 {"success":0.5} => refused
        PUT /api/authors/7 -> 200 {"success":"0"} => refused
        PUT /api/authors/7 -> 200 {"success":99999999999999999999} => refused
        "#,
    );
    check(
        success(Scalar::Text("ok".to_owned())),
        r#"
        PUT /api/authors/7 -> 200 {"success":"ok"} => event update 7 ~{"success":"ok"}
        PUT /api/authors/7 -> 200 {"success":"\u006fk"} => event update 7 ~{"success":"\u006fk"}
        PUT /api/authors/7 -> 200 {"success":"OK"} => refused
        PUT /api/authors/7 -> 200 {"success":{"ok":1}} => refused
        "#,
    );
}

#[test]
fn a_success_that_cannot_be_asked_is_doubt() {
    let routes = success(Scalar::Bool(true))();
    let mut cut = Exchange::parse(r#"PUT /api/authors/7 -> 200 {"success":true,"id":7}"#);
    cut.whole = false;
    assert_eq!(render(&cut.read(&routes)), "uncertain update 7 -");
    let mut large = Exchange::parse(r#"PUT /api/authors/7 -> 200 {"success":true,"id":7}"#);
    large.limits.body = 10;
    assert_eq!(render(&large.read(&routes)), "uncertain update 7 -");
    let reads = authors(|route| {
        route.publish_reads = true;
        route.success_when = Some(Condition { pointer: pointer("/success"), equals: Scalar::Bool(true) });
    })();
    let read = Exchange::parse("GET /api/authors/7 -> 200 {");
    assert_eq!(render(&read.read(&reads)), "refused", "nothing was written");
}

fn batch() -> Routes {
    authors(|route| {
        route.list = pointer("/results");
        route.item = pointer("/body");
        route.item_status = Some(pointer("/status"));
    })()
}

#[test]
fn of_a_bulk_answer_only_what_succeeded_is_told() {
    check(
        batch,
        r#"
        POST /api/authors -> 207 {"results":[{"status":201,"body":{"id":7}},{"status":409,"body":{"id":8}},{"status":"200","body":{"id":9}}]} => event create [7 {"id":7}, 9 {"id":9}]
        POST /api/authors -> 200 {"results":[{"status":422,"body":{"id":7}}]} => refused
        POST /api/authors -> 207 {"results":[]} => refused
        POST /api/authors -> 207 {"results":[{"status":204,"id":7}]} => no_record create [7 -]
        POST /api/authors -> 207 {"results":[{"status":201,"id":7,"body":{"name":"Ada"}}]} => event create [7 ~{"name":"Ada"}]
        POST /api/authors -> 207 {"results":[{"status":201,"id":6,"body":{"id":7}}]} => event create [7 {"id":7}]
        POST /api/authors -> 207 {"results":[{"status":201,"body":"saved"}]} => no_record create [- -]
        POST /api/authors -> 207 {"results":[{"status":"HTTP/1.1 201","body":{"id":7}},{"body":{"id":8}},{"status":null},{"status":99}]} => no_record create [7 -, 8 -, - -, - -]
        DELETE /api/authors -> 207 {"results":[{"status":204,"id":7},{"status":404,"id":8},{"id":9}]} => event delete [7 -, - -]
        PATCH /api/authors -> 207 {"results":[{"status":200,"body":{"id":7}}]} => event update [7 ~{"id":7}]
        POST /api/authors -> 207 {"other":[{"status":201,"body":{"id":7}}]} => no_record create - -
        POST /api/authors -> 207 {"results" => no_record create - -
        PUT /api/authors/7 -> 207 {"results":[{"status":200,"body":{"id":7}}]} => event update [7 {"id":7}]
        POST /api/authors -> 201 {"id":7} => event create 7 {"id":7}
        "#,
    );
}

#[test]
fn a_multi_status_without_item_status_names_no_record() {
    check(
        library,
        r#"
        POST /api/authors -> 207 [{"id":7,"status":201}] => no_record create - -
        POST /api/authors -> 207 [Location: /api/authors/7] {"id":7} => no_record create - -
        PUT /api/authors/7 -> 207 {"id":7} => no_record update 7 -
        DELETE /api/authors -> 207 [{"id":7,"status":500}] => event delete - -
        DELETE /api/authors/7 -> 207 [Content-Type: application/xml] <multistatus/> => uncertain delete 7 -
        "#,
    );
}

#[test]
fn atomic_operations_of_json_api_are_a_list_of_envelopes() {
    check(
        authors(|route| {
            route.list = pointer("/atomic:results");
            route.item = pointer("/data");
        }),
        r#"
        POST /api/authors -> 200 {"atomic:results":[{"data":{"type":"author","id":"7"}},{}]} => event create ["7" {"type":"author","id":"7"}, - -]
        "#,
    );
}

#[test]
fn a_list_may_hold_nothing_but_ids() {
    check(
        authors(|route| route.id.parts = vec![pointer("")]),
        r#"
        DELETE /api/authors -> 200 [7,"8",{}] => event delete [7 -, "8" -, - -]
        POST /api/authors -> 201 7 => no_record create 7 -
        "#,
    );
}

#[test]
fn a_record_may_refer_to_itself() {
    check(
        authors(|route| route.id.reference = Some(pointer("/_links/self/href"))),
        r#"
        POST /api/authors -> 201 {"_links":{"self":{"href":"/api/authors/7"}}} => event create 7 {"_links":{"self":{"href":"/api/authors/7"}}}
        POST /api/authors -> 201 {"_links":{"self":{"href":"http://api.test/api/authors/a%20b"}}} => event create "a b" {"_links":{"self":{"href":"http://api.test/api/authors/a%20b"}}}
        POST /api/authors -> 201 {"id":"8","_links":{"self":{"href":"/api/authors/7"}}} => event create "8" {"id":"8","_links":{"self":{"href":"/api/authors/7"}}}
        POST /api/authors -> 201 {"_links":{"self":{"href":"http://evil.test/api/authors/7"}}} => no_record create - -
        POST /api/authors -> 201 {"_links":{"self":{"href":"/api/authors"}}} => no_record create - -
        POST /api/authors -> 201 {"_links":{"self":{"href":"/api/books/7"}}} => no_record create - -
        POST /api/authors -> 201 {"_links":{"self":{"href":7}}} => no_record create - -
        POST /api/authors -> 201 {"_links":{"self":{"href":"/api/authors/7{?zoom}"}}} => no_record create - -
        PUT /api/authors/7 -> 200 {"_links":{"self":{"href":"/api/authors/8"}}} => event update 7 {"_links":{"self":{"href":"/api/authors/8"}}} conflict
        POST /api/authors -> 201 [{"_links":{"self":{"href":"/api/authors/7"}}}] => event create [7 {"_links":{"self":{"href":"/api/authors/7"}}}]
        "#,
    );
}

#[test]
fn a_reference_does_not_teach_the_type_of_ids() {
    let routes = authors(|route| route.id.reference = Some(pointer("/self")))();
    for (exchange, expected) in [
        (r#"POST /api/authors -> 201 {"id":"8"}"#, r#"event create "8" {"id":"8"}"#),
        (
            r#"POST /api/authors -> 201 {"self":"/api/authors/9"}"#,
            r#"event create "9" {"self":"/api/authors/9"}"#,
        ),
        ("DELETE /api/authors/7 -> 204", r#"event delete "7" -"#),
    ] {
        assert_eq!(render(&Exchange::parse(exchange).read(&routes)), expected, "{exchange}");
    }
}

#[test]
fn odata_names_records_by_keys_in_parentheses() {
    check(
        odata,
        r#"
        PATCH /odata/Authors(7) -> 204 => no_record update 7 -
        DELETE /odata/Authors(%277%27) -> 204 => event delete 7 -
        DELETE /odata/Authors('O''Neil') -> 204 => event delete "O'Neil" -
        POST /odata/Authors -> 201 [Location: http://api.test/odata/Authors(7)] => no_record create 7 -
        POST /odata/Authors -> 201 {"@odata.id":"http://api.test/odata/Authors(7)"} => event create 7 {"@odata.id":"http://api.test/odata/Authors(7)"}
        POST /odata/Authors -> 201 {"@odata.id":"Authors('a')"} => event create "a" {"@odata.id":"Authors('a')"}
        POST /odata/Authors -> 200 {"value":[{"id":7},{"id":8}]} => event create [7 {"id":7}, 8 {"id":8}]
        POST /odata/Authors(7)/Books -> 201 {"ISBN":"x"} => event create "x" {"ISBN":"x"}
        DELETE /odata/Authors(7)/Books('978-3') -> 204 => event delete "978-3" -
        PUT /odata/Lines(LineNo=2,OrderID=1) -> 200 {"OrderID":1,"LineNo":2} => event update "1,2" {"OrderID":1,"LineNo":2}
        "#,
    );
}

/// Lines of orders, whose ids have two parts; under three paths.
fn lines() -> Routes {
    let line = |path: &str| {
        let mut route = route(path, "line");
        let parts = vec![pointer("/order_id"), pointer("/line_no")];
        route.pattern = Pattern::parse(path).unwrap();
        route.pattern.find_key(parts.len()).unwrap();
        route.id = IdSource { parts, reference: None };
        route
    };
    Routes::new(vec![line("/orders/{order_id}/lines/{line_no}"), line("/lines/{id}"), line("/l/{a}/{b}")])
        .unwrap()
}

#[test]
fn an_id_of_several_parts_is_one_string_wherever_it_stands() {
    check(
        lines,
        r#"
        PUT /orders/1/lines/2 -> 200 {"order_id":1,"line_no":2} => event update "1,2" {"order_id":1,"line_no":2}
        POST /orders/1/lines -> 201 {"order_id":1,"line_no":"2"} => event create "1,2" {"order_id":1,"line_no":"2"}
        POST /orders/1/lines -> 201 [Location: /orders/1/lines/2] => no_record create "1,2" -
        DELETE /orders/1/lines/2 -> 204 => event delete "1,2" -
        DELETE /lines/1,2 -> 204 => event delete "1,2" -
        DELETE /lines/1%2C2 -> 204 => event delete "1,2" -
        DELETE /l/1/2 -> 204 => event delete "1,2" -
        POST /l -> 201 {"order_id":1,"line_no":2} => event create "1,2" {"order_id":1,"line_no":2}
        POST /l/1 -> 201 {"order_id":1,"line_no":2} => event create "1,2" {"order_id":1,"line_no":2}
        DELETE /l/a%2Cb/c%25 -> 204 => event delete "a%2Cb,c%25" -
        PUT /l/a%2Cb/c -> 200 {"order_id":"a,b","line_no":"c"} => event update "a%2Cb,c" {"order_id":"a,b","line_no":"c"}
        PUT /lines/1,3 -> 200 {"order_id":1,"line_no":2} => event update "1,3" {"order_id":1,"line_no":2} conflict
        POST /lines -> 201 {"order_id":1} => no_record create - -
        POST /lines -> 201 [{"order_id":1,"line_no":2}] => event create ["1,2" {"order_id":1,"line_no":2}]
        "#,
    );
}

#[test]
fn a_post_is_what_a_listed_header_says() {
    check(
        authors(|route| route.method_override = vec!["x-http-method-override".parse().unwrap()]),
        r#"
        POST /api/authors/7 [X-HTTP-Method-Override: DELETE] -> 204 => event delete 7 -
        POST /api/authors/7 [X-HTTP-Method-Override: patch] -> 200 {"id":7} => event update 7 ~{"id":7}
        POST /api/authors/7 [X-HTTP-Method-Override: PUT] -> 200 {"id":7} => event update 7 {"id":7}
        POST /api/authors [X-HTTP-Method-Override: POST] -> 201 {"id":7} => event create 7 {"id":7}
        POST /api/authors [X-HTTP-Method-Override: MERGE] -> 201 {"id":7} => event create 7 {"id":7}
        POST /api/authors [X-Method-Override: DELETE] -> 201 {"id":7} => event create 7 {"id":7}
        PUT /api/authors/7 [X-HTTP-Method-Override: DELETE] -> 200 {"id":7} => event update 7 {"id":7}
        "#,
    );
    check(library, "POST /api/authors/7 [X-HTTP-Method-Override: DELETE] -> 204 => no_record create 7 -");
}

#[test]
fn the_event_has_the_method_that_the_backend_acted_on() {
    let routes = authors(|route| route.method_override = vec!["x-http-method-override".parse().unwrap()])();
    let exchange = Exchange::parse("POST /api/authors/7 [X-HTTP-Method-Override: DELETE] -> 204");
    assert_eq!(exchange.read(&routes).event.unwrap().http.unwrap().method, Method::DELETE);
}

#[test]
fn a_reference_may_name_any_host_that_the_backend_was_told() {
    let routes = library();
    let exchange = Exchange::parse("POST /api/authors -> 201 [Location: https://shop.test/api/authors/7]");
    for (host, forwarded, expected) in [
        ("api.test", "shop.test", "no_record create 7 -"),
        ("api.test", "shop.test:443", "no_record create 7 -"),
        ("shop.test", "api.test", "no_record create 7 -"),
        ("api.test", "notshop.test", "no_record create - -"),
        ("api.test", "", "no_record create - -"),
    ] {
        let mut capture = exchange.capture(&routes);
        capture.backend_hosts(["shop.test"].into_iter());
        capture.backend_hosts([host, forwarded].into_iter());
        capture.response_head(exchange.status, &exchange.headers);
        assert_eq!(render(&finish(capture, true, &routes)), expected, "{host} {forwarded}");
    }
}

#[test]
fn a_key_that_is_no_text_does_not_hide_the_keys_beside_it() {
    check(
        authors(|route| route.record = pointer("/data")),
        r#"
        POST /api/authors -> 201 {"\ud800":1,"data":{"\udc00":{"id":8},"id":7}} => event create 7 {"\udc00":{"id":8},"id":7}
        POST /api/authors -> 201 {"d\u0061ta":{"\u0069d":7}} => event create 7 {"\u0069d":7}
        "#,
    );
    check(
        authors(|route| route.fields = vec!["name".to_owned()]),
        r#"POST /api/authors -> 201 {"\ud800":1,"id":7,"name":"Ada"} => event create 7 {"name":"Ada"}"#,
    );
}

#[test]
fn deep_nesting_harms_no_way_of_reading() {
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(20_000), "}".repeat(20_000));
    for value in [&deep, &objects] {
        for (body, expected) in [
            (format!(r#"{{"results":{value}}}"#), "no_record create"),
            (format!(r#"{{"results":[{value}]}}"#), "no_record create"),
            (format!(r#"{{"results":[{{"status":{value},"body":{{"id":1}}}}]}}"#), "no_record create [1 -]"),
            (format!(r#"{{"results":[{{"status":201,"body":{{"id":{value}}}}}]}}"#), "event create [- ~"),
            (format!(r#"{{"id":{value}}}"#), "no_record create - -"),
            (format!(r#"{{"id":7,"x":{value}}}"#), "event create 7 {"),
        ] {
            let mut exchange = Exchange::parse("POST /api/authors -> 201 x");
            exchange.body = body.into_bytes();
            exchange.limits = Limits { body: 1 << 20, decoded: 1 << 20, memory: Budget::new(1 << 20) };
            let read = render(&exchange.read(&batch()));
            assert!(read.starts_with(expected), "{expected}: {}", read.get(..60).unwrap_or(&read));
        }
    }
}
