//! A client with a token of its own that tries whatever it can think of: no answer holds what is kept from it.

use super::*;
use crate::visibility::{JWT, now, sign};

/// Stands in everything that is not bob's, or hidden from him.
const SECRET: &str = "73737";
const UNLIMITED: &str = "[limits]\nmessages_per_second = 0\n";
const RULES: &str = "[route.rules]\nforced = [{ column = \"NAME\", value = \"{claims.sub}\" }]\n\
    masks = [{ columns = [\"HIDDEN\"], unless_roles = [\"hr\"] }]\n";

fn rules(name: &str, hidden: &str) -> String {
    RULES.replace("NAME", name).replace("HIDDEN", hidden)
}

fn bob(proxy: &Proxy) -> Client {
    let claims = json!({"sub": "bob", "roles": ["staff"], "exp": now() + 600});
    Client(proxy.reader(&format!("/ws?token={}", sign("a secret of more than thirty-two bytes", &claims))))
}

/// Options that name these columns, each way.
fn options(columns: &[&str]) -> Vec<Value> {
    let backends = [
        "_sort", "_order", "_embed", "_expand", "_limit", "_start", "_end", "_page", "q", "id", "ordering",
        "search", "limit", "offset", "format", "fields", "expand", "select", "or", "or[", "filter",
        "per_page", "",
    ];
    let marks = [
        "", "__gt", "__in", "_gte", "_ne", "_like", "[gt]", ".x", " ", "%20", "&", "\u{0}", "=", ":gt",
        "\u{17f}",
    ];
    let mut names: Vec<String> = backends.iter().map(|&name| name.to_owned()).collect();
    for column in columns {
        names.extend(marks.iter().flat_map(|mark| [format!("{column}{mark}"), format!("{mark}{column}")]));
        names.extend([
            column.to_uppercase(),
            format!("user.{column}"),
            format!("user__{column}"),
            format!("a.{column}"),
        ]);
    }
    let values = [
        json!("ann"),
        json!("73737"),
        json!(73737),
        json!(0),
        json!(null),
        json!(true),
        json!(["ann", 73737]),
        json!([]),
        json!([[1]]),
        json!({"a": 73737}),
        json!("a&name=ann"),
        json!("%"),
        json!("ann,bob"),
        json!("users"),
    ];
    let operators =
        ["eq", "neq", ">", "LTE", "like", "ilike", "in", "contains", "between", "is_null", "is_not_null"];
    let mut all = Vec::new();
    for (number, name) in names.iter().enumerate() {
        for (place, value) in values.iter().enumerate() {
            let operator = operators[(number + place) % operators.len()];
            let filter = json!({"column": name, "operator": operator, "value": value});
            let or = json!({"column": name, "operator": operator, "value": value, "logic_operator": "or"});
            all.push(json!({ "filters": [filter] }));
            all.push(json!({ "filters": [{"column": "id", "operator": "gt", "value": 0}, or], "limit": 1 + place % 2 }));
        }
        all.push(json!({ "sort": [{ "column": name, "direction": "desc" }], "limit": 1 }));
        all.push(json!({ "sort": [{ "column": name }], "offset": 1 }));
        all.push(json!({ "columns": [name] }));
        all.push(json!({ "columns": ["id", name], "omit_columns": columns }));
        all.push(json!({ "preload": [name] }));
        all.push(json!({ "preload": [{ "relation": name, "columns": ["*"] }], "parameters": {name: "x"} }));
    }
    for relation in ["users", "user", "payroll", "posts", "post", "posts.user", "../users", "users(*)"] {
        all.push(json!({ "preload": [relation] }));
        all.push(json!({ "filters": [{"column": "_embed", "operator": "eq", "value": relation}] }));
    }
    all.push(json!({"customOperators": {"x": "1=1"}, "computedColumns": [{"name": "x", "expression": "1"}]}));
    all.push(json!({"cursor_forward": "x", "cursor_backward": "y", "fetch_row_number": "1"}));
    all.push(json!({"limit": 18_446_744_073_709_551_615_u64, "offset": 18_446_744_073_709_551_615_u64}));
    all
}

