//! Which path is asked, and that it is no other route's.

use std::sync::Arc;

use super::*;

#[test]
fn ids_and_parameters_cannot_leave_their_segment() {
    let books = resource("/api/authors/{author_id}/books/{id}", "", "books");
    let query = options(&filter("author_id", "eq", r#""a;b?c""#));
    let none = Query::default();
    let target = |wish: Wish<'_>| books.ask(wish).map(|asked| asked.request.target);
    let id = json(r#""a#x""#);
    assert_eq!(target(Wish::Item { id: &id, query: &query }).unwrap(), "/api/authors/a%3Bb%3Fc/books/a%23x");
    assert_eq!(target(Wish::List(&query)).unwrap(), "/api/authors/a%3Bb%3Fc/books");
    assert_eq!(target(Wish::List(&none)), Err(QueryError::Parameter("author_id".to_owned())));
    let data = json(r#"{"author_id":7,"title":"x"}"#);
    assert_eq!(target(Wish::Create { data: &data, query: &none }).unwrap(), "/api/authors/7/books");
    let steps = ["..", ".", "", "..;a", ";a", "../x", "1/books/7", "a/b", "a\\\\b", "a\\nb", "a\\u0000"];
    for step in steps.map(|step| format!("\"{step}\"")) {
        let step = &step;
        let id = json(step);
        assert!(target(Wish::Delete { id: &id, query: &query }).is_err(), "{step}");
        let query = options(&filter("author_id", "eq", step));
        assert!(target(Wish::List(&query)).is_err(), "{step}");
    }
    let id = json(r#"{"a":1}"#);
    assert_eq!(target(Wish::Delete { id: &id, query: &query }), Err(QueryError::Id));
}

/// The resource `users`, and other routes beside it.
fn beside(query: &str, others: &[(&str, &str)]) -> Arc<Resources> {
    let route = |(path, model): &(&str, &str)| format!("[[route]]\npath = \"{path}\"\nmodel = \"{model}\"\n");
    let text = format!(
        "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n[[endpoint]]\npath = \"/ws\"\ndialect = \"canonical\"\n\
         {}{query}\n{}",
        route(&("/api/users/{id}", "user")),
        others.iter().map(route).collect::<String>()
    );
    Config::parse("proxy.toml", &text).unwrap().resources
}

#[test]
fn an_id_was_the_path_of_another_route() {
    let others = [
        ("/api/users/payroll", "payroll"),
        ("/api/users/{id}/books/{book_id}", "book"),
        ("/api/users/8/{id}", "x"),
    ];
    let query = Query::default();
    for settings in ["", "[route.query]\nupdate = \"PUT /api/users/{id}\"\n"] {
        let users = beside(settings, &others).find(None, "users").unwrap();
        for (id, is_right) in [
            ("\"7\"", true),
            ("7", true),
            ("\"payrol\"", true),
            ("\"payroll\"", false),
            ("8", false),
            ("\"1/books/7\"", false),
            ("\"%70ayroll\"", true),
        ] {
            let id = json(id);
            for wish in [
                Wish::Item { id: &id, query: &query },
                Wish::Update { id: &id, data: &json("{}"), query: &query },
                Wish::Delete { id: &id, query: &query },
            ] {
                let asked = users.ask(wish).map(|asked| asked.request.target);
                assert_eq!(asked.is_ok(), is_right, "{settings} {} {asked:?}", id.as_str());
                assert!(is_right || asked == Err(QueryError::Id));
            }
        }
    }
}

#[test]
fn an_entity_was_the_path_of_another_route() {
    let open = [("/api/{collection}/{id}", "{collection}"), ("/api/login", "session")];
    let resources = beside("", &open);
    let lists = |entity: &str| {
        let found = resources.find(None, entity);
        found.map(|found| found.ask(Wish::List(&Query::default())).map(|asked| asked.request.target))
    };
    assert_eq!(lists("tags"), Some(Ok("/api/tags".to_owned())));
    for entity in ["users/7", "USERS", "..", "tags;x/../users", "a\\b"] {
        assert!(!matches!(lists(entity), Some(Ok(_))), "{entity}");
    }
    assert_eq!(
        resources.find(None, "login").map(|found| found.model.to_string()).as_deref(),
        Some("session")
    );
}

#[test]
fn a_slash_at_the_end_of_the_path_is_kept() {
    let notes = resource("/api/notes/{id}/", "", "notes");
    let query = Query::default();
    assert_eq!(list(&notes, "{}").unwrap(), "GET /api/notes/");
    let id = json("7");
    assert_eq!(notes.ask(Wish::Item { id: &id, query: &query }).unwrap().request.target, "/api/notes/7/");
}

/// The backend (Express) takes no notice of letters' case, or takes what is behind a full stop for a format.
#[test]
fn a_path_that_differs_by_case_or_format_alone_led_to_the_records_of_another_route() {
    let text = "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n[[endpoint]]\npath = \"/ws\"\ndialect = \"canonical\"\n\
         [[route]]\npath = \"/api/{team}/{collection}/{id}\"\nmodel = \"{collection}\"\n\
         [[route]]\npath = \"/api/acme/payroll/{id}\"\nmodel = \"pay\"\n\
         [[route]]\npath = \"/api/users/{id}\"\nmodel = \"user\"\n\
         [[route]]\npath = \"/api/users/me\"\nmodel = \"self\"\nfields = [\"id\"]\n";
    let resources = Config::parse("proxy.toml", text).unwrap().resources;
    let of_team = |team: &str, entity: &str| {
        let found = resources.find(None, entity)?;
        let query = options(&filter("team", "eq", &format!("{team:?}")));
        Some(found.ask(Wish::List(&query)).ok()?.request.target)
    };
    assert_eq!(of_team("acme", "rows").as_deref(), Some("/api/acme/rows"));
    assert_eq!(of_team("other", "rows.v1").as_deref(), Some("/api/other/rows.v1"));
    for (team, entity) in
        [("ACME", "Payroll"), ("acme", "PayRoll"), ("acme", "payroll.json"), ("aCmE", "PAYROLL.JSON")]
    {
        assert_eq!(of_team(team, entity), None, "{team} {entity}");
    }
    let users = resources.find(None, "users").unwrap();
    for (id, expected) in [
        ("7", true),
        ("7.json", true),
        ("ann.smith", true),
        ("You", true),
        ("Me", false),
        ("ME", false),
        ("me.json", false),
        ("Me.", false),
        ("me.tar", false),
    ] {
        let id = Json::string(id);
        let query = Query::default();
        assert_eq!(users.ask(Wish::Item { id: &id, query: &query }).is_ok(), expected, "{id:?}");
    }
}
