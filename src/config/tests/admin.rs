//! `[[admin.key]]`.

use super::*;

const KEY: &str = "[[admin.key]]\nname = \"a\"\nsecret = \"hunter2-hunter2-hunter2\"\n";

#[test]
fn the_shipped_table_of_keys_loads() {
    let table = SHIPPED
        .lines()
        .skip_while(|line| !line.starts_with("# [[admin.key]]"))
        .take_while(|line| !line.is_empty());
    let lines = table.map(|line| line.trim_start_matches(['#', ' ']));
    let text =
        lines.collect::<Vec<_>>().join("\n").replace("env:RESTCAST_API_KEY", "hunter2-hunter2-hunter2");
    let (shipped, minimal) = (auth(&text), auth(&KEY.replace("\"a\"", "\"billing\"")));
    assert_eq!(format!("{:?}", shipped.keys), format!("{:?}", minimal.keys));
}

#[test]
fn what_is_wrong_with_a_key_is_named_and_its_secret_is_not_shown() {
    // (table, part of the problem)
    let rows = [
        ("[admin]\nkey = 5", "admin.key: expected tables: [[admin.key]]"),
        ("[admin.key]\nname = \"a\"", "admin.key: expected tables: [[admin.key]]"),
        ("[[admin.key]]", "admin.key[1].name: is missing"),
        ("[[admin.key]]\nname = \"a\"", "admin.key[1].secret: is missing"),
        ("[[admin.key]]\nname = \"\"\nsecret = \"hunter2\"", "expected a name"),
        ("[[admin.key]]\nname = \"a\"\nsecret = \"\"", "expected a secret of visible ASCII"),
        ("[[admin.key]]\nname = \"a\"\nsecret = \"hunter2 hunter2\"", "expected a secret of visible ASCII"),
        ("[[admin.key]]\nname = \"a\"\nsecret = \"env:RESTCAST_NO_SUCH\"", "RESTCAST_NO_SUCH to be set"),
        (&format!("{KEY}scopes = [\"write\"]"), "expected a list of publish, send, read, disconnect"),
        (&format!("{KEY}scopes = []"), "expected a list of publish"),
        (&format!("{KEY}models = [\"a/b\"]"), "expected a list of models"),
        (&format!("{KEY}model = \"a\""), "did you mean models?"),
        (&format!("{KEY}{}", KEY.replace("hunter2-", "")), "admin.key[2].name = \"a\": another"),
        (&format!("{KEY}{}", KEY.replace("\"a\"", "\"b\"")), "admin.key[2].secret = …: another"),
    ];
    for (table, part) in rows {
        let errors = errors(&format!("{MINIMAL}{table}\n"));
        assert!(errors.contains(part), "{table}\n{errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
    assert!(!format!("{:?}", auth(KEY)).contains("hunter2"));
}

#[test]
fn a_short_key_is_named_and_not_shown() {
    assert_eq!(warnings(KEY), "");
    let warnings = warnings(&KEY.replace("hunter2-hunter2-", ""));
    assert!(warnings.contains("admin.key a is shorter") && !warnings.contains("hunter2"), "{warnings}");
}
