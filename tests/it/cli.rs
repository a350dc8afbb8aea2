//! The commands as a user types them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::*;

/// Runs a command to its end: exit code, standard output, standard error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn config(more: &str) -> String {
    format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{AUTHOR_ROUTE}{more}{WS_ENDPOINT}")
}

// === check ===

fn check(text: &str) -> (Option<i32>, String, String) {
    let folder = Folder::new();
    let path = folder.write("proxy.toml", text);
    run(restcast().arg("check").arg("--config").arg(path))
}

#[test]
fn check_says_that_a_good_config_is_good() {
    let (code, out, err) = check(&config(""));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.ends_with("proxy.toml: ok (1 routes, 1 endpoints)\n"), "{out}");
}

#[test]
fn check_accepts_the_shipped_config() {
    let (code, out, err) = run(restcast().arg("check").current_dir(env!("CARGO_MANIFEST_DIR")));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(!out.contains("warning"), "{out}");
}

#[test]
fn check_warns_of_what_is_allowed_and_hardly_meant() {
    let shadowed = "[[route]]\npath = \"/api/authors/{key}\"\nmodel = \"other\"\n";
    let hiding = "[[endpoint]]\npath = \"/api/authors/live\"\ndialect = \"flarchitect\"\n";
    let open = "[admin]\nlisten = \"0.0.0.0:9090\"\n";
    let (code, out, _) = check(&config(&format!("{shadowed}{hiding}{open}")));
    assert_eq!(code, Some(0));
    let warnings: Vec<&str> = out.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 3, "{out}");
    for part in ["shadowed by route /api/authors/{id}", "hides a path of the upstream", "0.0.0.0:9090"] {
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{part} in {out}");
    }
}

#[test]
fn check_names_every_error_and_fails() {
    let (code, out, err) = check("[upstream]\nservers = []\n[[route]]\npath = \"/{a}x\"\nmodell = \"a\"\n");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    for part in ["proxy.toml:2: upstream.servers = []", "route[1].path", "route[1].modell", "endpoint"] {
        assert!(err.contains(part), "{part} in {err}");
    }
}

// === explain ===

/// What `explain` prints, word by word.
fn explain(arguments: &[&str], body: Option<&str>) -> String {
    let folder = Folder::new();
    let path = folder.write(
        "proxy.toml",
        config("[[route]]\npath = \"/api/logs/{id}\"\nmodel = \"log\"\nmethods = \"POST\"\n"),
    );
    let mut command = restcast();
    command.arg("explain").args(arguments).arg("--config").arg(path);
    if let Some(body) = body {
        command.arg("--body").arg(folder.write("body.json", body));
    }
    let (code, out, err) = run(&mut command);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    out
}

#[test]
fn explain_tells_every_verdict() {
    let ada = r#"{"id":42,"name":"Ada"}"#;
    let cases: [(&[&str], Option<&str>, &[&str]); 10] = [
        (
            &["POST", "/api/authors"],
            Some(ada),
            &[
                "/api/authors/{id} (its collection)",
                "event:",
                "create",
                "everybody",
                "all, author, author/42",
                "/ws gets {",
            ],
        ),
        (
            &["PUT", "/api/authors/7?x=1"],
            None,
            &["(id 7)", "no_record:", "update", "author/7", "\"payload\":null"],
        ),
        (&["DELETE", "/api/authors/7"], None, &["event:", "delete", "\"method\":\"DELETE\",\"id\":7"]),
        (
            &["PUT", "/api/authors/42", "--overlapping"],
            Some(ada),
            &["overlapping:", "update", "author/42", "\"payload\":null"],
        ),
        (&["POST", "/api/authors", "--status", "422"], Some(ada), &["refused:"]),
        (&["PUT", "/api/authors/1"], Some("<p>"), &["undecodable:"]),
        (
            &["POST", "/api/authors", "--header", "Authorization: Bearer hunter2"],
            Some(ada),
            &["withheld:", "visibility = \"public\"", "authenticated readers"],
        ),
        (
            &["POST", "/api/authors", "--answer-header", "Location: /api/authors/9"],
            None,
            &["no_record:", "\"id\":9,"],
        ),
        (&["GET", "/elsewhere"], None, &["no route matches: nothing is published"]),
        (&["DELETE", "/api/logs/1"], None, &["DELETE requests to this route give no events"]),
    ];
    for (arguments, body, parts) in cases {
        let out = explain(arguments, body);
        for part in parts {
            assert!(out.contains(part), "{arguments:?}: no {part:?} in\n{out}");
        }
        assert!(!out.contains("hunter2"), "{out}");
    }
}

