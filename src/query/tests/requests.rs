//! What is sent.

use super::*;

const TEMPLATES: &str = r#"
filter = { eq = "{column}={value}", in = "{column}__in={values:csv}" }
filter_default = "{column}__{operator}={value}"
operators = { gte = "ge", neq = "ne" }
columns = "fields={columns:csv}"
sort = "sort={sort:csv}"
limit = "limit={limit}"
offset = "offset={offset}"
preload = "expand={relations:csv}"
"#;

#[test]
fn templates_make_the_request_of_the_document() {
    let users = users(TEMPLATES);
    for (query, expected) in [
        ("{}", "GET /api/users"),
        (
            r#"{"filters":[{"column":"status","operator":"eq","value":"active"}],"limit":10}"#,
            "GET /api/users?status=active&limit=10",
        ),
        (
            r#"{"columns":["id","name"],"sort":[{"column":"name","direction":"DESC"},{"column":"id"}],"offset":20,"limit":10}"#,
            "GET /api/users?sort=-name,id&limit=10&offset=20&fields=id,name",
        ),
        (&filter("age", "gte", "18"), "GET /api/users?age__ge=18"),
        (&filter("name", "!=", r#""a&b=c d%/é""#), "GET /api/users?name__ne=a%26b%3Dc%20d%25%2F%C3%A9"),
        (&filter("a b&c", "eq", "true"), "GET /api/users?a%20b%26c=true"),
        (&filter("id", "in", r#"[1,"b"]"#), "GET /api/users?id__in=1,b"),
        (&filter("big", "eq", "12345678901234567890123"), "GET /api/users?big=12345678901234567890123"),
        (r#"{"preload":[{"relation":"posts"},"author"]}"#, "GET /api/users?expand=posts,author"),
    ] {
        assert_eq!(list(&users, query).unwrap(), expected, "{query}");
    }
}

#[test]
fn what_a_template_cannot_say_is_left_to_be_done_here() {
    let users = users(TEMPLATES);
    // A comma in a value, a null, a list as one value, no template, nothing at all.
    for query in [
        filter("id", "in", r#"["a,b"]"#),
        filter("id", "in", "[1,null]"),
        filter("id", "eq", "null"),
        filter("id", "eq", "[1]"),
        filter("id", "between", "[1,2]"),
        filter("id", "is_null", "null"),
        filter("id", "in", "[]"),
    ] {
        assert_eq!(list(&users, &query).unwrap(), "GET /api/users", "{query}");
    }
}

#[test]
fn lists_are_written_in_every_style() {
    for (style, expected) in [
        ("id={values:csv}", "id=1,b%20c"),
        ("id={values:repeat}", "id=1&id=b%20c"),
        ("id={values:brackets}", "id%5B%5D=1&id%5B%5D=b%20c"),
        ("id={values:json}", "id=%5B1%2C%22b%20c%22%5D"),
        ("id=in.({values:quoted:csv})", "id=in.(%221%22,%22b%20c%22)"),
        ("id={values:join(&&)}", "id=1%26%26b%20c"),
    ] {
        let users = users(&format!("filter = {{ in = \"{style}\" }}"));
        let found = list(&users, &filter("id", "in", r#"[1,"b c"]"#)).unwrap();
        assert_eq!(found, format!("GET /api/users?{expected}"), "{style}");
    }
}

#[test]
fn groups_have_a_template_or_are_lists_of_one_column_or_are_left() {
    let group = |second: &str| {
        format!(
            r#"{{"filters":[{{"column":"a","operator":"eq","value":1}},{{"column":"{second}","operator":"eq","value":2,"logic_operator":"OR"}}]}}"#
        )
    };
    let grouping = users("filter = { eq = \"{column}={value}\" }\nor_group = \"any={conditions:csv}\"");
    assert_eq!(list(&grouping, &group("b")).unwrap(), "GET /api/users?any=a%3D1,b%3D2");
    let plain = users(TEMPLATES);
    assert_eq!(list(&plain, &group("a")).unwrap(), "GET /api/users?a__in=1,2");
    assert_eq!(list(&plain, &group("b")).unwrap(), "GET /api/users");
}

#[test]
fn two_conditions_of_one_name_were_one_or_the_other_for_the_backend() {
    let both =
        r#"{"filters":[{"column":"a","operator":"eq","value":1},{"column":"a","operator":"eq","value":2}]}"#;
    assert_eq!(list(&users(TEMPLATES), both).unwrap(), "GET /api/users?a=1");
    let repeated = users(&format!("{TEMPLATES}\nrepeated_filters = true"));
    assert_eq!(list(&repeated, both).unwrap(), "GET /api/users?a=1&a=2");
}

#[test]
fn headers_are_set_by_the_same_templates() {
    let users = users(
        "filter_default = \"header:X-SearchOp-{operator}-{column}: {value}\"\nlimit = \"header:X-Limit: {limit}\"\n\
         headers = { Prefer = \"count=exact\" }",
    );
    let query = r#"{"filters":[{"column":"age","operator":"gte","value":18}],"limit":5}"#;
    let request = users.ask(Wish::List(&options(query))).unwrap().request;
    assert_eq!(request.target, "/api/users");
    for (name, value) in [("x-searchop-gte-age", "18"), ("x-limit", "5"), ("prefer", "count=exact")] {
        assert_eq!(request.headers[name], value);
    }
}

#[test]
fn pages_are_asked_for_where_the_offset_is_at_the_begin_of_one() {
    let users = users("page = \"page={page}&per_page={limit}\"\ntotal = \"/total\"");
    assert_eq!(list(&users, r#"{"limit":10,"offset":20}"#).unwrap(), "GET /api/users?page=3&per_page=10");
    assert_eq!(list(&users, r#"{"limit":10}"#).unwrap(), "GET /api/users?page=1&per_page=10");
    assert_eq!(list(&users, r#"{"limit":0}"#).unwrap(), "GET /api/users");
}

#[test]
fn a_list_from_an_offset_on_ended_there() {
    let users = users("limit = \"n={limit}\"\noffset = \"from={offset}&to={end}\"\nwhole_lists = true");
    assert_eq!(list(&users, r#"{"limit":2,"offset":3}"#).unwrap(), "GET /api/users?n=2&from=3&to=5");
    // Nobody knows where it ends.
    assert_eq!(list(&users, r#"{"offset":3}"#).unwrap(), "GET /api/users");
}

#[test]
fn a_part_that_begins_in_a_page_was_cut_out_of_the_whole_list() {
    let pages = |rest: &str, query: &str| {
        let users = users(&format!("page = \"page={{page}}&per_page={{limit}}\"\n{rest}"));
        let asked = users.ask(Wish::List(&options(query))).unwrap();
        let next = asked.next.map(|next| next.asked.request.target);
        (asked.request.target, next)
    };
    let page = |number: u8| format!("/api/users?page={number}&per_page=10");
    let part = r#"{"limit":10,"offset":15}"#;
    for rest in ["", "total = \"/total\"", "on_unsupported = \"ignore\"", "on_unsupported = \"error\""] {
        assert_eq!(pages(rest, part), (page(2), Some(page(3))), "{rest}");
    }
    assert_eq!(pages("", r#"{"limit":10,"offset":20}"#), (page(3), None));
    // What is held against the list here needs all of it.
    let like = r#"{"filters":[{"column":"a","operator":"like","value":"x%"}],"limit":10,"offset":15}"#;
    assert_eq!(pages("total = \"/total\"", like), ("/api/users".to_owned(), None));
}

#[test]
fn what_is_not_supported_is_refused_ignored_or_done_here() {
    let like = r#"{"filters":[{"column":"a","operator":"like","value":"x%"}],"limit":5}"#;
    let templates = "filter = { eq = \"{column}={value}\" }\nlimit = \"limit={limit}\"\n";
    let with = |rest: &str| list(&users(&format!("{templates}{rest}")), like);
    assert_eq!(with("on_unsupported = \"error\"").unwrap_err().to_string(), "Filter not supported: a like");
    assert_eq!(with("on_unsupported = \"ignore\"").unwrap(), "GET /api/users?limit=5");
    // Nothing would say whether the list is whole, so nothing could be cut out of it.
    assert!(with("").unwrap_err().to_string().starts_with("Filter not supported: not together with limit"));
    assert_eq!(with("total = \"/total\"").unwrap(), "GET /api/users");
    assert_eq!(with("whole_lists = true").unwrap(), "GET /api/users");
}

#[test]
fn writes_carry_the_data_as_it_is() {
    let data = json(r#"{"b":1.50,  "a":12345678901234567890}"#);
    let (query, id) = (Query::default(), json("7"));
    let plain = users("");
    let request = plain.ask(Wish::Create { data: &data, query: &query }).unwrap().request;
    assert_eq!((request.method.as_str(), &*request.target), ("POST", "/api/users"));
    assert_eq!(request.body, data.as_str());
    assert_eq!(request.headers["content-type"], "application/json");
    let wrapped = users("body = '{\"user\":{data}}'\nupdate = \"PUT /api/v2/users/{id}?notify=1\"");
    let request = wrapped.ask(Wish::Update { id: &id, data: &data, query: &query }).unwrap().request;
    assert_eq!((request.method.as_str(), &*request.target), ("PUT", "/api/v2/users/7?notify=1"));
    assert_eq!(request.body, format!("{{\"user\":{}}}", data.as_str()));
    let request = plain.ask(Wish::Delete { id: &id, query: &query }).unwrap().request;
    assert_eq!((request.method.as_str(), &*request.target), ("DELETE", "/api/users/7"));
    assert!(plain.ask(Wish::Create { data: &json("1"), query: &query }).is_err());
}

#[test]
fn values_that_a_step_does_not_take_are_left_to_be_done_here() {
    for (step, taken, refused) in [
        ("name", r#""a_1é""#, vec![r#""a.b""#, r#""a b""#, r#""a:b""#]),
        ("unlike(page|limit)", r#""pag""#, vec![r#""homepage""#, r#""limits""#]),
        (
            "typed",
            r#""a1""#,
            vec![r#""1""#, r#""-.5""#, r#""0x1f""#, r#""1e3""#, r#""null""#, r#""true""#, r#""""#, r#"" a""#],
        ),
        ("typed", "1", vec![]),
        ("worded", r#""1 a""#, vec!["1", "true", r#""5.""#]),
    ] {
        let users = users(&format!("filter = {{ eq = \"a={{value:{step}}}\" }}"));
        let of = |value: &str| list(&users, &filter("a", "eq", value)).unwrap();
        assert_ne!(of(taken), "GET /api/users", "{step} {taken}");
        for value in refused {
            assert_eq!(of(value), "GET /api/users", "{step} {value}");
        }
    }
    let users = users("filter = { eq = \"a={value:in_quotes}\" }");
    assert_eq!(list(&users, &filter("a", "eq", r#""x\"y""#)).unwrap(), "GET /api/users?a=%22x%22y%22");
    assert_eq!(list(&users, &filter("a", "eq", "1.50")).unwrap(), "GET /api/users?a=1.50");
}

#[test]
fn relations_may_be_asked_for_by_their_number() {
    let users = users("preload = \"many={relations:csv}\"\npreload_one = \"one={relations:csv}\"");
    let of = |relations: &str| list(&users, &format!(r#"{{"preload":[{relations}]}}"#)).unwrap();
    assert_eq!(of(r#""books","author","notes""#), "GET /api/users?many=books,notes&one=author");
    assert_eq!(of(r#""address","status""#), "GET /api/users?one=address,status");
    assert_eq!(of(""), "GET /api/users");
}

#[test]
fn the_page_behind_the_last_number_overflowed() {
    let users = users("page = \"page={page}&per_page={limit}\"\nwhole_lists = true");
    assert_eq!(list(&users, r#"{"limit":1,"offset":18446744073709551615}"#).unwrap(), "GET /api/users");
}

/// Without the condition it would have been a list of other records.
#[test]
fn a_condition_that_no_header_can_hold_was_lost() {
    let users = users(r#"filter = { eq = "header:X-{column}: {value}" }"#);
    let asked = |column: &str, value: &str| {
        let asked = users.ask(Wish::List(&options(&filter(column, "eq", value)))).unwrap();
        (asked.request.headers.len() > 1, asked.reading.told().len() == 1)
    };
    assert_eq!(asked("name", r#""a b""#), (true, false));
    for (column, value) in
        [("name", r#""é""#), ("name", r#""a\r\nb: c""#), ("name", r#"" a""#), ("a b", "1"), ("é", "1")]
    {
        assert_eq!(asked(column, value), (false, true), "{column} {value}");
    }
}

#[test]
fn a_refusal_named_an_operator_that_no_client_has_said() {
    let users = users("filter = { gt = \"{column}__gt={value}\" }\non_unsupported = \"error\"");
    for (operator, value, said) in
        [("is_null", "1", "is_null"), ("is_not_null", "1", "is_not_null"), ("eq", "null", "eq null")]
    {
        let refused = list(&users, &filter("a", operator, value)).unwrap_err().to_string();
        assert_eq!(refused, format!("Filter not supported: a {said}"));
    }
}
