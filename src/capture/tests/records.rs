//! What of an answer is the record, and that it stays as it was.

use super::*;

#[test]
fn a_record_keeps_its_bytes() {
    for record in [
        r#"{"id":1,"z":1.0,"a":12345678901234567890,"e":1E400,"n":-0}"#,
        r#"{ "id" : 1 ,	"name" : "Ada" }"#,
        r#"{"id":1,"id":1,"text":"A\/\u00e9é\ud83d\ude00"}"#,
        r#"{"id":1,"lone":"\ud800"}"#,
        r#"{"id":1,"":{"":[null,true,false,[],{}]}}"#,
    ] {
        for (before, after, at) in
            [("", "", ""), (" \n", "\n", ""), (r#"{"a/b":[0,"#, r#"],"c":0}"#, "/a~1b/1")]
        {
            let routes = authors(|route| route.record = pointer(at))();
            let mut exchange = Exchange::parse(r"PUT /api/authors/1 -> 200 x");
            exchange.body = [before, record, after].concat().into_bytes();
            assert_eq!(render(&exchange.read(&routes)), format!("event update 1 {record}"));
        }
    }
}

#[test]
fn a_small_record_kept_all_of_a_large_answer_in_memory() {
    let pad = "x".repeat(5000);
    for (body, holds_all) in [
        (format!(r#"{{"data":{{"id":1}},"pad":"{pad}"}}"#), false),
        (format!(r#"{{"pad":"{pad}","data":[{{"id":1}},{{"id":2}}]}}"#), false),
        (format!(r#"{{"data":{{"id":1,"pad":"{pad}"}}}}"#), true),
    ] {
        let routes = authors(|route| route.record = pointer("/data"))();
        let mut exchange = Exchange::parse(r"POST /api/authors -> 201 x");
        exchange.body = body.into_bytes();
        let mut event = exchange.read(&routes).event.unwrap();
        let record = event.items.swap_remove(0).record.unwrap();
        drop(event);
        let holds = record.holds().unwrap();
        assert_eq!(holds > 100, holds_all, "{holds}");
    }
}

#[test]
fn of_a_key_that_stands_twice_the_last_counts() {
    check(
        authors(|route| route.record = pointer("/data")),
        r#"
        POST /api/authors -> 201 {"data":{"id":1},"data":{"id":2,"id":3}} => event create 3 {"id":2,"id":3}
        "#,
    );
}

#[test]
fn records_and_lists_stand_where_the_pointers_say() {
    check(
        authors(|route| {
            route.record = pointer("/data");
            route.list = pointer("/items");
            route.id.parts = vec![pointer("/key/id")];
        }),
        r#"
        POST /api/authors -> 201 {"data":{"key":{"id":7}}} => event create 7 {"key":{"id":7}}
        POST /api/authors -> 201 {"data":{"id":7}} => no_record create - -
        POST /api/authors -> 201 {"data":null} => no_record create - -
        POST /api/authors -> 201 {"id":7} => no_record create - -
        PUT /api/authors/7 -> 200 {"data":null} => no_record update 7 -
        PUT /api/authors/7 -> 200 {"items":[{"key":{"id":8}}]} => no_record update 7 -
        POST /api/authors -> 201 {"items":[{"key":{"id":7}},{"key":{"id":8}}]} => event create [7 {"key":{"id":7}}, 8 {"key":{"id":8}}]
        POST /api/authors -> 201 {"data":[{"key":{"id":7}}]} => event create [7 {"key":{"id":7}}]
        POST /api/authors -> 201 {"items":7,"data":{"key":{"id":7}}} => event create 7 {"key":{"id":7}}
        DELETE /api/authors -> 200 {"items":[{"key":{"id":7}},8]} => event delete [7 -, - -]
        "#,
    );
}

#[test]
fn an_answer_that_is_a_list_has_an_item_for_each_element() {
    check(
        library,
        r#"
        POST /api/authors -> 201 [] => event create []
        POST /api/authors -> 201 [{"id":7}, {"id":"8"} ,{"name":"?"}] => event create [7 {"id":7}, "8" {"id":"8"}, - ~{"name":"?"}]
        PATCH /api/authors -> 200 [{"id":7}] => event update [7 ~{"id":7}]
        PUT /api/authors/7 -> 200 [{"id":7}] => event update [7 {"id":7}]
        POST /api/authors -> 201 [1,"x",null] => no_record create [- -, - -, - -]
        POST /api/authors -> 201 [1,{"id":7}] => event create [- -, 7 {"id":7}]
        "#,
    );
}

#[test]
fn what_is_left_after_a_deletion_was_not_deleted() {
    check(
        library,
        r#"
        DELETE /api/authors/7 -> 200 [{"id":8},{"id":9}] => event delete 7 -
        DELETE /api/authors/7 -> 200 [] => event delete 7 -
        DELETE /api/authors -> 200 [{"id":8},{"id":9}] => event delete [8 -, 9 -]
        "#,
    );
}

#[test]
fn a_list_of_too_many_records_is_too_large() {
    for (count, expected) in [(10_000, "event"), (10_001, "too_large")] {
        let mut exchange = Exchange::parse("POST /api/authors -> 201 x");
        exchange.body = format!("[{}{{}}]", "{},".repeat(count - 1)).into_bytes();
        exchange.limits.body = 100_000;
        exchange.limits.decoded = 100_000;
        exchange.limits.memory = Budget::new(100_000);
        let verdict = exchange.read(&library());
        assert_eq!(verdict.outcome.name(), expected, "{count}");
        assert!(verdict.event.unwrap().many, "{count}");
    }
}

#[test]
fn what_is_no_object_is_no_record() {
    check(
        library,
        r#"
        POST /api/authors -> 201 "created" => no_record create - -
        POST /api/authors -> 201 7 => no_record create - -
        POST /api/authors -> 201 null => no_record create - -
        PUT /api/authors/7 -> 200 true => no_record update 7 -
        PUT /api/authors/7 -> 200 "saved" => no_record update 7 -
        "#,
    );
}

#[test]
fn only_allowed_fields_are_shown() {
    check(
        authors(|route| route.fields = ["name", "id", "a\"b"].map(ToOwned::to_owned).to_vec()),
        r#"
        PUT /api/authors/7 -> 200 {"id":7,"salary":1,"name": "Ada" } => event update 7 {"name":"Ada","id":7}
        PUT /api/authors/7 -> 200 {"id":7.0,"name":{"salary":1},"a\"b":[1, 2]} => event update 7 {"name":{"salary":1},"id":7.0,"a\"b":[1, 2]} conflict
        PUT /api/authors/7 -> 200 {"id":7,"name":1,"name":2} => event update 7 {"name":2,"id":7}
        PUT /api/authors/7 -> 200 {"salary":1} => event update 7 ~{}
        PUT /api/authors/7 -> 200 "salary" => no_record update 7 -
        POST /api/authors -> 201 [{"id":7,"salary":1},"salary"] => event create [7 {"id":7}, - -]
        "#,
    );
}

#[test]
fn the_id_is_found_although_it_is_not_shown() {
    check(
        authors(|route| route.fields = vec!["name".to_owned()]),
        r#"
        POST /api/authors -> 201 {"id":7,"name":"Ada"} => event create 7 {"name":"Ada"}
        "#,
    );
}

#[test]
fn the_answer_to_a_patch_is_partial_unless_it_says_otherwise() {
    check(
        library,
        r#"
        PATCH /api/authors/7 -> 200 {"id":7} => event update 7 ~{"id":7}
        PATCH /api/authors/7 -> 200 [Content-Location: /api/authors/7] {"id":7} => event update 7 {"id":7}
        PATCH /api/authors/7 -> 200 [Content-Location: http://api.test/api/authors/7] {"id":7} => event update 7 {"id":7}
        PATCH /api/authors/7 -> 200 [Content-Location: /api/authors/8] {"id":7} => event update 7 ~{"id":7}
        PATCH /api/authors/7 -> 200 [Content-Location: http://evil.test/api/authors/7] {"id":7} => event update 7 ~{"id":7}
        PATCH /api/authors/7 -> 200 [Preference-Applied: return=representation] {"id":7} => event update 7 {"id":7}
        PATCH /api/authors/7 -> 200 [Preference-Applied: respond-async, return=representation] {"id":7} => event update 7 {"id":7}
        PATCH /api/authors/7 -> 200 [Preference-Applied: return=minimal] {"id":7} => event update 7 ~{"id":7}
        PATCH /api/authors/7 -> 200 [Preference-Applied: return=representation] {"ok":1} => event update 7 ~{"ok":1}
        PATCH /api/authors/7 -> 206 [Preference-Applied: return=representation] {"id":7} => event update 7 ~{"id":7}
        "#,
    );
}
