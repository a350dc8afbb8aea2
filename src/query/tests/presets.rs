//! What presets say, for those backends that no test runs; see `tests/it/query` for the others.

use super::*;

#[test]
fn an_offset_without_a_limit_ended_where_it_began() {
    let users = resource("/users/{id}", "[route.query]\npreset = \"json-server\"", "users");
    assert_eq!(list(&users, r#"{"offset":3}"#).unwrap(), "GET /users");
    assert_eq!(read(&users, r#"{"offset":1}"#, "[1,2,3]").unwrap(), "[2,3] 3 2");
    assert_eq!(list(&users, r#"{"offset":3,"limit":2}"#).unwrap(), "GET /users?_limit=2&_start=3&_end=5");
}

/// <https://docs.postgrest.org/en/stable/references/api/tables_views.html>
#[test]
fn postgrest_is_asked_in_its_documented_grammar() {
    let users = users("preset = \"postgrest\"");
    for (operator, value, expected) in [
        ("eq", "5", "a=eq.5"),
        ("neq", r#""x y""#, "a=neq.x%20y"),
        ("gt", "1", "a=gt.1"),
        ("gte", "1", "a=gte.1"),
        ("lt", "1", "a=lt.1"),
        ("lte", "1", "a=lte.1"),
        ("like", r#""a%""#, "a=like.a%25"),
        ("ilike", r#""_b""#, "a=ilike._b"),
        ("in", r#"[1,"b,c","d\"e"]"#, "a=in.(%221%22,%22b%2Cc%22,%22d%5C%22e%22)"),
        ("contains", r#""5%""#, "a=ilike.*5%5C%25*"),
        ("startswith", r#""x""#, "a=ilike.x*"),
        ("endswith", r#""x""#, "a=ilike.*x"),
        ("between", "[1,2]", "a=gt.1&a=lt.2"),
        ("between_inclusive", "[1,2]", "a=gte.1&a=lte.2"),
        ("eq", "null", "a=is.null"),
        ("neq", "null", "a=not.is.null"),
    ] {
        let found = list(&users, &filter("a", operator, value)).unwrap();
        assert_eq!(found, format!("GET /api/users?{expected}"), "{operator}");
    }
    // A star would be a wildcard, so that is done here.
    assert_eq!(list(&users, &filter("a", "like", r#""a*""#)).unwrap(), "GET /api/users");
    let group = r#"{"filters":[{"column":"a","operator":"eq","value":"x,y"},{"column":"b","operator":"gt","value":2,"logic_operator":"OR"},{"column":"c","operator":"lt","value":3}],
        "sort":[{"column":"n","direction":"desc"}],"limit":5,"offset":10,"columns":["a","b"]}"#;
    assert_eq!(
        list(&users, group).unwrap(),
        "GET /api/users?or=(a.eq.%22x%2Cy%22,b.gt.%222%22)&c=lt.3&order=n.desc&limit=5&offset=10&select=a,b"
    );
    // Two parameters of one name would be one or the other, so the columns are picked here.
    let related = r#"{"columns":["id"],"preload":["author","tags"]}"#;
    assert_eq!(list(&users, related).unwrap(), "GET /api/users?select=*,author%28%2A%29,tags(*)");
    let body = r#"[{"id":1,"n":2,"author":{"id":3},"tags":[]}]"#;
    assert_eq!(read(&users, related, body).unwrap(), r#"[{"id":1,"author":{"id":3},"tags":[]}] ? 1"#);
    let headers = users.ask(Wish::List(&Query::default())).unwrap().request.headers;
    assert_eq!(headers["prefer"], "count=exact, return=representation");
}
