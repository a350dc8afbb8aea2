//! Subscriptions of one connection.

use super::*;

const FIRST: &str = "00000000-0000-0000-0000-000000000001";
const SECOND: &str = "00000000-0000-0000-0000-000000000002";

fn subscribe(inside: &str) -> String {
    format!(r#"{{"id":"s","type":"subscription","operation":"subscribe","entity":"users"{inside}}}"#)
}

fn unsubscribe(id: &str) -> String {
    format!(r#"{{"id":"u","type":"subscription","operation":"unsubscribe","subscription_id":"{id}"}}"#)
}

fn tag(id: &str, schema: &str) -> String {
    format!(r#""subscription_id":"{id}","schema":"{schema}","entity":"users""#)
}

fn subscribed(tag: &str) -> String {
    done("s", &format!(r#""data":{{{tag}}}"#))
}

fn unsubscribed(id: &str) -> String {
    done("u", &format!(r#""data":{{"unsubscribed":true,"subscription_id":"{id}"}}"#))
}

#[test]
fn two_that_ask_for_the_same_are_two() {
    let mut talk = Talk::open("");
    let (first, second) = (tag(FIRST, "public"), tag(SECOND, "public"));
    assert_eq!(talk.say(&subscribe("")), [format!("+user {first}"), subscribed(&first)]);
    assert_eq!(talk.say(&subscribe("")), [format!("+user {second}"), subscribed(&second)]);
    assert_eq!(talk.say(&unsubscribe(FIRST)), [format!("-user {first}"), unsubscribed(FIRST)]);
    let gone = format!("Subscription not found: {FIRST}");
    assert_eq!(talk.say(&unsubscribe(FIRST)), [failed(r#""u""#, "subscription_not_found", &gone)]);
    assert_eq!(talk.say(&unsubscribe(SECOND)), [format!("-user {second}"), unsubscribed(SECOND)]);
    let nothing = failed(r#""u""#, "missing_subscription_id", "Subscription ID is required for unsubscribe");
    assert_eq!(talk.say(&unsubscribe("")), [nothing]);
}

/// The documents' clients send each of these.
#[test]
fn no_filters_are_written_in_many_ways() {
    for options in [
        "",
        r#","options":null"#,
        r#","options":{}"#,
        r#","options":{"filters":null}"#,
        r#","options":{"filters":[]},"schema":"public""#,
        r#","schema":"""#,
    ] {
        let tag = tag(FIRST, "public");
        assert_eq!(Talk::open("").say(&subscribe(options)), [format!("+user {tag}"), subscribed(&tag)]);
    }
    let filter = r#","options":{"filters":[{"column":"status","operator":"eq","value":"active"}]}"#;
    let tag = tag(FIRST, "public");
    assert_eq!(Talk::open("").say(&subscribe(filter)), [format!("+user filtered {tag}"), subscribed(&tag)]);
}

#[test]
fn a_schema_that_is_not_named_is_the_default_one() {
    let mut other = Talk::open("default_schema = \"crm\"");
    let unknown = failed(r#""s""#, "model_not_found", "Model not found: crm.users");
    assert_eq!(other.say(&subscribe("")), [unknown]);
    let named = tag(FIRST, "public");
    assert_eq!(other.say(&subscribe(r#","schema":"public""#))[1], subscribed(&named));
    assert_eq!(Talk::open("default_schema = \"\"").say(&subscribe(""))[1], subscribed(&named));
}

#[test]
fn filters_that_are_none_are_told() {
    for (filters, expected) in [
        ("7", "The filters must be a list"),
        ("[7]", "Filter 1 must be an object with a column and an operator"),
        (r#"[{"column":"a","operator":"near","value":1}]"#, "Unknown operator: near"),
    ] {
        let said = subscribe(&format!(r#","options":{{"filters":{filters}}}"#));
        assert_eq!(Talk::open("").say(&said), [failed(r#""s""#, "invalid_message", expected)]);
    }
}

#[test]
fn one_more_than_may_be_is_refused_until_another_ends() {
    let mut talk = Talk::open("max_subscriptions = 1");
    assert_eq!(talk.say(&subscribe("")).len(), 2);
    let full = failed(r#""s""#, "hook_error", "maximum subscriptions reached");
    assert_eq!(talk.say(&subscribe("")), [full]);
    assert_eq!(talk.say(&unsubscribe(FIRST)).len(), 2);
    assert_eq!(talk.say(&subscribe("")).len(), 2);
}
