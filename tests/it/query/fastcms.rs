//! `FastCMS` 0.1.6 (`pyfastcms` in `PyPI`).

use restcast::event::Json;
use restcast::query::{Query, Wish};
use serde_json::{Value, json};

use super::By::{Backend, Here};
use super::{Rows, names};
use crate::harness::Folder;
use crate::tools::pyfastcms;

fn rows() -> Option<(Rows, crate::tools::Backend, Folder)> {
    let folder = Folder::new();
    let (backend, token) = pyfastcms(folder.path())?;
    let query = format!("preset = \"fastcms\"\nheaders = {{ Authorization = \"Bearer {token}\" }}");
    let mut rows = Rows::fill(backend.address, "/api/v1/collections/rows/records/{id}", &query);
    // The newest come first.
    rows.all.reverse();
    Some((rows, backend, folder))
}

#[test]
fn fastcms_finds_what_our_filter_finds() {
    let Some((rows, _backend, _folder)) = rows() else { return };
    assert_eq!(rows.all[0]["name"], "18", "a record's fields stand beside its id");
    for name in names() {
        let text = name.as_str().unwrap();
        let by = |marks: &[char]| if text.contains(marks) { Here } else { Backend };
        for operator in ["eq", "neq", "gt", "gte", "lt", "lte"] {
            rows.one("name", operator, &name, by(&['&']));
        }
        rows.one("name", "contains", &name, by(&['&', '%', '_', '\\']));
        rows.one("name", "in", &json!([name, "ann"]), by(&['&', ',']));
        for operator in ["like", "ilike", "startswith", "endswith"] {
            rows.one("name", operator, &name, Here);
        }
    }
    for operator in ["eq", "neq", "gt", "gte", "lt", "lte"] {
        for age in [-1, 9, 18, 20, 100] {
            rows.one("age", operator, &json!(age), Backend);
        }
        rows.one("score", operator, &json!(2.5), Backend);
        rows.one("age", operator, &json!("18"), Backend);
    }
    for text in ["", " Ann", "null", "true", "@now", "[18]", "(18)", "\"", "a\nb", "a|b"] {
        let by = if text.contains(['\n', '|']) { Here } else { Backend };
        rows.one("name", "eq", &json!(text), by);
    }
    rows.one("age", "between", &json!([9, 20]), Backend);
    rows.one("age", "between_inclusive", &json!([9, 20]), Backend);
    rows.one("age", "in", &json!([9, 20, 55]), Backend);
    rows.one("id", "eq", &rows.all[2]["id"], Backend);
    rows.one("active", "eq", &json!(true), Backend);
    rows.one("active", "neq", &json!(true), Backend);
    rows.one("name", "eq", &Value::Null, Backend);
    rows.one("name", "neq", &Value::Null, Backend);
    rows.one("name", "is_null", &Value::Null, Here);
    rows.one("name", "is_not_null", &Value::Null, Here);
    rows.one("age", "in", &json!([]), Here);
    // A modifier, another collection's field, and what it would leave out.
    for column in ["name:lower", "name.first", "na me"] {
        rows.one(column, "eq", &json!("ann"), Here);
    }
}

#[test]
fn fastcms_sorts_and_cuts_lists_and_takes_writes() {
    let Some((rows, _backend, _folder)) = rows() else { return };
    rows.parts();
    let (shown, _) = rows.list(&json!({ "columns": ["name", "id"], "limit": 1 }));
    assert_eq!(shown, [json!({ "id": rows.all[0]["id"], "name": "18" })]);
    let of = |column: &str, operator: &str, value: Value, or: &str| json!({ "column": column, "operator": operator, "value": value, "logic_operator": or });
    rows.check(&json!([of("age", "gte", json!(18), ""), of("active", "eq", json!(true), "")]), Backend);
    rows.check(&json!([of("age", "gt", json!(9), ""), of("age", "lt", json!(50), "")]), Backend);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("age", "eq", json!(18), "or")]), Backend);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("name", "eq", json!("ann"), "OR")]), Here);
    rows.writes();
    let (id, query) = (Json::parse("\"x\"").unwrap(), Query::default());
    let failure = rows.answer(Wish::Item { id: &id, query: &query }).unwrap_err();
    assert_eq!((failure.status.as_u16(), failure.message.as_str()), (404, "Record 'x' not found"));
}
