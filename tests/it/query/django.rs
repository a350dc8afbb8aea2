//! Django REST framework with django-filter.

use serde_json::{Value, json};

use super::By::{Backend, Here};
use super::{Rows, names};
use crate::harness::Folder;
use crate::tools::python;

fn rows() -> Option<(Rows, crate::tools::Backend, Folder)> {
    let folder = Folder::new();
    let database = folder.path().join("rows.sqlite");
    let arguments =
        ["--database", database.to_str().unwrap(), "--secret", "a secret of more than thirty-two bytes"];
    let backend = python()?.django(&arguments);
    let rows = Rows::fill(backend.address, "/api/rows/{id}/", "preset = \"django-rest-framework\"");
    Some((rows, backend, folder))
}

#[test]
fn django_finds_what_our_filter_finds() {
    let Some((rows, _backend, _folder)) = rows() else { return };
    for name in names() {
        for operator in ["eq", "contains", "startswith", "endswith", "gt", "lte"] {
            rows.one("name", operator, &name, Backend);
        }
        let by = if name.as_str().is_some_and(|name| name.contains(',')) { Here } else { Backend };
        rows.one("name", "in", &json!([name, "ann"]), by);
        rows.one("name", "like", &name, Here);
        rows.one("name", "neq", &name, Here);
    }
    for operator in ["eq", "gt", "gte", "lt", "lte"] {
        for age in [-1, 9, 18, 20, 100] {
            rows.one("age", operator, &json!(age), Backend);
        }
        rows.one("score", operator, &json!(2.5), Backend);
    }
    rows.one("age", "between", &json!([9, 20]), Backend);
    rows.one("age", "between_inclusive", &json!([9, 20]), Backend);
    rows.one("age", "in", &json!([9, 20, 55]), Backend);
    rows.one("active", "eq", &json!(true), Backend);
    rows.one("active", "eq", &json!(false), Backend);
    rows.one("name", "eq", &Value::Null, Backend);
    rows.one("name", "neq", &Value::Null, Backend);
    rows.one("name", "eq", &json!(""), Here);
    rows.one("name", "startswith", &json!(" a"), Here);
    rows.one("age", "in", &json!([]), Here);
}

#[test]
fn django_sorts_and_cuts_lists_and_takes_writes() {
    let Some((rows, _backend, _folder)) = rows() else { return };
    rows.parts();
    let of = |column: &str, operator: &str, value: Value, or: &str| json!({ "column": column, "operator": operator, "value": value, "logic_operator": or });
    rows.check(&json!([of("age", "gte", json!(18), ""), of("active", "eq", json!(true), "")]), Backend);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("age", "eq", json!(18), "or")]), Backend);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("name", "eq", json!("ann"), "OR")]), Here);
    rows.writes();
}
