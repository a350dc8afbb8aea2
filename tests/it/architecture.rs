//! The shape of the code, held by a test: who may import whom, what logic must not name, how long a file
//! may be, and that every dialect has its transcripts.

use std::path::{Path, PathBuf};

use crate::script;

/// Each module with those of ours that it may use. They all stand above it, so there is no cycle.
const MODULES: &[(&str, &str)] = &[
    ("recent", ""),
    ("time", ""),
    ("url", ""),
    ("event", ""),
    ("identity", "event"),
    ("filter", "event"),
    ("message", "event identity filter"),
    ("route", "event"),
    ("json", "route"),
    ("rules", "event identity filter json"),
    ("query", "event filter message route json rules"),
    ("auth", "identity"),
    ("capture", "event recent route json"),
    ("access", "recent"),
    ("hub", "access event filter identity message"),
    ("dialect", "time url event filter identity message json query rules"),
    ("metrics", ""),
    ("outbound", "url"),
    ("verify", "identity auth metrics outbound"),
    ("webhook", "message metrics outbound"),
    ("broker", "event identity hub message metrics outbound recent"),
    ("transport", "access dialect hub identity message"),
    ("api", "time event identity message route hub metrics broker"),
    ("demo", "api"),
    (
        "proxy",
        "time event identity message route auth capture access hub dialect metrics verify webhook broker transport api",
    ),
    (
        "config",
        "url event route query rules auth access broker capture hub dialect outbound transport proxy api",
    ),
    ("explain", "capture proxy config"),
    (
        "app",
        "event identity message route query auth capture access filter hub dialect metrics outbound verify webhook broker transport api demo proxy config",
    ),
    (
        "cli",
        "explain event identity message route query rules auth capture access filter hub dialect metrics outbound verify webhook broker transport api demo proxy config app",
    ),
    ("lib", ""),
    ("main", ""),
];

/// Synchronous code without I/O, clock and task: time and ids come in as arguments.
const LOGIC: [&str; 19] = [
    "json", "query", "recent", "time", "url", "event", "identity", "message", "route", "auth", "capture",
    "filter", "rules", "access", "hub", "dialect", "metrics", "api", "demo",
];
const NOT_IN_LOGIC: [&str; 7] =
    ["tokio::net", "tokio::spawn", "tokio::time", "std::thread", ".await", "Instant::now", "SystemTime::now"];
const MAX_LINES: usize = 400;

/// What is wrong with a file; `path` is below `src`.
fn faults(path: &Path, source: &str) -> Vec<String> {
    let module = module(path);
    let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{module} is not in the table of modules")];
    };
    let source = without_tests(source);
    let code = code(source);
    let mut faults = Vec::new();
    for used in imports(path, &code) {
        if used == "{" {
            faults.push("imports of several modules at once: write one line for each".to_owned());
        } else if used != module && !allowed.split(' ').any(|name| name == used) {
            faults.push(format!("{module} may not use {used}"));
        }
    }
    let mut refuse = |word: &str, because: &str| {
        if code.contains(word) {
            faults.push(format!("{module} names {word}: {because}"));
        }
    };
    if LOGIC.contains(&module) {
        for word in NOT_IN_LOGIC {
            refuse(word, "it is logic");
        }
    }
    if module != "proxy" {
        refuse("pingora", "only proxy knows it");
    }
    let lines = source.lines().count();
    if lines > MAX_LINES {
        faults.push(format!("{lines} lines are more than {MAX_LINES}"));
    }
    faults
}

/// The first part of a path below `src`.
fn module(path: &Path) -> &str {
    let first = path.iter().next().unwrap().to_str().unwrap();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// Modules of the crate's root that a file names, by `crate::` or by as many `super::` as lead there.
fn imports<'a>(path: &Path, code: &'a str) -> Vec<&'a str> {
    let depth = path.components().count() - usize::from(path.ends_with("mod.rs"));
    let up = "super::".repeat(depth);
    let up = code
        .match_indices(&up)
        .filter(|(at, _)| !code[..*at].ends_with("super::"))
        .map(|(at, _)| at + up.len());
    let root = code.match_indices("crate::").map(|(at, found)| at + found.len());
    let name = |at: usize| {
        let rest = &code[at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end.max(1).min(rest.len())]
    };
    root.chain(up).map(name).filter(|name| *name != "super").collect()
}

