//! Values found by pointers, and ids, against models that are naive enough to be read as their definition.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence::SourceParallel;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::json;
use crate::route::IdType;

const KEYS: [&str; 16] =
    ["", "a", "b", "id", "a/b", "~", "~1", "m~n", "0", "1", "2", "01", "-", "é", "\u{1F980}", "\u{7}"];
const SCALARS: [&str; 10] = [
    "null",
    "true",
    "0",
    "-0",
    "1.0",
    "12345678901234567890123",
    "1e3",
    "\"\"",
    "\"x\\u00e9\\ud83e\\udd80\"",
    "7",
];
const INDEXES: [&str; 7] = ["+1", "00", "-1", "1 ", "1.0", "", "18446744073709551617"];
/// Ids as a path may spell them.
const IDS: [&str; 9] = ["7", "8", "07", "x", "a%20b", "%C3%A9", "a%2Fb", "9007199254740993", "-1"];

/// What may stand at the id of a body.
const BODY_IDS: [&str; 9] =
    ["[7]", "{}", "8", "\"8\"", "\"x\"", "\"a b\"", "\"a\\u0020b\"", "\"a/b\"", "9007199254740993"];

/// JSON text in which a key may stand twice.
fn texts() -> impl Strategy<Value = String> {
    let space = || select(&["", "", "", " ", "\n\t"][..]);
    let scalar = (space(), select(&SCALARS[..]), space()).prop_map(|(l, text, r)| format!("{l}{text}{r}"));
    scalar.prop_recursive(4, 40, 5, move |value| {
        let member =
            (key(), space(), value.clone()).prop_map(|(key, space, value)| format!("{key}{space}:{value}"));
        let object = (space(), prop::collection::vec(member, 0..5));
        let array = (space(), prop::collection::vec(value, 0..5));
        prop_oneof![
            object.prop_map(|(space, members)| format!("{{{space}{}}}", members.join(","))),
            array.prop_map(|(space, elements)| format!("[{space}{}]", elements.join(","))),
        ]
    })
}

/// A key, plain or with every character escaped.
fn key() -> impl Strategy<Value = String> {
    (select(&KEYS[..]), any::<bool>()).prop_map(|(key, escaped)| {
        let escape = |unit: u16| format!("\\u{unit:04x}");
        if escaped {
            format!("\"{}\"", key.encode_utf16().map(escape).collect::<String>())
        } else {
            Value::from(key).to_string()
        }
    })
}

fn pointers() -> impl Strategy<Value = String> {
    let token = prop_oneof![4 => select(&KEYS[..]), 1 => select(&INDEXES[..])];
    let escape = |token: &str| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
    prop::collection::vec(token, 0..4).prop_map(move |tokens| tokens.into_iter().map(escape).collect())
}

/// A reference to something, in any form that a head may have.
fn references() -> impl Strategy<Value = String> {
    let start = select(
        &[
            "",
            "",
            "/api/authors/",
            "/api/authors/",
            "/api/authors",
            "/books/",
            "authors/",
            "./",
            "../",
            "../authors/",
            "../../books/",
            "/api/../api/authors/",
            "/./api/authors/x/../",
            "http://api.test/api/authors/",
            "https://API.test:443/books/",
            "//api.test/api/authors/",
            "//api.test",
            "http://other.test/api/authors/",
            "http://api.test:81/books/",
            "urn:",
            "http:",
        ][..],
    );
    let end = select(&["", "", "", "/", "/.", "/..", "?a=/books/9", "#/api/authors/9", "/books/8"][..]);
    (start, prop_oneof![3 => select(&IDS[..]), 1 => Just("")], end)
        .prop_map(|(start, id, end)| format!("{start}{id}{end}"))
}

