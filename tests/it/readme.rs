//! The README is true: its configuration loads, its commands run, its message has the fields that it lists.

use std::path::Path;

use crate::harness::*;

/// The README, and its pages for clients of one dialect each.
const PAGES: [&str; 5] = [
    "README.md",
    "src/dialect/fastcms/README.md",
    "src/dialect/mdb_engine/README.md",
    "src/dialect/websocketspec/README.md",
    "src/dialect/socketio/README.md",
];

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn readme() -> String {
    PAGES.map(page).concat()
}

/// Code blocks of a language, without their indentation.
pub fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)) {
        if line.starts_with("```") {
            inside = line == format!("```{language}");
            if inside {
                blocks.push(String::new());
            }
        } else if inside {
            blocks.last_mut().unwrap().push_str(&format!("{line}\n"));
        }
    }
    blocks
}

/// The server of several nodes, which is none of the others' business.
const BROKER: &str = "[broker]";

/// Every line of the `sh` blocks.
pub fn commands() -> Vec<String> {
    blocks("sh").iter().flat_map(|block| block.lines().map(ToOwned::to_owned).collect::<Vec<_>>()).collect()
}

/// The README's file for a backend of ours, on ports of ours.
fn folder_with_config(upstream: std::net::SocketAddr) -> (Folder, std::net::SocketAddr) {
    let address = free_address();
    let alone = blocks("toml").into_iter().filter(|block| !block.starts_with(BROKER));
    let toml = alone.collect::<String>().replace("127.0.0.1:5000", &upstream.to_string());
    let ports = format!("[server]\nlisten = \"{address}\"\n[admin]\nlisten = \"{}\"\n", free_address());
    let folder = Folder::new();
    folder.write("proxy.toml", format!("{toml}{ports}"));
    folder.write("answer.json", r#"{"id":42,"name":"Ada"}"#);
    (folder, address)
}

#[test]
fn every_command_of_the_readme_is_run_by_a_test() {
    let elsewhere = [
        // The demo, as cli.rs and live_page.rs start it; this test itself runs under the second.
        "cargo run --release -- demo",
        "tests/run",
        // websocketspec/readme.rs starts it as a module, at a port of its own.
        "npx json-server@0.17.4 --port 5000 db.json",
    ];
    let here =
        ["restcast check", "restcast explain", "restcast serve", "restcast tail", "restcast token", "curl "];
    for command in commands() {
        let known =
            elsewhere.contains(&command.as_str()) || here.iter().any(|known| command.starts_with(known));
        assert!(known, "no test runs {command:?}");
    }
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run").is_file());
}

#[test]
fn the_readmes_config_is_checked_and_explained_as_it_says() {
    let origin = Origin::json(201, "{}");
    let (folder, _) = folder_with_config(origin.address);
    for (start, expected) in
        [("restcast check", "ok (1 routes, 1 endpoints)"), ("restcast explain", "author/42")]
    {
        let command = commands().into_iter().find(|command| command.starts_with(start)).unwrap();
        let output = restcast().args(command.split(' ').skip(1)).current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(expected), "{command}: {text}");
    }
}

