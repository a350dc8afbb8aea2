use super::*;
use crate::route::{Pointer, Scalar, Visibility};

const MINIMAL: &str = r#"
[upstream]
servers = ["http://127.0.0.1:5000"]
[[route]]
path = "/api/authors/{id}"
model = "author"
[[endpoint]]
path = "/ws"
dialect = "flarchitect"
"#;
const SHIPPED: &str = include_str!("../../proxy.toml");

fn errors(text: &str) -> String {
    Config::parse("proxy.toml", text).unwrap_err().to_string()
}

/// The shipped file with every option switched on at the value that its comment shows.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => rest.to_owned(),
        _ => line.to_owned(),
    };
    SHIPPED.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_loads() {
    let config = Config::parse("proxy.toml", SHIPPED).unwrap();
    assert_eq!(config.routes.iter().count(), 1);
    assert_eq!(config.warnings(), Vec::<String>::new());
}

#[test]
fn the_shipped_file_shows_every_option_with_its_default() {
    let all = uncommented();
    let (root, errors) = DeTable::parse_recoverable(&all);
    assert!(errors.is_empty(), "{errors:?}");
    for (table, key) in Config::options() {
        // A table that has no defaults would not be the same as none: it stays a comment.
        if table == "auth.jwt" {
            assert!(SHIPPED.contains(&format!("#   {key} = ")), "{key} is not in proxy.toml");
            continue;
        }
        let value = root.get_ref().get(table.as_str()).map(|value| match value.get_ref().as_array() {
            Some(array) => array[0].get_ref(),
            None => value.get_ref(),
        });
        let table = value.and_then(DeValue::as_table);
        assert!(table.is_some_and(|table| table.contains_key(key)), "{key} is not in proxy.toml");
    }
    let with_all = Config::parse("proxy.toml", &all).unwrap();
    let minimal = Config::parse("proxy.toml", MINIMAL).unwrap();
    // Comparing what readers see is enough here, and no option is forgotten.
    assert_eq!(format!("{with_all:?}"), format!("{minimal:?}"));
}

#[test]
fn every_problem_is_named_at_once_with_file_key_value_and_what_would_be_right() {
    let text = r#"
[server]
listen = "8080"
threds = 4
[admin]
listen = "127.0.0.1:0"
[upstream]
servers = ["localhost:5000"]
read_timeout = 30
[tap]
body_limit = "256 kB"
queue_limit = 0
[[route]]
path = "api/{id}"
[[route]]
path = "/b/{id}"
model = "b"
id_type = "number"
methods = ["GET"]
record = "data"
[[endpoint]]
path = "/ws"
dialect = "flarchitekt"
[brokers]
"#;
    let expected = r#"proxy.toml:3: server.listen = "8080": expected an address "IP:port", such as "127.0.0.1:8080"
proxy.toml:4: server.threds: unknown key; did you mean threads?
proxy.toml:6: admin.listen = "127.0.0.1:0": expected an address "IP:port", such as "127.0.0.1:8080"
proxy.toml:8: upstream.servers = ["localhost:5000"]: expected "http://host:port" or "https://host:port", without a path
proxy.toml:9: upstream.read_timeout = 30: expected a duration above zero with a unit, such as "500ms", "30s", "5m" or "1h"
proxy.toml:11: tap.body_limit = "256 kB": expected a size above zero with a unit, such as "512B", "256KiB" or "16MiB"
proxy.toml:12: tap.queue_limit = 0: expected a whole number from 1 to 16777216
proxy.toml:13: route[1].model: is missing; for example model = "author"
proxy.toml:14: route[1].path = "api/{id}": expected a path that starts with "/", such as "/api/authors/{id}"
proxy.toml:18: route[2].id_type = "number": expected one of "auto", "integer", "string"
proxy.toml:19: route[2].methods = ["GET"]: expected a list of POST, PUT, PATCH and DELETE (for GET see publish_reads)
proxy.toml:20: route[2].record = "data": expected a JSON pointer: empty, or starting with "/", such as "/data"
proxy.toml:23: endpoint[1].dialect = "flarchitekt": expected one of "flarchitect", "canonical", "echo"
proxy.toml:24: brokers: unknown table; did you mean broker?"#;
    assert_eq!(errors(text), expected);
}

