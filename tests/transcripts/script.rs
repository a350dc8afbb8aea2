//! Golden conversations. Each file in `tests/transcripts/<dialect>/` is played twice: with the dialect and
//! the hub alone (`src/dialect/transcript_tests.rs`), and with the real executable over real sockets
//! (`tests/it/transcripts.rs`). This is the format, and how one is played on either [`Stage`].
//!
//! Above the line `---` stands what goes into `proxy.toml`, below it one happening on each line:
//!
//! ```text
//! ann opens /ws?topic=author                        a client connects
//! ann says hello                                    it sends a text message
//! ann says-bytes 00 ff                              … a binary one
//! POST /api/authors {"name":"Ada"} -> 201 {"id":1}  a request goes through the proxy; the backend's answer
//! ann hears {"ts":…,"id":1}                         the client gets a text message; … stands for anything
//! ann hears-bytes 00 ff                             … a binary one
//! ann asks {"id":…} => GET /api/authors -> 200 []   it sends a text message; what the backend gets of it, and its answer
//! ann hears nothing                                 nothing comes
//! ann leaves                                        it closes the connection
//! ```
//!
//! Of a stream of events (`text/event-stream`) a block is a message, and `\n` ends each of its lines but the last.
//!
//! Both bodies of a request may be left away. At the end nobody may have got more than was written down.

use std::io::Write as _;

/// One message of a client or to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    Bytes(Vec<u8>),
}

impl Said {
    /// A block of a stream of events.
    pub(crate) fn block(text: &str) -> Self {
        Self::Text(text.trim_end_matches('\n').replace('\n', "\\n"))
    }
}

/// A request through the proxy and what the backend answers.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a str,
    pub(crate) status: u16,
    pub(crate) answer: &'a str,
}

/// Where a conversation takes place.
pub(crate) trait Stage {
    fn open(&mut self, who: &str, path: &str);
    fn say(&mut self, who: &str, message: Said);
    /// The next message, which should come.
    fn hear(&mut self, who: &str) -> Option<Said>;
    /// A message that came though none should.
    fn overhear(&mut self, who: &str) -> Option<Said>;
    fn exchange(&mut self, exchange: &Exchange<'_>);
    /// A client says something, and the backend answers what it gets of it: method, path and body.
    fn ask(&mut self, who: &str, message: &str, exchange: &Exchange<'_>) -> String;
    fn leave(&mut self, who: &str);
}

/// The two parts of a file: config and conversation.
pub(crate) fn parts(script: &str) -> (&str, &str) {
    script.split_once("\n---\n").unwrap_or_else(|| panic!("no line --- in {script}"))
}

/// Every script, as (dialect, path).
pub(crate) fn scripts() -> Vec<(String, std::path::PathBuf)> {
    let list = |folder: &std::path::Path| -> Vec<std::path::PathBuf> {
        let entries =
            std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries
            .map(|entry| entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path())
            .collect()
    };
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut scripts = Vec::new();
    for folder in list(&root).iter().filter(|path| path.is_dir()) {
        let dialect = folder.file_name().unwrap_or_default().to_string_lossy();
        scripts.extend(list(folder).into_iter().map(|path| (dialect.to_string(), path)));
    }
    scripts.sort();
    scripts
}

/// Says at which line a panic was.
struct At<'a>(&'a str);

impl Drop for At<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            writeln!(std::io::stderr(), "at the line: {}", self.0).ok();
        }
    }
}

/// Plays a conversation and writes down what happened: the same text, if all went as it says.
pub(crate) fn play(conversation: &str, stage: &mut impl Stage) -> String {
    let mut present: Vec<&str> = Vec::new();
    let mut happened = String::new();
    for line in conversation.lines() {
        let _at = At(line);
        let line = match act(line, stage, &mut present) {
            Some(other) if !matches(line, &other) => other,
            _ => line.to_owned(),
        };
        happened.push_str(&line);
        happened.push('\n');
    }
    for who in present {
        if let Some(more) = stage.overhear(who) {
            happened.push_str(&heard_line(who, Some(&more)));
            happened.push('\n');
        }
    }
    happened
}

/// Does what a line says; gives the line that holds where it says what should be.
fn act<'a>(line: &'a str, stage: &mut impl Stage, present: &mut Vec<&'a str>) -> Option<String> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (who, rest) = line.split_once(' ').unwrap_or_else(|| panic!("not a happening: {line}"));
    if who.bytes().all(|byte| byte.is_ascii_uppercase()) {
        stage.exchange(&exchange(who, rest));
        return None;
    }
    let (verb, what) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "opens" => {
            stage.open(who, what);
            present.push(who);
        }
        "says" => stage.say(who, Said::Text(what.to_owned())),
        "says-bytes" => stage.say(who, Said::Bytes(bytes(what))),
        "hears" if what == "nothing" => return Some(heard_line(who, stage.overhear(who).as_ref())),
        "hears" | "hears-bytes" => return Some(heard_line(who, stage.hear(who).as_ref())),
        "asks" => return Some(ask(who, what, stage)),
        "leaves" => {
            stage.leave(who);
            present.retain(|other| *other != who);
        }
        _ => panic!("{verb:?} is not a verb of transcripts: {line}"),
    }
    None
}

fn ask(who: &str, what: &str, stage: &mut impl Stage) -> String {
    let (message, asked) = what.rsplit_once(" => ").unwrap_or_else(|| panic!("no request in {what}"));
    let (method, rest) = asked.split_once(' ').unwrap_or_else(|| panic!("no path in {asked}"));
    let exchange = exchange(method, rest);
    let got = stage.ask(who, message, &exchange);
    let Exchange { status, answer, .. } = exchange;
    format!("{who} asks {message} => {got} -> {status} {answer}").trim_end().to_owned()
}

fn exchange<'a>(method: &'a str, rest: &'a str) -> Exchange<'a> {
    let (request, answer) = rest.split_once(" -> ").unwrap_or_else(|| panic!("no answer in {rest}"));
    let (path, body) = request.split_once(' ').unwrap_or((request, ""));
    let (status, answer) = answer.split_once(' ').unwrap_or((answer, ""));
    let status = status.parse().unwrap_or_else(|_| panic!("no status in {rest}"));
    Exchange { method, path, body, status, answer }
}

fn bytes(text: &str) -> Vec<u8> {
    let byte =
        |text: &str| u8::from_str_radix(text, 16).unwrap_or_else(|_| panic!("not a byte in hex: {text}"));
    text.split_whitespace().map(byte).collect()
}

fn heard_line(who: &str, heard: Option<&Said>) -> String {
    match heard {
        None => format!("{who} hears nothing"),
        Some(Said::Text(text)) if text.is_empty() => format!("{who} hears"),
        Some(Said::Text(text)) => format!("{who} hears {text}"),
        Some(Said::Bytes(bytes)) => {
            let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{who} hears-bytes {}", bytes.join(" "))
        }
    }
}

/// Compares text with a pattern in which `…` stands for anything, up to the next place where the rest fits.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('…') else { return pattern == text };
    let Some(text) = text.strip_prefix(begin) else { return false };
    text.char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .any(|at| text.get(at..).is_some_and(|text| matches(rest, text)))
}
