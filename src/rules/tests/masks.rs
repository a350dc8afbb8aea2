//! Columns that are hidden.

use super::*;

fn rules() -> Rules {
    Rules {
        masks: vec![mask(&["salary", "home.street"], &["hr", "boss"]), mask(&["notes"], &[])],
        ..Rules::default()
    }
}

#[test]
fn a_variant_is_the_set_of_masks_that_hold() {
    let rules = rules();
    let variant = |roles: &[&str]| rules.of(&user(&json!({}), roles), &[]).variant();
    assert_eq!([&[][..], &["hr"], &["staff", "boss"], &["HR"]].map(variant), [3, 2, 2, 3]);
    assert_eq!(rules.of(&Identity::Anonymous, &[]).variant(), 3);
    assert_eq!(Rules::default().of(&Identity::Anonymous, &[]).variant(), 0);
}

#[test]
fn what_is_hidden_is_gone_wherever_it_stands_and_the_rest_is_as_it_was() {
    let rows = [
        (r#"{"id":1,"salary":5,"name":"A"}"#, r#"{"id":1,"name":"A"}"#),
        (r#"{"salary":5}"#, "{}"),
        (r#"[{"id":1.10,"salary":5},{"id":2}]"#, r#"[{"id":1.10},{"id":2}]"#),
        (r#"{"Salary":5,"SALARY":6,"salary":7,"a":1}"#, r#"{"a":1}"#),
        (r#"{"s\u0061lary":5,"a":1}"#, r#"{"a":1}"#),
        (r#"{"boss":{"salary":5,"id":2},"a":[[{"salary":1}]]}"#, r#"{"boss":{"id":2},"a":[[{}]]}"#),
        (r#"{"home":{"street":"x","town":"y"}}"#, r#"{"home":{"town":"y"}}"#),
        (r#"{"home":[{"street":"x"}],"home.street":"x","street":"z"}"#, r#"{"home":[{}],"street":"z"}"#),
        (r#"{"ann":{"home":{"street":"x"}}}"#, r#"{"ann":{"home":{}}}"#),
        (r#"{"salaryman":1,"base_salary":2}"#, r#"{"salaryman":1,"base_salary":2}"#),
        (r#"{"a":"salary"}"#, r#"{"a":"salary"}"#),
        (r#"{"a":"\ud800","salary":1}"#, r#"{"a":"\ud800"}"#),
        (r#"{"\ud800":1,"salary":1}"#, "null"),
        ("5", "5"),
    ];
    let (rules, ann) = (rules(), ann());
    for (record, expected) in rows {
        let json = Json::parse(record).unwrap();
        assert_eq!(rules.of(&ann, &[]).show(&json).as_str(), expected, "{record}");
        assert_eq!(rules.show(0, &json).as_str(), record);
    }
    let deep = format!("{}{{\"salary\":1}}{}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(rules.show(1, &Json::parse(&deep).unwrap()).as_str(), "null");
}

#[test]
fn what_is_hidden_is_not_to_be_found_out_by_asking() {
    let (rules, ann) = (rules(), ann());
    let compared = [
        "salary",
        "Salary",
        "salary.x",
        "home.street",
        "home",
        "HOME",
        "boss.salary",
        "salary__gt",
        "salary_gte",
        "notes",
        "x.home.street",
    ];
    for name in compared {
        assert_eq!(rules.of(&ann, &[]).check_compared([name]), Err(Refusal::column(name)), "{name}");
        let list = parse(&json!([{"column": name, "operator": "eq", "value": 1}]));
        let refused = rules.of(&ann, &[]).check_filter(&list);
        assert_eq!(refused, Err(Refusal::column(name)), "{name}");
    }
    for name in ["salary", "home.street", "boss.salary", "notes"] {
        assert_eq!(rules.of(&ann, &[]).check_wanted([name]), Err(Refusal::column(name)), "{name}");
    }
    assert_eq!(rules.of(&ann, &[]).check_wanted(["home", "salaryman"]), Ok(()));
    let known = ["id", "salary", "salary_grade", "home"].map(ToOwned::to_owned);
    let ruled = rules.of(&ann, &known);
    assert_eq!(ruled.check_compared(["id", "salary_grade"]), Ok(()));
    assert_eq!(ruled.check_compared(["salary__gt"]), Err(Refusal::column("salary__gt")));
    assert_eq!(ruled.check_compared(["salary"]), Err(Refusal::column("salary")));
    assert_eq!(ruled.check_compared(["home"]), Err(Refusal::column("home")));
    assert_eq!(ruled.known(&known), ["id", "salary_grade", "home"]);
    let hr = user(&json!({}), &["hr"]);
    assert_eq!(rules.of(&hr, &[]).check_compared(["salary__gt"]), Ok(()));
    assert_eq!(rules.of(&hr, &[]).check_compared(["notes"]), Err(Refusal::column("notes")));
}

/// Two readers of one key could take two columns for it.
#[test]
fn a_condition_that_names_its_column_twice_is_none() {
    let (rules, ann) = (rules(), ann());
    for text in [
        r#"[{"column":"id","column":"salary","operator":"eq","value":1}]"#,
        r#"[{"column":"id","c\u006flumn":"salary","operator":"eq","value":1}]"#,
        r#"[{"operator":"eq","value":1}]"#,
        r#"{"column":"salary"}"#,
    ] {
        let refused = rules.of(&ann, &[]).check_filter(&Json::parse(text).unwrap());
        assert!(matches!(refused, Err(Refusal::Filter(_))), "{text}");
    }
}
