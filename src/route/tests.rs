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
        item: Pointer::default(),
        item_status: None,
        id: IdSource { parts: vec![Pointer::parse("/id").unwrap()], reference: None },
        id_type: IdType::Auto,
        fields: Vec::new(),
        publish_reads: false,
        visibility: Visibility::Auto,
        success_when: None,
        method_override: Vec::new(),
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
    let routes = Routes::new(vec![route("/a/{id}", "a")]).unwrap();
    let matched = routes.classify(&Method::PUT, "/a/42").unwrap();
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
        assert_eq!(matched.typed_id(text).as_str(), expected);
    }
    matched.learn(&Json::string("7"));
    assert_eq!(matched.typed_id("42").as_str(), "\"42\"");
    matched.learn(&Json::parse("7").unwrap());
    assert_eq!(matched.typed_id("42").as_str(), "42");
}

#[test]
fn bad_patterns_are_refused_with_what_would_be_right() {
    for (pattern, part) in [
        ("api", "starts with \"/\""),
        ("/a/{id", "whole segment"),
        ("/a/{id}x", "whole segment"),
        ("/a/({id})", "whole segment"),
        ("/a/x({id})y", "whole segment"),
        ("/a/x({i-d})", "letters, digits"),
        ("/a/x({})", "letters, digits"),
        ("/a/x({id}){b}", "whole segment"),
        ("/a/x({a},{b})", "letters, digits"),
        ("/a/x({id})/{id}", "twice"),
        ("/a/x{id}", "whole segment"),
        ("/a/{}", "letters, digits"),
        ("/a//b", "empty segment"),
        ("/a/../{id}", "no segment \".\""),
        ("/a/%2e/{id}", "no segment \".\""),
        ("/a/{id}/b/{id}", "twice"),
        ("/a?b", "without \"?\""),
        ("/%FF", "UTF-8"),
    ] {
        let error = Pattern::parse(pattern).unwrap_err();
        assert!(error.contains(part), "{pattern}: {error}");
    }
}

#[test]
fn a_key_in_parentheses_is_an_id() {
    let routes = Routes::new(vec![
        route("/odata/Authors({id})", "author"),
        route("/odata/Authors({author_id})/Books({id})", "book"),
        route("/odata/Auth({id})", "auth"),
        route("/odata/Authors/{id}", "slashed"),
        route("/odata/{set}", "set"),
        route("/odata/Authors(1)/Top", "top"),
        route("/{service}/Things({id})", "thing"),
    ])
    .unwrap();
    for (path, expected) in [
        ("/odata/Authors(7)", "author 7"),
        ("/odata/Authors(7)/", "author 7"),
        ("/odata/Authors%287%29", "author 7"),
        ("/odata/Authors", "author -"),
        ("/odata/Authors('7')", "author 7"),
        ("/odata/Authors('O''Neil')", "author O'Neil"),
        ("/odata/Authors(%27a%2Fb%27)", "author a/b"),
        ("/odata/Authors('a)b')", "author a)b"),
        ("/odata/Authors('f(x)')", "author f(x)"),
        ("/odata/Authors('')", "author "),
        ("/odata/Authors(')", "author '"),
        ("/odata/Authors(7)/Books(9)", "book 9"),
        ("/odata/Authors(7)/Books", "book -"),
        ("/odata/Authors(1)/Top", "top -"),
        ("/odata/Authors(1)/Books(2)", "book 2"),
        ("/odata/Auth(7)", "auth 7"),
        ("/odata/Authors/7", "slashed 7"),
        ("/odata/Authors()", "set -"),
        ("/odata/Authors(7", "set -"),
        ("/odata/Books(7)", "set -"),
        ("/odata/Things(7)", "set -"),
        ("/v4/Things(7)", "thing 7"),
        ("/v4/Things", "thing -"),
        ("/v4/Other(7)", "-"),
        ("/odata/authors(7)", "set -"),
    ] {
        assert_eq!(classify(&routes, "DELETE", path), expected, "{path}");
    }
}

