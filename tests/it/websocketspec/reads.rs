//! Reading.

use super::*;

fn list(total: &str, body: &str) -> Origin {
    let length = body.len();
    Origin::fixed(format!(
        "HTTP/1.1 200 OK\r\nX-Total-Count: {total}\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

#[test]
fn websocketspec_check_02_with_and_without_schema_it_is_the_same_entity() {
    let Some(spec) = Spec::start() else { return };
    let mut client = spec.client();
    let ada = client.data("create", &json!({"schema": "public", "data": {"name": "Ada"}}));
    for schema in [json!("public"), json!(""), Value::Null] {
        assert_eq!(client.data("read", &json!({"schema": schema})), json!([ada]));
    }
    assert_eq!(client.data("read", &json!({})), json!([ada]));
    let other = client.fails("read", &json!({"schema": "other"}));
    assert_eq!(other, (json!("model_not_found"), Value::Null));
}

#[test]
fn websocketspec_check_03_a_query_is_translated() {
    let origin = list("50", r#"[{"id":1,"name":"Ada"},{"id":2,"name":"Bea"}]"#);
    let proxy = scripted(&origin, QUERY, &endpoint(""));
    let mut client = Client::open(proxy.address);
    let options = json!({
        "filters": [{"column": "status", "operator": "eq", "value": "active"}],
        "columns": ["id", "name"], "sort": [{"column": "name", "direction": "DESC"}], "limit": 2, "offset": 4,
    });
    let answer = client.request("read", &json!({"options": options}));
    assert_eq!(answer["data"], json!([{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bea"}]));
    assert_eq!(answer["metadata"], json!({"total": 50, "count": 2}));
    let line = origin.requests().first().unwrap().line.clone();
    assert!(line.starts_with("GET /api/users?"), "{line}");
    for part in ["status=active", "_sort=name", "_order=desc", "_limit=2", "_start=4"] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn a_query_finds_in_json_server_what_it_says() {
    let Some(spec) = Spec::start() else { return };
    let mut client = spec.client();
    for (name, age) in [("Ada", 36), ("Bea", 20), ("Cyd", 51), ("Dan", 7)] {
        spec.rest("POST", "", &json!({"name": name, "age": age}));
    }
    let mut names = |options: Value| {
        let answer = client.request("read", &json!({"options": options}));
        let data: Vec<Value> =
            answer["data"].as_array().unwrap().iter().map(|user| user["name"].clone()).collect();
        (json!(data), answer["metadata"].clone())
    };
    let by_age = json!([{"column": "age", "direction": "desc"}]);
    let adults = json!([{"column": "age", "operator": "gt", "value": 7}]);
    for (options, expected, metadata) in [
        (json!({}), json!(["Ada", "Bea", "Cyd", "Dan"]), json!({"total": 4, "count": 4})),
        (
            json!({"sort": by_age, "limit": 2, "offset": 1}),
            json!(["Ada", "Bea"]),
            json!({"total": 4, "count": 2}),
        ),
        (json!({"filters": adults}), json!(["Ada", "Bea", "Cyd"]), json!({"total": 3, "count": 3})),
        (
            json!({"filters": adults, "sort": by_age}),
            json!(["Cyd", "Ada", "Bea"]),
            json!({"total": 3, "count": 3}),
        ),
    ] {
        assert_eq!(names(options.clone()), (expected, metadata), "{options}");
    }
}

#[test]
fn websocketspec_check_04_one_record_by_its_id() {
    let Some(spec) = Spec::start() else { return };
    let ada = spec.rest("POST", "", &json!({"id": 123, "name": "Ada"}));
    let mut client = spec.client();
    for id in [json!("123"), json!(123)] {
        let answer = client.request("read", &json!({"record_id": id}));
        assert_eq!((&answer["data"], &answer["metadata"]), (&ada, &json!({"total": 1})));
    }
    let missing = client.fails("read", &json!({"record_id": "9"}));
    assert_eq!(missing, (json!("read_error"), json!({"status": 404})));
}

#[test]
fn what_an_entity_looks_like_is_told_from_a_record_or_the_config() {
    let Some(spec) = Spec::start() else { return };
    let mut client = spec.client();
    assert_eq!(client.fails("meta", &json!({})), (json!("invalid_operation"), Value::Null));
    spec.rest("POST", "", &json!({"name": "Ada"}));
    let columns = |columns: &[&str]| {
        json!({
            "schema": "public", "entity": "users", "table_name": "users", "columns": columns,
            "primary_key": "id",
        })
    };
    assert_eq!(client.data("meta", &json!({})), columns(&["name", "id"]));
    let origin = list("0", "[]");
    let fields = "[route.query]\nfields = [\"id\", \"name\"]\n";
    let proxy = scripted(&origin, fields, &endpoint(""));
    assert_eq!(Client::open(proxy.address).data("meta", &json!({})), columns(&["id", "name"]));
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn websocketspec_check_20_answers_come_in_the_order_of_the_requests() {
    let origin = Origin::start(|request, stream| {
        // The first takes longest.
        let number: u64 = request.line.split(['/', ' ']).nth(4).unwrap().parse().unwrap();
        std::thread::park_timeout(std::time::Duration::from_millis(30_u64.saturating_sub(number)));
        let body = format!(r#"{{"id":{number}}}"#);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        std::io::Write::write_all(stream, format!("{head}{body}").as_bytes()).is_ok()
    });
    let proxy = scripted(&origin, "", &endpoint(""));
    let mut client = Client::open(proxy.address);
    for number in 0..50 {
        client.say(&request(&format!("r{number}"), "read", &json!({"record_id": number})));
        client.say(&json!({"id": format!("p{number}"), "type": "ping"}));
    }
    for number in 0..50 {
        let answer = client.0.next();
        assert_eq!(answer["id"], format!("r{number}"));
        assert_eq!(answer["data"], json!({"id": number}));
        assert_eq!(client.0.next()["id"], format!("p{number}"));
    }
}
