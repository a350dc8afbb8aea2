//! What is subscribed to, and within which bounds.

use super::*;

#[test]
fn the_star_is_alone_in_the_hub_and_the_others_come_back_after_it() {
    let fastcms = dialect(&[("max_subscriptions", "3")]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    let too_many = r#"{"type":"error","data":{"message":"Too many subscriptions (at most 3)"}}"#;
    let rows: [(&str, &str, &[&str]); 16] = [
        ("subscribe", "posts", &["+posts"]),
        ("subscribe", "Posts", &["+posts"]),
        ("subscribe", "tags", &["+tags"]),
        ("subscribe", "*", &["+all -posts -tags"]),
        ("subscribe", "*", &[]),
        ("unsubscribe", "tags", &[]),
        ("subscribe", "users", &[]),
        ("subscribe", "likes", &[]),
        ("subscribe", "more", &[too_many]),
        ("unsubscribe", "*", &["+posts +users +likes -all"]),
        ("unsubscribe", "*", &[]),
        ("subscribe", "more", &[too_many]),
        ("unsubscribe", "posts", &["-posts"]),
        // No model is called so; in the hub these would be something else.
        ("subscribe", "all", &[]),
        ("unsubscribe", "ALL", &[]),
        ("subscribe", "posts/1", &[]),
    ];
    for (action, collection, expected) in rows {
        let message = format!(r#"{{"action":"{action}","collection":"{collection}"}}"#);
        let mut told = talk.say(1, &message);
        told.retain(|line| !line.contains("subscribed\""));
        assert_eq!(told, expected, "{message}");
    }
}

#[test]
fn the_collections_themselves_are_one_collection() {
    let fastcms = dialect(&[("schemas", "Collection view")]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    let rows: [(&str, &str, &[&str]); 7] = [
        ("subscribe", "__collections__", &["+collection", "+view"]),
        ("subscribe", "collection", &[]),
        ("subscribe", "*", &["+all -collection -view"]),
        ("unsubscribe", "*", &["+collection +view -all"]),
        ("unsubscribe", "View", &[]),
        ("unsubscribe", "__collections__", &["-collection", "-view"]),
        ("subscribe", "posts", &["+posts"]),
    ];
    for (action, collection, expected) in rows {
        let mut told = talk.say(1, &format!(r#"{{"action":"{action}","collection":"{collection}"}}"#));
        told.retain(|line| !line.contains("subscribed\""));
        assert_eq!(told, expected, "{action} {collection}");
    }
}

#[test]
fn the_last_filter_counts_also_after_the_star() {
    let fastcms = dialect(&[]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    let mut subscribe = |collection: &str, filter: &str| {
        let message = format!(r#"{{"action":"subscribe","collection":"{collection}","filter":{filter}}}"#);
        talk.say(1, &message)
    };
    let told = |topics: &[&str], collection: &str, filter: &str| {
        let answer =
            format!(r#"{{"type":"subscribed","data":{{"collection":"{collection}","filter":{filter}}}}}"#);
        [topics, &[&answer]].concat().iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()
    };
    let rows: [(&str, &str, &[&str]); 7] = [
        ("posts", r#"{"a":1}"#, &["+posts filtered"]),
        ("posts", "{}", &["+posts"]),
        ("posts", r#"{ "b": null }"#, &["+posts filtered"]),
        ("tags", "null", &["+tags"]),
        ("*", r#"{"a":1}"#, &["+all -posts -tags"]),
        ("posts", "null", &[]),
        ("tags", r#"{"a":[1,{"b":2}]}"#, &[]),
    ];
    for (collection, filter, topics) in rows {
        assert_eq!(subscribe(collection, filter), told(topics, collection, filter), "{collection} {filter}");
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(9), "]".repeat(9));
    let refused = r#"{"type":"error","data":{"message":"Invalid filter: a value must be Unicode, with at most 8 lists and objects inside each other"}}"#;
    assert_eq!(subscribe("tags", &deep), [refused]);
    let after = talk.say(1, r#"{"action":"unsubscribe","collection":"*"}"#);
    assert_eq!(after[0], "+posts +tags filtered -all");
}

#[test]
fn names_and_filters_have_bounds() {
    let fastcms = dialect(&[]);
    let (mut talk, _) = Talk::open(&fastcms, &Credential::Missing, false);
    let error = |text: &str| vec![format!(r#"{{"type":"error","data":{{"message":"{text}"}}}}"#)];
    let mut name = |length: usize| {
        talk.say(1, &format!(r#"{{"action":"subscribe","collection":"{}"}}"#, "x".repeat(length)))
    };
    assert_eq!(name(128).len(), 2);
    assert_eq!(name(129), error("Collection name too long"));
    let mut filter = |length: usize| {
        let filter = format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
        talk.say(1, &format!(r#"{{"action":"subscribe","collection":"a","filter":{filter}}}"#))
    };
    assert_eq!(filter(4096).len(), 2);
    assert_eq!(filter(4097), error("Filter too large (at most 4096 bytes)"));
    let unknown = talk.say(1, &format!(r#"{{"action":"{}"}}"#, "É".repeat(1000)));
    assert_eq!(unknown, error(&format!("Unknown action: {}", "é".repeat(100))));
}
