//! Models that the path names: who hears of them, and what the operator sees.

use crate::harness::*;

const ROUTE: &str =
    "[[route]]\npath = \"/api/v1/collections/{collection}/records/{id}\"\nmodel = \"{collection}\"\n";

#[test]
fn readers_subscribe_to_a_collection_as_to_any_model_and_names_of_clients_are_no_labels() {
    let origin = Origin::json(200, r#"{"id":"7"}"#);
    let proxy = Proxy::with(origin.address, &format!("{ROUTE}{WS_ENDPOINT}"));
    let mut everything = proxy.reader("/ws");
    let mut posts = proxy.reader("/ws?topic=posts");
    let mut note = proxy.reader("/ws?topic=notes/7");
    let long = "x".repeat(10_000);
    for collection in ["notes", "all", &long, "posts"] {
        let answer = proxy.send("PUT", &format!("/api/v1/collections/{collection}/records/7"), "{}");
        assert_eq!(answer.status, 200);
    }
    let models: Vec<_> = (0..4).map(|_| everything.next()["model"].clone()).collect();
    assert_eq!(models, ["notes", "%61ll", "{collection}", "posts"]);
    assert_eq!((&posts.next()["model"], &note.next()["model"]), (&"posts".into(), &"notes".into()));
    posts.expect_silence();
    note.expect_silence();

    let metrics = request(proxy.admin, "GET", "/metrics", &[], b"").text();
    let label = "route=\"/api/v1/collections/{collection}/records/{id}\"";
    assert!(
        metrics.contains(&format!("restcast_captures_total{{outcome=\"event\",{label}}} 3")),
        "{metrics}"
    );
    assert!(
        metrics.contains(&format!("restcast_captures_total{{outcome=\"no_record\",{label}}} 1")),
        "{metrics}"
    );
    assert!(!["posts", "notes", "%61ll", "xxx"].iter().any(|name| metrics.contains(name)), "{metrics}");
}

/// What a command says of a file with these routes.
fn told(arguments: &[&str], routes: &str) -> (bool, String) {
    let folder = Folder::new();
    let text = format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{routes}{WS_ENDPOINT}");
    let config = folder.write("proxy.toml", text);
    let output = restcast().args(arguments).arg("--config").arg(config).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn explain_names_the_collection_and_its_topics() {
    let (_, page) = told(&["explain", "DELETE", "/api/v1/collections/Posts/records/7"], ROUTE);
    for line in ["model     Posts\n", "topics    all, posts, posts/7\n", "(id 7)\n"] {
        assert!(page.contains(line), "{line}: {page}");
    }
}

#[test]
fn check_names_what_is_shadowed_and_a_parameter_that_is_not_there() {
    let shadowing =
        format!("{ROUTE}[[route]]\npath = \"/api/v1/collections/{{c}}/records/{{id}}\"\nmodel = \"c\"\n");
    let (valid, page) = told(&["check"], &shadowing);
    assert!(valid && page.contains("records/{id} (c) is shadowed by route"), "{page}");
    assert!(page.contains("records/{id} ({collection}): it never matches"), "{page}");
    let (valid, page) = told(&["check"], &ROUTE.replace("model = \"{collection}\"", "model = \"{kind}\""));
    assert!(
        !valid && page.contains("route[1].model = \"{kind}\": expected the name of a parameter"),
        "{page}"
    );
    assert!(page.contains("which has \"collection\", \"id\""), "{page}");
}
