//! What clients send.

use super::*;

fn rules() -> Rules {
    Rules {
        required: vec!["title".to_owned()],
        forbidden: columns(&["role", "profile.admin"]),
        ..Rules::default()
    }
}

/// New data, and whether a change to it would be refused too.
fn check(rules: &Rules, data: &str) -> (Result<(), Refusal>, Result<(), Refusal>) {
    let (ann, data) = (ann(), Json::parse(data).unwrap());
    let ruled = rules.of(&ann, &[]);
    (ruled.check_new(&data), ruled.check_change(&data))
}

#[test]
fn fields_are_required_of_new_records_and_forbidden_in_all() {
    let forbidden = |name: &str| Err(Refusal::Forbidden(name.to_owned()));
    let required = || Err(Refusal::Required("title".to_owned()));
    let rows = [
        (r#"{"title":"a"}"#, Ok(()), Ok(())),
        (r#"{"title":""}"#, Ok(()), Ok(())),
        (r#"{"title":null}"#, required(), Ok(())),
        ("{}", required(), Ok(())),
        (r#"{"title":"a","role":"x"}"#, forbidden("role"), forbidden("role")),
        (r#"{"title":"a","role":null}"#, forbidden("role"), forbidden("role")),
        (r#"{"title":"a","r\u006fle":"x"}"#, forbidden("role"), forbidden("role")),
        (r#"{"title":"a","Role":"x"}"#, forbidden("role"), forbidden("role")),
        (r#"{"title":"a","profile":{"rôle":1}}"#, Ok(()), Ok(())),
        (r#"{"title":"a","profile":{"admin":1}}"#, forbidden("profile.admin"), forbidden("profile.admin")),
        (r#"{"title":"a","profile.admin":1}"#, forbidden("profile.admin"), forbidden("profile.admin")),
        (r#"[{"title":"a"},{"title":"b"}]"#, Ok(()), Err(Refusal::Data)),
        (r#"[{"title":"a"},{}]"#, required(), Err(Refusal::Data)),
        (r#"[{"title":"a"},{"title":"b","role":1}]"#, forbidden("role"), Err(Refusal::Data)),
        (r#"[{"op":"replace","path":"/role"}]"#, required(), Err(Refusal::Data)),
        (r#"{"title":"a","title":null}"#, required(), Ok(())),
        (r#"{"title":null,"title":"a"}"#, required(), Ok(())),
        (r#"{"title":"a","Title":null}"#, required(), Ok(())),
        (r#"{"TITLE":"a"}"#, required(), Ok(())),
        (r#"{"title.x":"a"}"#, required(), Ok(())),
        ("[]", Err(Refusal::Data), Err(Refusal::Data)),
        (r#"[[{"role":1}]]"#, Err(Refusal::Data), Err(Refusal::Data)),
        (r#"{"title":"a","\ud800":1,"role":1}"#, Err(Refusal::Data), Err(Refusal::Data)),
        (r#""role""#, Err(Refusal::Data), Err(Refusal::Data)),
    ];
    for (data, new, change) in rows {
        assert_eq!(check(&rules(), data), (new, change), "{data}");
    }
    let deep = format!("{}1{}", r#"{"a":"#.repeat(500), "}".repeat(500));
    assert_eq!(check(&rules(), &deep).1, Err(Refusal::Data));
    assert_eq!(Refusal::Forbidden("role".to_owned()).field(), Some("role"));
}

/// Go and others take `ſ` for `s` and the sign of Kelvin for `k`; `MongoDB` takes what is behind a
/// full stop for something inside.
#[test]
fn a_forbidden_field_was_sent_by_another_spelling_of_its_name() {
    let rules = Rules { forbidden: columns(&["roles", "kind"]), ..Rules::default() };
    for data in [
        r#"{"role\u017f":1}"#,
        r#"{"roleſ":1}"#,
        r#"{"\u212aind":1}"#,
        r#"{"roles.0":"admin"}"#,
        r#"{"user.roles.0":"admin"}"#,
        r#"{"user":{"roles.$[]":"admin"}}"#,
    ] {
        let (new, change) = check(&rules, data);
        assert!(matches!((new, change), (Err(Refusal::Forbidden(_)), Err(Refusal::Forbidden(_)))), "{data}");
    }
    let owned = Rules { forced: vec![forced("user_id", "eq", &json!("{claims.sub}"))], ..Rules::default() };
    for data in [r#"{"uſer_id":"bob"}"#, r#"{"user_id":"ann","uſer_id":"bob"}"#, r#"{"user_id.0":"bob"}"#] {
        assert_eq!(check(&owned, data).1, Err(Refusal::Forbidden("user_id".to_owned())), "{data}");
    }
}

/// Each full stop and each field inside would have cost the whole way to it.
#[test]
fn a_long_name_was_kept_for_each_field_inside_it() {
    for data in [
        format!(r#"{{"title":"a","{}":1}}"#, ".".repeat(60_000)),
        format!(r#"{{"title":"a","{}":{{"a":1}}}}"#, "x".repeat(30_000)),
    ] {
        assert_eq!(check(&rules(), &data), (Err(Refusal::Data), Err(Refusal::Data)));
    }
}

#[test]
fn a_forbidden_field_was_sent_in_an_envelope() {
    for data in [
        r#"{"title":"a","user":{"role":1}}"#,
        r#"{"title":"a","data":{"attributes":{"Role":1}}}"#,
        r#"{"title":"a","data":[[{"role":1}]]}"#,
        r#"{"title":"a","data":{"profile":{"admin":1}}}"#,
    ] {
        let (new, change) = check(&rules(), data);
        assert!(matches!((new, change), (Err(Refusal::Forbidden(_)), Err(Refusal::Forbidden(_)))), "{data}");
    }
    for (data, is_right) in [
        (r#"{"user":{"owner":"ann"}}"#, true),
        (r#"{"user":{"owner":"bob"}}"#, false),
        (r#"{"owner":"ann","data":[{"owner":"bob"}]}"#, false),
    ] {
        assert_eq!(check(&owned(), data).0.is_ok(), is_right, "{data}");
    }
    let deep = format!(r#"{{"title":1,"a":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    assert_eq!(check(&rules(), &deep).1, Err(Refusal::Data));
}

#[test]
fn nobody_makes_a_record_somebody_elses() {
    let refused = || Err(Refusal::Forbidden("owner".to_owned()));
    for (data, expected) in [
        (r#"{"owner":"ann"}"#, Ok(())),
        (r#"{"n":1}"#, Ok(())),
        (r#"{"owner":"bob"}"#, refused()),
        (r#"{"owner":null}"#, refused()),
        (r#"{"owner":"ann","owner":"bob"}"#, refused()),
        (r#"{"owner":"bob","owner":"ann"}"#, refused()),
        (r#"{"Owner":"ann"}"#, refused()),
        (r#"{"owner":"ann","OWNER":"bob"}"#, refused()),
    ] {
        assert_eq!(check(&owned(), data), (expected.clone(), expected), "{data}");
    }
    let inside = Rules { forced: vec![forced("owner.id", "eq", &json!("{claims.sub}"))], ..Rules::default() };
    for (data, is_right) in [
        (r#"{"owner":{"id":"ann"}}"#, true),
        (r#"{"owner":{"id":"bob"}}"#, false),
        (r#"{"owner":null}"#, false),
        (r#"{"owner":5}"#, false),
        (r#"{"owner.id":"bob"}"#, false),
    ] {
        assert_eq!(check(&inside, data).0.is_ok(), is_right, "{data}");
    }
    let rules = owned();
    assert!(rules.of(&Identity::Anonymous, &[]).check_new(&Json::parse("{}").unwrap()).is_err());
}
