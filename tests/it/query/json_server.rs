//! json-server 0.17 (npm).

use restcast::event::Json;
use restcast::query::{Query, Wish};
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

#[test]
fn json_server_sends_parents_and_children_along() {
    let Some((authors, backend)) = rows() else { return };
    let books = Rows::empty(backend.address, "/api/books/{id}", "preset = \"json-server\"");
    books.create(&json!({ "title": "x", "authorId": authors.all[0]["id"] }));
    let (with_books, _) = authors.list(&json!({ "preload": ["books"], "columns": ["name"], "limit": 1 }));
    assert_eq!(with_books.len(), 1);
    assert_eq!((&with_books[0]["name"], &with_books[0]["books"][0]["title"]), (&json!("Ann"), &json!("x")));
    // It gave an empty list of authors.
    let (with_author, _) = books.list(&json!({ "preload": [{ "relation": "author" }] }));
    assert_eq!(with_author[0]["author"]["name"], "Ann");
    let query = Query::read(&Json::parse(r#"{"preload":["author"]}"#).unwrap()).unwrap();
    let (book, _) = books.ask(Wish::Item { id: &Json::parse("1").unwrap(), query: &query }).unwrap();
    assert!(book.as_str().contains("\"author\""), "{}", book.as_str());
}

/// The parameter of the path names the entity, and no condition on it is left for the backend.
#[test]
fn a_route_of_any_collection_is_asked_by_the_entity() {
    let Some(node) = node() else { return };
    let backend = node.json_server();
    for (query, by) in [
        ("preset = \"json-server\"", Backend),
        ("", Here),
        ("filter_default = \"{column}={value}\"", Backend),
    ] {
        let mut books = Rows::open(backend.address, "/api/{collection}/{id}", query, "books");
        let made: Vec<Value> =
            ["x", "y"].iter().map(|title| books.create(&json!({ "title": title }))).collect();
        let (all, _) = books.list(&json!({}));
        books.all = all;
        assert!(made.iter().all(|book| books.all.contains(book)), "{made:?}");
        books.one("title", "eq", &json!("x"), by);
        books
            .ask(Wish::Delete {
                id: &Json::parse(&made[0]["id"].to_string()).unwrap(),
                query: &Query::default(),
            })
            .unwrap();
        let authors = Rows::open(backend.address, "/api/{collection}/{id}", query, "authors");
        assert_eq!(authors.list(&json!({})).0, Vec::<Value>::new());
    }
}

#[test]
fn a_list_of_more_than_10000_records_is_refused() {
    let Some(node) = node() else { return };
    let backend = node.json_server();
    let list = |count: usize| vec![json!({ "title": "x" }); count];
    // json-server makes no list of one, so the lists come as the field of a record.
    let lists = Rows::empty(
        backend.address,
        "/api/authors/{id}",
        "list = \"GET /api/authors/1\"\nitems = \"/books\"",
    );
    lists.create(&json!({ "books": list(10_000) }));
    assert_eq!(lists.list(&json!({ "limit": 2 })).0.len(), 2);
    let change = Json::parse(&json!({ "books": list(10_001) }).to_string()).unwrap();
    let (id, query) = (Json::parse("1").unwrap(), Query::default());
    lists.ask(Wish::Update { id: &id, data: &change, query: &query }).unwrap();
    let failure = lists.answer(Wish::List(&query)).unwrap_err();
    assert_eq!(
        (failure.status.as_u16(), &*failure.message),
        (502, "the backend's answer holds a list of more than 10000 records")
    );
}

/// `{id}` was both parts, and `{author_id}` was asked for.
#[test]
fn an_id_of_two_parts_is_taken_apart_for_the_paths_that_are_set() {
    let Some((authors, backend)) = rows() else { return };
    let books = Rows::nested(
        backend.address,
        "/api/authors/{author_id}/books/{id}",
        "id = [\"/authorId\", \"/id\"]\nkey = [\"author_id\", \"id\"]",
        "preset = \"json-server\"\nitem = \"GET /api/books?authorId={author_id}&id={id}\"\n\
         update = \"PATCH /api/books/{id}\"\ndelete = \"DELETE /api/books/{id}\"",
    );
    let made: Vec<Value> =
        [1, 2].map(|author| books.create(&json!({ "author_id": author, "title": "x" }))).to_vec();
    assert_eq!(made[1]["authorId"], authors.all[1]["id"].to_string(), "json-server says it as text");
    let of_second = json!({ "filters": [{ "column": "author_id", "operator": "eq", "value": 2 }] });
    assert_eq!(books.list(&of_second).0, [made[1].clone()]);
    let (id, other, query) = (Json::string("2,2"), Json::string("1,2"), Query::default());
    let item = |id| books.ask(Wish::Item { id, query: &query });
    assert_eq!(serde_json::from_str::<Value>(item(&id).unwrap().0.as_str()).unwrap(), made[1]);
    assert_eq!(item(&other), Err(404));
    let data = Json::parse(r#"{"title":"y"}"#).unwrap();
    books.ask(Wish::Update { id: &id, data: &data, query: &query }).unwrap();
    assert!(item(&id).unwrap().0.as_str().contains("\"y\""));
    books.ask(Wish::Delete { id: &id, query: &query }).unwrap();
    assert_eq!(item(&id), Err(404));
}