/// Ids that may lead elsewhere, of others' records first.
fn ids() -> Vec<Value> {
    let texts = [
        "../payroll",
        "payroll",
        "PAYROLL",
        "2/posts",
        "..;/payroll",
        "%2F",
        "%252F",
        "..%2fpayroll",
        "?",
        "?id=2",
        "#",
        ";",
        "2;a",
        "\\",
        "..\\payroll",
        ".",
        "..",
        "",
        " ",
        "2 ",
        "2.json",
        "02",
        "2.0",
        "null",
        "*",
        "1,2",
        "db",
        "2?a",
    ];
    let mut ids: Vec<Value> = texts.iter().map(|&text| json!(text)).collect();
    ids.extend([
        json!(2),
        json!("2"),
        json!(null),
        json!([2]),
        json!({"id": 2}),
        json!(true),
        json!(2.0),
        json!(-2),
    ]);
    ids.push(json!("x".repeat(20_000)));
    ids
}

/// Says all that; `own` is how many records are bob's.
fn attack(proxy: &Proxy, entities: &[&str], columns: &[&str], own: u64) {
    let mut client = bob(proxy);
    let mut said = 0;
    let mut ask = |entity: &str, operation: &str, inside: Value| {
        let mut message = request("r", operation, &inside);
        message["entity"] = json!(entity);
        let mut answer = client.ask(&message);
        answer["timestamp"] = Value::Null;
        let text = answer.to_string();
        assert!(!text.replace(&inside.to_string(), "").contains(SECRET), "{message}\n{answer}");
        let total = answer["metadata"]["total"].as_u64().unwrap_or(0);
        assert!(total <= own, "{message}\n{answer}");
        said += u64::from(answer["success"] == true);
        answer
    };
    for entity in entities {
        for options in options(columns) {
            ask(entity, "read", json!({ "options": options }));
        }
        let missing = ask(entity, "read", json!({ "record_id": 987_654 }));
        for id in ids() {
            ask(entity, "read", json!({ "record_id": id, "options": {"preload": ["user"]} }));
            let answer = ask(entity, "read", json!({ "record_id": id }));
            if id == json!(2) && ["users", "rows"].contains(entity) {
                assert_eq!(answer["error"], missing["error"], "a record that is not his is not there");
            }
        }
        ask(entity, "meta", json!({}));
    }
    assert!(said > 10, "{said} answers were none of refusals");
}

#[test]
fn nobody_reads_what_is_kept_from_him_through_json_server() {
    let Some(node) = tools::node() else { return };
    let row = |id: u64, owner: &str, salary: u64| json!({"id": id, "owner": owner, "salary": salary, "age": id, "userId": 2});
    let folder = Folder::new();
    let mine = [row(1, "bob", 73_737), row(3, "bob", 73_737)];
    let theirs = json!({"id": 2, "owner": "ann", "salary": 73_737, "age": 9, "name": SECRET});
    let records = json!({
        "users": [mine[0], theirs, mine[1]],
        "payroll": [{"id": 1, "amount": SECRET, "userId": 1}, {"id": 2, "amount": SECRET, "userId": 2}],
        "posts": [{"id": 1, "userId": 2, "title": "a"}, {"id": 2, "userId": 1, "title": "b"}],
    });
    let backend = node.json_server_of(&folder.write("db.json", records.to_string()));
    let query = |fields: &str| format!("{QUERY}fields = {fields}\n");
    let tables = format!(
        "[[route]]\npath = \"/users/{{id}}\"\nmodel = \"user\"\n{}{}\
         [[route]]\npath = \"/payroll/{{id}}\"\nmodel = \"pay\"\n{}[route.rules]\noperations = []\n\
         [[route]]\npath = \"/{{collection}}/{{id}}\"\nmodel = \"{{collection}}\"\n{}{}{JWT}{UNLIMITED}",
        query("[\"id\", \"owner\", \"age\", \"salary\"]"),
        rules("owner", "salary"),
        query("[]"),
        query("[\"id\", \"title\"]"),
        endpoint("auth = \"required\"")
    );
    let proxy = Proxy::with(backend.address, &tables);
    attack(&proxy, &["users"], &["salary", "owner", "age"], 2);
    let others = [
        "payroll",
        "posts",
        "PAYROLL",
        "Users",
        "users.json",
        "USERS.json",
        "users ",
        "db",
        "Db",
        "us%65rs",
        "users?",
        "users/",
        "./users",
    ];
    attack(&proxy, &others, &[], 2);
}