/// The path of `reference` on the site `api.test`, step by step as RFC 3986, section 5.2 has it.
fn resolved(base: &str, reference: &str) -> Option<String> {
    let reference = reference.split(['?', '#']).next().unwrap();
    let scheme = reference.split_once(':').filter(|(scheme, _)| !scheme.contains('/'));
    let path = match scheme.map_or(reference, |(_, rest)| rest).strip_prefix("//") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            let host = host.to_lowercase();
            ["api.test", "api.test:80", "api.test:443"].contains(&host.as_str()).then_some(path)?.to_owned()
        }
        None if scheme.is_some() => return None,
        None if reference.is_empty() => base.to_owned(),
        None if reference.starts_with('/') => reference.to_owned(),
        None => format!("{}{reference}", base.trim_end_matches(|c| c != '/')),
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        match part {
            "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
        if matches!(part, "." | "..") && parts.peek().is_none() {
            segments.push("");
        }
    }
    Some(format!("/{}", segments.join("/")))
}

/// The id of an author that a path names, percent-decoded.
fn author(path: &str) -> Option<String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let id = path.strip_prefix("/api/authors/").filter(|id| !id.contains('/') && !id.is_empty())?;
    Some(percent_encoding::percent_decode_str(id).decode_utf8().unwrap().into_owned())
}

