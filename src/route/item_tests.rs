use http::Method;

use super::tests::route;
use super::{IdSource, Pointer, Route, Routes};
use crate::event::Json;

fn composite(path: &str, model: &str, parts: &[&str]) -> Route {
    let mut route = route(path, model);
    let parts: Vec<Pointer> = parts.iter().map(|part| Pointer::parse(part).unwrap()).collect();
    route.pattern.find_key(parts.len()).unwrap();
    route.id = IdSource { parts, reference: None };
    route
}

/// The path of the record with this id, for a write to a path; `-`: there is none.
fn check(routes: Vec<Route>, rows: &[(&str, &str, &str, &str)]) {
    let routes = Routes::new(routes).unwrap();
    for (method, path, id, expected) in rows {
        let matched = routes.classify(&method.parse::<Method>().unwrap(), path).unwrap();
        let found = routes.item_path(&matched, path, &Json::parse(id).unwrap());
        assert_eq!(found.as_deref().unwrap_or("-"), *expected, "{method} {path} {id}");
    }
}

#[test]
fn the_path_of_a_record_is_made_of_the_path_of_its_write() {
    check(
        vec![
            route("/api/authors/{id}", "author"),
            route("/api/authors/me", "myself"),
            route("/api/authors/{author_id}/books/{id}", "book"),
            route("/api/n%C3%A9/{id}", "accent"),
        ],
        &[
            ("PUT", "/api/authors/7", "7", "/api/authors/7"),
            ("PUT", "/api/authors/7/", "7", "/api/authors/7/"),
            ("POST", "/api/authors", "7", "/api/authors/7"),
            ("POST", "/api/authors/", "7", "/api/authors/7/"),
            ("POST", "/api/authors", r#""a b/ü%""#, "/api/authors/a%20b%2F%C3%BC%25"),
            ("POST", "/api/authors", r#""a,b;c=d@e:f""#, "/api/authors/a,b%3Bc=d@e:f"),
            // As it was written, also where it could be written otherwise.
            ("PUT", "/api/authors/a%2cb", r#""a,b""#, "/api/authors/a%2cb"),
            // The body's id is another than the path's.
            ("PUT", "/api/authors/8", "7", "/api/authors/7"),
            ("POST", "/api/authors/3%2F4/books", "9", "/api/authors/3%2F4/books/9"),
            ("PUT", "/api/authors/3/books/9", "9", "/api/authors/3/books/9"),
            ("POST", "/api/n%c3%a9", "1", "/api/n%c3%a9/1"),
            // What leads elsewhere, or nowhere.
            ("POST", "/api/authors", r#""me""#, "-"),
            ("POST", "/api/authors", r#""..""#, "-"),
            ("POST", "/api/authors", r#"".""#, "-"),
            ("POST", "/api/authors", r#""""#, "-"),
            ("POST", "/api/authors", r#""\u0000""#, "-"),
            ("POST", "/api/authors", r#""../books""#, "/api/authors/..%2Fbooks"),
            ("POST", "/api/authors", "null", "-"),
        ],
    );
}

#[test]
fn a_route_that_is_no_items_borrows_the_path_of_one() {
    check(
        vec![
            route("/shops/{shop}/orders/{id}/cancel", "order"),
            route("/orders/{id}", "order"),
            route("/teams/{team}/order", "order"),
            route("/lonely/{id}/cancel", "lonely"),
            route("/other/{id}", "other"),
            route("/notes", "note"),
            route("/shops/{shop}/notes/{id}", "note"),
            route("/bare", "bare"),
        ],
        &[
            ("POST", "/shops/3/orders/7/cancel", "7", "/orders/7"),
            ("POST", "/shops/3/orders/7/cancel/", "7", "/orders/7/"),
            ("POST", "/teams/3/order", "7", "/orders/7"),
            ("POST", "/lonely/7/cancel", "7", "-"),
            ("POST", "/notes", "7", "-"),
            ("POST", "/bare", "7", "-"),
        ],
    );
}

#[test]
fn keys_of_several_parts_and_in_parentheses_are_written_as_they_are_read() {
    let mut lines = composite("/Lines({id})", "line", &["/OrderID", "/LineNo"]);
    lines.pattern.set_key(&["id".to_owned()], 2).unwrap();
    check(
        vec![
            route("/Authors({id})", "author"),
            composite("/orders/{order}/lines/{line}", "nested", &["/order", "/line"]),
            composite("/pairs/{id}", "pair", &["/a", "/b"]),
            lines,
        ],
        &[
            ("POST", "/Authors", "7", "/Authors(7)"),
            ("PUT", "/Authors(7)", "7", "/Authors(7)"),
            ("POST", "/Authors", r#""O'Neil""#, "/Authors('O''Neil')"),
            ("POST", "/Authors", r#""7""#, "/Authors('7')"),
            (
                "POST",
                "/Authors",
                r#""01234567-89ab-cdef-0123-456789abcdef""#,
                "/Authors(01234567-89ab-cdef-0123-456789abcdef)",
            ),
            ("POST", "/orders/3/lines", r#""3,9""#, "/orders/3/lines/9"),
            ("POST", "/orders/3/lines", r#""a%2Cb,c%25""#, "/orders/a,b/lines/c%25"),
            ("POST", "/orders/3/lines", r#""3""#, "-"),
            ("POST", "/pairs", r#""1,2""#, "/pairs/1,2"),
            ("POST", "/Lines", r#""1,2""#, "/Lines(OrderID=1,LineNo=2)"),
            ("POST", "/Lines", r#""a,b'c""#, "/Lines(OrderID='a',LineNo='b''c')"),
        ],
    );
}

#[test]
fn routes_without_an_item_are_known() {
    let all = vec![
        route("/a/{id}", "a"),
        route("/a/{id}/cancel", "a"),
        route("/b/{id}/cancel", "b"),
        route("/c", "c"),
        route("/shops/{shop}/c/{id}", "c"),
        route("/shops/{shop}/c", "c"),
    ];
    let routes = Routes::new(all).unwrap();
    let without: Vec<&str> =
        routes.iter().filter(|route| !routes.has_item_path(route)).map(|route| &*route.path).collect();
    assert_eq!(without, ["/b/{id}/cancel", "/c"]);
}
