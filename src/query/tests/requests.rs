//! What is sent.

use std::sync::Arc;

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
fn ids_and_parameters_cannot_leave_their_segment() {
    let books = resource("/api/authors/{author_id}/books/{id}", "", "books");
    let query = options(&filter("author_id", "eq", r#""a;b?c""#));
    let none = Query::default();
    let target = |wish: Wish<'_>| books.ask(wish).map(|asked| asked.request.target);
    let id = json(r#""a#x""#);
    assert_eq!(target(Wish::Item { id: &id, query: &query }).unwrap(), "/api/authors/a%3Bb%3Fc/books/a%23x");
    assert_eq!(target(Wish::List(&query)).unwrap(), "/api/authors/a%3Bb%3Fc/books");
    assert_eq!(target(Wish::List(&none)), Err(QueryError::Parameter("author_id".to_owned())));
    let data = json(r#"{"author_id":7,"title":"x"}"#);
    assert_eq!(target(Wish::Create { data: &data, query: &none }).unwrap(), "/api/authors/7/books");
    let steps = ["..", ".", "", "..;a", ";a", "../x", "1/books/7", "a/b", "a\\\\b", "a\\nb", "a\\u0000"];
    for step in steps.map(|step| format!("\"{step}\"")) {
        let step = &step;
        let id = json(step);
        assert!(target(Wish::Delete { id: &id, query: &query }).is_err(), "{step}");
        let query = options(&filter("author_id", "eq", step));
        assert!(target(Wish::List(&query)).is_err(), "{step}");
    }
    let id = json(r#"{"a":1}"#);
    assert_eq!(target(Wish::Delete { id: &id, query: &query }), Err(QueryError::Id));
}

/// The resource `users`, and other routes beside it.
fn beside(query: &str, others: &[(&str, &str)]) -> Arc<Resources> {
    let route = |(path, model): &(&str, &str)| format!("[[route]]\npath = \"{path}\"\nmodel = \"{model}\"\n");
    let text = format!(
        "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n[[endpoint]]\npath = \"/ws\"\ndialect = \"canonical\"\n\
         {}{query}\n{}",
        route(&("/api/users/{id}", "user")),
        others.iter().map(route).collect::<String>()
    );
    Config::parse("proxy.toml", &text).unwrap().resources
}

#[test]
fn an_id_was_the_path_of_another_route() {
    let others = [
        ("/api/users/payroll", "payroll"),
        ("/api/users/{id}/books/{book_id}", "book"),
        ("/api/users/8/{id}", "x"),
    ];
    let query = Query::default();
    for settings in ["", "[route.query]\nupdate = \"PUT /api/users/{id}\"\n"] {
        let users = beside(settings, &others).find(None, "users").unwrap();
        for (id, is_right) in [
            ("\"7\"", true),
            ("7", true),
            ("\"payrol\"", true),
            ("\"payroll\"", false),
            ("8", false),
            ("\"1/books/7\"", false),
            ("\"%70ayroll\"", true),
        ] {
            let id = json(id);
            for wish in [
                Wish::Item { id: &id, query: &query },
                Wish::Update { id: &id, data: &json("{}"), query: &query },
                Wish::Delete { id: &id, query: &query },
            ] {
                let asked = users.ask(wish).map(|asked| asked.request.target);
                assert_eq!(asked.is_ok(), is_right, "{settings} {} {asked:?}", id.as_str());
                assert!(is_right || asked == Err(QueryError::Id));
            }
        }
    }
}

#[test]
fn an_entity_was_the_path_of_another_route() {
    let open = [("/api/{collection}/{id}", "{collection}"), ("/api/login", "session")];
    let resources = beside("", &open);
    let lists = |entity: &str| {
        let found = resources.find(None, entity);
        found.map(|found| found.ask(Wish::List(&Query::default())).map(|asked| asked.request.target))
    };
    assert_eq!(lists("tags"), Some(Ok("/api/tags".to_owned())));
    for entity in ["users/7", "USERS", "..", "tags;x/../users", "a\\b"] {
        assert!(!matches!(lists(entity), Some(Ok(_))), "{entity}");
    }
    assert_eq!(
        resources.find(None, "login").map(|found| found.model.to_string()).as_deref(),
        Some("session")
    );
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
fn a_slash_at_the_end_of_the_path_is_kept() {
    let notes = resource("/api/notes/{id}/", "", "notes");
    let query = Query::default();
    assert_eq!(list(&notes, "{}").unwrap(), "GET /api/notes/");
    let id = json("7");
    assert_eq!(notes.ask(Wish::Item { id: &id, query: &query }).unwrap().request.target, "/api/notes/7/");
}

#[test]
fn options_that_are_none_and_operators_that_nobody_knows_are_errors() {
    for (text, expected) in [
        ("[1]", "options:"),
        (r#"{"limit":-1}"#, "options:"),
        (r#"{"columns":"a"}"#, "options:"),
        (r#"{"filters":{}}"#, "the filters must be a list"),
    ] {
        let error = Query::read(&json(text)).unwrap_err();
        assert!(error.to_string().starts_with(expected) && error.is_invalid(), "{text}: {error}");
    }
    let error = Query::read(&json(&filter("a", "near", "1"))).unwrap_err();
    assert_eq!(error.to_string(), "unknown operator: near");
    for none in ["null", "{}", r#"{"filters":null,"limit":null,"x":1}"#] {
        assert_eq!(options(none), Query::default());
    }
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

/// Each of them would be looked at for every record, or for every two that are compared.
#[test]
fn options_that_name_thousands_of_columns_kept_a_core_busy() {
    for (option, element, most) in [
        ("sort", r#"{"column":"a"}"#, 16),
        ("columns", r#""a""#, 256),
        ("omit_columns", r#""a""#, 256),
        ("preload", r#""a""#, 32),
    ] {
        let read = |count: usize| {
            let list = vec![element; count].join(",");
            Query::read(&json(&format!(r#"{{"{option}":[{list}]}}"#)))
        };
        assert!(read(most).is_ok(), "{option}");
        let expected = QueryError::Options(format!("options: {option} may have {most} elements"));
        assert_eq!(read(most + 1), Err(expected));
    }
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

/// The backend (Express) takes no notice of letters' case, or takes what is behind a full stop for a format.
#[test]
fn a_path_that_differs_by_case_or_format_alone_led_to_the_records_of_another_route() {
    let text = "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n[[endpoint]]\npath = \"/ws\"\ndialect = \"canonical\"\n\
         [[route]]\npath = \"/api/{team}/{collection}/{id}\"\nmodel = \"{collection}\"\n\
         [[route]]\npath = \"/api/acme/payroll/{id}\"\nmodel = \"pay\"\n\
         [[route]]\npath = \"/api/users/{id}\"\nmodel = \"user\"\n\
         [[route]]\npath = \"/api/users/me\"\nmodel = \"self\"\nfields = [\"id\"]\n";
    let resources = Config::parse("proxy.toml", text).unwrap().resources;
    let of_team = |team: &str, entity: &str| {
        let found = resources.find(None, entity)?;
        let query = options(&filter("team", "eq", &format!("{team:?}")));
        Some(found.ask(Wish::List(&query)).ok()?.request.target)
    };
    assert_eq!(of_team("acme", "rows").as_deref(), Some("/api/acme/rows"));
    assert_eq!(of_team("other", "rows.v1").as_deref(), Some("/api/other/rows.v1"));
    for (team, entity) in
        [("ACME", "Payroll"), ("acme", "PayRoll"), ("acme", "payroll.json"), ("aCmE", "PAYROLL.JSON")]
    {
        assert_eq!(of_team(team, entity), None, "{team} {entity}");
    }
    let users = resources.find(None, "users").unwrap();
    for (id, expected) in [
        ("7", true),
        ("7.json", true),
        ("ann.smith", true),
        ("You", true),
        ("Me", false),
        ("ME", false),
        ("me.json", false),
        ("Me.", false),
        ("me.tar", false),
    ] {
        let id = Json::string(id);
        let query = Query::default();
        assert_eq!(users.ask(Wish::Item { id: &id, query: &query }).is_ok(), expected, "{id:?}");
    }
}

#[test]
fn an_option_that_is_wrong_was_not_named() {
    for (options, expected) in [
        (r#"{"limit":-1}"#, "options: limit: expected a whole number that is not negative"),
        (r#"{"offset":"5"}"#, "options: offset: expected a whole number that is not negative"),
        (r#"{"columns":"id"}"#, "options: columns: expected a list of names"),
        (r#"{"sort":["id"]}"#, r#"options: sort: expected a list of {"column","direction"}"#),
        (r#"{"preload":[1]}"#, r#"options: preload: expected a list of {"relation"} or names"#),
    ] {
        assert_eq!(Query::read(&json(options)).unwrap_err().to_string(), expected);
    }
    assert_eq!(Query::read(&json(r#"{"limit":null,"sort":null}"#)).unwrap(), Query::default());
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