#[test]
fn what_is_missing_is_said_with_an_example() {
    assert_eq!(
        errors(""),
        "proxy.toml: endpoint: at least one [[endpoint]] is needed: nobody could subscribe\n\
         proxy.toml: route: at least one [[route]] is needed: nothing would be tapped\n\
         proxy.toml: upstream.servers: is missing; for example servers = [\"http://127.0.0.1:5000\"]"
    );
}

#[test]
fn broken_toml_is_an_error_with_its_line() {
    let error = errors("[server\nlisten = 1\n[[route]]\npath = \"/a\n");
    assert!(error.contains("proxy.toml:1: not valid TOML"), "{error}");
    assert!(error.contains("proxy.toml:4: not valid TOML"), "{error}");
}

#[test]
fn scalars_of_another_kind_than_a_table_do_not_break_reading() {
    let error = errors("server = 1\nroute = [1]\nendpoint = \"x\"\nupstream = []\n");
    assert!(error.contains("server = 1: expected a table: [server]"), "{error}");
    assert!(error.contains("route = [1]: expected tables: [[route]]"), "{error}");
}

#[test]
fn warnings_name_shadowed_routes_hidden_paths_and_an_open_admin_port() {
    let text = format!(
        "{MINIMAL}\n[admin]\nlisten = \"0.0.0.0:9090\"\n[[route]]\npath = \"/api/authors/{{key}}\"\nmodel = \"x\"\n\
         [[route]]\npath = \"/{{id}}\"\nmodel = \"page\"\n"
    );
    let warnings = Config::parse("proxy.toml", &text).unwrap().warnings().join("\n");
    assert!(warnings.contains("route /api/authors/{key} (x) is shadowed"), "{warnings}");
    assert!(warnings.contains("endpoint /ws hides a path of the upstream: route /{id}"), "{warnings}");
    assert!(warnings.contains("admin.listen = 0.0.0.0:9090 is not a loopback address"), "{warnings}");
}

#[test]
fn models_that_differ_only_by_case_are_refused() {
    let error = errors(&format!("{MINIMAL}\n[[route]]\npath = \"/x/{{id}}\"\nmodel = \"Author\"\n"));
    assert!(error.contains("route[2].model = \"Author\": differs from \"author\" only by case"), "{error}");
}

/// A file with one more route.
fn with_route(options: &str) -> String {
    format!("{MINIMAL}\n[[route]]\nmodel = \"b\"\n{options}\n")
}

/// `record list item id id_reference` of a route with these options.
fn places(options: &str) -> String {
    let config =
        Config::parse("proxy.toml", &with_route(&format!("path = \"/b/{{id}}\"\n{options}"))).unwrap();
    let route = config.routes.iter().nth(1).unwrap();
    let id: Vec<String> = route.id.parts.iter().map(ToString::to_string).collect();
    let reference = route.id.reference.as_ref().map_or_else(String::new, ToString::to_string);
    format!("{} {} {} {} {reference}", route.record, route.list, route.item, id.join("+"))
}

