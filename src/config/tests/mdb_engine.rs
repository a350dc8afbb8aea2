//! Endpoints of applications.

use super::*;

fn endpoint(path: &str, app: &str, more: &str) -> String {
    format!("[[endpoint]]\npath = \"{path}\"\ndialect = \"mdb_engine\"\napp = \"{app}\"\n{more}\n")
}

fn file(endpoints: &str) -> String {
    let (before, _) = MINIMAL.split_once("[[endpoint]]").unwrap();
    format!("{before}{endpoints}{HMAC}")
}

/// Check 15 of the document's list is among them.
#[test]
fn what_is_wrong_with_an_app_is_said() {
    for (line, part) in [
        ("ping_interval = \"4s\"", "ping_interval = \"4s\": expected a duration from \"5s\" to \"300s\""),
        ("ping_interval = \"301s\"", "expected a duration from \"5s\" to \"300s\""),
        ("ping_interval = 30", "expected a duration above zero with a unit"),
        ("models = [\"a\", \"\"]", "expected the models of routes, such as [\"item\"]"),
        ("models = \"all\"", "expected the models of routes"),
        ("models = \"item/7\"", "expected the models of routes"),
        ("updates = \"both\"", "updates = \"both\": expected one of \"record\", \"request\""),
        ("item_key = \"id\"", "expected a name, and not \"id\""),
        ("updates_key = \"\"", "expected a name"),
        ("topic = \"a\"", "endpoint[1].topic: unknown key"),
    ] {
        let errors = errors(&file(&endpoint("/ws", "my_app", line)));
        assert!(errors.contains(part) && errors.lines().count() == 1, "{line}: {errors}");
    }
    for (app, part) in [
        ("", "app = \"\": is missing; for example app = \"my_app\""),
        ("my app", "expected letters, digits, _ and -"),
        ("a/b", "expected letters, digits, _ and -"),
    ] {
        let errors = errors(&file(&endpoint("/ws", app, "")));
        assert!(errors.contains(part), "{app}: {errors}");
    }
    for interval in ["5s", "5m", "5500ms"] {
        Config::parse("", &file(&endpoint("/ws", "a-b_C9", &format!("ping_interval = \"{interval}\""))))
            .unwrap();
    }
}

#[test]
fn a_token_is_needed_unless_the_endpoint_says_otherwise() {
    let read = |text: &str| Config::parse("proxy.toml", text).map(|config| config.endpoints[0].clone());
    let plain = read(&file(&endpoint("/ws", "a", ""))).unwrap();
    assert_eq!(
        (plain.auth, plain.cookies),
        (EndpointAuth::Required, vec!["ws_token".to_owned(), "token".to_owned()])
    );
    assert_eq!(
        read(&file(&endpoint("/ws", "a", "auth = \"optional\""))).unwrap().auth,
        EndpointAuth::Optional
    );
    let without = |more| read(&file(&endpoint("/ws", "a", more)).replace(HMAC, ""));
    assert_eq!(without("auth = \"none\"").unwrap().auth, EndpointAuth::None);
    let error = without("").unwrap_err().to_string();
    assert!(
        error.contains("needs an [auth.jwt] that says whose tokens are believed, or auth = \"none\""),
        "{error}"
    );
}

#[test]
fn of_several_apps_each_names_its_models() {
    let two = |first: &str, second: &str| file(&(endpoint("/a", "a", first) + &endpoint("/b", "b", second)));
    let models = "models = [\"author\"]";
    Config::parse("", &two(models, models)).unwrap();
    for (first, second, wrong) in [("", models, "[1]"), (models, "models = []", "[2]")] {
        let errors = errors(&two(first, second));
        let expected = format!("endpoint{wrong}.models");
        assert!(errors.contains(&expected) && errors.contains("there are several apps"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    // Endpoints of one app, and those without any, need not.
    let flarchitect = "[[endpoint]]\npath = \"/c\"\ndialect = \"flarchitect\"\n";
    let one = endpoint("/a", "a", "") + &endpoint("/b", "a", "") + flarchitect;
    Config::parse("", &file(&one)).unwrap();
}

#[test]
fn requests_are_kept_of_the_models_whose_writers_are_to_be_shown() {
    let keeps = |lines: &str| {
        let config = Config::parse("", &file(&endpoint("/ws", "a", lines))).unwrap();
        config.routes.classify(&http::Method::PUT, "/api/authors/7").unwrap().keep_request
    };
    assert!(!keeps(""));
    assert!(keeps("updates = \"request\""));
    assert!(keeps("updates = \"request\"\nmodels = [\"Author\"]"));
    assert!(!keeps("updates = \"request\"\nmodels = [\"book\"]"));
}
