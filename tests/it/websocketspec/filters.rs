//! Filters of subscriptions.

use super::*;

fn create(spec: &Spec, record: &Value) -> Value {
    spec.rest("POST", "", record)
}

#[test]
fn websocketspec_check_09_a_subscription_gets_what_its_filters_say() {
    let Some(spec) = Spec::start() else { return };
    let records = [
        json!({"id": 1, "name": "Ada", "age": 36, "status": "active"}),
        json!({"id": 2, "name": "bea", "age": "7", "status": "new"}),
        json!({"id": 3, "name": "A_d", "age": 18, "status": null}),
        json!({"id": 4}),
    ];
    let one = |column: &str, operator: &str, value: Value| json!([{"column": column, "operator": operator, "value": value}]);
    let rows = [
        (one("status", "eq", json!("active")), vec![1]),
        (one("status", "neq", json!("active")), vec![2]),
        (one("age", "gt", json!(18)), vec![1]),
        (one("age", "gte", json!(18)), vec![1, 3]),
        (one("age", "eq", json!("36")), vec![1]),
        (one("age", "lt", json!(18)), vec![2]),
        (one("age", "lte", json!(18)), vec![2, 3]),
        (one("name", "like", json!("A%")), vec![1, 3]),
        (one("name", "like", json!("A\\_%")), vec![3]),
        (one("name", "ilike", json!("B_A")), vec![2]),
        (one("status", "in", json!(["active", "new"])), vec![1, 2]),
        (one("status", "in", json!([])), vec![]),
        (one("status", "eq", Value::Null), vec![3, 4]),
        (one("status", "neq", Value::Null), vec![1, 2]),
        (one("ghost", "eq", json!(1)), vec![]),
        (
            json!([
                {"column": "id", "operator": "eq", "value": 1},
                {"column": "id", "operator": "eq", "value": 2, "logic_operator": "or"},
                {"column": "age", "operator": "lt", "value": 10},
            ]),
            vec![2],
        ),
    ];
    let mut clients: Vec<(Client, String)> = Vec::new();
    for (filters, _) in &rows {
        let mut client = spec.client();
        let subscription = client.subscribe(filters);
        clients.push((client, subscription));
    }
    for record in &records {
        assert_eq!(create(&spec, record), *record);
    }
    let mut all = spec.client();
    let subscription = all.subscribe(&Value::Null);
    let last = create(&spec, &json!({"id": 5, "status": "last"}));
    // The event of the record before may have been on its way.
    while all.told(&subscription) != told("create", last.clone()) {}
    for ((filters, expected), (client, subscription)) in rows.iter().zip(&mut clients) {
        for id in expected {
            assert_eq!(client.told(subscription).1["id"], *id, "{filters}");
        }
        // Whether it also wants the last one is not what is looked at here.
        let next = client.ask_past_last();
        assert_eq!(next["type"], "pong", "{filters}: {next}");
    }
}

impl Client {
    /// The answer to a ping, past a notification of record 5.
    fn ask_past_last(&mut self) -> Value {
        self.say(&json!({"id": "quiet", "type": "ping"}));
        let next = self.0.next();
        if next["data"]["id"] == 5 { self.0.next() } else { next }
    }
}

#[test]
fn websocketspec_check_10_two_that_are_alike_are_told_twice() {
    let Some(spec) = Spec::start() else { return };
    let mut client = spec.client();
    let (first, second) = (client.subscribe(&Value::Null), client.subscribe(&Value::Null));
    assert_ne!(first, second);
    let ada = create(&spec, &json!({"name": "Ada"}));
    assert_eq!(client.told(&first), told("create", ada.clone()));
    assert_eq!(client.told(&second), told("create", ada));
    let gone = json!({"unsubscribed": true, "subscription_id": first});
    assert_eq!(client.unsubscribe(&first)["data"], gone);
    let bea = create(&spec, &json!({"name": "Bea"}));
    assert_eq!(client.told(&second), told("create", bea));
    assert_eq!(client.unsubscribe(&first)["error"]["code"], "subscription_not_found");
    assert_eq!(client.unsubscribe("")["error"]["code"], "missing_subscription_id");
    // Another connection's is none of its own.
    let mut other = spec.client();
    assert_eq!(other.unsubscribe(&second)["error"]["code"], "subscription_not_found");
    create(&spec, &json!({"name": "Cyd"}));
    assert_eq!(client.told(&second).0, "create");
    client.is_quiet();
}

/// Nothing but the id is known of what is gone.
#[test]
fn deletions_are_told_whatever_the_filters_unless_the_config_says_otherwise() {
    for (option, is_told) in [("", true), ("deletes = \"drop\"", false)] {
        let origin = Origin::fixed("HTTP/1.1 204 No Content\r\n\r\n");
        let proxy = scripted(&origin, "", &endpoint(option));
        let mut client = Client::open(proxy.address);
        let active = client.subscribe(&json!([{"column": "status", "operator": "eq", "value": "active"}]));
        let by_id = client.subscribe(&json!([{"column": "id", "operator": "eq", "value": 7}]));
        proxy.send("DELETE", "/api/users/7", "");
        if is_told {
            assert_eq!(client.told(&active), told("delete", json!({"id": 7})));
        }
        assert_eq!(client.told(&by_id), told("delete", json!({"id": 7})));
        client.is_quiet();
    }
}
