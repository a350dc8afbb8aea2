//! `PostgREST`: no server of it can be had here, but its own JavaScript client (`@supabase/postgrest-js` in npm) says
//! the same things.

use restcast::query::Wish;
use serde_json::{Value, json};

use super::{Query, Rows};
use crate::tools::node;

/// The parts of the query that a list is asked with, percent-decoded.
fn asked(rows: &Rows, options: &Value) -> Vec<String> {
    let query = Query::read(&restcast::event::Json::parse(&options.to_string()).unwrap()).unwrap();
    let target = rows.resource.ask(Wish::List(&query)).unwrap().request.target;
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8().unwrap().into_owned();
    target.split_once('?').map_or_else(Vec::new, |(_, query)| query.split('&').map(decoded).collect())
}

#[test]
fn postgrest_is_asked_as_its_own_client_asks() {
    let Some(node) = node() else { return };
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let rows = Rows::empty(nowhere, "/rows/{id}", "preset = \"postgrest\"");
    let one = |operator: &str, value: Value| json!({ "filters": [{ "column": "a", "operator": operator, "value": value }] });
    let mut cases: Vec<(Value, Value)> = Vec::new();
    for (operator, theirs) in [
        ("eq", "eq"),
        ("neq", "neq"),
        ("gt", "gt"),
        ("gte", "gte"),
        ("lt", "lt"),
        ("lte", "lte"),
        ("like", "like"),
        ("ilike", "ilike"),
    ] {
        for value in [json!(5), json!("x y"), json!("a,b(c)\"d\\e"), json!("é&=#%+")] {
            cases.push((one(operator, value.clone()), json!([[theirs, "a", value]])));
        }
    }
    cases.push((one("eq", json!(true)), json!([["eq", "a", true]])));
    cases.push((one("eq", Value::Null), json!([["is", "a", null]])));
    cases.push((one("neq", Value::Null), json!([["not", "a", "is", null]])));
    cases.push((one("between", json!([1, 2])), json!([["gt", "a", 1], ["lt", "a", 2]])));
    cases.push((one("between_inclusive", json!([1, 2])), json!([["gte", "a", 1], ["lte", "a", 2]])));
    cases.push((one("contains", json!("x")), json!([["ilike", "a", "*x*"]])));
    cases.push((one("startswith", json!("x")), json!([["ilike", "a", "x*"]])));
    cases.push((one("endswith", json!("5%")), json!([["ilike", "a", "*5\\%"]])));
    cases.push((one("in", json!(["b,c", "(d)"])), json!([["in", "a", ["b,c", "(d)"]]])));
    cases.push((json!({ "limit": 5 }), json!([["limit", 5]])));
    let order = json!([{ "column": "n", "direction": "desc" }, { "column": "m" }]);
    cases.push((json!({ "sort": order }), json!([["order", "n", { "ascending": false }], ["order", "m"]])));
    cases.push((json!({ "limit": 5, "offset": 10 }), json!([["range", 10, 14]])));
    cases.push((json!({ "columns": ["a", "b"] }), json!([["select", "a,b"]])));
    cases.push((json!({ "preload": ["author", "tags"] }), json!([["select", "*,author(*),tags(*)"]])));
    let group = json!([{ "column": "a", "operator": "eq", "value": "x,y" }, { "column": "b", "operator": "gt", "value": 2, "logic_operator": "OR" }]);
    cases.push((json!({ "filters": group }), json!([["or", "a.eq.\"x,y\",b.gt.\"2\""]])));
    let calls: Vec<Value> = cases.iter().map(|(_, calls)| with_select(calls)).collect();
    for ((options, calls), theirs) in cases.iter().zip(node.postgrest_urls(&calls)) {
        let (mut ours, mut theirs) = (asked(&rows, options), theirs);
        // It asks for all columns where nothing else is said.
        theirs.retain(|part| part != "select=*");
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{options} {calls}");
    }
}

/// Its queries begin with a `select`.
fn with_select(calls: &Value) -> Value {
    let calls = calls.as_array().unwrap();
    let all = json!(["select", "*"]);
    let first = calls.iter().find(|call| call[0] == "select").unwrap_or(&all);
    let rest = calls.iter().filter(|call| call[0] != "select");
    std::iter::once(first).chain(rest).cloned().collect()
}
