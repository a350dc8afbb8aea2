//! json-server 0.17 (npm).

use serde_json::{Value, json};

use super::By::{Backend, Here};
use super::{Rows, names};
use crate::tools::node;

fn rows() -> Option<(Rows, crate::tools::Backend)> {
    let backend = node()?.json_server();
    let rows = Rows::fill(backend.address, "/api/authors/{id}", "preset = \"json-server\"");
    Some((rows, backend))
}

#[test]
fn json_server_finds_what_our_filter_finds() {
    let Some((rows, _backend)) = rows() else { return };
    for name in names() {
        for operator in ["eq", "neq", "contains", "startswith", "endswith"] {
            rows.one("name", operator, &name, Backend);
        }
        rows.one("name", "in", &json!([name, "ann"]), Backend);
        rows.one("name", "like", &name, Here);
    }
    for pattern in ["ANN%", "%e%", "_nn", "%\\%%", "under\\_%", "a.c*(d)[e]", "%"] {
        rows.one("name", "ilike", &json!(pattern), Backend);
    }
    for operator in ["eq", "neq", "gt", "gte", "lt", "lte"] {
        for age in [-1, 9, 18, 20, 100] {
            rows.one("age", operator, &json!(age), Backend);
        }
        rows.one("score", operator, &json!(2.5), Backend);
    }
    for text in ["Ann", "a", "100%"] {
        for operator in ["gt", "gte", "lt", "lte"] {
            rows.one("name", operator, &json!(text), Backend);
        }
    }
    rows.one("age", "between", &json!([9, 20]), Backend);
    rows.one("age", "between_inclusive", &json!([9, 20]), Backend);
    rows.one("age", "in", &json!([9, 20, 55]), Backend);
    rows.one("active", "eq", &json!(true), Backend);
    rows.one("active", "neq", &json!(true), Backend);
    rows.one("name", "eq", &json!(""), Backend);
    rows.one("name", "neq", &Value::Null, Backend);
    rows.one("name", "is_not_null", &Value::Null, Backend);
    rows.one("name", "eq", &Value::Null, Here);
    rows.one("name", "is_null", &Value::Null, Here);
    rows.one("age", "in", &json!([]), Here);
}

#[test]
fn json_server_sorts_and_cuts_lists_and_takes_writes() {
    let Some((rows, _backend)) = rows() else { return };
    rows.parts();
    let of = |column: &str, operator: &str, value: Value, or: &str| json!({ "column": column, "operator": operator, "value": value, "logic_operator": or });
    rows.check(&json!([of("age", "gte", json!(18), ""), of("active", "eq", json!(true), "")]), Backend);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("age", "eq", json!(18), "or")]), Backend);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("name", "eq", json!("ann"), "OR")]), Here);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("age", "eq", json!(18), "")]), Here);
    rows.writes();
}
