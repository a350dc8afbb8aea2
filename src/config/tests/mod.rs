//! What a file says, and what is said of a file that is wrong.

mod admin;
mod auth;
mod broker;
mod endpoints;
mod mdb_engine;
mod query;
mod routes;
mod rules;

use super::*;
use crate::dialect::DIALECTS;
use crate::event::Payload;

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
const SHIPPED: &str = include_str!("../../../proxy.toml");

impl Config {
    /// Every option there is, as (table, key), but those that a dialect has of its own.
    fn options() -> Vec<(String, &'static str)> {
        Self::asked("[[route]]\npath = \"/a/{id}\"\nmodel = \"a\"\n[[endpoint]]\n[auth.jwt]\n[[admin.key]]\n")
    }

    /// Those.
    fn dialect_options(dialect: &str) -> Vec<&'static str> {
        let usual = Self::asked("[[endpoint]]\n");
        let all = Self::asked(&format!("[[endpoint]]\ndialect = \"{dialect}\"\n"));
        all.into_iter().filter(|option| !usual.contains(option)).map(|(_, key)| key).collect()
    }

    fn asked(text: &str) -> Vec<(String, &'static str)> {
        let reader = Reader::new(text);
        let (root, _) = DeTable::parse_recoverable(text);
        drop(Self::read(&reader, root.get_ref(), Path::new("")));
        reader.asked()
    }
}

fn errors(text: &str) -> String {
    Config::parse("proxy.toml", text).unwrap_err().to_string()
}

const HMAC: &str =
    "[auth.jwt]\nalgorithms = [\"HS256\"]\nsecret = \"a secret of more than thirty-two bytes\"\n";

fn auth(tables: &str) -> Config {
    Config::parse("proxy.toml", &format!("{MINIMAL}{tables}")).unwrap()
}

