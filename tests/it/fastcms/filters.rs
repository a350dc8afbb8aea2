//! Subscriptions with a filter.

use serde_json::{Value, json};

use super::{Client, Cms, error};

impl Client {
    fn subscribe_where(&mut self, collection: &str, filter: &Value) {
        let message = json!({"action": "subscribe", "collection": collection, "filter": filter});
        let expected = json!({"type": "subscribed", "data": {"collection": collection, "filter": filter}});
        assert_eq!(self.ask(&message), expected);
    }

    /// Ids of the events up to the mark.
    fn ids_until_mark(&mut self) -> Vec<Value> {
        self.until_mark().into_iter().map(|(_, id)| id).collect()
    }
}

#[test]
fn fastcms_check_03_a_filter_lets_through_what_equals_it() {
    let cms = Cms::start("");
    let mut client = cms.reader(&["marks"]);
    client.subscribe_where("posts", &json!({"published": true}));
    cms.write("POST", "posts/records", &json!({"id": 1, "published": false}));
    cms.write("POST", "posts/records", &json!({"id": 2, "published": true}));
    cms.write("PATCH", "posts/records/2", &json!({"id": 2, "published": true, "title": "new"}));
    cms.write("PATCH", "posts/records/2", &json!({"id": 2, "published": false}));
    cms.mark();
    assert_eq!(
        client.until_mark(),
        [("record.created".to_owned(), json!(2)), ("record.updated".to_owned(), json!(2))]
    );
}

#[test]
fn fastcms_check_07_the_last_filter_counts() {
    let cms = Cms::start("");
    let mut client = cms.reader(&["marks"]);
    for filter in [json!({"a": 1}), json!({"a": 2})] {
        client.subscribe_where("posts", &filter);
    }
    for a in [1, 2, 3] {
        cms.write("POST", "posts/records", &json!({"id": a, "a": a}));
    }
    cms.mark();
    assert_eq!(client.ids_until_mark(), [2]);
    client.subscribe("posts");
    cms.write("POST", "posts/records", &json!({"id": 4}));
    cms.mark();
    assert_eq!(client.ids_until_mark(), [4]);
}

/// In the original such a filter ended the delivery to everybody.
#[test]
fn fastcms_check_10_a_bad_filter_leaves_the_subscription_and_everybody_else() {
    let cms = Cms::start("");
    let mut client = cms.reader(&["marks"]);
    let mut other = cms.reader(&["posts", "marks"]);
    client.subscribe_where("posts", &json!({"a": 1}));
    for filter in [json!("x"), json!(1), json!([]), json!(true)] {
        let message = json!({"action": "subscribe", "collection": "posts", "filter": filter});
        assert_eq!(client.ask(&message), error("Filter must be an object"));
    }
    for a in [1, 2] {
        cms.write("POST", "posts/records", &json!({"id": a, "a": a}));
    }
    cms.mark();
    assert_eq!(client.ids_until_mark(), [1]);
    assert_eq!(other.ids_until_mark(), [1, 2]);
}

#[test]
fn fastcms_check_17_equality_is_that_of_python() {
    let cms = Cms::start("");
    let filters = [
        (json!({"nofield": null}), vec![1, 2, 3]),
        (json!({"published": 1}), vec![1, 3]),
        (json!({"published": true, "title": "a"}), vec![1]),
        (json!({"published": "true"}), vec![]),
        (json!({"title": "A"}), vec![]),
        (json!({}), vec![1, 2, 3]),
    ];
    let mut clients: Vec<Client> = Vec::new();
    for (filter, _) in &filters {
        let mut client = cms.reader(&["marks"]);
        client.subscribe_where("posts", filter);
        clients.push(client);
    }
    cms.write("POST", "posts/records", &json!({"id": 1, "published": true, "title": "a"}));
    cms.write("POST", "posts/records", &json!({"id": 2, "published": false}));
    cms.write("POST", "posts/records", &json!({"id": 3, "published": 1.0, "nofield": null}));
    cms.mark();
    for ((filter, expected), mut client) in filters.into_iter().zip(clients) {
        assert_eq!(client.ids_until_mark(), expected, "{filter}");
    }
}