#[test]
fn nobody_reads_what_is_kept_from_him_through_django() {
    let Some(python) = tools::python() else { return };
    let folder = Folder::new();
    let database = folder.path().join("rows.sqlite");
    let backend = python.django(&[
        "--database",
        database.to_str().unwrap(),
        "--secret",
        "a secret of more than thirty-two bytes",
    ]);
    let tables = format!(
        "[[route]]\npath = \"/api/rows/{{id}}/\"\nmodel = \"row\"\n[route.query]\npreset = \"django-rest-framework\"\n\
         fields = [\"id\", \"name\", \"age\", \"score\"]\n{}\
         [[route]]\npath = \"/api/{{collection}}/{{id}}/\"\nmodel = \"{{collection}}\"\n[route.query]\n\
         preset = \"django-rest-framework\"\nfields = [\"id\"]\n{}{JWT}{UNLIMITED}",
        rules("name", "score"),
        endpoint("auth = \"required\"")
    );
    let proxy = Proxy::with(backend.address, &tables);
    for (name, age) in [("bob", 1), ("ann", 73_737), ("bob", 3)] {
        let made = proxy.send(
            "POST",
            "/api/rows/",
            &json!({"name": name, "age": age, "score": 73_737.0}).to_string(),
        );
        assert_eq!(made.status, 201, "{}", made.text());
    }
    attack(&proxy, &["rows"], &["score", "name", "age"], 2);
    attack(&proxy, &["rows", "Rows", "ROWS", "rows.json", "rows "], &[], 2);
}

/// Express finds `/api/users` by these names too.
#[test]
fn an_open_route_led_to_the_records_of_another_by_the_case_of_letters() {
    let Some(node) = tools::node() else { return };
    let backend = node.json_server();
    let open = "[[route]]\npath = \"/{team}/{collection}/{id}\"\nmodel = \"{collection}\"\n[route.query]\nfields = [\"id\"]\n";
    let tables = format!("{USERS}{}{open}{}{JWT}", rules("owner", "salary"), endpoint("auth = \"required\""));
    let proxy = Proxy::with(backend.address, &tables);
    let made = proxy.send("POST", "/api/users", &json!({"owner": "ann", "secret": SECRET}).to_string());
    assert_eq!(made.status, 201, "{}", made.text());
    let mut client = bob(&proxy);
    for (team, entity) in [("API", "Users"), ("api", "USERS"), ("Api", "uSers")] {
        assert!(
            proxy.send("GET", &format!("/{team}/{entity}"), "").text().contains(SECRET),
            "the backend has it there"
        );
        let filters = json!([{"column": "team", "operator": "eq", "value": team}]);
        for inside in [json!({}), json!({"record_id": 1})] {
            let mut message = request("r", "read", &inside);
            message["entity"] = json!(entity);
            message["options"] = json!({ "filters": filters });
            let answer = client.ask(&message);
            assert!(answer["success"] == false && !answer.to_string().contains(SECRET), "{message} {answer}");
        }
    }
}
