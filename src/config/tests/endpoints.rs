//! `[[endpoint]]`, and who is asked for a token there.

use super::*;

#[test]
fn what_asks_for_identities_where_there_are_none_is_named() {
    let text = |visibility: &str, more: &str| {
        MINIMAL.replace("model = \"author\"", &format!("model = \"author\"\nvisibility = {visibility}"))
            + more
    };
    let warnings = |text: &str| Config::parse("proxy.toml", text).unwrap().warnings().join("\n");
    for visibility in ["\"authenticated\"", "{ roles = [\"a\"] }", "{ claim = \"sub\", field = \"a\" }"] {
        let without = warnings(&text(visibility, ""));
        assert!(without.contains("/api/authors/{id}") && without.contains("no [auth.jwt]"), "{without}");
        let unasked = warnings(&text(visibility, HMAC));
        assert!(unasked.contains("no endpoint has auth"), "{unasked}");
        assert_eq!(warnings(&text(visibility, &format!("auth = \"optional\"\n{HMAC}"))), "");
    }
    for visibility in ["\"auto\"", "\"public\"", "\"upstream\""] {
        assert_eq!(warnings(&text(visibility, "")), "");
    }
}

#[test]
fn a_route_is_named_where_nothing_says_where_to_ask_for_its_records() {
    let text = |path: &str, more: &str| {
        let route = format!("path = \"{path}\"\nvisibility = \"upstream\"");
        MINIMAL.replace("path = \"/api/authors/{id}\"", &route) + more
    };
    let warnings = |text: &str| Config::parse("proxy.toml", text).unwrap().warnings().join("\n");
    let named = warnings(&text("/api/authors/{id}/cancel", ""));
    assert!(
        named.contains("route /api/authors/{id}/cancel") && named.contains("nobody gets them"),
        "{named}"
    );
    let item = "[[route]]\npath = \"/authors/{id}\"\nmodel = \"author\"";
    assert_eq!(warnings(&text("/api/authors/{id}/cancel", item)), "");
}

#[test]
fn endpoints_say_what_would_be_right() {
    let rows = [
        ("auth = \"optional\"", "needs an [auth.jwt]"),
        ("auth = \"always\"", "expected one of \"none\", \"optional\", \"required\""),
        ("cookie = \"session\"", "needs auth = "),
        ("cookie = \"a b\"", "the name of a cookie"),
        ("origins = [\"app.example\"]", "https://app.example.com"),
        ("origins = [\"https://app.example/\"]", "without a path"),
        ("origins = [\"*\"]", "https://app.example.com"),
    ];
    for (line, part) in rows {
        let errors = errors(&format!("{MINIMAL}{line}\n"));
        assert!(errors.contains("endpoint[1].") && errors.contains(part), "{line}: {errors}");
    }
}

#[test]
fn nothing_else_is_where_an_endpoint_reports() {
    let endpoint = |path: &str, dialect: &str, more: &str| {
        format!("[[endpoint]]\npath = \"{path}\"\ndialect = \"{dialect}\"\n{more}\n")
    };
    let fastcms = endpoint("/a", "fastcms", "");
    let rows = [
        (endpoint("/b", "fastcms", ""), "endpoint[3].stats_path: the report"),
        (endpoint("/api/v1/stats", "echo", ""), "endpoint[3].path = \"/api/v1/stats\": the report"),
        (endpoint("/b", "fastcms", "stats_path = \"/ws\""), "endpoint[3].stats_path = \"/ws\": the report"),
        (endpoint("/b", "fastcms", "stats_path = \"/b\""), "endpoint[3].stats_path = \"/b\": the report"),
        (endpoint("/b", "fastcms", "stats_path = \"b\""), "expected a path such as"),
    ];
    for (other, part) in rows {
        let errors = errors(&format!("{MINIMAL}{fastcms}{other}"));
        assert!(errors.contains(part) && errors.lines().count() == 1, "{other}: {errors}");
    }
    for more in ["stats_path = \"/b/stats\"", "stats = \"off\""] {
        let other = endpoint("/b", "fastcms", more);
        Config::parse("proxy.toml", &format!("{MINIMAL}{fastcms}{other}")).unwrap();
    }
    let route = "[[route]]\npath = \"/api/v1/{id}\"\nmodel = \"page\"\n";
    let warnings = warnings(&format!("{fastcms}{route}"));
    assert!(warnings.contains("the report at /api/v1/stats hides a path of the upstream"), "{warnings}");
}

#[test]
fn check_was_silent_of_models_that_no_route_has() {
    let app = |models: &str| {
        let options = format!("app = \"a\"\nauth = \"none\"\nmodels = {models}");
        format!("[[endpoint]]\npath = \"/app\"\ndialect = \"mdb_engine\"\n{options}\n")
    };
    let key = |models: &str| {
        format!("[[admin.key]]\nname = \"k\"\nsecret = \"{}\"\nmodels = {models}\n", "x".repeat(32))
    };
    let wrong = warnings(&(app("[\"author\", \"autor\", \"Book\"]") + &key("\"invoice\"")));
    for part in [
        "endpoint /app names in models what no route has (autor, book)",
        "admin.key k names in models what no route has (invoice)",
    ] {
        assert!(wrong.contains(part), "{wrong}");
    }
    assert_eq!(warnings(&(app("\"Author\"") + &key("[\"AUTHOR\"]"))), "", "a topic has no upper case");
    // Whatever a path may name.
    let any = "[[route]]\npath = \"/c/{collection}/{id}\"\nmodel = \"{collection}\"\n";
    assert_eq!(warnings(&format!("{}{}{any}", app("\"autor\""), key("\"invoice\""))), "");
}

#[test]
fn check_was_silent_where_every_endpoint_is_an_echo() {
    let echo = |path: &str| format!("[[endpoint]]\npath = \"{path}\"\ndialect = \"echo\"\n");
    let alone = MINIMAL.replace("flarchitect", "echo");
    let warned = Config::parse("proxy.toml", &(alone + &echo("/b"))).unwrap().warnings().join("\n");
    assert!(warned.contains("no [[endpoint]] but of dialect echo"), "{warned}");
    assert_eq!(warnings(&echo("/b")), "");
}

#[test]
fn check_was_silent_where_snapshots_cannot_be_followed() {
    let with = |option: &str, more: &str| {
        let text =
            MINIMAL.replace("dialect = \"flarchitect\"", &format!("dialect = \"flarchitect\"\n{option}"));
        Config::parse("proxy.toml", &(text + more)).unwrap().warnings().join("\n")
    };
    let none = "[history]\nsize = 0\n";
    let warned = with("snapshots = true", none);
    assert!(warned.starts_with("endpoint /ws has snapshots = true, and history.size = 0"), "{warned}");
    assert_eq!((with("snapshots = true", ""), with("", none)), (String::new(), String::new()));
}
