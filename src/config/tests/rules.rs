//! `[route.rules]`.

use super::*;
use crate::rules::Rules;

const RULES: &str = "[route.rules]\nforced = [{ column = \"owner\", value = \"{claims.sub}\" }]\n";

/// The minimal file with this table of its route.
fn file(table: &str) -> String {
    MINIMAL.replace("[[endpoint]]", &format!("[route.rules]\n{table}\n[[endpoint]]"))
}

#[test]
fn what_is_wrong_with_a_rule_is_said() {
    let table = "forced = [{ column = \"a b\" }]\nrequired = [\"a&b\"]\nforbidden = 1\noperations = [\"reed\"]\n\
                 masks = [{ columns = [\"a\"], roles = [\"b\"] }]\nmask = 1";
    let found = errors(&file(table));
    for expected in [
        "route[1].rules.forced = [{ column = \"a b\" }]: expected the name of a column",
        "route[1].rules.required = [\"a&b\"]: expected a list, each the name of a column",
        "route[1].rules.forbidden = 1: expected a string in quotes",
        "route[1].rules.operations = [\"reed\"]: expected one of \"read\", \"create\"",
        "route[1].rules.masks = [{ columns = [\"a\"], roles = [\"b\"] }]: expected { columns = ",
        "route[1].rules.mask: unknown key; did you mean masks?",
    ] {
        assert!(found.contains(expected), "{expected}\n{found}");
    }
    for forced in [
        "{ column = \"a\", operator = \"is\" }",
        "{ column = \"a\", operator = \"like\", value = \"{claims.sub}\" }",
        "{ column = \"a\", value = \"{sub}\" }",
        "{ column = \"a\", value = 2020-01-01 }",
        "{ column = \"a\", valeu = 1 }",
        "{ operator = \"eq\" }",
    ] {
        let found = errors(&file(&format!("forced = [{forced}]")));
        assert!(found.contains("route[1].rules.forced"), "{forced}\n{found}");
    }
}

#[test]
fn rules_are_those_of_the_model() {
    let config =
        Config::parse("proxy.toml", &MINIMAL.replace("[[endpoint]]", &format!("{RULES}[[endpoint]]")));
    let resources = config.unwrap().resources;
    assert_eq!(resources.rules("Author").forced.len(), 1);
    assert_eq!(**resources.rules("other"), Rules::default());
    let values = "forced = [{ column = \"a\", operator = \"in\", value = [1, 2.5, true, \"x\"] }]";
    assert!(Config::parse("proxy.toml", &file(values)).is_ok());
}

/// Another endpoint tells the same events without any rule.
#[test]
fn an_endpoint_that_knows_no_rules_is_warned_of() {
    let text = MINIMAL.replace("[[endpoint]]", &format!("{RULES}[[endpoint]]"));
    let warnings = |text: &str| Config::parse("proxy.toml", text).unwrap().warnings().join("\n");
    let expected = "route /api/authors/{id} has rules, and endpoint /ws (flarchitect) knows nothing of them";
    assert!(warnings(&text).contains(expected), "{}", warnings(&text));
    assert!(!warnings(&text.replace("flarchitect", "websocketspec")).contains("knows nothing of them"));
}

/// Nothing says which names are columns of it, so rules let nobody ask by any.
#[test]
fn a_route_without_fields_is_warned_of_where_there_are_rules() {
    let warnings = |rules: &str, dialect: &str| {
        let text = MINIMAL.replace("[[endpoint]]", &format!("{rules}[[endpoint]]"));
        Config::parse("proxy.toml", &text.replace("flarchitect", dialect)).unwrap().warnings().join("\n")
    };
    let expected = "route /api/authors/{id} lists no fields in [route.query], and there are [route.rules]";
    assert!(warnings(RULES, "websocketspec").contains(expected));
    let listed = format!("{RULES}[route.query]\nfields = [\"owner\"]\n");
    for (rules, dialect) in [("", "websocketspec"), (RULES, "canonical"), (&listed, "websocketspec")] {
        assert!(!warnings(rules, dialect).contains("lists no fields"), "{rules} {dialect}");
    }
}

#[test]
fn rules_of_an_open_route_were_lost_beside_a_route_that_names_the_model() {
    let open = "[[route]]\npath = \"/api/{collection}/{id}\"\nmodel = \"{collection}\"\n[route.rules]\nforbidden = [\"role\"]\n";
    let named =
        |path: &str, model: &str| format!("[[route]]\npath = \"{path}/{{id}}\"\nmodel = \"{model}\"\n");
    for (path, model, holds) in [
        ("/v2/books", "books", true),
        ("/v2/books", "Books", true),
        ("/api/writers", "books", true),
        // Here the open route leads nowhere.
        ("/api/books", "books", false),
        ("/api/Books", "books", false),
    ] {
        let text = MINIMAL.replace("[[endpoint]]", &format!("{open}{}[[endpoint]]", named(path, model)));
        let resources = Config::parse("proxy.toml", &text).unwrap().resources;
        assert_eq!(resources.rules("BOOKS").forbidden.len(), usize::from(holds), "{path} {model}");
        assert_eq!(resources.rules("tags").forbidden.len(), 1);
    }
}
