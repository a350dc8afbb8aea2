//! `[route.query]`.

use super::*;
use crate::query::PRESETS;

fn with(table: &str) -> Config {
    auth(&format!("[route.query]\n{table}"))
}

#[test]
fn the_shipped_table_shows_the_defaults() {
    let below = SHIPPED.split_once("# [route.query]").unwrap().1;
    let below = below.split_once("# [route.rules]").unwrap().0;
    let lines: Vec<&str> = below.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    let all = with(&lines.join(""));
    assert_eq!(format!("{:?}", all.resources), format!("{:?}", auth("").resources));
}

#[test]
fn each_line_of_a_preset_can_be_read() {
    for preset in &PRESETS {
        let line = |(key, value): &(&str, &str)| format!("{key} = {}", serde_json::json!(value));
        let mut text: Vec<String> = preset.options.iter().map(line).collect();
        for (table, lines) in [("filter", preset.filter), ("or_filter", preset.or_filter)] {
            let lines: Vec<String> = lines.iter().map(line).collect();
            text.push(format!("{table} = {{ {} }}", lines.join(", ")));
        }
        for (name, value) in preset.headers {
            text.push(format!("headers = {{ {name} = \"{value}\" }}"));
        }
        if let Some(whole) = preset.whole_lists {
            text.push(format!("whole_lists = {whole}"));
        }
        text.push(format!("repeated_filters = {}", preset.repeated_filters));
        let (written, named) = (with(&text.join("\n")), with(&format!("preset = \"{}\"", preset.name)));
        assert_eq!(format!("{:?}", written.resources), format!("{:?}", named.resources), "{}", preset.name);
    }
}

#[test]
fn what_is_wrong_with_a_template_is_said() {
    let table = "preset = \"jsonserver\"\nlimit = \"limit={size}\"\nfilter = { equals = \"a\" }\n\
                 list = \"/api/authors\"\nitem = \"GET /a/{key}\"\ntotal = \"total\"\nbody = \"data\"\nsrot = 1\n\
                 sort = \"s={sort:lines}\"";
    let found = errors(&format!("{MINIMAL}[route.query]\n{table}"));
    for expected in [
        "route[1].query.preset = \"jsonserver\": expected one of \"none\", \"json-server\", \"json-server-1\"",
        "route[1].query.limit = \"limit={size}\": expected a template with {limit}, {offset}, {end}; found \"{size}\"",
        "expected a table with keys of eq, neq",
        "route[1].query.list = \"/api/authors\": expected a method and a path, such as \"GET /api/users/{id}\"",
        "route[1].query.item = \"GET /a/{key}\": expected a template with {id}; found \"{key}\"",
        "route[1].query.total = \"total\": expected a JSON pointer such as \"/total\"",
        "route[1].query.body = \"data\": expected JSON with {data} in it",
        "route[1].query.srot: unknown key; did you mean sort?",
        "expected csv, repeat, brackets, json, join(…)",
    ] {
        assert!(found.contains(expected), "{expected}\n{found}");
    }
}

#[test]
fn writes_that_no_route_takes_are_warned_of() {
    let warnings = |table: &str| {
        let config = Config::parse("proxy.toml", &format!("{MINIMAL}[route.query]\n{table}")).unwrap();
        config.warnings().join("\n")
    };
    assert_eq!(warnings("create = \"POST /api/authors\"\nupdate = \"PUT /api/authors/{id}?full=1\""), "");
    let warned = warnings("update = \"POST /api/authors/{id}/change\"");
    let expected = "route /api/authors/{id} has [route.query] update = \"POST /api/authors/{id}/change\", which no \
                    route takes: what clients write by it is told to nobody";
    assert!(warned.contains(expected), "{warned}");
}