#[test]
fn explain_says_what_is_wrong_with_its_arguments() {
    for (arguments, part) in [
        (vec!["explain", "POST", "no path"], "path"),
        (vec!["explain", "POST", "/a", "--status", "99"], "--status"),
        (vec!["explain", "POST", "/a", "--header", "nonsense"], "Name: value"),
        (vec!["explain", "POST", "/api/authors", "--body", "/nowhere/body.json"], "/nowhere/body.json"),
    ] {
        let (code, out, err) = run(restcast().args(&arguments).current_dir(env!("CARGO_MANIFEST_DIR")));
        assert!(code != Some(0) && err.contains(part), "{arguments:?}: {out}{err}");
    }
}

#[test]
fn a_path_without_a_slash_was_explained_as_one_that_no_route_matches() {
    for path in ["api/authors", "nope", "*", "", "http://127.0.0.1:8080/api/authors"] {
        let mut command = restcast();
        command.args(["explain", "POST", path]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let (code, out, err) = run(&mut command);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{path}");
        assert!(err.contains(&format!("{path}: the path must begin with a slash")), "{err}");
    }
}

#[test]
fn explain_shows_the_frame_that_the_running_tap_sends() {
    for (method, path, status, body) in [
        ("POST", "/api/authors", 201, r#"{"id":42, "name":"Ada","n":1.0}"#),
        ("PATCH", "/api/authors/x%20y/", 200, r#"{"name":"Ada"}"#),
        ("POST", "/api/authors", 200, r#"[{"id":1},{"id":2}]"#),
        ("PUT", "/api/authors/7", 500, "{}"),
    ] {
        let origin = Origin::json(status, body);
        let proxy = Proxy::start(origin.address);
        let mut reader = proxy.reader("/ws");
        assert_eq!(proxy.send(method, path, "{}").status, status);
        let out = explain(&[method, path, "--status", &status.to_string()], Some(body));
        let shown = out.lines().find_map(|line| line.trim().strip_prefix("/ws gets "));
        let Some(shown) = shown else {
            reader.expect_silence();
            continue;
        };
        let without_time = |frame: &str| frame.split_once(",\"model\"").unwrap().1.to_owned();
        assert_eq!(without_time(shown), without_time(&reader.next_text()));
    }
}

// === serve ===

#[test]
fn restcast_alone_serves() {
    let (address, admin) = (free_address(), free_address());
    let folder = Folder::new();
    let text = format!("[server]\nlisten = \"{address}\"\n[admin]\nlisten = \"{admin}\"\n{}", config(""));
    let path = folder.write("proxy.toml", text);
    for command in [restcast().arg("--config").arg(&path), restcast().current_dir(path.parent().unwrap())] {
        let mut process = Process::start(command);
        process.line(&format!("listening address={address}"));
        process.line(&format!("listening address={admin}"));
        process.signal("TERM");
        assert_eq!(process.wait().code(), Some(0));
    }
}

#[test]
fn logs_can_be_json() {
    let proxy = free_address();
    let folder = Folder::new();
    let text =
        format!("[server]\nlisten = \"{proxy}\"\n[admin]\nlisten = \"{}\"\n{}", free_address(), config(""));
    let path = folder.write("proxy.toml", text);
    let process = Process::start(restcast().args(["serve", "--log-format", "json", "--config"]).arg(path));
    let line: Value = serde_json::from_str(&process.line("listening")).unwrap();
    assert_eq!((&line["level"], &line["fields"]["message"]), (&json!("INFO"), &json!("listening")));
}

// === tail ===

fn tail(address: SocketAddr, arguments: &[&str]) -> Process {
    let process = Process::start(restcast().arg("tail").arg(format!("ws://{address}/ws")).args(arguments));
    process.line("connected");
    process
}

#[test]
fn tail_prints_events_and_comes_back_after_a_restart() {
    let origin = Origin::json(201, r#"{"id":42,"name":"Ada"}"#);
    let mut proxy = Proxy::start(origin.address);
    let tail = tail(proxy.address, &[]);
    proxy.send("POST", "/api/authors", "{}");
    let line = tail.line("POST");
    assert!(line.ends_with(r#"POST   author 42 {"id":42,"name":"Ada"}"#), "{line}");
    proxy.restart();
    tail.line("the connection is gone");
    eventually("it is connected again", || (tail.output().matches("connected").count() >= 2).then_some(()));
    proxy.send("DELETE", "/api/authors/7", "");
    tail.line("DELETE author 7");
}

#[test]
fn tail_prints_one_topic_and_the_messages_as_they_came() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws?topic=author/a%2Fb");
    let tail = tail(proxy.address, &["--topic", "author/a/b", "--json"]);
    proxy.send("PUT", "/api/authors/other", "{}");
    proxy.send("PUT", "/api/authors/a%2Fb", "{}");
    let frame = reader.next_text();
    assert_eq!(tail.line("\"id\""), frame);
    assert!(frame.contains("\"id\":\"a/b\""), "{frame}");
}

#[test]
fn tail_keeps_to_one_line_and_to_what_came() {
    let origin = Origin::json(201, "{\n  \"z\": 1,\r\n\t\"id\": 123456789012345678901\n}");
    let proxy = Proxy::start(origin.address);
    let (short, long) = (tail(proxy.address, &[]), tail(proxy.address, &["--json"]));
    proxy.send("POST", "/api/authors", "{}");
    let record = r#"{   "z": 1,   "id": 123456789012345678901 }"#;
    assert!(short.line("POST").ends_with(&format!("author 123456789012345678901 {record}")));
    assert!(long.line("POST").ends_with(&format!("{record}}}")));
}

#[test]
fn tail_says_what_is_wrong_with_its_url() {
    let proxy = Proxy::start(Origin::json(404, "{}").address);
    for (url, part) in [
        ("ws//nonsense".to_owned(), "ws//nonsense"),
        ("127.0.0.1:1/ws".to_owned(), "such as ws://"),
        ("http://127.0.0.1:1/ws".to_owned(), "http://127.0.0.1:1/ws"),
        ("wss://127.0.0.1:1/ws".to_owned(), "TLS"),
        (format!("ws://{}/other", proxy.address), "404"),
    ] {
        let mut process = Process::start(restcast().arg("tail").arg(&url));
        let status = eventually(&format!("{url} is refused"), || process.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(1), "{url}");
        process.line(part);
    }
}

#[test]
fn tail_waits_for_a_proxy_that_is_not_there_yet() {
    let address = free_address();
    let process = Process::start(restcast().arg("tail").arg(format!("ws://{address}/ws")));
    process.line("cannot connect");
}

// === demo ===

/// Runs a line as a shell would, with restcast in the path.
fn shell(line: &str) -> Command {
    let folder = Path::new(env!("CARGO_BIN_EXE_restcast")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {line}")]).env("PATH", path).env_remove("RUST_LOG");
    command
}

#[test]
fn the_three_commands_of_the_demo_do_what_they_promise() {
    let mut demo = Demo::start();
    let (listen, admin) = (demo.address, demo.admin);
    for url in
        [format!("http://{admin}/"), format!("http://{listen}/api/authors"), format!("ws://{listen}/ws")]
    {
        demo.process.line(&url);
    }
    let output = demo.process.output();
    let (_, commands) = output.split_once("Try, in another terminal:").unwrap();
    let commands: Vec<&str> = commands.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let [watch, create, delete] = commands[..3] else { panic!("{output}") };

    let tail = Process::start(&mut shell(watch));
    tail.line("connected");
    let (code, out, _) = run(&mut shell(create));
    assert!(code == Some(0) && out.starts_with("HTTP/1.1 201"), "{out}");
    assert!(tail.line("POST").contains("Ada Lovelace"));
    let (code, out, _) = run(&mut shell(delete));
    assert!(code == Some(0) && out.starts_with("HTTP/1.1 204"), "{out}");
    tail.line("DELETE author 1 null");

    let page = request(admin, "GET", "/", &[], b"");
    assert!(page.status == 200 && page.text().contains("<html"), "{}", page.status);
    let about: Value = serde_json::from_str(&request(admin, "GET", "/live.json", &[], b"").text()).unwrap();
    assert_eq!(about["demo"]["api"], format!("http://{listen}"));
    demo.process.signal("INT");
    assert_eq!(demo.process.wait().code(), Some(0));
}

#[test]
fn a_demo_whose_port_is_taken_says_how_to_choose_another() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (code, _, err) =
        run(restcast().args(["demo", "--listen", &listen, "--admin", &free_address().to_string()]));
    assert_eq!(code, Some(1));
    assert!(err.contains(&listen) && err.contains("--listen"), "{err}");
}

#[test]
fn a_reader_of_the_demo_sees_its_books() {
    let demo = Demo::start();
    let mut reader = Reader::connect(demo.address, "/ws?topic=book");
    let body = br#"{"title":"Notes"}"#;
    let answer = request(demo.address, "POST", "/api/authors/1/books", &[], body);
    assert_eq!(answer.status, 201);
    let event = reader.next();
    assert_eq!((&event["model"], &event["payload"]["title"]), (&json!("book"), &json!("Notes")));
}

// === token ===

const JWT: &str =
    "[auth.jwt]\nalgorithms = [\"HS384\", \"HS256\"]\nsecret = \"a secret of more than thirty-two bytes\"\n";

/// Runs `restcast token` with these tables.
fn token(tables: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = Folder::new();
    let path = folder.write("proxy.toml", config("") + tables);
    run(restcast().arg("token").args(arguments).arg("--config").arg(path))
}

#[test]
fn a_token_that_was_made_is_accepted_as_the_user_that_it_is_for() {
    let named = format!(
        "{JWT}issuer = \"https://issuer.example\"\naudience = [\"api\"]\nuser_claim = \"user.id\"\nroles_claim = \"https://a.b/roles\"\n"
    );
    for tables in [JWT, &named] {
        let wanted = [
            "--sub",
            "alice",
            "--role",
            "admin",
            "--role",
            "dev",
            "--claim",
            "email=a@b",
            "--expires",
            "90s",
        ];
        let (code, made, err) = token(tables, &wanted);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert_eq!(made.trim().split('.').count(), 3);
        let (code, out, err) = token(tables, &["--check", made.trim()]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert!(
            out.starts_with("accepted\n  user    alice\n  email   a@b\n  roles   admin, dev\n  counts  1"),
            "{out}"
        );
    }
}

#[test]
fn a_token_that_is_refused_says_why() {
    let (_, made, _) = token(JWT, &["--sub", "alice"]);
    let other = JWT.replace("a secret", "another secret");
    let audience = format!("{JWT}audience = [\"api\"]\n");
    for (tables, text, why) in [
        (&other, made.trim(), "signature is wrong"),
        (&audience, made.trim(), "audience"),
        (&audience, "hunter2", "not a token"),
    ] {
        let (code, out, err) = token(tables, &["--check", text]);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.contains("refused: ") && err.contains(why) && !err.contains(text), "{err}");
    }
}

#[test]
fn what_cannot_make_a_token_says_why() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tokens/rsa.pub.pem");
    let public = format!("[auth.jwt]\nalgorithms = [\"RS256\"]\npublic_key_file = \"{key}\"\n");
    let alice = ["--sub", "alice"];
    for (tables, arguments, why) in [
        ("", &alice[..], "there is no [auth.jwt]"),
        (&public, &alice, "no [auth.jwt] has a secret"),
        (JWT, &["--sub", ""], "the token names no user"),
        (JWT, &["--sub", "alice", "--claim", "exp=5"], "the token has expired"),
        (JWT, &["--sub", "alice", "--claim", "x"], "expected NAME=VALUE"),
        (JWT, &["--sub", "alice", "--expires", "1"], "expected a duration"),
        (JWT, &["--sub", "alice", "--expires", "99999999999999999d"], "expected a duration"),
        (JWT, &[], "--sub"),
        (JWT, &["--sub", "alice", "--check", "x"], "cannot be used with"),
    ] {
        let (code, out, err) = token(tables, arguments);
        assert_ne!((code, out.is_empty()), (Some(0), false), "{arguments:?}");
        assert!(err.contains(why), "{arguments:?}: {err}");
    }
}

#[test]
fn a_token_can_be_checked_without_standing_in_a_list_of_processes() {
    let (_, made, _) = token(JWT, &["--sub", "alice"]);
    let folder = Folder::new();
    let path = folder.write("proxy.toml", config("") + JWT);
    let input = std::fs::File::open(folder.write("token", made)).unwrap();
    let (code, out, _) = run(restcast().args(["token", "--check", "-", "--config"]).arg(path).stdin(input));
    assert_eq!(code, Some(0));
    assert!(out.starts_with("accepted\n  user    alice\n  counts  "), "{out}");
}
