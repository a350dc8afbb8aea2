//! Events of models that a segment of the path names.

use super::*;
use crate::event::Topic;
use crate::route::{Pointer, Visibility, model_tests::collections};

fn site(change: impl Fn(&mut Route)) -> Routes {
    let mut records = collections("/c/{collection}/records/{id}");
    change(&mut records);
    let mut listed = collections("/bulk/{collection}/{id}");
    listed.list = pointer("/items");
    Routes::new(vec![records, listed, route("/authors/{id}", "author")]).unwrap()
}

/// `MODEL: OUTCOME operation ITEM` of an exchange, in the words of [`render`].
fn told(routes: &Routes, exchange: &str) -> String {
    let verdict = Exchange::parse(exchange).read(routes);
    let model = verdict.event.as_ref().map_or("-", |event| &*event.model);
    format!("{model}: {}", render(&verdict))
}

fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (exchange, expected) = line.rsplit_once(" => ").unwrap();
        assert_eq!(told(&site(|_| {}), exchange), expected, "{line}");
    }
}

#[test]
fn the_path_names_the_model_of_every_kind_of_write() {
    check(
        r#"
        POST /c/posts/records -> 201 {"id":7} => posts: event create 7 {"id":7}
        PUT /c/posts/records/7 -> 200 {"id":7} => posts: event update 7 {"id":7}
        PATCH /c/p%6Fsts/records/7 -> 200 {"id":7} => posts: event update 7 ~{"id":7}
        DELETE /c/posts/records/7 -> 204 => posts: event delete 7 -
        POST /bulk/posts -> 200 {"items":[{"id":7},{"id":8}]} => posts: event create [7 {"id":7}, 8 {"id":8}]
        POST /c/all/records -> 201 {"id":7} => %61ll: event create 7 {"id":7}
        POST /c/*/records -> 201 {"id":7} => %2A: event create 7 {"id":7}
        POST /c/a%2Fb/records -> 201 {"id":7} => a%2Fb: event create 7 {"id":7}
        POST /c/a%0Ab/records -> 201 {"id":7} => a%0Ab: event create 7 {"id":7}
        POST /c/__collections__/records -> 201 {"id":7} => __collections__: event create 7 {"id":7}
        PUT /c/posts/records/7 -> 403 => -: refused
        "#,
    );
}

#[test]
fn a_reference_counts_for_the_same_model_alone() {
    check(
        "
        POST /c/posts/records -> 201 [Location: /c/posts/records/7] => posts: no_record create 7 -
        POST /c/posts/records -> 201 [Location: /c/%70osts/records/7] => posts: no_record create 7 -
        POST /c/posts/records -> 201 [Location: /c/notes/records/7] => posts: no_record create - -
        POST /c/author/records -> 201 [Location: /authors/7] => author: no_record create 7 -
        POST /authors -> 201 [Location: /c/author/records/7] => author: no_record create 7 -
        ",
    );
}

#[test]
fn a_write_to_what_has_no_name_gives_one_event_that_names_no_record() {
    let long = "x".repeat(10_000);
    check(
        &r#"
        POST /c/LONG/records -> 201 {"id":7} => {collection}: no_record create - -
        POST /c/LONG/records -> 201 [Location: /c/LONG/records/7] => {collection}: no_record create - -
        PUT /c/LONG/records/7 -> 200 {"id":7} => {collection}: no_record update - -
        PUT /c/LONG/records/7 -> 200 {"id":8} => {collection}: no_record update - -
        PUT /c/LONG/records/7 -> 200 {"id" => {collection}: undecodable update - -
        PUT /c/LONG/records/7 -> 303 [Location: /login] => {collection}: uncertain update - -
        DELETE /c/LONG/records/7 -> 204 => {collection}: event delete - -
        POST /bulk/LONG -> 200 {"items":[{"id":7},{"id":8}]} => {collection}: no_record create [- -]
        POST /bulk/LONG -> 200 {"items":[]} => {collection}: event create []
        PUT /c/LONG/records/7 -> 403 => -: refused
        "#
        .replace("LONG", &long),
    );
    let verdict =
        Exchange::parse(&format!("PUT /c/{long}/records/7 -> 200 {{\"id\":7}}")).read(&site(|_| {}));
    assert_eq!(verdict.reason, Some(Reason::NoModel));
    assert_eq!(verdict.event.unwrap().topics(), [Topic::all(), Topic::model("{collection}")]);
}

/// Whom each exchange is told to, in turn; `-` for nobody.
fn owners(exchanges: &[&str]) -> Vec<String> {
    let routes = site(|route| {
        let field = Pointer::parse("/owner").unwrap();
        route.visibility = Visibility::Owner { claim: Arc::from("sub"), field };
    });
    let owners: Arc<Owners> = Arc::default();
    let told = |exchange: &&str| {
        let mut verdict = Exchange::parse(exchange).read(&routes);
        owners.begin().settle(routes.iter().next().unwrap(), &mut verdict);
        let owner = verdict.event.unwrap().items.remove(0).owner;
        owner.map_or("-".to_owned(), |owner| owner.to_string())
    };
    exchanges.iter().map(told).collect()
}

#[test]
fn the_owner_of_a_record_is_not_that_of_another_models() {
    let put = |collection: &str, owner: &str| {
        format!(r#"PUT /c/{collection}/records/7 -> 200 {{"id":7,"owner":"{owner}"}}"#)
    };
    let delete = |collection: &str| format!("DELETE /c/{collection}/records/7 -> 204");
    let long = "x".repeat(1000);
    for (first, then, owner) in [
        ("posts", "posts", "alice"),
        ("posts", "p%6Fsts", "alice"),
        ("%2A", "*", "alice"),
        ("posts", "notes", "-"),
        // Perhaps the same to the backend, perhaps not.
        ("posts", "Posts", "-"),
        ("all", "ALL", "-"),
        ("*", "%252A", "-"),
        ("%252A", "%2A", "-"),
        (&long, &long, "-"),
        (&long, "%7Bcollection%7D", "-"),
    ] {
        let told = owners(&[&put(first, "alice"), &delete(then)]);
        assert_eq!(told[1], owner, "{first} {then}");
    }
    let moved = [put("posts", "alice"), put("Posts", "bob"), delete("posts"), delete("Posts")];
    let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
    assert_eq!(owners(&moved), ["alice", "bob", "-", "-"]);
}

#[test]
fn writes_to_one_record_overlap_whatever_the_case_of_its_collection() {
    let routes = site(|_| {});
    for (first, second, marked) in
        [("posts", "posts", true), ("posts", "Posts", true), ("posts", "notes", false)]
    {
        let overlaps: Arc<Overlaps> = Arc::default();
        let begun = [overlaps.begin(), overlaps.begin()];
        let told = [first, second].into_iter().zip(begun).map(|(collection, begun)| {
            let exchange = format!(r#"PUT /c/{collection}/records/7 -> 200 {{"id":7}}"#);
            let mut verdict = Exchange::parse(&exchange).read(&routes);
            overlaps.end(begun).settle(&mut verdict);
            verdict.event.unwrap().overlapping
        });
        assert_eq!(told.collect::<Vec<_>>(), [false, marked], "{first} {second}");
    }
}

#[test]
fn an_id_of_the_path_has_the_type_that_the_ids_of_its_collection_had() {
    let routes = site(|_| {});
    let exchanges = [
        (r#"POST /c/posts/records -> 201 {"id":"1"}"#, r#"posts: event create "1" {"id":"1"}"#),
        ("DELETE /c/posts/records/7 -> 204", r#"posts: event delete "7" -"#),
        ("DELETE /c/notes/records/7 -> 204", "notes: event delete 7 -"),
    ];
    for (exchange, expected) in exchanges {
        assert_eq!(told(&routes, exchange), expected);
    }
}