#[test]
fn an_envelope_sets_defaults_that_an_option_of_its_own_overrides() {
    for (options, expected) in [
        ("", "   /id "),
        ("envelope = \"plain\"", "   /id "),
        ("envelope = \"data\"", "/data /data  /id "),
        ("envelope = \"jsonapi\"", "/data /data  /id "),
        ("envelope = \"hal\"", "   /id /_links/self/href"),
        ("envelope = \"odata\"", " /value  /id /@odata.id"),
        ("envelope = \"odata\"\nid = \"/ID\"\nid_reference = \"\"", " /value  /ID "),
        ("envelope = \"data\"\nlist = \"/items\"\nrecord = \"\"", " /items  /id "),
        (
            "envelope = \"jsonapi\"\nlist = \"/atomic:results\"\nitem = \"/data\"",
            "/data /atomic:results /data /id ",
        ),
        ("id = [\"/a~1b\", \"/c~0d\"]", "   /a~1b+/c~0d "),
    ] {
        assert_eq!(places(options), expected, "{options}");
    }
}

#[test]
fn a_condition_takes_every_kind_of_value_that_is_exact() {
    for (value, expected) in [
        ("true", Scalar::Bool(true)),
        ("false", Scalar::Bool(false)),
        ("-7", Scalar::Integer(-7)),
        ("0x10", Scalar::Integer(16)),
        ("\"ok\"", Scalar::Text("ok".to_owned())),
    ] {
        let options =
            format!("path = \"/b/{{id}}\"\nsuccess_when = {{ pointer = \"/a\", equals = {value} }}");
        let config = Config::parse("proxy.toml", &with_route(&options)).unwrap();
        let condition = config.routes.iter().nth(1).unwrap().success_when.clone().unwrap();
        assert_eq!((condition.pointer.to_string().as_str(), condition.equals), ("/a", expected));
    }
}

#[test]
fn wrong_ways_to_read_answers_are_refused_with_what_would_be_right() {
    let item = "path = \"/b/{id}\"";
    let condition = "{ pointer = \"/success\", equals = true }, or {} for no condition";
    let scalar = "equals to be true, false, a whole number or a string in quotes";
    for (path, option, expected) in [
        (item, "envelope = \"hall\"", "one of \"plain\", \"data\", \"jsonapi\", \"hal\", \"odata\""),
        (item, "item_status = \"status\"", "a JSON pointer: empty, or starting with \"/\""),
        (item, "id = []", "a JSON pointer such as \"/id\", or a list of them"),
        (item, "id = [\"/a\", 1]", "a JSON pointer such as \"/id\", or a list of them"),
        (item, "id = [\"/a\", \"b\"]", "a JSON pointer: empty, or starting with \"/\""),
        (item, "success_when = true", condition),
        (item, "success_when = { pointer = \"/a\" }", condition),
        (item, "success_when = { pointer = \"/a\", equal = 1 }", condition),
        (item, "success_when = { pointer = \"/a\", equals = 1, or = 2 }", condition),
        (item, "success_when = { pointer = \"/a\", equals = 1.0 }", scalar),
        (item, "success_when = { pointer = \"/a\", equals = 99999999999999999999 }", scalar),
        (item, "success_when = { pointer = \"/a\", equals = [] }", scalar),
        (item, "success_when = { pointer = \"a\", equals = 1 }", "a JSON pointer"),
        (item, "method_override = [\"X Method\"]", "names of headers, such as [\"X-HTTP-Method-Override\"]"),
        (item, "key = [\"slug\"]", "names of parameters of the path, which has \"id\""),
        (item, "key = [\"id\", \"x\"]", "one name, or one for each of the 1 pointers of id"),
        ("path = \"/b/{a}/{b}\"\nid = [\"/a\", \"/b\"]", "key = [\"a\", \"a\"]", "each name once"),
    ] {
        let error = errors(&with_route(&format!("{path}\n{option}")));
        let (key, value) = option.split_once(" = ").unwrap();
        let start = format!("route[2].{key} = {value}: expected {expected}");
        assert!(error.contains(&start), "{option}: no {start:?} in {error}");
        assert!(error.starts_with("proxy.toml:1"), "{error}");
    }
}