/// The id that must follow from an exchange, as JSON, and whether URL and body disagree. `in_body`: the JSON
/// text at the body's id.
fn id_model(
    path: &str,
    references: [&Option<String>; 2],
    in_body: Option<&str>,
    id_type: IdType,
) -> (Option<String>, bool) {
    let named = |reference: &Option<String>| author(&resolved(path, reference.as_ref()?)?);
    let url = author(path).or_else(|| references.into_iter().find_map(named));
    let in_body =
        in_body.filter(|id| id.starts_with(|first: char| "-\"".contains(first) || first.is_ascii_digit()));
    let text =
        in_body.map(|id| if id.starts_with('"') { serde_json::from_str(id).unwrap() } else { id.to_owned() });
    let conflict = url.is_some() && text.is_some() && url != text;
    let typed = |text: &String, numbers: bool| {
        let number = text.parse::<u64>().is_ok_and(|n| numbers && n.to_string() == *text && n <= 1 << 53);
        if number { text.clone() } else { Value::from(text.as_str()).to_string() }
    };
    let id = url.as_ref().or(text.as_ref()).map(|chosen| match (id_type, in_body) {
        (IdType::Integer, _) => typed(chosen, true),
        (IdType::String, _) => typed(chosen, false),
        // A body that agrees gives the type; one that does not still shows the type that ids have here.
        (IdType::Auto, Some(raw)) if !conflict => raw.to_owned(),
        (IdType::Auto, _) => typed(chosen, !in_body.is_some_and(|raw| raw.starts_with('"'))),
    });
    (id, conflict)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: Some(Box::new(SourceParallel("tests/regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_pointer_finds_what_it_finds_in_a_tree(text in texts(), pointers in prop::collection::vec(pointers(), 1..20)) {
        let tree: Value = serde_json::from_str(&text).unwrap();
        let document = json::parse(&text).unwrap();
        for pointer in pointers {
            let found = json::find(document, &super::pointer(&pointer));
            let value: Option<Value> = found.map(|found| serde_json::from_str(found.get()).unwrap());
            prop_assert_eq!(value.as_ref(), tree.pointer(&pointer), "{} in {}", pointer, text);
            prop_assert!(found.is_none_or(|found| text.contains(found.get())));
        }
    }

    #[test]
    fn only_the_allowed_fields_of_an_object_stay(text in texts(), fields in prop::collection::vec(select(&KEYS[..]), 1..4)) {
        let document = json::parse(&text).unwrap();
        let mut once: Vec<&str> = Vec::new();
        for name in &fields {
            if !once.contains(name) {
                once.push(name);
            }
        }
        let fields: Vec<String> = fields.into_iter().map(ToOwned::to_owned).collect();
        let member = |name: &&str| {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let found = json::find(document, &super::pointer(&pointer))?;
            Some(format!("{}:{}", Value::from(*name), found.get()))
        };
        let members: Vec<String> = once.iter().filter_map(member).collect();
        let is_object = document.get().starts_with('{');
        let expected = is_object.then(|| format!("{{{}}}", members.join(",")));
        prop_assert_eq!(json::only_fields(document, &fields), expected);
    }

    #[test]
    fn an_id_is_what_a_naive_model_makes_of_path_references_and_body(
        end in prop_oneof![select(&IDS[..]).prop_map(|id| format!("/{id}")), Just(String::new()), Just("/".to_owned())],
        content_location in prop::option::of(references()),
        location in prop::option::of(references()),
        body in prop::option::of(prop_oneof![select(&SCALARS[..]), select(&BODY_IDS[..])]),
        id_type in select(&[IdType::Auto, IdType::Integer, IdType::String][..]),
    ) {
        let path = format!("/api/authors{end}");
        let document = body.map_or_else(|| "{}".to_owned(), |id| format!("{{\"id\":{id}}}"));
        let mut exchange = Exchange::parse(&format!("POST {path} -> 200 {document}"));
        for (name, value) in [(header::CONTENT_LOCATION, &content_location), (header::LOCATION, &location)] {
            exchange.headers.extend(value.as_ref().map(|value| (name, value.parse().unwrap())));
        }
        let mut author = route("/api/authors/{id}", "author");
        author.id_type = id_type;
        let verdict = exchange.read(&Routes::new(vec![author, route("/books/{id}", "book")]).unwrap());
        let id = verdict.event.unwrap().items.remove(0).id;
        let id = id.map(|id| id.as_str().to_owned());
        let expected = id_model(&path, [&content_location, &location], body, id_type);
        prop_assert_eq!((id, verdict.id_conflict), expected);
    }
}

#[test]
fn an_index_with_a_sign_or_leading_zeros_found_an_element() {
    let document = json::parse("[7,8]").unwrap();
    for (pointer, expected) in
        [("/0", Some("7")), ("/1", Some("8")), ("/01", None), ("/+1", None), ("/-", None), ("/2", None)]
    {
        assert_eq!(json::find(document, &super::pointer(pointer)).map(RawValue::get), expected, "{pointer}");
    }
}

#[test]
fn a_key_that_no_text_has_hid_its_neighbours() {
    check(
        library,
        r#"
        POST /api/authors -> 201 {"\ud800":1,"id":7} => event create 7 {"\ud800":1,"id":7}
        POST /api/authors -> 201 {"id":7,"\udc00\ud800":{"id":8}} => event create 7 {"id":7,"\udc00\ud800":{"id":8}}
        "#,
    );
}

#[test]
fn a_field_that_is_allowed_twice_was_shown_twice() {
    let routes = authors(|route| route.fields = ["id", "a", "id"].map(ToOwned::to_owned).to_vec());
    check(routes, r#"POST /api/authors -> 201 {"id":7,"a":1,"b":2} => event create 7 {"id":7,"a":1}"#);
}

#[test]
fn dots_in_a_reference_were_taken_for_names() {
    check(
        library,
        "
        POST /api/authors -> 201 [Location: ./authors/7] => no_record create 7 -
        POST /api/authors/ -> 201 [Location: ../authors/./7] => no_record create 7 -
        POST /api/authors/3/books -> 201 [Location: ../../../books/9] => no_record create 9 -
        POST /api/authors -> 201 [Location: http://api.test/v1/../api/authors/7] => no_record create 7 -
        POST /api/authors -> 201 [Location: authors/7/..] => no_record create - -
        POST /api/authors -> 201 [Location: ..] => no_record create - -
        ",
    );
}

#[test]
fn a_reference_with_a_query_alone_named_the_folder() {
    check(
        library,
        r#"
        PATCH /api/authors/7 -> 200 [Content-Location: ?v=2] {"id":7} => event update 7 {"id":7}
        PATCH /api/authors/7 -> 200 [Content-Location: ./?v=2] {"id":7} => event update 7 ~{"id":7}
        "#,
    );
}
