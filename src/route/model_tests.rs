//! Models that a segment of the path names.

use std::collections::BTreeSet;

use super::tests::route;
use super::*;

/// A route whose model is the path's `{collection}`.
pub(crate) fn collections(path: &str) -> Route {
    let mut route = route(path, "{collection}");
    route.pattern.set_model("collection").unwrap();
    route
}

const RECORDS: &str = "/api/v1/collections/{collection}/records/{id}";

/// `model id` of what a PUT falls under: `-` for no id, `?` for no name, nothing for no route.
fn named(routes: &Routes, path: &str) -> String {
    routes.classify(&Method::PUT, path).map_or_else(String::new, |matched| {
        format!("{} {}", matched.model.as_deref().unwrap_or("?"), matched.id.as_deref().unwrap_or("-"))
    })
}

#[test]
fn a_segment_of_the_path_names_the_model_and_is_no_part_of_the_id() {
    let routes = Routes::new(vec![
        collections(RECORDS),
        route("/api/v1/collections/drafts/records/{id}", "draft"),
        route("/api/v1/collections/{id}", "collection"),
        collections("/odata/Sets({collection})/Rows({id})"),
        collections("/by/{id}/of/{collection}"),
    ])
    .unwrap();
    for (path, expected) in [
        ("/api/v1/collections/posts/records/7", "posts 7"),
        ("/api/v1/collections/posts/records/7/", "posts 7"),
        ("/api/v1/collections/posts/records", "posts -"),
        ("/api/v1/collections/Posts/records/7", "Posts 7"),
        ("/api/v1/collections/p%6Fsts/records/7", "posts 7"),
        ("/api/v1/collections/caf%C3%A9s/records/7", "cafés 7"),
        ("/api/v1/collections/a%20b/records/7", "a b 7"),
        ("/api/v1/collections/__collections__/records/7", "__collections__ 7"),
        ("/api/v1/collections/%7Bcollection%7D/records/7", "{collection} 7"),
        ("/api/v1/collections/drafts/records/7", "draft 7"),
        ("/api/v1/collections/posts", "collection posts"),
        ("/odata/Sets('O''Neil')/Rows(7)", "O'Neil 7"),
        ("/odata/Sets(posts)/Rows", "posts -"),
        ("/by/7/of/posts", "posts 7"),
        // As ever: nothing is no segment, and these are steps or no text.
        ("/api/v1/collections//records/7", ""),
        ("/api/v1/collections/%2E%2E/records/7", ""),
        ("/api/v1/collections/%FF/records/7", ""),
        ("/api/v1/collections/%00/records/7", ""),
    ] {
        assert_eq!(named(&routes, path), expected, "{path}");
    }
}

#[test]
fn a_name_that_no_topic_can_have_is_percent_encoded_and_one_that_is_too_long_is_none() {
    let routes = Routes::new(vec![collections(RECORDS)]).unwrap();
    let longest = "x".repeat(MAX_MODEL_BYTES);
    let over = "x".repeat(MAX_MODEL_BYTES + 1);
    let far_over = "x".repeat(10_000);
    let swollen = "*".repeat(MAX_MODEL_BYTES / 3 + 1);
    for (segment, expected) in [
        ("all", "%61ll"),
        ("ALL", "%41LL"),
        ("%61ll", "%61ll"),
        ("%2561ll", "%2561ll"),
        ("*", "%2A"),
        ("%2a", "%2A"),
        ("%252A", "%252A"),
        ("a*", "a%2A"),
        ("a%2Fb", "a%2Fb"),
        ("a%2fb", "a%2Fb"),
        ("caf%C3%A9%2Fb", "café%2Fb"),
        ("a%0Ab", "a%0Ab"),
        ("a%7Fb", "a%7Fb"),
        ("a%C2%85b", "a%C2%85b"),
        ("100%", "100%"),
        ("100%25", "100%"),
        ("100%zz", "100%zz"),
        ("100%*", "100%25%2A"),
        ("allx", "allx"),
        (&longest, &longest),
        (&over, "?"),
        (&far_over, "?"),
        (&swollen, "?"),
    ] {
        let path = format!("/api/v1/collections/{segment}/records/7");
        assert_eq!(named(&routes, &path), format!("{expected} 7"), "{segment}");
    }
}

#[test]
fn names_that_differ_stay_different() {
    let segments =
        ["*", "%252A", "%25252A", "all", "%2561ll", "%252561ll", "a%2Fb", "a%252Fb", "%25", "%2525"];
    let routes = Routes::new(vec![collections(RECORDS)]).unwrap();
    let name = |segment: &&str| named(&routes, &format!("/api/v1/collections/{segment}/records/7"));
    let names: BTreeSet<String> = segments.iter().map(name).collect();
    assert_eq!(names.len(), segments.len(), "{names:?}");
}