#[test]
fn an_id_of_several_parts_whose_place_in_the_path_is_not_plain_needs_a_key() {
    let error = errors(&with_route("path = \"/a/{a}/b/{id}\"\nid = [\"/a\", \"/b\"]"));
    let expected = "route[2].key: is needed: the names of the parameters that are the 2 parts of the id";
    assert!(error.contains(expected), "{error}");
    let error = errors(&with_route("path = \"/a/{id}\"\nid = [\"/a\", \"/b\"]\nid_type = \"integer\""));
    assert!(error.contains("route[2].id_type = \"integer\": an id of several parts is a string"), "{error}");
}

#[test]
fn a_key_beside_a_wrong_path_is_not_blamed() {
    let error = errors(&with_route("path = \"b\"\nkey = [\"slug\"]"));
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_line_break_in_a_name_or_value_broke_a_problem_in_two() {
    let text =
        format!("{MINIMAL}\"a\\nb\" = 1\n[[route]]\npath = \"/{{a\\nb}}\"\nmodel = \"a\"\n[\"c\\rd\"]\n");
    assert_eq!(
        errors(&text),
        r#"proxy.toml:10: endpoint[1].a b: unknown key; there are path, dialect, max_message, auth, on_expiry, cookie, origins
proxy.toml:12: route[2].path = "/{a\nb}": expected "{name}" of letters, digits and _; found "{a b}"
proxy.toml:14: c d: unknown table; there are server, admin, upstream, tap, hub, route, endpoint, auth, broker"#
    );
}

// === auth ===

const HMAC: &str =
    "[auth.jwt]\nalgorithms = [\"HS256\"]\nsecret = \"a secret of more than thirty-two bytes\"\n";

fn auth(tables: &str) -> Config {
    Config::parse("proxy.toml", &format!("{MINIMAL}{tables}")).unwrap()
}

#[test]
fn the_shipped_table_of_tokens_loads() {
    let table = SHIPPED
        .lines()
        .skip_while(|line| !line.starts_with("# [auth.jwt]"))
        .take_while(|line| !line.is_empty());
    let lines = table
        .map(|line| line.trim_start_matches(['#', ' ']))
        .filter(|line| !line.starts_with("public_key_file"));
    let text = lines.collect::<Vec<_>>().join("\n").replace("env:RESTCAST_JWT_SECRET", "x");
    let (shipped, minimal) = (auth(&text), auth(HMAC));
    assert_eq!(format!("{:?}", shipped.auth), format!("{:?}", minimal.auth));
}

#[test]
fn keys_come_from_files_beside_the_configuration_and_from_the_environment() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proxy.toml");
    for key in [
        "algorithms = \"RS256\"\npublic_key_file = \"tests/tokens/rsa.pub.pem\"",
        "algorithms = \"HS256\"\nsecret = \"file:LICENSE\"",
        "algorithms = \"HS256\"\nsecret = \"env:PATH\"",
    ] {
        let config = Config::parse(root, &format!("{MINIMAL}[auth.jwt]\n{key}\n")).unwrap();
        assert_eq!(config.auth.unwrap().iter().count(), 1);
    }
}

#[test]
fn several_issuers_are_a_list() {
    let text = HMAC.replace("[auth.jwt]", "[[auth.jwt]]");
    assert_eq!(auth(&format!("{text}{text}")).auth.unwrap().iter().count(), 2);
}

