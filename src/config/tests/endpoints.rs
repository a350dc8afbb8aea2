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