fn warnings(tables: &str) -> String {
    auth(tables).warnings().join("\n")
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
        if ["auth.jwt", "admin.key", "route.query", "route.rules"].contains(&&*table) {
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

/// What the shipped file has below its lines on a dialect's own options.
fn shipped_options(dialect: &str) -> String {
    let lines: Vec<&str> = SHIPPED.lines().collect();
    let is_head = |line: &str| {
        let names = line.strip_prefix("# ").and_then(|line| line.strip_suffix(" besides:"));
        let names =
            names.and_then(|names| names.strip_suffix(" has").or_else(|| names.strip_suffix(" have")));
        names.is_some_and(|names| names.replace(" and ", ", ").split(", ").any(|name| name == dialect))
    };
    let heads = (0..lines.len()).filter(|at| is_head(lines[*at]));
    let below = heads.flat_map(|at| lines[at + 1..].iter().map_while(|line| line.strip_prefix("#   ")));
    below.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_shows_every_option_of_every_dialect_with_its_default() {
    for (dialect, _) in DIALECTS {
        let shown = shipped_options(dialect);
        for key in Config::dialect_options(dialect) {
            let is_shown = shown.lines().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(is_shown, "{key} of {dialect} is not in proxy.toml");
        }
        let (needed, usual): (Vec<&str>, Vec<&str>) =
            shown.lines().partition(|line| line.contains("# needed"));
        let minimal = format!("{}{}\n", MINIMAL.replace("flarchitect", dialect), needed.join("\n"));
        let tables = if *dialect == "socketio" { "[[endpoint.namespace]]\nname = \"/\"\n" } else { "" };
        let parse = |text: &str| {
            format!("{:?}", Config::parse("proxy.toml", &format!("{text}\n{tables}{HMAC}")).unwrap())
        };
        assert_eq!(parse(&format!("{minimal}{}", usual.join("\n"))), parse(&minimal), "{dialect}");
    }
}

/// What the shipped file has of a table inside an endpoint's, with its name.
fn shipped_table(kind: &str) -> String {
    let (_, below) = SHIPPED.split_once(&format!("#   [[{kind}]]")).unwrap();
    let options = below.lines().skip(1).map_while(|line| line.strip_prefix("#     "));
    format!("[[{kind}]]\n{}\n", options.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_shipped_file_shows_every_option_of_every_table_of_an_endpoint_with_its_default() {
    let endpoint = MINIMAL.replace("flarchitect", "socketio");
    let namespace = shipped_table("endpoint.namespace");
    for kind in [
        "endpoint.namespace",
        "endpoint.broadcast",
        "endpoint.request",
        "endpoint.request.emit",
        "endpoint.shortcut",
        "endpoint.shortcut.emit",
    ] {
        let shown = shipped_table(kind);
        let before = match kind {
            "endpoint.namespace" => String::new(),
            "endpoint.request.emit" => format!("{namespace}{}", shipped_table("endpoint.request")),
            "endpoint.shortcut.emit" => format!("{namespace}{}", shipped_table("endpoint.shortcut")),
            _ => namespace.clone(),
        };
        let read = |table: &str| {
            let text = format!("{endpoint}{before}{table}{HMAC}");
            format!("{:?}", Config::parse("proxy.toml", &text).unwrap_or_else(|error| panic!("{error}")))
        };
        let needed: Vec<&str> =
            shown.lines().filter(|line| line.starts_with("[[") || line.contains("# needed")).collect();
        assert_eq!(read(&shown), read(&(needed.join("\n") + "\n")), "{kind}");
        for (_, key) in
            Config::asked(&format!("{endpoint}{before}[[{kind}]]\n")).iter().filter(|(of, _)| of == kind)
        {
            let is_shown = shown.lines().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(is_shown, "{key} of {kind} is not in proxy.toml");
        }
    }
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
proxy.toml:23: endpoint[1].dialect = "flarchitekt": expected one of "flarchitect", "fastcms", "mdb_engine", "websocketspec", "socketio", "canonical", "sse", "echo"
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
fn a_line_break_in_a_name_or_value_broke_a_problem_in_two() {
    let text =
        format!("{MINIMAL}\"a\\nb\" = 1\n[[route]]\npath = \"/{{a\\nb}}\"\nmodel = \"a\"\n[\"c\\rd\"]\n");
    assert_eq!(
        errors(&text),
        r#"proxy.toml:10: endpoint[1].a b: unknown key; there are path, dialect, forward_headers, snapshots, max_message, auth, on_expiry, cookie, origins
proxy.toml:12: route[2].path = "/{a\nb}": expected "{name}" of letters, digits and _; found "{a b}"
proxy.toml:14: c d: unknown table; there are server, admin, upstream, tap, hub, history, limits, access, calls, route, endpoint, auth, broker"#
    );
}

#[test]
fn how_a_process_ends_is_checked() {
    let many: Vec<_> = (0..32).map(|port| format!("\"127.0.0.1:{}\"", 8000 + port)).collect();
    let long = format!("/{}", "x".repeat(100));
    let rows = [
        ("drain_delay = \"1\"", r#"server.drain_delay = "1": expected a duration with a unit"#),
        ("drain_spread = -1", "server.drain_spread = -1: expected a duration with a unit"),
        ("drain_timeout = \"0s\"", r#"server.drain_timeout = "0s": expected a duration above zero"#),
        (
            "upgrade_socket = \"upgrade.sock\"",
            r#"server.upgrade_socket = "upgrade.sock": expected the absolute path of a socket, up to 100 bytes"#,
        ),
        (&*format!("upgrade_socket = \"{long}\""), "expected the absolute path of a socket"),
        (
            &*format!("upgrade_socket = \"/run/x\"\nlisten = [{}]", many.join(", ")),
            "no more than 31 addresses of server.listen can be handed over",
        ),
    ];
    for (line, expected) in rows {
        let error = errors(&format!("[server]\n{line}\n{MINIMAL}"));
        assert!(error.contains(expected), "{line}: {error}");
    }
    let none = Config::parse("proxy.toml", &format!("[server]\nupgrade_socket = \"\"\n{MINIMAL}")).unwrap();
    assert_eq!(none.server.upgrade_socket, None);
}

#[test]
fn only_a_cluster_that_is_told_how_many_servers_keep_the_log_is_told_so() {
    let broker = |lines: &str| format!("{MINIMAL}[broker]\n{lines}\n");
    let url = |kind: &str| format!("kind = \"{kind}\"\nurl = \"{kind}://127.0.0.1\"");
    for lines in [format!("{}\nreplicas = 5", url("nats")), format!("{}\nreplicas = 1", url("redis"))] {
        Config::parse("proxy.toml", &broker(&lines)).unwrap();
    }
    for (lines, expected) in [
        (format!("{}\nreplicas = 3", url("redis")), "broker.replicas = 3: is only for kind = \"nats\""),
        ("replicas = 3".to_owned(), "broker.replicas = 3: is only for kind = \"nats\""),
        (
            format!("{}\nreplicas = 6", url("nats")),
            "broker.replicas = 6: expected a whole number from 1 to 5",
        ),
        (
            format!("{}\nreplicas = 0", url("nats")),
            "broker.replicas = 0: expected a whole number from 1 to 5",
        ),
    ] {
        let error = errors(&broker(&lines));
        assert!(error.contains(expected), "{lines}: {error}");
    }
    let error = errors(&broker("kind = \"rabbit\"\nreplicas = 3"));
    assert!(!error.contains("replicas"), "{error}");
}

#[test]
fn a_password_in_a_list_of_urls_was_shown_where_another_of_them_is_wrong() {
    for urls in
        [r#"["nats://ann:s3cret@a", "b"]"#, r#""nats://ann:s3cret@a:x""#, r#"[["nats://ann:s3cret@a"]]"#]
    {
        let error = errors(&format!("{MINIMAL}[broker]\nkind = \"nats\"\nurl = {urls}\n"));
        assert!(error.contains("broker.url = …: expected ") && !error.contains("s3cret"), "{error}");
    }
}