#[test]
fn the_readmes_proxy_serves_and_its_tail_prints() {
    let origin = Origin::json(201, r#"{"id":42,"name":"Ada"}"#);
    let (folder, address) = folder_with_config(origin.address);
    let find = |start: &str| commands().into_iter().find(|command| command.starts_with(start)).unwrap();
    let run = |command: String| {
        let command = command.replace("127.0.0.1:8080", &address.to_string());
        Process::start(restcast().args(command.split(' ').skip(1)).current_dir(folder.path()))
    };
    let proxy = run(find("restcast serve"));
    proxy.line("listening");
    let tail = run(find("restcast tail"));
    tail.line("connected");
    request(address, "POST", "/api/authors", &[], b"{}");
    tail.line(r#"author 42 {"id":42,"name":"Ada"}"#);
}

/// The fields that the tables of the README list, table by table.
fn tables_of_fields() -> Vec<Vec<String>> {
    let text = readme();
    let tables = text.split("| field | type | meaning |\n").skip(1);
    let field = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    tables.map(|table| table.lines().skip(1).map_while(field).collect()).collect()
}

/// What stands as code at the begin of each line of the table that begins so.
fn first_column(head: &str) -> Vec<String> {
    let text = readme();
    let table = text.lines().skip_while(|line| !line.starts_with(head)).take_while(|line| !line.is_empty());
    table.filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

#[test]
fn every_visibility_of_the_readme_loads_and_is_tested() {
    let examples = first_column("| `visibility =` |");
    let matrix = include_str!("visibility.rs").replace('\\', "");
    for example in examples.iter().skip(1) {
        let folder = Folder::new();
        let route = AUTHOR_ROUTE.to_owned() + &format!("visibility = {example}\n");
        let tables = format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{route}{WS_ENDPOINT}");
        let path = folder.write("proxy.toml", tables);
        let output = restcast().arg("check").arg("--config").arg(path).output().unwrap();
        assert!(output.status.success(), "{example}: {output:?}");
        // The matrix lists one role more.
        let name = example.trim_end_matches("\"] }");
        assert!(matrix.contains(name), "{example} is not in the leak matrix");
    }
    assert_eq!(examples.len(), 7);
}

#[test]
fn the_tables_of_fields_are_the_messages() {
    let origin = Origin::json(201, r#"{"id":42,"name":"Ada"}"#);
    let events = "[[endpoint]]\npath = \"/events\"\ndialect = \"canonical\"\n";
    let proxy = Proxy::with(origin.address, &format!("{}{events}", tables()));
    let mut readers = ["/ws", "/events"].map(|path| proxy.reader(path));
    proxy.send("POST", "/api/authors", "{}");
    let sent: Vec<Vec<String>> = readers
        .iter_mut()
        .map(|reader| {
            let mut fields: Vec<String> = reader.next().as_object().unwrap().keys().cloned().collect();
            fields.sort();
            fields
        })
        .collect();
    let mut listed = tables_of_fields();
    for fields in &mut listed {
        fields.sort();
    }
    assert_eq!(listed, sent);
}

/// What a heading is linked to as.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
}

#[test]
fn whatever_the_readme_and_its_pages_link_to_is_there() {
    let mut files = Vec::new();
    for name in PAGES {
        let text = page(name);
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { here.clone() } else { here.parent().unwrap().join(file) };
            let file = file.canonicalize().unwrap_or_else(|error| panic!("{name}: {link}: {error}"));
            if !heading.is_empty() {
                let there = std::fs::read_to_string(&file).unwrap();
                let mut headings = there.lines().filter_map(|line| line.strip_prefix('#'));
                let is_there = headings.any(|line| anchor(line.trim_start_matches(['#', ' '])) == heading);
                assert!(is_there, "{name}: {link}");
            }
            files.push(file);
        }
    }
    for linked in ["tests/rows/faults.toml", "src/dialect/socketio/README.md", "proxy.toml"] {
        let linked = Path::new(env!("CARGO_MANIFEST_DIR")).join(linked).canonicalize().unwrap();
        assert!(files.contains(&linked), "{linked:?} is linked to by nothing");
    }
}

#[test]
fn the_table_about_published_keys_is_checked_without_a_warning() {
    let tables = blocks("toml").concat() + &blocks("toml jwks").concat();
    assert!(tables.contains("jwks_url"), "{tables}");
    let folder = Folder::new();
    folder.write("proxy.toml", tables);
    let output = restcast().arg("check").current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains("warning"), "{text}");
}

#[test]
fn the_file_for_fastcms_clients_tells_what_it_says() {
    let folder = Folder::new();
    let config = folder.write("proxy.toml", blocks("toml fastcms").concat());
    let run = |arguments: &[&str]| {
        let secret = ("RESTCAST_JWT_SECRET", "a secret of more than thirty-two bytes");
        let output = restcast().args(arguments).arg("--config").arg(&config).envs([secret]).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let checked = run(&["check"]);
    assert!(checked.contains("ok (2 routes, 1 endpoints)") && !checked.contains("warning"), "{checked}");
    for (path, topic) in
        [("/api/v1/collections/posts/records/7", "posts/7"), ("/api/v1/collections/c1", "__collections__/c1")]
    {
        let explained = run(&["explain", "DELETE", path, "--status", "204"]);
        assert!(explained.contains(topic), "{explained}");
    }
}

#[test]
fn the_files_for_clients_of_other_dialects_load() {
    for dialect in ["mdb_engine", "socketio", "websocketspec"] {
        let folder = Folder::new();
        let config = folder.write("proxy.toml", blocks(&format!("toml {dialect}")).concat());
        let secrets = [
            ("RESTCAST_JWT_SECRET", "a secret of more than thirty-two bytes"),
            ("RESTCAST_WEBHOOK_SECRET", "s"),
        ];
        let output = restcast().arg("check").arg("--config").arg(&config).envs(secrets).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(
            said.contains("ok (1 routes, 1 endpoints)") && !said.contains("warning"),
            "{dialect}: {said}"
        );
    }
}

#[test]
fn the_tables_about_tokens_make_and_check_them() {
    let tables = blocks("toml").concat() + &blocks("toml auth").concat();
    assert!(tables.contains("[auth.jwt]"), "{tables}");
    let folder = Folder::new();
    let config = folder.write("proxy.toml", tables);
    let run = |arguments: &[&str]| {
        let secret = ("RESTCAST_JWT_SECRET", "a secret of more than thirty-two bytes");
        let output = restcast().args(arguments).current_dir(folder.path()).envs([secret]).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(config.is_file() && !run(&["check"]).contains("warning"));
    let mut token = String::new();
    for command in commands().iter().filter(|command| command.starts_with("restcast token")) {
        let command = command.replace("TOKEN", token.trim());
        token = run(&command.split(' ').skip(1).collect::<Vec<_>>());
    }
    assert!(token.starts_with("accepted\n  user    alice\n  roles   admin\n"), "{token}");
}

/// The words of a command, as a shell reads them: `'` alone quotes.
pub fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    let words = parts.flat_map(|(number, part)| match number % 2 {
        0 => part.split_whitespace().map(ToOwned::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// Runs those of the README's calls of `curl` to `shown` that come to an end, to an address of ours; gives what they print.
pub fn curl(shown: &str, ours: std::net::SocketAddr) -> Vec<String> {
    // With `-N` it reads on until it is ended.
    let ends = |line: &String| line.starts_with("curl") && !line.contains(" -N ");
    let commands = commands().into_iter().filter(|line| ends(line) && line.contains(shown));
    commands
        .map(|command| {
            let words = words(&command.replace(shown, &ours.to_string()));
            crate::tools::curl(&words.iter().skip(1).map(String::as_str).collect::<Vec<_>>())
        })
        .collect()
}

#[test]
fn the_commands_of_the_publish_api_are_answered() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    let answers = curl("127.0.0.1:9090", proxy.admin);
    assert!(answers[0].starts_with("{\"event\":") && answers[0].ends_with("\"sent\":1}"), "{answers:?}");
    let nothing = [r#"{"sent":0}"#, r#"{"connections":[],"count":0,"next":null}"#, r#"{"closed":0}"#];
    assert_eq!(answers[1..], nothing);
    assert_eq!(reader.next()["payload"]["name"], "Ada");
}

#[test]
fn the_key_of_the_readme_loads() {
    let folder = Folder::new();
    let config = folder.write("proxy.toml", blocks("toml").concat() + &blocks("toml keys").concat());
    let secret = ("RESTCAST_API_KEY", "a secret that nobody guesses".replace(' ', "-"));
    let output = restcast().args(["check", "--config"]).arg(config).envs([secret]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains("warning"), "{text}");
}

#[test]
fn the_broker_of_the_readme_loads() {
    let broker = blocks("toml").into_iter().find(|block| block.starts_with(BROKER)).unwrap();
    for kind in ["nats", "redis"] {
        let broker = broker.replace("nats", kind);
        let text = format!("[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{}{broker}", tables());
        let folder = Folder::new();
        let config = folder.write("proxy.toml", text);
        let status = restcast().arg("check").arg("--config").arg(config).status().unwrap();
        assert!(status.success(), "{kind}");
    }
}
