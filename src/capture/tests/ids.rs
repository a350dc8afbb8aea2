//! Which record it was: path, then references, then body; and the JSON type of its id.

use super::*;
use crate::route::IdType;

#[test]
fn a_created_record_may_be_named_by_a_reference_alone() {
    check(
        library,
        r#"
        POST /api/authors -> 201 => no_record create - -
        POST /api/authors -> 201 [Location: /api/authors/7] => no_record create 7 -
        POST /api/authors -> 201 [Location: /api/authors/7/] => no_record create 7 -
        POST /api/authors -> 201 [Location: /api/authors/7?expand=1#top] => no_record create 7 -
        POST /api/authors -> 201 [Location: authors/7] => no_record create 7 -
        POST /api/authors/ -> 201 [Location: 7] => no_record create 7 -
        POST /api/authors/ -> 201 [Location: ./7] => no_record create 7 -
        POST /api/authors -> 201 [Location: ../api/authors/7] => no_record create 7 -
        POST /api/authors -> 201 [Location: ../../../../api/x/../authors/7/.] => no_record create 7 -
        POST /api/authors -> 201 [Location: http://api.test/x/../api/authors/7] => no_record create 7 -
        POST /api/authors -> 201 [Location: http://api.test/api/authors/7] => no_record create 7 -
        POST /api/authors -> 201 [Location: https://API.test/api/authors/7] => no_record create 7 -
        POST /api/authors -> 201 [Location: //api.test/api/authors/7] => no_record create 7 -
        POST /api/authors -> 201 [Content-Location: /api/authors/7] => no_record create 7 -
        POST /api/authors -> 201 [Content-Location: /api/authors/7; Location: /api/authors/8] => no_record create 7 -
        POST /api/authors -> 201 [Content-Location: /other; Location: /api/authors/8] => no_record create 8 -
        POST /api/authors -> 201 [Location: /api/authors/a%20b] => no_record create "a b" -
        POST /api/authors -> 201 [Location: /api/authors/7] {} => event create 7 ~{}
        POST /api/authors -> 201 [Location: /api/authors/7] {"ok":true} => event create 7 ~{"ok":true}
        POST /api/authors -> 201 [Location: /api/authors/7] {"id":7} => event create 7 {"id":7}
        "#,
    );
}

#[test]
fn a_reference_to_something_else_names_no_record() {
    check(
        library,
        "
        POST /api/authors -> 201 [Location: http://evil.test/api/authors/7] => no_record create - -
        POST /api/authors -> 201 [Location: http://api.test:8080/api/authors/7] => no_record create - -
        POST /api/authors -> 201 [Location: //evil.test/api/authors/7] => no_record create - -
        POST /api/authors -> 201 [Location: http://api.test@evil.test/api/authors/7] => no_record create - -
        POST /api/authors -> 201 [Location: /api/authors] => no_record create - -
        POST /api/authors -> 201 [Location: /api/authors/7/books/9] => no_record create - -
        POST /api/authors -> 201 [Location: /elsewhere/7] => no_record create - -
        POST /api/authors -> 201 [Location: http://] => no_record create - -
        POST /api/authors -> 201 [Location: ?page=2] => no_record create - -
        POST /api/authors/ -> 201 [Location: urn:isbn:7] => no_record create - -
        POST /api/authors/ -> 201 [Location: .] => no_record create - -
        POST /api/authors/7/books -> 201 [Location: ../..] => no_record create - -
        POST /api/authors -> 201 [Location: /api/authors/%2E%2E] => no_record create - -
        POST /api/authors -> 201 [Location: /api/authors/{id}] => no_record create - -
        ",
    );
}

#[test]
fn nested_and_flat_paths_of_a_model_are_one() {
    check(
        library,
        "
        POST /api/authors/7/books -> 201 [Location: /books/9] => no_record create 9 -
        POST /books -> 201 [Location: /api/authors/7/books/9] => no_record create 9 -
        POST /api/authors/7/books -> 201 [Location: /api/authors/7] => no_record create - -
        PUT /api/authors/7/books/9 -> 204 => no_record update 9 -
        ",
    );
}

#[test]
fn a_default_port_does_not_make_another_host() {
    check(
        library,
        "
        POST /api/authors -> 201 [Location: http://api.test:80/api/authors/7] => no_record create 7 -
        POST /api/authors [Host: api.test:443] -> 201 [Location: https://api.test/api/authors/7] => no_record create 7 -
        POST /api/authors [Host: api.test:81] -> 201 [Location: http://api.test:81/api/authors/7] => no_record create 7 -
        ",
    );
}

#[test]
fn a_reference_may_name_the_host_that_the_backend_was_told() {
    let routes = library();
    let exchange = Exchange::parse("POST /api/authors -> 201 [Location: http://backend:5000/api/authors/7]");
    for (told, expected) in [("backend:5000", "no_record create 7 -"), ("other", "no_record create - -")] {
        let mut capture = exchange.capture(&routes);
        capture.backend_hosts([told].into_iter());
        capture.response_head(exchange.status, &exchange.headers);
        assert_eq!(render(&finish(capture, true, &routes)), expected);
    }
}

#[test]
fn the_path_beats_the_body_and_the_body_gives_the_type() {
    check(
        library,
        r#"
        PUT /api/authors/7 -> 200 {"id":7} => event update 7 {"id":7}
        PUT /api/authors/7 -> 200 {"id":"7"} => event update "7" {"id":"7"}
        PUT /api/authors/7 -> 200 {"id":8} => event update 7 {"id":8} conflict
        PUT /api/authors/x -> 200 {"id":8} => event update "x" {"id":8} conflict
        PUT /api/authors/007 -> 200 {"id":7} => event update "007" {"id":7} conflict
        PUT /api/authors/7 -> 200 {"name":"Ada"} => event update 7 ~{"name":"Ada"}
        PUT /api/authors/7 -> 200 {"id":null} => event update 7 ~{"id":null}
        PUT /api/authors/7 -> 200 {"id":{"a":1}} => event update 7 ~{"id":{"a":1}}
        POST /api/authors -> 201 {"id":"a b"} => event create "a b" {"id":"a b"}
        POST /api/authors -> 201 {"id":"\u00e9"} => event create "\u00e9" {"id":"\u00e9"}
        PUT /api/authors/%C3%A9 -> 200 {"id":"\u00e9"} => event update "\u00e9" {"id":"\u00e9"}
        POST /api/authors -> 201 {"id":"\ud800"} => no_record create - -
        POST /api/authors -> 201 {"id":12345678901234567890} => event create 12345678901234567890 {"id":12345678901234567890}
        POST /api/authors -> 201 {"id":1.0} => event create 1.0 {"id":1.0}
        POST /api/authors -> 201 [Location: /api/authors/8] {"id":7} => event create 8 {"id":7} conflict
        PUT /api/authors/9007199254740993 -> 204 => no_record update "9007199254740993" -
        "#,
    );
}

#[test]
fn the_config_may_fix_the_type() {
    check(
        authors(|route| route.id_type = IdType::String),
        r#"
        POST /api/authors -> 201 {"id":7} => event create "7" {"id":7}
        PUT /api/authors/7 -> 200 {"id":7} => event update "7" {"id":7}
        DELETE /api/authors/7 -> 204 => event delete "7" -
        "#,
    );
    check(
        authors(|route| route.id_type = IdType::Integer),
        r#"
        POST /api/authors -> 201 {"id":"7"} => event create 7 {"id":"7"}
        POST /api/authors -> 201 {"id":"x"} => event create "x" {"id":"x"}
        DELETE /api/authors/7 -> 204 => event delete 7 -
        "#,
    );
}

#[test]
fn the_type_that_a_body_had_is_learned_for_paths() {
    let routes = library();
    for (exchange, expected) in [
        ("DELETE /api/authors/7 -> 204", "event delete 7 -"),
        (r#"POST /api/authors -> 201 {"id":"8"}"#, r#"event create "8" {"id":"8"}"#),
        ("DELETE /api/authors/7 -> 204", r#"event delete "7" -"#),
        ("DELETE /books/7 -> 204", "event delete 7 -"),
        (r#"POST /api/authors -> 400 {"id":8}"#, "refused"),
        ("DELETE /api/authors/7 -> 204", r#"event delete "7" -"#),
        (r#"POST /api/authors -> 201 {"id":null}"#, "no_record create - -"),
        ("DELETE /api/authors/7 -> 204", r#"event delete "7" -"#),
        (r#"POST /api/authors -> 201 [{"id":8},{"id":9}]"#, r#"event create [8 {"id":8}, 9 {"id":9}]"#),
        ("DELETE /api/authors/7 -> 204", "event delete 7 -"),
    ] {
        assert_eq!(render(&Exchange::parse(exchange).read(&routes)), expected, "{exchange}");
    }
}
