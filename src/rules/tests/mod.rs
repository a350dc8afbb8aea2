//! What rules let through, and each way that somebody may try around them.

mod masks;
mod writes;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::filter::Record;
use crate::identity::User;

fn parse(value: &Value) -> Json {
    Json::parse(&value.to_string()).unwrap()
}

fn columns(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::parse(name).unwrap()).collect()
}

fn mask(names: &[&str], roles: &[&str]) -> Mask {
    Mask { columns: columns(names), unless_roles: roles.iter().map(|&role| role.to_owned()).collect() }
}

fn forced(column: &str, operator: &str, value: &Value) -> Forced {
    Forced::parse(column, operator, &parse(value)).unwrap()
}

fn user(claims: &Value, roles: &[&str]) -> Identity {
    let roles = roles.iter().map(|&role| role.to_owned()).collect();
    let claims = claims.as_object().unwrap().clone().into();
    Identity::User(Arc::new(User { id: "ann".to_owned(), email: None, roles, claims, expires: None }))
}

fn ann() -> Identity {
    user(&json!({"sub": "ann"}), &[])
}

fn owned() -> Rules {
    Rules { forced: vec![forced("owner", "eq", &json!("{claims.sub}"))], ..Rules::default() }
}

#[test]
fn a_claim_that_is_missing_or_says_nothing_lets_nobody_through() {
    let list = Rules { forced: vec![forced("team", "in", &json!("{claims.teams}"))], ..Rules::default() };
    let within =
        Rules { forced: vec![forced("org", "eq", &json!("org-{claims.org.id}"))], ..Rules::default() };
    // (rules, claims, the condition's value)
    let rows = [
        (owned(), json!({"sub": "ann"}), Some(json!("ann"))),
        (owned(), json!({"sub": 7}), Some(json!(7))),
        (owned(), json!({"sub": ""}), None),
        (owned(), json!({"sub": null}), None),
        (owned(), json!({"sub": ["ann"]}), None),
        (owned(), json!({"sub": {"id": "ann"}}), None),
        (owned(), json!({"sob": "ann"}), None),
        (list.clone(), json!({"teams": ["a", 2]}), Some(json!(["a", 2]))),
        (list.clone(), json!({"teams": "a"}), Some(json!("a"))),
        (list.clone(), json!({"teams": []}), None),
        (list.clone(), json!({"teams": ["a", null]}), None),
        (list, json!({}), None),
        (within.clone(), json!({"org": {"id": 5}}), Some(json!("org-5"))),
        (within.clone(), json!({"org": {"id": ""}}), None),
        (within, json!({"org": 5}), None),
    ];
    for (rules, claims, expected) in rows {
        let reader = user(&claims, &[]);
        let forced = rules.of(&reader, &[]).forced();
        let told = forced.as_ref().ok().map(|added| parse_back(&added[0].value));
        assert_eq!(told, expected, "{claims}");
        for (_, act) in Act::ALL {
            assert_eq!(rules.of(&reader, &[]).check(act).is_ok(), expected.is_some(), "{claims} {act:?}");
        }
        let filter = rules.of(&reader, &[]).filter(&null(), Deletes::Deliver);
        assert_eq!(filter.is_ok_and(|filter| filter.is_some()), expected.is_some(), "{claims}");
    }
    for nobody in [Identity::Anonymous, Identity::Operator] {
        assert_eq!(owned().of(&nobody, &[]).check(Act::Read), Err(Refusal::Claim("sub".to_owned())));
    }
}

fn parse_back(json: &Json) -> Value {
    serde_json::from_str(json.as_str()).unwrap()
}

#[test]
fn a_filter_of_a_client_makes_no_alternative_of_a_forced_one() {
    let (ann, rules) = (ann(), owned());
    let or = |column: &str, value: Value| json!({"column": column, "operator": "eq", "value": value, "logic_operator": "OR"});
    let matches = |wanted: Value, record: Value| {
        let filter = rules.of(&ann, &[]).filter(&parse(&wanted), Deletes::Deliver).unwrap().unwrap();
        filter.matches(&Record::read(&parse(&record)))
    };
    let (mine, theirs) = (json!({"owner": "ann", "n": 1}), json!({"owner": "bob", "n": 1}));
    for wanted in
        [json!(null), json!([]), json!([or("n", json!(1))]), json!([or("n", json!(1)), or("n", json!(2))])]
    {
        assert!(matches(wanted.clone(), mine.clone()), "{wanted}");
        assert!(!matches(wanted.clone(), theirs.clone()), "{wanted}");
        assert!(!matches(wanted.clone(), json!({"n": 1})), "{wanted}");
    }
    assert!(!matches(json!([or("owner", json!("bob"))]), theirs.clone()));
    assert!(!matches(json!([or("owner", json!("bob"))]), mine));
    let wanted = parse(&json!([{"column": "n", "operator": "nope", "value": 5}]));
    assert!(matches!(rules.of(&ann, &[]).filter(&wanted, Deletes::Deliver), Err(Refusal::Filter(_))));
}

