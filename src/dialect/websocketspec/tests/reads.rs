//! What rules keep from those who read, each way that they may try.

use super::rules::*;
use super::*;

/// `_sort` is no column of any record: json-server sorts by what it says, and so tells who earns more.
#[test]
fn a_hidden_column_was_read_through_a_filter_by_a_parameter_of_the_backend() {
    let filter = |column: &str| {
        format!(r#","options":{{"filters":[{{"column":"{column}","operator":"eq","value":"salary"}}]}}"#)
    };
    let sort = |column: &str| format!(r#","options":{{"sort":[{{"column":"{column}"}}]}}"#);
    for rules in [MASKED, OWNED] {
        for (query, is_listed) in [(LISTED, true), ("[route.query]\n", false)] {
            let mut client = talk(&format!("{rules}{query}{ASKED}"), &ann(&[]));
            for name in ["_sort", "q", "ordering", "_embed", "salary_gte"] {
                for inside in [filter(name), sort(name)] {
                    let told = client.say(&request("read", &inside));
                    assert!(told[0].contains("Column not allowed: "), "{rules}{query} {told:?}");
                }
            }
            let told = client.say(&request("read", &filter("a")));
            assert_eq!(told[0].starts_with("ask GET /api/users?a=salary"), is_listed, "{told:?}");
        }
    }
    let all = talk(&format!("{MASKED}{LISTED}{ASKED}"), &ann(&["hr"])).say(&request("read", &filter("q")));
    assert_eq!(all, ["ask GET /api/users?q=salary"], "nothing is kept from them");
}

#[test]
fn a_model_with_rules_was_read_inside_the_records_of_another() {
    let books = "[[route]]\npath = \"/api/books/{id}\"\nmodel = \"book\"\n[route.query]\n\
                 filter_default = \"{column}={value}\"\nsort = \"sort={sort:csv}\"\n\
                 preload = \"expand={relations:csv}\"\ncolumns = \"fields={columns:csv}\"\n";
    let list = |options: &str| {
        format!(r#"{{"id":"r","type":"request","operation":"read","entity":"books","options":{options}}}"#)
    };
    let filter = |column: &str, value: &str| {
        format!(r#"{{"filters":[{{"column":"{column}","operator":"eq","value":"{value}"}}]}}"#)
    };
    let reaching = [
        r#"{"preload":["users"]}"#.to_owned(),
        r#"{"preload":["writer"]}"#.to_owned(),
        r#"{"preload":[{"relation":"Tags"}]}"#.to_owned(),
        r#"{"preload":["tags","tags.user"]}"#.to_owned(),
        r#"{"preload":["tags(*)"]}"#.to_owned(),
        r#"{"columns":["id","users(*)"]}"#.to_owned(),
        r#"{"columns":["writer.salary"]}"#.to_owned(),
        r#"{"sort":[{"column":"writer__salary"}]}"#.to_owned(),
        filter("writer__salary__gt", "5"),
        filter("expand", "writer"),
        filter("_embed", "tags,comments"),
    ];
    let free = [
        r#"{"preload":["tags"]}"#.to_owned(),
        r#"{"columns":["id","user_id","home.town"]}"#.to_owned(),
        filter("user_id", "5"),
        filter("title", "users"),
    ];
    let listed = "fields = [\"user_id\", \"title\", \"home.town\"]\nrelations = [\"tags\"]\n";
    let listed = format!("{books}{listed}");
    for rules in [MASKED, OWNED, "operations = [\"read\"]\n"] {
        let dialect = with_routes(&format!("{RULES}{rules}{listed}"), "");
        let mut client = Talk(open(&*dialect, "/ws", (&ann(&[]), false), NOW).0);
        for options in &reaching {
            let told = client.say(&list(options));
            assert!(
                told[0].contains("olumn not allowed: ") || told[0].contains("elation not allowed: "),
                "{options} {told:?}"
            );
        }
        for options in &free {
            let told = client.say(&list(options));
            assert!(told[0].starts_with("ask GET /api/books"), "{options} {told:?}");
        }
    }
    for (rules, who) in [("required = [\"a\"]\n", ann(&[])), (MASKED, ann(&["hr"]))] {
        let dialect = with_routes(&format!("{RULES}{rules}{books}"), "");
        let mut client = Talk(open(&*dialect, "/ws", (&who, false), NOW).0);
        assert_eq!(client.say(&list(&reaching[0])), ["ask GET /api/books?expand=users"], "nothing is kept");
    }
}

#[test]
fn the_manager_of_ones_own_record_was_somebody_elses() {
    let query = "[route.query]\npreload = \"expand={relations:csv}\"\n";
    let read = request("read", r#","record_id":"7","options":{"preload":["manager"]}"#);
    let told = talk(&format!("{OWNED}{query}"), &ann(&[])).say(&read);
    let says = "Relation not allowed: manager is not among the relations that the server lists";
    assert_eq!(told, refused("unauthorized", says));
    let told = talk(&format!("{OWNED}{query}relations = [\"manager\"]\n"), &ann(&[])).say(&read);
    assert_eq!(told, ["ask GET /api/users/7?expand=manager"]);
}

/// The backend has words of its own for a record that is not there, and we had ours for somebody else's.
#[test]
fn an_id_told_whether_somebody_has_such_a_record() {
    let id = r#","record_id":"7","data":{"a":1}"#;
    for (status, body) in
        [(200, r#"{"owner":"bob"}"#), (404, r#"{"detail":"No User matches"}"#), (410, "Gone")]
    {
        for (operation, code) in
            [("read", "read_error"), ("update", "update_error"), ("delete", "delete_error")]
        {
            let told = talk(OWNED, &ann(&[])).ask(&request(operation, id), status, body);
            assert_eq!(told, failed_with(r#""r""#, code, "Not Found", r#"{"status":404}"#));
        }
    }
    let told = talk("", &ann(&[])).ask(&request("read", id), 404, r#"{"detail":"No User matches"}"#);
    assert!(told.contains("No User matches"), "{told}");
    let refuting = "success_when = { pointer = \"/ok\", equals = true }\n[route.rules]";
    let dialect = with_routes(&format!("{}{OWNED}", RULES.replace("[route.rules]", refuting)), "");
    let mut client = Talk(open(&*dialect, "/ws", (&ann(&[]), false), NOW).0);
    let told = client.ask(&request("read", id), 200, r#"{"ok":false,"message":"No User matches"}"#);
    assert_eq!(told, failed_with(r#""r""#, "read_error", "Not Found", r#"{"status":404}"#));
}

#[test]
fn a_backend_that_answers_a_write_with_what_it_has_already_showed_another_ones_record() {
    let created = |data: &str, body: &str| {
        let request = request("create", &format!(r#","data":{data}"#));
        talk(OWNED, &ann(&[])).ask(&request, 200, body)
    };
    for (body, expected) in [
        (r#"{"id":7,"owner":"bob"}"#, "null"),
        (r#"[{"id":7,"owner":"bob"},{"id":8,"owner":"ann"}]"#, "null"),
        (r#"{"id":7,"owner":"ann"}"#, r#"{"id":7,"owner":"ann"}"#),
        (r#"{"id":7}"#, r#"{"id":7}"#),
    ] {
        let told = created(r#"{"owner":"ann"}"#, body);
        assert!(told.contains(&format!(r#""success":true,"data":{expected},"timestamp""#)), "{body} {told}");
    }
    let told = created(r#"[{"owner":"ann"}]"#, r#"[{"id":8,"owner":"ann"},{"id":7,"owner":"bob"}]"#);
    assert!(told.contains(r#""data":null"#), "{told}");
}

#[test]
fn an_error_told_what_is_hidden_in_its_words() {
    let update = request("update", r#","record_id":"7","data":{"a":1}"#);
    let body = r#"{"message":"Salary 4000 is too low","errors":["salary: 4000"],"salary":4000}"#;
    let told = talk(MASKED, &ann(&[])).ask(&update, 422, body);
    let reason = failed_with(r#""r""#, "validation_error", "Unprocessable Entity", r#"{"status":422}"#);
    assert_eq!(told, reason);
    assert!(talk(MASKED, &ann(&["hr"])).ask(&update, 422, body).contains("Salary 4000 is too low"));
}

#[test]
fn the_backends_total_told_how_many_records_others_have() {
    let query = "[route.query]\nfilter_default = \"{column}={value}\"\nlimit = \"limit={limit}\"\n\
                 offset = \"offset={offset}\"\ntotal = \"/total\"\n";
    let list = r#"{"items":[],"total":900}"#;
    for (options, body, expected) in [
        (r#"{"limit":1,"offset":5}"#, list, ""),
        (r#"{"limit":1,"offset":900}"#, r#"{"items":[{"owner":"bob"}],"total":900}"#, ""),
        (r#"{"limit":1}"#, r#"{"items":[{"owner":"bob"}],"total":900}"#, ""),
        (r#"{"limit":1,"offset":7}"#, r#"{"items":[{"owner":"ann"}],"total":900}"#, ""),
        (r#"{"limit":9,"offset":899}"#, r#"{"items":[{"owner":"ann"}]}"#, ""),
        ("{}", r#"{"items":[{"owner":"ann"}],"total":900}"#, ""),
        (r#"{"limit":1}"#, r#"{"items":[{"owner":"ann"}],"total":1}"#, r#""total":1,"#),
        (r#"{"limit":9}"#, r#"{"items":[{"owner":"ann"},{"owner":"bob"}],"total":2}"#, r#""total":1,"#),
        (r#"{"limit":9}"#, r#"{"items":[{"owner":"ann"}]}"#, r#""total":1,"#),
        (r#"{"limit":1}"#, r#"{"items":[],"total":0}"#, r#""total":0,"#),
    ] {
        let routes = RULES.replace("[route.rules]", "list = \"/items\"\n[route.rules]");
        let dialect = with_routes(&format!("{routes}{OWNED}{query}"), "");
        let mut client = Talk(open(&*dialect, "/ws", (&ann(&[]), false), NOW).0);
        let told = client.ask(&request("read", &format!(r#","options":{options}"#)), 200, body);
        assert!(told.contains(&format!(r#""metadata":{{{expected}"count""#)), "{options} {told}");
    }
    let routes = RULES.replace("[route.rules]", "list = \"/items\"\n[route.rules]");
    let dialect = with_routes(&format!("{routes}{OWNED}{query}counts_forced = true\n"), "");
    let mut client = Talk(open(&*dialect, "/ws", (&ann(&[]), false), NOW).0);
    let (page, body) = (r#","options":{"limit":1}"#, r#"{"items":[{"owner":"ann"}],"total":3}"#);
    let told = client.ask(&request("read", page), 200, body);
    assert!(told.contains(r#""metadata":{"total":3,"count":1}"#), "{told}");
}

#[test]
fn what_is_hidden_inside_of_an_object_was_found_out_by_equality() {
    let listed = "[route.query]\nfields = [\"id\", \"bank\"]\n";
    let says =
        "A filter may only compare with texts that are no JSON, numbers, true, false, null and lists of them";
    for (operator, value) in [
        ("eq", r#"{"iban":"DE1","salary":4001}"#),
        ("in", r#"[{"salary":4000},{"salary":4001}]"#),
        ("neq", r#"[[{"salary":1}]]"#),
        ("eq", "[[1]]"),
        ("gt", r#""{\"salary\":4000}""#),
        ("in", r#"["\u007b\"salary\":4000}"]"#),
    ] {
        let filters = format!(r#"[{{"column":"bank","operator":"{operator}","value":{value}}}]"#);
        let read = request("read", &format!(r#","options":{{"filters":{filters}}}"#));
        let mut client = talk(&format!("{MASKED}{listed}"), &ann(&[]));
        assert_eq!(client.say(&read), refused("unauthorized", says), "{value}");
        assert_eq!(client.say(&subscribe(&filters)), refused("unauthorized", says), "{value}");
        assert_eq!(talk(&format!("{MASKED}{listed}"), &ann(&["hr"])).say(&read), ["ask GET /api/users"]);
    }
    let text = r#"[{"column":"bank","operator":"in","value":["{a}","[b]"]}]"#;
    let read = request("read", &format!(r#","options":{{"filters":{text}}}"#));
    let told = talk(&format!("{MASKED}{listed}"), &ann(&[])).say(&read);
    assert_eq!(told, refused("unauthorized", says), "in doubt it is refused");
}
