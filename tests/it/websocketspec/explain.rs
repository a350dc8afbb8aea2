//! What `restcast explain` says of a message, and what becomes of that message.

use super::*;
use crate::visibility::{JWT, now, sign};

const QUERY: &str = "schema = \"app\"\nfields = [\"id\", \"owner\", \"salary\"]\n\
                     filter = { eq = \"{column}={value}\" }\npage = \"page={page}&size={limit}\"\n";
const RULES: &str = "[route.rules]\noperations = [\"read\", \"create\", \"update\", \"subscribe\"]\n\
                     forced = [{ column = \"owner\", operator = \"eq\", value = \"{claims.sub}\" }]\n\
                     required = [\"owner\"]\nmasks = [{ columns = [\"salary\"], unless_roles = [\"hr\"] }]\n";

fn tables() -> String {
    let posts = "[[route]]\npath = \"/api/posts/{id}\"\nmodel = \"post\"\n";
    let endpoint = endpoint("auth = \"optional\"\ndefault_schema = \"app\"");
    format!("[route.query]\n{QUERY}{RULES}{posts}{endpoint}{JWT}")
}

/// What is printed, or what is said to be wrong.
fn explained(tables: &str, arguments: &[&str]) -> String {
    let folder = Folder::new();
    let file = folder
        .write("proxy.toml", format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{USERS}{tables}"));
    let output = restcast().arg("explain").args(arguments).arg("--config").arg(file).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// Requests, `METHOD TARGET BODY`, and what a client is refused with.
fn read(page: &str) -> (Vec<String>, Option<String>) {
    let mut requests: Vec<String> = Vec::new();
    let mut refused = None;
    for line in page.lines().filter(|line| line.starts_with("  ")) {
        let (word, rest) = line[2..].split_at(10);
        match word.trim_end() {
            "looks" | "request" | "then" => requests.push(format!("{rest} ")),
            "body" => requests.last_mut().unwrap().push_str(rest),
            "refused" => refused = Some(rest.to_owned()),
            _ => {}
        }
    }
    (requests, refused)
}

/// Each with whether the backend is asked, so that no row is empty by mistake.
fn messages() -> Vec<(Value, bool)> {
    let of = |operation: &str, more: Value| {
        let mut message = json!({"id": "1", "type": "request", "operation": operation, "entity": "users"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    };
    let sorted = |by: &str| json!({"options": {"sort": [{"column": by}]}});
    let filtered =
        |by: &str| json!({"options": {"filters": [{"column": by, "operator": "eq", "value": "x"}]}});
    vec![
        (of("read", json!({})), true),
        (of("read", json!({"record_id": 1})), true),
        (of("read", json!({"options": {"limit": 2, "offset": 3}})), true),
        (of("read", json!({"schema": "public"})), false),
        (of("read", json!({"schema": "app"})), true),
        (of("read", sorted("salary")), false),
        (of("read", sorted("_sort")), false),
        (of("read", filtered("salary")), false),
        (of("read", filtered("id")), true),
        (of("read", json!({"options": {"columns": ["salary"]}})), false),
        (of("read", json!({"options": {"limit": -1}})), false),
        (of("read", json!({"entity": "posts", "options": {"preload": ["users"]}})), false),
        (of("create", json!({"data": {"owner": "ann"}})), true),
        (of("create", json!({"data": {}})), false),
        (of("create", json!({"data": {"owner": "bob"}})), false),
        (of("create", json!({})), false),
        (of("update", json!({"record_id": 1, "data": {"a": 1}})), true),
        (of("update", json!({"record_id": 1, "data": {"id": 2}})), false),
        (of("update", json!({"record_id": "a/b", "data": {"a": 1}})), false),
        (of("delete", json!({"record_id": 1})), false),
        (of("meta", json!({})), false),
        (of("jump", json!({})), false),
        (json!({"id": "1", "type": "jump"}), false),
        (json!({"id": "1"}), false),
        (json!([1]), false),
    ]
}

#[test]
fn explain_did_not_say_what_the_server_does() {
    let origin = Origin::start(|request, stream| {
        let record = json!({"id": 1, "owner": "ann"}).to_string();
        let is_list = request.line.starts_with("GET") && !request.line.contains("/1 ");
        let body = if is_list { format!("[{record},{record}]") } else { record };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        std::io::Write::write_all(stream, format!("{head}{body}").as_bytes()).is_ok()
    });
    let proxy = scripted(&origin, &tables(), "");
    for (message, is_asked) in messages() {
        let claims = json!({"sub": "ann", "exp": now() + 600});
        let token = sign("a secret of more than thirty-two bytes", &claims);
        let mut ann = Client(proxy.reader(&format!("/ws?token={token}")));
        let before = origin.requests().len();
        ann.say(&message);
        let answer = ann.0.next();
        let received: Vec<String> = origin.requests()[before..]
            .iter()
            .map(|request| {
                format!(
                    "{} {}",
                    request.line.trim_end_matches(" HTTP/1.1"),
                    String::from_utf8_lossy(&request.body)
                )
            })
            .collect();
        assert_eq!(!received.is_empty(), is_asked, "{message}: {answer}");
        let page = explained(&tables(), &["--message", &message.to_string(), "--claim", "sub=ann"]);
        let (requests, refused) = read(&page);
        assert_eq!(requests, received, "{message}: {page}");
        let error = &answer["error"];
        let said = error["message"].as_str().map(|text| {
            let details =
                if error["details"].is_null() { String::new() } else { format!(" {}", error["details"]) };
            format!("{}: {text}{details}", error["code"].as_str().unwrap())
        });
        if message["id"].is_string() && message["type"].is_string() || message.is_array() {
            assert_eq!(refused, said.filter(|_| !is_asked), "{message}: {page}");
        }
    }
}

#[test]
fn explain_says_what_it_supposes() {
    let read = r#"{"operation":"read","entity":"users"}"#;
    let ann = explained(&tables(), &["--message", read, "--claim", "sub=ann"]);
    assert!(ann.contains("  as if     it had id and type, "), "{ann}");
    assert!(ann.contains("  request   GET /api/users?owner=ann\n"), "{ann}");
    assert!(ann.contains("  along     authorization, cookie, "), "{ann}");
    let nobody = explained(&tables(), &["--message", read]);
    assert!(nobody.contains("  refused   unauthorized: "), "{nobody}");
    let unread =
        explained(&tables().replace("auth = \"optional\"", ""), &["--message", read, "--claim", "sub=ann"]);
    assert!(unread.contains("/ws looks at no tokens"), "{unread}");
    let closed = explained(&tables().replace("optional", "required"), &["--message", read]);
    assert!(closed.contains("lets nobody in without a token"), "{closed}");
    let other = explained(&tables(), &["--message", read, "--endpoint", "/other"]);
    assert!(other.contains("--endpoint: there is no /other"), "{other}");
    let echo = "[[endpoint]]\npath = \"/ws\"\ndialect = \"echo\"\n";
    let none = explained(echo, &["--message", read]);
    assert!(none.contains("no [[endpoint]]"), "{none}");
    let long =
        format!(r#"{{"operation":"create","entity":"posts","data":{{"a":"{}"}}}}"#, "x".repeat(70_000));
    let long = explained(&tables(), &["--message", &long]);
    assert!(long.contains("  closed    1009"), "{long}");
}
