//! What options say.

use super::*;

#[test]
fn options_that_are_none_and_operators_that_nobody_knows_are_errors() {
    for (text, expected) in [
        ("[1]", "options:"),
        (r#"{"limit":-1}"#, "options:"),
        (r#"{"columns":"a"}"#, "options:"),
        (r#"{"filters":{}}"#, "the filters must be a list"),
    ] {
        let error = Query::read(&json(text)).unwrap_err();
        assert!(error.to_string().starts_with(expected) && error.is_invalid(), "{text}: {error}");
    }
    let error = Query::read(&json(&filter("a", "near", "1"))).unwrap_err();
    assert_eq!(error.to_string(), "unknown operator: near");
    for none in ["null", "{}", r#"{"filters":null,"limit":null,"x":1}"#] {
        assert_eq!(options(none), Query::default());
    }
}

/// Each of them would be looked at for every record, or for every two that are compared.
#[test]
fn options_that_name_thousands_of_columns_kept_a_core_busy() {
    for (option, element, most) in [
        ("sort", r#"{"column":"a"}"#, 16),
        ("columns", r#""a""#, 256),
        ("omit_columns", r#""a""#, 256),
        ("preload", r#""a""#, 32),
    ] {
        let read = |count: usize| {
            let list = vec![element; count].join(",");
            Query::read(&json(&format!(r#"{{"{option}":[{list}]}}"#)))
        };
        assert!(read(most).is_ok(), "{option}");
        let expected = QueryError::Options(format!("options: {option} may have {most} elements"));
        assert_eq!(read(most + 1), Err(expected));
    }
}

#[test]
fn an_option_that_is_wrong_was_not_named() {
    for (options, expected) in [
        (r#"{"limit":-1}"#, "options: limit: expected a whole number that is not negative"),
        (r#"{"offset":"5"}"#, "options: offset: expected a whole number that is not negative"),
        (r#"{"columns":"id"}"#, "options: columns: expected a list of names"),
        (r#"{"sort":["id"]}"#, r#"options: sort: expected a list of {"column","direction"}"#),
        (r#"{"preload":[1]}"#, r#"options: preload: expected a list of {"relation"} or names"#),
    ] {
        assert_eq!(Query::read(&json(options)).unwrap_err().to_string(), expected);
    }
    assert_eq!(Query::read(&json(r#"{"limit":null,"sort":null}"#)).unwrap(), Query::default());
}