#[test]
fn a_quote_outside_parentheses_belongs_to_the_id() {
    let routes = Routes::new(vec![route("/a/{id}", "a")]).unwrap();
    assert_eq!(classify(&routes, "PUT", "/a/'b'"), "a 'b'");
}

fn with_key(path: &str, key: &[&str], parts: usize) -> Result<Pattern, String> {
    let mut pattern = Pattern::parse(path)?;
    let names: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
    if names.is_empty() {
        pattern.find_key(parts)?;
    } else {
        pattern.set_key(&names, parts)?;
    }
    Ok(pattern)
}

#[test]
fn the_parameters_that_are_the_id_are_found_or_named() {
    for (path, key, parts, request, expected) in [
        ("/a/{id}", &[][..], 1, "/a/1", Some("1")),
        ("/a/{slug}", &[], 1, "/a/1", None),
        ("/a/{slug}", &["slug"], 1, "/a/1", Some("1")),
        ("/a/{slug}", &["slug"], 1, "/a", None),
        ("/{slug}", &["slug"], 1, "/a", Some("a")),
        ("/a/{id}", &[], 2, "/a/1,2", Some("1,2")),
        ("/a/{x}/{y}", &[], 2, "/a/1/2", Some("1,2")),
        ("/a/{x}/{y}", &["y", "x"], 2, "/a/1/2", Some("2,1")),
        ("/a/{x}/{y}", &["y"], 2, "/a/1/2", Some("2")),
        ("/a/{x}/b/{y}", &[], 2, "/a/1/b", None),
        ("/a/{x}/{y}", &[], 2, "/a", None),
        ("/t/{t}/a/{x}/b/{y}", &[], 2, "/t/0/a/1/b/2", Some("1,2")),
        ("/a/{x}/b", &[], 2, "/a/1/b", None),
        ("/a/{x}/b/{id}", &["x", "id"], 2, "/a/1/b/2", Some("1,2")),
        ("/a/{x}/b/{y}/close", &["x", "y"], 2, "/a/1/b/2/close", Some("1,2")),
        ("/o/A({id})", &[], 2, "/o/A('1,2')", Some("1,2")),
        ("/o/A({a})/B({b})", &["a", "b"], 2, "/o/A('x')/B(2)", Some("x,2")),
    ] {
        let mut found = route(path, "a");
        found.pattern = with_key(path, key, parts).unwrap();
        let routes = Routes::new(vec![found]).unwrap();
        let matched = routes.classify(&Method::PUT, request).expect(path);
        assert_eq!(matched.id.as_deref(), expected, "{path} {key:?} {request}");
    }
    for (path, key, parts, part) in [
        ("/a/{x}/b/{id}", &[][..], 2, "parts of the id"),
        ("/a/{x}", &[], 2, "parts of the id"),
        ("/a/{x}/{y}", &["x", "z"], 2, "\"x\", \"y\""),
        ("/a/{x}/{y}", &["x", "y"], 1, "one name"),
        ("/a/{x}/{y}", &["x", "y"], 3, "one name, or one for each of the 3"),
        ("/a/{x}/{y}", &["x", "x"], 2, "each name once"),
        ("/a", &["id"], 1, "no parameter"),
    ] {
        let error = with_key(path, key, parts).unwrap_err();
        assert!(error.contains(part), "{path} {key:?}: {error}");
    }
}

#[test]
fn parts_that_differ_give_ids_that_differ() {
    let lists = [
        vec!["1", "2"],
        vec!["1,2", ""],
        vec!["1%2C2", ""],
        vec!["", "1,2"],
        vec!["1", ",2"],
        vec!["1,", "2"],
    ];
    let ids: std::collections::BTreeSet<String> = lists.iter().map(|parts| composite(parts)).collect();
    assert_eq!(ids.len(), lists.len(), "{ids:?}");
}

