//! `[[route]]`.

use super::*;
use crate::route::{Pointer, Scalar, Visibility};

#[test]
fn models_that_differ_only_by_case_are_refused() {
    let error = errors(&format!("{MINIMAL}\n[[route]]\npath = \"/x/{{id}}\"\nmodel = \"Author\"\n"));
    assert!(error.contains("route[2].model = \"Author\": differs from \"author\" only by case"), "{error}");
}

/// A file with one more route.
fn with_route(options: &str) -> String {
    format!("{MINIMAL}\n[[route]]\nmodel = \"b\"\n{options}\n")
}

/// `record list item id id_reference` of a route with these options.
fn places(options: &str) -> String {
    let config =
        Config::parse("proxy.toml", &with_route(&format!("path = \"/b/{{id}}\"\n{options}"))).unwrap();
    let route = config.routes.iter().nth(1).unwrap();
    let id: Vec<String> = route.id.parts.iter().map(ToString::to_string).collect();
    let reference = route.id.reference.as_ref().map_or_else(String::new, ToString::to_string);
    format!("{} {} {} {} {reference}", route.record, route.list, route.item, id.join("+"))
}

#[test]
fn an_envelope_sets_defaults_that_an_option_of_its_own_overrides() {
    for (options, expected) in [
        ("", "   /id "),
        ("envelope = \"plain\"", "   /id "),
        ("envelope = \"data\"", "/data /data  /id "),
        ("envelope = \"jsonapi\"", "/data /data  /id "),
        ("envelope = \"hal\"", "   /id /_links/self/href"),
        ("envelope = \"odata\"", " /value  /id /@odata.id"),
        ("envelope = \"odata\"\nid = \"/ID\"\nid_reference = \"\"", " /value  /ID "),
        ("envelope = \"data\"\nlist = \"/items\"\nrecord = \"\"", " /items  /id "),
        (
            "envelope = \"jsonapi\"\nlist = \"/atomic:results\"\nitem = \"/data\"",
            "/data /atomic:results /data /id ",
        ),
        ("id = [\"/a~1b\", \"/c~0d\"]", "   /a~1b+/c~0d "),
    ] {
        assert_eq!(places(options), expected, "{options}");
    }
}

#[test]
fn a_condition_takes_every_kind_of_value_that_is_exact() {
    for (value, expected) in [
        ("true", Scalar::Bool(true)),
        ("false", Scalar::Bool(false)),
        ("-7", Scalar::Integer(-7)),
        ("0x10", Scalar::Integer(16)),
        ("\"ok\"", Scalar::Text("ok".to_owned())),
    ] {
        let options =
            format!("path = \"/b/{{id}}\"\nsuccess_when = {{ pointer = \"/a\", equals = {value} }}");
        let config = Config::parse("proxy.toml", &with_route(&options)).unwrap();
        let condition = config.routes.iter().nth(1).unwrap().success_when.clone().unwrap();
        assert_eq!((condition.pointer.to_string().as_str(), condition.equals), ("/a", expected));
    }
}

#[test]
fn wrong_ways_to_read_answers_are_refused_with_what_would_be_right() {
    let item = "path = \"/b/{id}\"";
    let condition = "{ pointer = \"/success\", equals = true }, or {} for no condition";
    let scalar = "equals to be true, false, a whole number or a string in quotes";
    for (path, option, expected) in [
        (item, "envelope = \"hall\"", "one of \"plain\", \"data\", \"jsonapi\", \"hal\", \"odata\""),
        (item, "item_status = \"status\"", "a JSON pointer: empty, or starting with \"/\""),
        (item, "id = []", "a JSON pointer such as \"/id\", or a list of them"),
        (item, "id = [\"/a\", 1]", "a JSON pointer such as \"/id\", or a list of them"),
        (item, "id = [\"/a\", \"b\"]", "a JSON pointer: empty, or starting with \"/\""),
        (item, "success_when = true", condition),
        (item, "success_when = { pointer = \"/a\" }", condition),
        (item, "success_when = { pointer = \"/a\", equal = 1 }", condition),
        (item, "success_when = { pointer = \"/a\", equals = 1, or = 2 }", condition),
        (item, "success_when = { pointer = \"/a\", equals = 1.0 }", scalar),
        (item, "success_when = { pointer = \"/a\", equals = 99999999999999999999 }", scalar),
        (item, "success_when = { pointer = \"/a\", equals = [] }", scalar),
        (item, "success_when = { pointer = \"a\", equals = 1 }", "a JSON pointer"),
        (item, "method_override = [\"X Method\"]", "names of headers, such as [\"X-HTTP-Method-Override\"]"),
        (item, "key = [\"slug\"]", "names of parameters of the path, which has \"id\""),
        (item, "key = [\"id\", \"x\"]", "one name, or one for each of the 1 pointers of id"),
        ("path = \"/b/{a}/{b}\"\nid = [\"/a\", \"/b\"]", "key = [\"a\", \"a\"]", "each name once"),
    ] {
        let error = errors(&with_route(&format!("{path}\n{option}")));
        let (key, value) = option.split_once(" = ").unwrap();
        let start = format!("route[2].{key} = {value}: expected {expected}");
        assert!(error.contains(&start), "{option}: no {start:?} in {error}");
        assert!(error.starts_with("proxy.toml:1"), "{error}");
    }
}

