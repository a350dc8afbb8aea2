//! What is read.

use super::*;

const PEOPLE: &str =
    r#"[{"id":1,"age":30,"n":"b"}, {"id":2,"age":1.50,"n":"a","x":12345678901234567890}, {"id":3,"n":null}]"#;

#[test]
fn a_list_that_nobody_touches_keeps_its_bytes() {
    assert_eq!(read(&users(""), "{}", PEOPLE).unwrap(), format!("{PEOPLE} 3 3"));
}

#[test]
fn filters_order_and_parts_are_done_on_a_whole_list() {
    let plain = users("");
    let over = r#"{"filters":[{"column":"age","operator":"gte","value":1}],"limit":1}"#;
    assert_eq!(read(&plain, over, PEOPLE).unwrap(), r#"[{"id":1,"age":30,"n":"b"}] 2 1"#);
    let sorted = r#"{"sort":[{"column":"n"}],"offset":1,"columns":["id"]}"#;
    assert_eq!(read(&plain, sorted, PEOPLE).unwrap(), r#"[{"id":1},{"id":3}] 3 2"#);
    let omitted = r#"{"sort":[{"column":"age","direction":"desc"}],"omit_columns":["n"],"limit":2}"#;
    assert_eq!(read(&plain, omitted, PEOPLE).unwrap(), r#"[{"id":3},{"id":1,"age":30}] 3 2"#);
    assert_eq!(read(&plain, &filter("id", "in", "[]"), PEOPLE).unwrap(), "[] 0 0");
}

#[test]
fn totals_come_from_pointer_header_or_range_or_from_the_last_part() {
    let page = r#"{"limit":2,"offset":2}"#;
    let paging = "limit = \"limit={limit}\"\noffset = \"offset={offset}\"\n";
    let two = r#"[{"id":1},{"id":2}]"#;
    let mut headers = HeaderMap::new();
    headers.insert("x-total-count", "50".parse().unwrap());
    headers.insert("content-range", "2-3/60".parse().unwrap());
    let of = |total: &str, body: &str| {
        read_with(&users(&format!("{paging}{total}")), page, &headers, body).unwrap()
    };
    assert_eq!(of("total = \"header:X-Total-Count\"", two), format!("{two} 50 2"));
    assert_eq!(of("total = \"content-range\"", two), format!("{two} 60 2"));
    let wrapped = format!(r#"{{"meta":{{"n":70}},"rows":{two}}}"#);
    assert_eq!(of("total = \"/meta/n\"\nitems = \"/rows\"", &wrapped), format!("{two} 70 2"));
    assert_eq!(of("", two), format!("{two} ? 2"));
    assert_eq!(of("", r#"[{"id":1}]"#), r#"[{"id":1}] 3 1"#);
    assert_eq!(of("", "[]"), "[] ? 0");
}

#[test]
fn a_page_behind_the_last_one_was_the_last_one_again() {
    let users = users("page = \"page={page}&size={limit}\"\ntotal = \"/total\"\nitems = \"/data\"");
    let body = r#"{"total":3,"data":[{"id":3}]}"#;
    assert_eq!(read(&users, r#"{"limit":2,"offset":4}"#, body).unwrap(), "[] 3 0");
}

#[test]
fn a_page_of_a_backend_that_makes_them_smaller_was_another_one() {
    let users = users("page = \"page={page}&size={limit}\"\ntotal = \"/total\"\nitems = \"/data\"");
    let body = |total: u64| format!(r#"{{"total":{total},"data":[3,4]}}"#);
    let with = |offset: u64, total: u64| {
        read(&users, &format!(r#"{{"limit":4,"offset":{offset}}}"#), &body(total))
            .map_err(|failure| failure.message)
    };
    let smaller = "Paging not supported: the backend's pages are smaller than was asked for";
    assert_eq!(with(4, 9), Err(smaller.to_owned()));
    assert_eq!(with(2, 9), Err(smaller.to_owned()));
    assert_eq!(with(4, 6).unwrap(), "[3,4] 6 2");
    assert_eq!(with(0, 9).unwrap(), "[3,4] 9 2");
}

#[test]
fn a_part_of_a_list_that_did_not_come_whole_is_refused() {
    let users = users("limit = \"limit={limit}\"\ntotal = \"/total\"\nitems = \"/data\"");
    let over = r#"{"filters":[{"column":"id","operator":"gte","value":2}],"limit":1}"#;
    let body = |total: u64| format!(r#"{{"total":{total},"data":[{{"id":1}},{{"id":2}},{{"id":3}}]}}"#);
    assert_eq!(read(&users, over, &body(3)).unwrap(), r#"[{"id":2}] 2 1"#);
    assert_eq!(read(&users, over, &body(4)).unwrap_err().status, StatusCode::NOT_IMPLEMENTED);
}

#[test]
fn a_filter_found_nothing_on_the_first_page_and_said_that_there_was_nothing() {
    let with = |query: &str| users(&format!("page = \"page={{page}}\"\nitems = \"/data\"\n{query}"));
    let all = filter("id", "gte", "2");
    let body = |total: u64| format!(r#"{{"total":{total},"data":[{{"id":1}},{{"id":2}},{{"id":3}}]}}"#);
    let told = with("total = \"/total\"");
    assert_eq!(read(&told, &all, &body(3)).unwrap(), r#"[{"id":2},{"id":3}] 2 2"#);
    let refused = |query: &str| read(&told, query, &body(4)).unwrap_err().message;
    let why = "not supported: the backend did not send the whole list";
    assert_eq!(refused(&all), format!("Filter id gte {why}"));
    assert_eq!(refused(r#"{"sort":[{"column":"id"}]}"#), format!("Sort by id {why}"));
    // What the backend was asked for, or what nobody has counted, is as it came.
    assert_eq!(read(&told, "{}", &body(4)).unwrap(), r#"[{"id":1},{"id":2},{"id":3}] 4 3"#);
    assert_eq!(read(&with(""), &all, &body(4)).unwrap(), r#"[{"id":2},{"id":3}] ? 2"#);
}

#[test]
fn a_condition_of_the_servers_own_is_held_here_too() {
    let users = users("filter = { eq = \"{column}={value}\" }\ncolumns = \"fields={columns:csv}\"");
    let mut query = options(r#"{"columns":["id"]}"#);
    query.require("owner", "eq", &json(r#""ann""#)).unwrap();
    let asked = users.ask(Wish::List(&query)).unwrap();
    assert_eq!(asked.request.target, "/api/users?owner=ann");
    let body = r#"[{"id":1,"owner":"ann"},{"id":2,"owner":"bob"},{"id":3}]"#;
    let data = asked.reading.read(StatusCode::OK, &HeaderMap::new(), &body.into()).unwrap();
    assert_eq!((data.data.as_str(), data.total), (r#"[{"id":1}]"#, Some(1)));
    let id = json("2");
    let asked = users.ask(Wish::Item { id: &id, query: &query }).unwrap();
    let read = |body: &'static str| asked.reading.read(StatusCode::OK, &HeaderMap::new(), &body.into());
    assert_eq!(read(r#"{"id":2,"owner":"bob"}"#).unwrap_err().status, StatusCode::NOT_FOUND);
    assert_eq!(read(r#"{"id":2,"owner":"ann"}"#).unwrap().data.as_str(), r#"{"id":2}"#);
}

#[test]
fn records_are_found_where_the_route_or_the_table_says() {
    let (id, query, data) = (json("1"), Query::default(), json("{}"));
    let users = users("record = \"/data\"");
    let item = users.ask(Wish::Item { id: &id, query: &query }).unwrap().reading;
    let read = |reading: &Reading, body: &'static str| {
        reading
            .read(StatusCode::OK, &HeaderMap::new(), &body.into())
            .map(|data| data.data.as_str().to_owned())
    };
    assert_eq!(read(&item, r#"{"data": {"id": 1.0}}"#).unwrap(), r#"{"id": 1.0}"#);
    assert_eq!(read(&item, r#"{"data":[{"id":1}]}"#).unwrap(), r#"{"id":1}"#);
    for missing in [r#"{"data":[]}"#, r#"{"data":null}"#, "{}"] {
        assert_eq!(read(&item, missing).unwrap_err().status, StatusCode::NOT_FOUND, "{missing}");
    }
    assert_eq!(read(&item, "<p>").unwrap_err().status, StatusCode::BAD_GATEWAY);
    let written = users.ask(Wish::Create { data: &data, query: &query }).unwrap().reading;
    assert_eq!(read(&written, "").unwrap(), "null");
    let deleted = users.ask(Wish::Delete { id: &id, query: &query }).unwrap().reading;
    assert_eq!(read(&deleted, "{}").unwrap(), "null");
}

#[test]
fn refusals_keep_the_backends_words() {
    let (id, query) = (json("1"), Query::default());
    let reading = users("").ask(Wish::Item { id: &id, query: &query }).unwrap().reading;
    for (body, message) in [
        (r#"{"message":"no such user"}"#, "no such user"),
        (r#"{"detail":"gone"}"#, "gone"),
        (r#"{"error":{"code":1}}"#, "Not Found"),
        ("<p>", "Not Found"),
        ("", "Not Found"),
    ] {
        let failure = reading.read(StatusCode::NOT_FOUND, &HeaderMap::new(), &body.into()).unwrap_err();
        assert_eq!((failure.status, failure.message.as_str()), (StatusCode::NOT_FOUND, message));
        assert_eq!(failure.details.is_some(), body.starts_with('{'), "{body}");
    }
}

#[test]
fn the_members_of_an_inner_object_stand_beside_the_others() {
    let users = users("inner = \"/data\"\nitems = \"/items\"");
    let body = r#"{"items":[{"id":1,"data":{"n":1.50,"id":9,"data":2}},{"id":2,"data":{}},{"id":3},{"data":{"n":3}}]}"#;
    let flat = r#"[{"id":1,"n":1.50,"data":2},{"id":2},{"id":3},{"n":3}]"#;
    assert_eq!(read(&users, "{}", body).unwrap(), format!("{flat} 4 4"));
    assert_eq!(read(&users, &filter("n", "gt", "2"), body).unwrap(), r#"[{"n":3}] 1 1"#);
    let (id, query) = (json("1"), Query::default());
    let item = users.ask(Wish::Item { id: &id, query: &query }).unwrap().reading;
    let one = item.read(StatusCode::OK, &HeaderMap::new(), &r#"{"id":1,"data":{"n":1}}"#.into()).unwrap();
    assert_eq!(one.data.as_str(), r#"{"id":1,"n":1}"#);
    let many = users.ask(Wish::Create { data: &json("[]"), query: &query }).unwrap().reading;
    let made = many.read(StatusCode::OK, &HeaderMap::new(), &r#"[{"id":1,"data":{"n":1}}]"#.into()).unwrap();
    assert_eq!(made.data.as_str(), r#"[{"id":1,"n":1}]"#);
}

#[test]
fn a_list_that_is_too_long_is_called_so() {
    let body = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert!(read(&users(""), "{}", &body(10_000)).is_ok());
    let failure = read(&users(""), "{}", &body(10_001)).unwrap_err();
    assert_eq!(failure.message, "the backend's answer holds a list of more than 10000 records");
    let failure = read(&users(""), "{}", "[1,").unwrap_err();
    assert_eq!(failure.message, "the backend's answer is not readable JSON");
}

/// The event was certain, and its writer was told that it had failed; or it was in doubt, and had worked.
#[test]
fn success_when_was_judged_in_one_way_for_the_client_and_in_another_for_all() {
    let routed = "success_when = { pointer = \"/ok\", equals = true }";
    let users = resource("/users/{id}", routed, "users");
    let (id, query) = (json("1"), Query::default());
    let reading = users.ask(Wish::Delete { id: &id, query: &query }).unwrap().reading;
    let is_done = |body: &'static str| reading.read(StatusCode::OK, &HeaderMap::new(), &body.into()).is_ok();
    assert!(is_done(r#"{"ok":true}"#) && is_done("{}") && is_done(""));
    assert!(!is_done(r#"{"ok":false}"#) && !is_done("<html>"));
}
