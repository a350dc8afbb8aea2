use super::*;

/// A route with every option at its default.
pub(crate) fn route(path: &str, model: &str) -> Route {
    Route {
        path: path.to_owned(),
        pattern: Pattern::parse(path).unwrap(),
        model: Arc::new(Model::new(model)),
        methods: vec![Method::POST, Method::PUT, Method::PATCH, Method::DELETE],
        operation: None,
        action: None,
        record: Pointer::default(),
        list: Pointer::default(),
        id: Pointer::parse("/id").unwrap(),
        id_type: IdType::Auto,
        fields: Vec::new(),
        publish_reads: false,
        visibility: Visibility::Auto,
    }
}

/// `model id` of what a request falls under; `-` for no id and for no route.
fn classify(routes: &Routes, method: &str, path: &str) -> String {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    routes.classify(&method, path).map_or_else(
        || "-".to_owned(),
        |m| format!("{} {}", m.route.model.name, m.id.as_deref().unwrap_or("-")),
    )
}

#[test]
fn the_most_specific_route_wins_whatever_the_order() {
    let routes = Routes::new(vec![
        route("/api/v1/{kind}/{id}", "thing"),
        route("/api/v1/authors/{id}", "author"),
        route("/api/v1/authors/{author_id}/books/{id}", "book"),
        route("/api/v1/authors/me", "myself"),
        route("/api/v1/settings", "settings"),
        route("/orders/{id}/cancel", "order"),
    ])
    .unwrap();
    for (path, expected) in [
        ("/api/v1/authors/7", "author 7"),
        ("/api/v1/authors/7/", "author 7"),
        ("/api/v1/authors", "author -"),
        ("/api/v1/authors/", "author -"),
        ("/api/v1/authors/me", "myself -"),
        ("/api/v1/authors/7/books", "book -"),
        ("/api/v1/authors/7/books/9", "book 9"),
        ("/api/v1/authors/7/books/9/pages", "-"),
        ("/api/v1/things/7", "thing 7"),
        ("/api/v1/things", "thing -"),
        ("/api/v1/settings", "settings -"),
        ("/api/authors/7", "-"),
        ("/orders/3/cancel", "order 3"),
        ("/orders/3", "-"),
        ("/", "-"),
        ("", "-"),
    ] {
        assert_eq!(classify(&routes, "POST", path), expected, "{path}");
    }
}

#[test]
fn paths_are_percent_decoded_segment_by_segment() {
    let routes = Routes::new(vec![route("/api/caf%C3%A9s/{id}", "café")]).unwrap();
    for (path, expected) in [
        ("/api/caf%C3%A9s/a%20b", "café a b"),
        ("/api/cafés/42", "café 42"),
        ("/api/caf%c3%a9s/a%2Fb", "café a/b"),
        ("/api/caf%C3%A9s/a%252Fb", "café a%2Fb"),
        ("/api/caf%C3%A9s/%FF", "-"),
        ("/api/caf%C3%A9s/a%00b", "-"),
        ("/api/caf%C3%A9s/100%", "café 100%"),
    ] {
        assert_eq!(classify(&routes, "PUT", path), expected, "{path}");
    }
}

#[test]
fn one_path_may_have_a_route_for_each_method() {
    let mut cancel = route("/orders/{id}", "cancellation");
    cancel.methods = vec![Method::DELETE];
    let routes = Routes::new(vec![cancel, route("/orders/{id}", "order")]).unwrap();
    assert_eq!(classify(&routes, "DELETE", "/orders/1"), "cancellation 1");
    assert_eq!(classify(&routes, "PUT", "/orders/1"), "order 1");
    assert!(routes.warnings().is_empty());
}

#[test]
fn a_route_that_never_matches_is_warned_of() {
    let routes = Routes::new(vec![route("/a/{id}", "one"), route("/a/{key}", "two")]).unwrap();
    assert_eq!(
        routes.warnings(),
        ["route /a/{key} (two) is shadowed by route /a/{id} (one): it never matches"]
    );
}

#[test]
fn reads_are_tapped_only_where_the_route_says_so() {
    let mut reads = route("/r/{id}", "r");
    reads.publish_reads = true;
    let routes = Routes::new(vec![reads, route("/s/{id}", "s")]).unwrap();
    assert!(routes.classify(&Method::GET, "/r/1").unwrap().tapped);
    assert!(!routes.classify(&Method::GET, "/s/1").unwrap().tapped);
    assert!(!routes.classify(&Method::OPTIONS, "/r/1").unwrap().tapped);
}

#[test]
fn an_id_from_the_url_gets_the_type_that_bodies_have() {
    let route = route("/a/{id}", "a");
    for (text, expected) in [
        ("42", "42"),
        ("0", "0"),
        ("042", "\"042\""),
        ("-1", "\"-1\""),
        ("1e3", "\"1e3\""),
        ("9007199254740992", "9007199254740992"),
        ("9007199254740993", "\"9007199254740993\""),
        ("ab\"c", "\"ab\\\"c\""),
    ] {
        assert_eq!(route.typed_id(text).as_str(), expected);
    }
    route.model.learn(&Json::string("7"));
    assert_eq!(route.typed_id("42").as_str(), "\"42\"");
    route.model.learn(&Json::parse("7").unwrap());
    assert_eq!(route.typed_id("42").as_str(), "42");
}

#[test]
fn bad_patterns_are_refused_with_what_would_be_right() {
    for (pattern, part) in [
        ("api", "starts with \"/\""),
        ("/a/{id", "whole segment"),
        ("/a/x{id}", "whole segment"),
        ("/a/{}", "letters, digits"),
        ("/a//b", "empty segment"),
        ("/a/{id}/b/{id}", "twice"),
        ("/a?b", "without \"?\""),
        ("/%FF", "UTF-8"),
    ] {
        let error = Pattern::parse(pattern).unwrap_err();
        assert!(error.contains(part), "{pattern}: {error}");
    }
}