#[test]
fn an_id_of_several_parts_whose_place_in_the_path_is_not_plain_needs_a_key() {
    let error = errors(&with_route("path = \"/a/{a}/b/{id}\"\nid = [\"/a\", \"/b\"]"));
    let expected = "route[2].key: is needed: the names of the parameters that are the 2 parts of the id";
    assert!(error.contains(expected), "{error}");
    let error = errors(&with_route("path = \"/a/{id}\"\nid = [\"/a\", \"/b\"]\nid_type = \"integer\""));
    assert!(error.contains("route[2].id_type = \"integer\": an id of several parts is a string"), "{error}");
}

#[test]
fn a_key_beside_a_wrong_path_is_not_blamed() {
    let error = errors(&with_route("path = \"b\"\nkey = [\"slug\"]"));
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn visibilities_are_words_or_tables() {
    let visibility = |text: &str| {
        let text = MINIMAL.replace("model = \"author\"", &format!("model = \"author\"\nvisibility = {text}"));
        Config::parse("proxy.toml", &text)
            .map(|config| config.routes.iter().next().unwrap().visibility.clone())
    };
    let roles = visibility(r#"{ roles = ["admin", "editor"] }"#).unwrap();
    assert_eq!(roles, Visibility::Roles(["admin".to_owned(), "editor".to_owned()].into()));
    for (field, pointer) in [("owner_id", "/owner_id"), ("/owner/id", "/owner/id"), ("a/b~c", "/a~1b~0c")] {
        let owner = visibility(&format!(r#"{{ claim = "sub", field = "{field}" }}"#)).unwrap();
        assert_eq!(owner, Visibility::Owner { claim: "sub".into(), field: Pointer::parse(pointer).unwrap() });
    }
    let upstream = |payload| visibility(&format!("\"upstream\"\n{payload}")).unwrap();
    assert_eq!(upstream(""), Visibility::Upstream(Payload::Record));
    assert_eq!(upstream("payload = \"record\""), Visibility::Upstream(Payload::Record));
    assert_eq!(upstream("payload = \"refetch\""), Visibility::Upstream(Payload::Refetch));
    for visibility in ["", "visibility = \"public\""] {
        let error =
            errors(&with_route(&format!("path = \"/b/{{id}}\"\n{visibility}\npayload = \"refetch\"")));
        assert!(error.contains("payload") && error.contains("visibility = \"upstream\""), "{error}");
    }
    for wrong in [
        "\"everybody\"",
        "{}",
        "{ roles = [] }",
        "{ roles = [\"\"] }",
        "{ roles = 5 }",
        "{ claim = \"sub\" }",
        "{ claim = \"sub\", field = \"\" }",
        "{ claim = \"\", field = \"a\" }",
        "{ claim = \"sub\", field = \"/~2\" }",
        "{ roles = [\"a\"], claim = \"sub\", field = \"a\" }",
        "{ role = [\"admin\"] }",
        "5",
    ] {
        let error = visibility(wrong).unwrap_err().to_string();
        assert!(error.contains("route[1].visibility = "), "{wrong}: {error}");
    }
}

const RECORDS: &str = "/c/{collection}/records/{id}";

/// What an application says of one more route with this model.
fn with_model(path: &str, model: &str, more: &str) -> String {
    format!("{MINIMAL}\n[[route]]\npath = \"{path}\"\nmodel = \"{model}\"\n{more}\n")
}

#[test]
fn a_model_may_be_a_parameter_of_the_path() {
    let text =
        with_model(RECORDS, "{collection}", "") + &with_model("/d/{Collection}/{id}", "{Collection}", "");
    let text = text.replacen(MINIMAL, "", 1);
    let config = Config::parse("proxy.toml", &text).unwrap();
    let model = |path| config.routes.classify(&http::Method::PUT, path).unwrap().model.unwrap();
    assert_eq!(
        [model("/c/posts/records/7"), model("/d/Posts/7")].map(|name| name.to_string()),
        ["posts", "Posts"]
    );
    assert_eq!(config.warnings(), Vec::<String>::new());
}

#[test]
fn a_model_that_no_path_can_give_is_refused_with_what_would_be_right() {
    let name = "expected a name of up to 128 bytes without \"/\", \"*\" and braces, or one parameter";
    let long = "x".repeat(129);
    for (path, model, more, expected) in [
        (RECORDS, "{kind}", "", "the name of a parameter of the path, which has \"collection\", \"id\""),
        ("/c/records", "{collection}", "", "the name of a parameter of the path, which has no parameter"),
        (RECORDS, "{id}", "", "a parameter that is no part of the id, and {id} is one (see key)"),
        (RECORDS, "{collection}", "key = \"collection\"", "a parameter that is no part of the id"),
        ("/c/{a}/{b}", "{b}", "id = [\"/a\", \"/b\"]", "a parameter that is no part of the id"),
        (RECORDS, "{}", "", name),
        (RECORDS, "{collection", "", name),
        (RECORDS, "x{collection}", "", name),
        (RECORDS, "{collection}{id}", "", name),
        (RECORDS, "{{collection}}", "", name),
        (RECORDS, "a/b", "", name),
        (RECORDS, "*", "", name),
        (RECORDS, "", "", name),
        (RECORDS, &long, "", name),
        (RECORDS, "all", "", "another name: \"all\" is the topic of all models"),
        (RECORDS, "All", "", "another name: \"all\" is the topic of all models"),
    ] {
        let errors = errors(&with_model(path, model, more));
        assert!(errors.contains("route[2].model = ") && errors.contains(expected), "{model}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn a_model_beside_a_wrong_path_is_not_blamed() {
    let errors = errors(&with_model("c/{collection}", "{kind}", ""));
    assert!(errors.contains("route[2].path") && errors.lines().count() == 1, "{errors}");
}