/// The id 42 of a path in this collection, as it is shown.
fn typed(routes: &Routes, collection: &str) -> String {
    let path = format!("/api/v1/collections/{collection}/records/42");
    let matched = routes.classify(&Method::PUT, &path).unwrap();
    matched.typed_id("42").as_str().to_owned()
}

fn learn(routes: &Routes, path: &str, id: &str) {
    routes.classify(&Method::PUT, path).unwrap().learn(&Json::parse(id).unwrap());
}

#[test]
fn each_model_has_the_type_of_its_own_ids() {
    let routes = Routes::new(vec![collections(RECORDS), route("/tags/{id}", "tag")]).unwrap();
    assert_eq!(typed(&routes, "posts"), "42");
    learn(&routes, "/api/v1/collections/posts/records/1", "\"1\"");
    assert_eq!((typed(&routes, "posts"), typed(&routes, "notes")), ("\"42\"".to_owned(), "42".to_owned()));
    // Readers cannot tell them apart, so their types are not either.
    assert_eq!(typed(&routes, "POSTS"), "\"42\"");
    learn(&routes, "/api/v1/collections/posts/records/1", "1");
    assert_eq!(typed(&routes, "posts"), "42");
    // One that the config names as well is the same model by either path.
    learn(&routes, "/tags/1", "\"1\"");
    assert_eq!(typed(&routes, "tag"), "\"42\"");
    learn(&routes, "/api/v1/collections/tag/records/1", "1");
    let matched = routes.classify(&Method::PUT, "/tags/42").unwrap();
    assert_eq!(matched.typed_id("42").as_str(), "42");
}

#[test]
fn what_is_known_of_models_is_bounded_and_what_has_no_room_has_the_default() {
    let routes = Routes::new(vec![collections(RECORDS), route("/tags/{id}", "tag")]).unwrap();
    for number in 0..model::MAX_MET {
        learn(&routes, &format!("/api/v1/collections/c{number}/records/1"), "\"1\"");
    }
    learn(&routes, "/api/v1/collections/late/records/1", "\"1\"");
    assert_eq!(typed(&routes, "late"), "42");
    // Those that have a place keep it, and the config's own have one from the start.
    learn(&routes, "/api/v1/collections/c0/records/1", "1");
    learn(&routes, "/api/v1/collections/tag/records/1", "\"1\"");
    let shown = ["c0", "c1", "tag"].map(|name| typed(&routes, name));
    assert_eq!(shown, ["42", "\"42\"", "\"42\""]);
}

#[test]
fn nothing_is_remembered_of_a_path_without_a_name() {
    let routes = Routes::new(vec![collections(RECORDS)]).unwrap();
    let path = format!("/api/v1/collections/{}/records/1", "x".repeat(1000));
    learn(&routes, &path, "\"1\"");
    assert_eq!(routes.classify(&Method::PUT, &path).unwrap().typed_id("42").as_str(), "42");
}

#[test]
fn a_parameter_that_names_the_model_is_one_of_the_path_and_not_of_the_id() {
    for (path, key, parts, name, part) in [
        ("/{collection}/{id}", &[][..], 1, "kind", "which has \"collection\", \"id\""),
        ("/a/{id}", &[], 1, "id", "no part of the id, and {id} is one"),
        ("/{collection}/{slug}", &["collection"], 1, "collection", "no part of the id"),
        ("/{collection}/{slug}", &[], 2, "slug", "no part of the id"),
        ("/a", &[], 1, "a", "no parameter"),
    ] {
        let mut pattern = Pattern::parse(path).unwrap();
        let key: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
        if key.is_empty() {
            pattern.find_key(parts).unwrap();
        } else {
            pattern.set_key(&key, parts).unwrap();
        }
        let error = pattern.set_model(name).unwrap_err();
        assert!(error.contains(part), "{path}: {error}");
    }
}

#[test]
fn routes_whose_models_paths_name_shadow_each_other_as_others_do() {
    let routes =
        Routes::new(vec![collections("/c/{collection}/{id}"), route("/c/{a}/{b}", "thing")]).unwrap();
    assert_eq!(
        routes.warnings(),
        [
            "route /c/{a}/{b} (thing) is shadowed by route /c/{collection}/{id} ({collection}): it never matches"
        ]
    );
}