/// `method model tapped` of a POST with one header.
fn overridden(routes: &Routes, path: &str, header: &str) -> String {
    let (name, value) = header.split_once(": ").unwrap();
    let request = http::Request::post(path).header(name, value).body(()).unwrap();
    let matched = routes.of_request(&request.into_parts().0).unwrap();
    format!("{} {} {}", matched.method, matched.route.model.name, matched.tapped)
}

#[test]
fn a_header_chooses_the_route_only_where_that_route_lists_it() {
    let mut deletion = route("/orders/{id}", "deletion");
    deletion.methods = vec![Method::DELETE];
    deletion.method_override = vec!["x-http-method-override".parse().unwrap(), "x-method".parse().unwrap()];
    let mut order = route("/orders/{id}", "order");
    order.methods = vec![Method::POST, Method::PUT];
    let mut log = route("/logs/{id}", "log");
    log.methods = vec![Method::POST];
    log.method_override = vec!["x-method".parse().unwrap()];
    let routes = Routes::new(vec![deletion, order, log]).unwrap();
    for (path, header, expected) in [
        ("/orders/7", "X-HTTP-Method-Override: DELETE", "DELETE deletion true"),
        ("/orders/7", "X-HTTP-Method-Override: delete ", "DELETE deletion true"),
        ("/orders/7", "X-Method: DELETE", "DELETE deletion true"),
        ("/orders/7", "X-Method: PATCH", "POST order true"),
        ("/orders/7", "X-Other: DELETE", "POST order true"),
        ("/logs/7", "X-Method: DELETE", "DELETE log false"),
        ("/logs/7", "X-Method: GET", "GET log false"),
        ("/logs/7", "X-Method: HEAD", "HEAD log false"),
        ("/logs/7", "X-Method: SEARCH", "POST log true"),
        ("/logs/7", "X-Method: ", "POST log true"),
    ] {
        assert_eq!(overridden(&routes, path, header), expected, "{path} {header}");
    }
}

#[test]
fn dot_segments_are_steps_and_no_ids() {
    let routes = Routes::new(vec![route("/a/{id}", "a"), route("/a/{id}/b", "b")]).unwrap();
    for (path, expected) in [
        ("/a/.", "-"),
        ("/a/..", "-"),
        ("/a/%2e%2E", "-"),
        ("/a/../b", "-"),
        ("/./a/1", "-"),
        ("/a/...", "a ..."),
        ("/a/.x", "a .x"),
        ("/a/x.", "a x."),
        ("/a/%2F..", "a /.."),
    ] {
        assert_eq!(classify(&routes, "PUT", path), expected, "{path}");
    }
}

#[test]
fn keys_in_parentheses_may_have_names_and_quotes() {
    let source = |pointers: &[&str]| IdSource {
        parts: pointers.iter().map(|pointer| Pointer::parse(pointer).unwrap()).collect(),
        reference: None,
    };
    let one = source(&["/key/ID"]);
    let two = source(&["/OrderID", "/LineNo"]);
    for (key, source, expected) in [
        ("7", &one, "7"),
        ("ID=7", &one, "7"),
        ("ID='a=b'", &one, "a=b"),
        ("'ID=7'", &one, "ID=7"),
        ("Other=7", &one, "Other=7"),
        ("'a,b'", &one, "a,b"),
        ("a,b", &one, "a,b"),
        ("'O''Neil'", &one, "O'Neil"),
        ("''''", &one, "'"),
        ("'", &one, "'"),
        ("OrderID=1,LineNo=2", &two, "1,2"),
        ("LineNo=2,OrderID='a,b'", &two, "a%2Cb,2"),
        ("'it''s','b'", &two, "it's,b"),
        ("1,2", &two, "1,2"),
        ("'1,2'", &two, "1,2"),
        ("OrderID=1", &two, "OrderID=1"),
        ("OrderID=1,LineNo=2,More=3", &two, "OrderID=1,LineNo=2,More=3"),
        ("OrderID=1,2", &two, "OrderID=1,2"),
        ("OrderID=1,OrderID=2", &two, "OrderID=1,OrderID=2"),
    ] {
        assert_eq!(key::id(key, source), expected, "{key}");
    }
}
