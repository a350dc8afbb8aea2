//! json-server 1.0, as far as it is out (npm).

use serde_json::{Value, json};

use super::By::{Backend, Here};
use super::{Rows, names};
use crate::tools::node;

fn rows() -> Option<(Rows, crate::tools::Backend)> {
    let backend = node()?.json_server_1();
    let rows = Rows::fill(backend.address, "/authors/{id}", "preset = \"json-server-1\"");
    Some((rows, backend))
}

#[test]
fn json_server_1_finds_what_our_filter_finds() {
    let Some((rows, _backend)) = rows() else { return };
    for name in names() {
        let by = |is_said: bool| if is_said { Backend } else { Here };
        let is_word = name != "18";
        for operator in ["eq", "contains", "startswith", "endswith", "gt", "gte", "lt", "lte"] {
            rows.one("name", operator, &name, by(is_word));
        }
        let is_single = !name.as_str().unwrap().contains(',');
        rows.one("name", "in", &json!([name, "ann"]), by(is_word && is_single));
        for operator in ["neq", "like", "ilike"] {
            rows.one("name", operator, &name, Here);
        }
    }
    for operator in ["gt", "gte", "lt", "lte"] {
        for age in [-1, 9, 18, 20, 100] {
            rows.one("age", operator, &json!(age), Backend);
        }
        rows.one("score", operator, &json!(2.5), Backend);
        rows.one("age", operator, &json!("18"), Here);
    }
    // It tells 18 from "18".
    for (column, value) in
        [("age", json!(18)), ("name", json!(18)), ("name", json!("18")), ("active", json!(true))]
    {
        rows.one(column, "eq", &value, Here);
        rows.one(column, "neq", &value, Here);
    }
    for text in ["", " Ann", "null", "true", "0x12", "1e1", "5."] {
        rows.one("name", "eq", &json!(text), Here);
        rows.one("name", "contains", &json!(text), Here);
    }
    rows.one("age", "between", &json!([9, 20]), Backend);
    rows.one("age", "between_inclusive", &json!([9, 20]), Backend);
    rows.one("age", "in", &json!([9, 20, 55]), Here);
    rows.one("name", "neq", &Value::Null, Backend);
    rows.one("name", "eq", &Value::Null, Here);
    rows.one("name", "is_null", &Value::Null, Here);
    rows.one("name", "is_not_null", &Value::Null, Here);
    rows.one("age", "in", &json!([]), Here);
    // It would find every record that has no such object.
    rows.one("name.first", "eq", &json!("ann"), Here);
}

#[test]
fn json_server_1_sorts_and_cuts_lists_and_takes_writes() {
    let Some((rows, backend)) = rows() else { return };
    // Texts come in the order of a language, so this is by numbers.
    let mut books = Rows::empty(backend.address, "/books/{id}", "preset = \"json-server-1\"");
    books.all =
        [3, 100, 20, 1, 5, 7, 9].iter().map(|pages| books.create(&json!({ "pages": pages }))).collect();
    books.parts_by("pages");
    let of = |column: &str, operator: &str, value: Value, or: &str| json!({ "column": column, "operator": operator, "value": value, "logic_operator": or });
    rows.check(&json!([of("age", "gte", json!(18), ""), of("name", "contains", json!("a"), "")]), Backend);
    rows.check(&json!([of("name", "eq", json!("Ann"), ""), of("name", "eq", json!("ann"), "or")]), Backend);
    rows.check(&json!([of("age", "gt", json!(9), ""), of("age", "lt", json!(50), "")]), Here);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("name", "eq", json!("ann"), "OR")]), Here);
    rows.writes();
}

#[test]
fn json_server_1_sends_parents_and_children_along() {
    let Some((authors, backend)) = rows() else { return };
    let books = Rows::empty(backend.address, "/books/{id}", "preset = \"json-server-1\"");
    books.create(&json!({ "title": "x", "authorId": authors.all[0]["id"] }));
    let (with_books, _) = authors.list(&json!({ "preload": ["books"], "limit": 1 }));
    assert_eq!(with_books[0]["books"][0]["title"], "x");
    let (with_author, _) = books.list(&json!({ "preload": [{ "relation": "author" }] }));
    assert_eq!(with_author[0]["author"]["name"], "Ann");
}
