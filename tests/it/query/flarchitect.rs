//! flarchitect 1.6 (`PyPI`).

use restcast::event::Json;
use restcast::query::{Query, Wish};
use serde_json::{Value, json};

use super::By::{Backend, Here};
use super::{Rows, names};
use crate::tools::flarchitect;

fn rows() -> Option<(Rows, crate::tools::Backend)> {
    let backend = flarchitect()?;
    let rows = Rows::fill(backend.address, "/api/rows/{id}", "preset = \"flarchitect\"");
    Some((rows, backend))
}

#[test]
fn flarchitect_finds_what_our_filter_finds() {
    let Some((rows, _backend)) = rows() else { return };
    for name in names() {
        for operator in ["eq", "neq", "gt", "gte", "lt", "lte"] {
            rows.one("name", operator, &name, Backend);
        }
        let text = name.as_str().unwrap();
        let by = |marks: &[char]| if text.contains(marks) { Here } else { Backend };
        rows.one("name", "contains", &name, by(&['%', '_', '\\']));
        rows.one("name", "in", &json!([name, "ann"]), by(&[',', '(', ')']));
        for operator in ["like", "ilike", "startswith", "endswith"] {
            rows.one("name", operator, &name, Here);
        }
    }
    for operator in ["eq", "neq", "gt", "gte", "lt", "lte"] {
        for age in [json!(-1), json!(9), json!(18), json!("18"), json!(18.5), json!(100)] {
            rows.one("age", operator, &age, Backend);
        }
        rows.one("score", operator, &json!(2.5), Backend);
    }
    // Of text it compares the letters of a number, so no ranges here.
    rows.one("name", "eq", &json!(18), Backend);
    rows.one("name", "neq", &json!(18), Backend);
    rows.one("age", "between", &json!([9, 20]), Backend);
    rows.one("age", "between_inclusive", &json!([9, 20]), Backend);
    rows.one("age", "in", &json!([9, 20, 55]), Backend);
    rows.one("active", "eq", &json!(true), Backend);
    rows.one("active", "neq", &json!(true), Backend);
    rows.one("name", "eq", &json!(""), Backend);
    rows.one("name", "eq", &json!(" Ann"), Backend);
    for operator in ["eq", "neq", "is_null", "is_not_null"] {
        rows.one("name", operator, &Value::Null, Here);
    }
    rows.one("age", "in", &json!([]), Here);
}

#[test]
fn flarchitect_sorts_and_cuts_lists_and_takes_writes() {
    let Some((rows, _backend)) = rows() else { return };
    rows.parts();
    let of = |column: &str, operator: &str, value: Value, or: &str| json!({ "column": column, "operator": operator, "value": value, "logic_operator": or });
    let either = [of("age", "eq", json!(9), ""), of("name", "eq", json!("ann"), "OR")];
    rows.check(&json!([of("age", "gte", json!(18), ""), of("active", "eq", json!(true), "")]), Backend);
    rows.check(&json!([of("age", "eq", json!(9), ""), of("age", "eq", json!(18), "or")]), Backend);
    rows.check(&json!(either), Backend);
    rows.check(&json!([either[0], either[1], of("score", "gt", json!(0), "")]), Backend);
    // All groups would be one.
    let third = of("score", "gt", json!(0), "");
    rows.check(&json!([either[0], either[1], third, of("name", "eq", json!("ann"), "or")]), Here);
    for operator in ["neq", "gt", "gte", "lt", "lte", "contains"] {
        rows.check(
            &json!([of("age", "eq", json!(9), ""), of("name", operator, json!("Ann"), "or")]),
            Backend,
        );
    }
    // Commas and the like are the group's own, and it cuts spaces.
    for text in ["Ben, the 2nd", "100% & more=x", "a.c*(d)[e]", " Ann"] {
        rows.check(&json!([of("age", "eq", json!(9), ""), of("name", "eq", json!(text), "or")]), Here);
    }
    rows.check(&json!([of("age", "eq", json!(18), ""), of("age", "lt", json!(50), "")]), Backend);
    rows.check(&json!([of("age", "gt", json!(9), ""), of("age", "gt", json!(18), "")]), Here);
    rows.writes();
    let (id, query) = (Json::parse("999").unwrap(), Query::default());
    let failure = rows.answer(Wish::Item { id: &id, query: &query }).unwrap_err();
    assert_eq!((failure.status.as_u16(), failure.message.as_str()), (404, "Resource not found."));
}

/// It took the condition for a `page` of its own and sent every record.
#[test]
fn a_column_with_the_name_of_a_parameter_inside_was_no_condition() {
    let Some(backend) = flarchitect() else { return };
    let mut visits = Rows::empty(backend.address, "/api/visits/{id}", "preset = \"flarchitect\"");
    for pages in [3, 7, 12] {
        visits.all.push(visits.create(&json!({ "name": "ann", "page_count": pages })));
    }
    visits.one("page_count", "gt", &json!(5), Here);
    visits.one("name", "eq", &json!("ann"), Backend);
}