#[test]
fn what_is_wrong_with_a_key_is_named_and_a_secret_is_not_shown() {
    // (table, part of the problem)
    let rows = [
        ("[auth]\njwt = 5", "auth.jwt: expected a table"),
        ("auth = 5", "expected a table: [auth.jwt]"),
        ("[auth.jwks]", "unknown table"),
        ("[auth.jwt]", "auth.jwt.algorithms: is missing"),
        ("[auth.jwt]\nalgorithms = [\"none\"]", "expected a list of HS256"),
        ("[auth.jwt]\nalgorithms = []", "expected a list of HS256"),
        ("[auth.jwt]\nalgorithms = \"HS256\"", "auth.jwt.secret: is missing"),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\npublic_key_file = \"x.pem\"",
            "leave one out",
        ),
        ("[auth.jwt]\nalgorithms = \"RS256\"\nsecret = \"hunter2\"", "expected public_key_file"),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = [\"hunter2\"]",
            "auth.jwt.secret = …: expected a string",
        ),
        ("[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"\"", "a secret that is not empty"),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"env:RESTCAST_NO_SUCH\"",
            "environment variable RESTCAST_NO_SUCH",
        ),
        ("[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"file:/no/such\"", "a readable file: /no/such"),
        ("[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"file:/\"", "not a file"),
        ("[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"file:/dev/zero\"", "not a file"),
        (
            "[auth.jwt]\nalgorithms = \"RS256\"\npublic_key_file = \"Cargo.toml\"",
            "a PEM file with an RSA public key",
        ),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\nsecre = \"hunter2\"",
            "did you mean secret?",
        ),
        (
            "[auth.jwt]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\nuser_claim = \"\"",
            "the name of a claim",
        ),
        (
            "[[auth.jwt]]\nalgorithms = \"HS256\"\nsecret = \"hunter2\"\nleeway = 5",
            "auth.jwt[1].leeway = 5: expected a duration",
        ),
    ];
    for (table, part) in rows {
        // A key without a table has to stand before all tables.
        let text = if table.starts_with("auth") {
            format!("{table}\n{MINIMAL}")
        } else {
            format!("{MINIMAL}{table}\n")
        };
        let errors = errors(&text);
        assert!(errors.contains(part), "{table}\n{errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
    assert!(!format!("{:?}", auth(&HMAC.replace("a secret", "hunter2"))).contains("hunter2"));
}

#[test]
fn visibilities_are_words_or_tables() {
    let visibility = |text: &str| {
        let text = MINIMAL.replace("model = \"author\"", &format!("model = \"author\"\nvisibility = {text}"));
        Config::parse("proxy.toml", &text)
            .map(|config| config.routes.iter().next().unwrap().visibility.clone())
    };
    let roles = visibility(r#"{ roles = ["admin", "editor"] }"#).unwrap();
    assert_eq!(roles, Visibility::Roles(["admin".to_owned(), "editor".to_owned()].into()));
    for (field, pointer) in [("owner_id", "/owner_id"), ("/owner/id", "/owner/id"), ("a/b~c", "/a~1b~0c")] {
        let owner = visibility(&format!(r#"{{ claim = "sub", field = "{field}" }}"#)).unwrap();
        assert_eq!(owner, Visibility::Owner { claim: "sub".into(), field: Pointer::parse(pointer).unwrap() });
    }
    for wrong in [
        "\"everybody\"",
        "{}",
        "{ roles = [] }",
        "{ roles = [\"\"] }",
        "{ roles = 5 }",
        "{ claim = \"sub\" }",
        "{ claim = \"sub\", field = \"\" }",
        "{ claim = \"\", field = \"a\" }",
        "{ claim = \"sub\", field = \"/~2\" }",
        "{ roles = [\"a\"], claim = \"sub\", field = \"a\" }",
        "{ role = [\"admin\"] }",
        "5",
    ] {
        let error = visibility(wrong).unwrap_err().to_string();
        assert!(error.contains("route[1].visibility = "), "{wrong}: {error}");
    }
}

// === endpoints that ask for tokens ===

fn warnings(tables: &str) -> String {
    auth(tables).warnings().join("\n")
}

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
    for visibility in ["\"auto\"", "\"public\""] {
        assert_eq!(warnings(&text(visibility, "")), "");
    }
}

#[test]
fn a_short_secret_is_named_and_not_shown() {
    let warnings = warnings(&HMAC.replace("a secret of more than thirty-two bytes", "hunter2"));
    assert!(warnings.contains("32 bytes") && !warnings.contains("hunter2"), "{warnings}");
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