/// A backend that takes names for parts of its query could be asked for more than a name.
#[test]
fn where_records_are_somebodys_a_column_is_nothing_but_a_name() {
    let (ann, rules) = (ann(), owned());
    let ruled = rules.of(&ann, &[]);
    for name in ["id||1", "a=1", "a&b", "a,b", "-a", "a b", "", "or(", "a->b", "a'", "a\"", "a/*"] {
        assert_eq!(ruled.check_compared([name]), Err(Refusal::column(name)), "{name}");
        assert_eq!(ruled.check_wanted([name]), Err(Refusal::column(name)), "{name}");
    }
    assert_eq!(ruled.check_compared(["a", "a.b", "_c", "größe", "a-b", "a__gt"]), Ok(()));
    let known = ["id".to_owned(), "owner".to_owned()];
    assert_eq!(rules.of(&ann, &known).check_compared(["id", "a__gt"]), Err(Refusal::column("a__gt")));
    assert_eq!(Rules::default().of(&ann, &known).check_compared(["id||1"]), Ok(()), "nothing is to be kept");
}

#[test]
fn conditions_that_are_none_are_found_when_the_config_is_read() {
    let parse = |operator: &str, value: Value| Forced::parse("owner", operator, &parse(&value)).is_ok();
    for (operator, value, is_right) in [
        ("eq", json!("{claims.sub}"), true),
        ("in", json!([1, 2]), true),
        ("is_null", json!(null), true),
        ("like", json!("a%"), true),
        ("like", json!("{claims.sub}"), false),
        ("startswith", json!("a{claims.sub}"), false),
        ("between", json!("{claims.sub}"), false),
        ("is", json!(1), false),
        ("eq", json!("{sub}"), false),
        ("eq", json!("{claims.}"), false),
        ("eq", json!("{claims.sub"), false),
    ] {
        assert_eq!(parse(operator, value.clone()), is_right, "{operator} {value}");
    }
    assert!(Forced::parse("owner id", "eq", &null()).is_err());
}

#[test]
fn operations_that_are_not_listed_are_refused_to_everybody() {
    let rules = Rules { operations: Some(vec![Act::Read, Act::Subscribe]), ..Rules::default() };
    let ann = ann();
    let allowed: Vec<_> =
        Act::ALL.iter().filter(|(_, act)| rules.of(&ann, &[]).check(*act).is_ok()).collect();
    assert_eq!(allowed, [&("read", Act::Read), &("subscribe", Act::Subscribe)]);
    assert_eq!(
        rules.of(&ann, &[]).check(Act::Delete).unwrap_err().to_string(),
        "operation not allowed: delete"
    );
}

#[test]
fn rules_of_one_model_hold_on_each_of_its_routes_together() {
    let (reads, masked) = (
        Rules { operations: Some(vec![Act::Read, Act::Update]), ..owned() },
        Rules { operations: Some(vec![Act::Update]), masks: vec![mask(&["a"], &[])], ..owned() },
    );
    let (none, open) = (Rules::default(), Rules { forbidden: columns(&["b"]), ..Rules::default() });
    let routes = [
        (Some("Post"), &reads),
        (Some("post"), &none),
        (Some("post"), &masked),
        (Some("tag"), &none),
        (None, &open),
    ];
    let book = Rulebook::new(routes, |model| model == "tag");
    let post = book.find("POST");
    assert_eq!(post.operations, Some(vec![Act::Update]));
    assert_eq!((post.forced.len(), post.masks.len(), post.forbidden.len()), (1, 1, 0));
    assert_eq!((&**book.find("Tag"), &**book.find("other")), (&open, &open));
}