/// A file up to its inline tests.
fn without_tests(source: &str) -> &str {
    let inline = source
        .match_indices("#[cfg(test)]\nmod ")
        .find(|(at, _)| source[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{')));
    inline.map_or(source, |(at, _)| &source[..at])
}

/// The source without comments and without what stands in strings.
fn code(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let in_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let silent = match first {
            '/' => comment(rest),
            '"' => Some(string(rest)),
            'r' if !in_name => raw_string(rest),
            '\'' => character(rest),
            _ => None,
        };
        if silent.is_none() {
            code.push(first);
        }
        rest = &rest[silent.unwrap_or(first.len_utf8())..];
    }
    code
}

/// The length of what stands at the begin of `text`, if it is a comment; and so on below.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |at| at + 2))
}

fn string(text: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    let content = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(content.find(&end).map_or(text.len(), |at| 2 + hashes + at + end.len()))
}

/// A lifetime is none.
fn character(text: &str) -> Option<usize> {
    ["'\"'", "'\\\"'", "'\\''", "'\\\\'"]
        .iter()
        .find(|literal| text.starts_with(**literal))
        .map(|literal| literal.len())
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(sources).filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

fn is_test(path: &Path) -> bool {
    path.file_stem().unwrap().to_str().unwrap().ends_with("tests") || path.iter().any(|part| part == "tests")
}

#[test]
fn imports_go_one_way_and_logic_stays_logic() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = sources(&root);
    assert!(sources.len() > 30, "{sources:?}");
    let mut found = Vec::new();
    for path in sources.iter().map(|path| path.strip_prefix(&root).unwrap()).filter(|path| !is_test(path)) {
        let source = std::fs::read_to_string(root.join(path)).unwrap();
        found.extend(
            faults(path, &source).into_iter().map(|fault| format!("src/{}: {fault}", path.display())),
        );
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    for (module, _) in MODULES {
        let exists = root.join(module).is_dir() || root.join(format!("{module}.rs")).is_file();
        assert!(exists, "the table names {module}");
    }
}

#[test]
fn the_table_of_modules_has_no_cycle() {
    for (place, (module, allowed)) in MODULES.iter().enumerate() {
        for used in allowed.split_whitespace() {
            assert!(MODULES[..place].iter().any(|(above, _)| *above == used), "{module} uses {used}");
        }
    }
}

#[test]
fn planted_faults_are_found() {
    let faulty = [
        ("hub/mod.rs", "use crate::dialect::Dialect;"),
        ("hub/mod.rs", "fn f() -> super::proxy::Gateway {}"),
        ("hub/outbox.rs", "use super::super::transport::Link;"),
        ("hub/outbox.rs", "use crate::{event::Event, proxy::Gateway};"),
        ("event.rs", "use crate::message::Frame;"),
        ("event.rs", "fn f(frame: crate::message::Frame) {}"),
        ("broker/memory.rs", "use crate::proxy::Gateway;"),
        ("elsewhere.rs", ""),
        ("capture/mod.rs", "let now = Instant::now();"),
        ("demo/mod.rs", "let now = std::time::SystemTime::now();"),
        ("dialect/echo.rs", "socket.read().await"),
        ("hub/mod.rs", "std::thread::yield_now();"),
        ("hub/mod.rs", "let quote = '\"'; tokio::spawn(async {});"),
        ("hub/mod.rs", "let quote = '\\''; let text = r#\"\"\"#; use tokio::time;"),
        ("transport/link.rs", "use pingora::protocols::Stream;"),
        ("app.rs", "use pingora::server::Server;"),
        ("route/mod.rs", &"\n".repeat(401)),
    ];
    for (path, source) in faulty {
        assert_eq!(faults(Path::new(path), source).len(), 1, "{path}: {source}");
    }
    let faultless = [
        ("hub/mod.rs", "use super::event::Event; use crate::hub::outbox::Outbox;"),
        ("hub/outbox.rs", "use super::Reader; use crate::message::Frame;"),
        ("hub/mod.rs", "/// See [`crate::proxy`].\n// pingora\n/* tokio::net */"),
        ("hub/mod.rs", "let a = \"pingora \\\" .await\"; let b = r#\"a \" tokio::net\"#; let c = 'x';"),
        ("hub/mod.rs", "fn f<'a>(a: &'a str) {}\n#[cfg(test)]\nmod tests {\nuse crate::proxy::Gateway;\n}"),
        ("cli/mod.rs", "use crate::app; use crate::demo::Backend;"),
    ];
    for (path, source) in faultless {
        assert_eq!(faults(Path::new(path), source), Vec::<String>::new(), "{path}: {source}");
    }
}

#[test]
fn every_dialect_has_transcripts_and_every_transcript_a_dialect() {
    let scripts = script::scripts();
    for (dialect, _) in restcast::dialect::DIALECTS {
        assert!(scripts.iter().any(|(of, _)| of == dialect), "tests/transcripts/{dialect} is missing");
    }
    for (dialect, path) in scripts {
        let text = std::fs::read_to_string(&path).unwrap();
        let (config, _) = script::parts(&text);
        assert!(config.contains(&format!("dialect = \"{dialect}\"")), "{}", path.display());
    }
}
