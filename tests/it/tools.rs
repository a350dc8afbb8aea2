//! Clients and backends that nobody here wrote. `tests/run` installs them and says where they are; a test
//! whose tools are missing says so and passes.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::*;

/// The value of an environment variable; without it the test is skipped, and that is said past the
/// capturing of output.
fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    if value.is_none() {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        drop(writeln!(std::io::stderr(), "SKIPPED {test}: {name} is not set; run tests/run"));
    }
    value.map(PathBuf::from)
}

fn client(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

pub struct Python(PathBuf);

/// A Python with the packages of `tests/clients/requirements.txt`.
pub fn python() -> Option<Python> {
    variable("RESTCAST_TEST_PYTHON").map(Python)
}

/// A backend of `tests/clients/flarchitect_backend.py`.
pub fn flarchitect() -> Option<Backend> {
    let python = variable("RESTCAST_TEST_FLARCHITECT").map(Python)?;
    Some(Backend::start(python.command().arg(client("flarchitect_backend.py"))))
}

/// `FastCMS` itself, with its files in an empty folder, and the token of an account; see
/// `tests/clients/pyfastcms_backend.py`.
pub fn pyfastcms(folder: &Path) -> Option<(Backend, String)> {
    let python = variable("RESTCAST_TEST_FASTCMS").map(Python)?;
    let mut command = python.command();
    command.arg(client("pyfastcms_backend.py")).arg("--folder").arg(folder);
    let (backend, line) = Backend::start_told(&mut command);
    Some((backend, line["token"].as_str().unwrap().to_owned()))
}

/// `haproxy`.
pub fn haproxy() -> Option<Command> {
    variable("RESTCAST_TEST_HAPROXY").map(Command::new)
}

impl Python {
    /// The documents of a YAML file, as a list.
    pub fn yaml(&self, file: &Path) -> serde_json::Value {
        let read = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
        let output = self.command().arg("-c").arg(read).arg(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// A script of `tests/clients`.
    pub fn client(&self, script: &str, arguments: &[&str]) -> Process {
        Process::start(self.command().arg(client(script)).args(arguments))
    }

    /// A client that prints what it gets.
    pub fn watch(&self, arguments: &[&str]) -> Process {
        self.client("watch.py", arguments)
    }

    /// A backend that wraps and compresses its answers.
    pub fn flask(&self) -> Backend {
        Backend::start(self.command().arg(client("flask_backend.py")))
    }

    /// A backend with users and permissions; `arguments` as in `tests/clients/drf_backend.py`.
    pub fn django(&self, arguments: &[&str]) -> Backend {
        Backend::start(self.command().arg(client("drf_backend.py")).args(arguments))
    }

    /// A backend of collections with logins; `arguments` as in `tests/clients/fastcms_backend.py`.
    pub fn fastcms(&self, arguments: &[&str]) -> Backend {
        Backend::start(self.command().arg(client("fastcms_backend.py")).args(arguments))
    }

    /// An application written for `mdb_engine`; `arguments` as in `tests/clients/mdb_app.py`.
    pub fn mdb_app(&self, arguments: &[&str]) -> Backend {
        Backend::start(self.command().arg(client("mdb_app.py")).args(arguments))
    }

    /// The REST side of the Socket.IO document; `arguments` as in `tests/clients/socketio_backend.py`.
    pub fn socketio_backend(&self, arguments: &[&str]) -> Backend {
        Backend::start(self.command().arg(client("socketio_backend.py")).args(arguments))
    }

    /// Clients of `python-socketio` that are told what to do, as in `tests/clients/socketio_clients.py`.
    pub fn socketio(&self) -> Process {
        // A script beside it has the name of its package.
        let mut command = self.command();
        command.env("PYTHONSAFEPATH", "1").env("no_proxy", "*").arg(client("socketio_clients.py"));
        Process::start_told(&mut command)
    }

    /// An application that is asked by hooks, as in `tests/clients/hook_app.py`.
    pub fn hook_app(&self, arguments: &[&str]) -> Backend {
        Backend::start(self.command().arg(client("hook_app.py")).args(arguments))
    }

    /// A snippet of a document of `RESTCAST_TEST_SEEDS`, as it stands there.
    pub fn verbatim(&self, seed: &Seed, language: &str, index: usize) -> String {
        let mut command = self.command();
        command.arg(client("extract_seed.py")).arg(&seed.0).args(["--language", language]);
        let output = command.args(["--index", &index.to_string()]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A snippet of a document of `RESTCAST_TEST_SEEDS`, with the test's address in place of the document's.
    pub fn snippet(&self, seed: &Seed, language: &str, index: usize, address: SocketAddr) -> String {
        self.snippet_with(seed, (language, index), &[&format!("localhost:5000={address}")])
    }

    /// The same with other replacements, each as `OLD=NEW`.
    pub fn snippet_with(&self, seed: &Seed, block: (&str, usize), replacements: &[&str]) -> String {
        let mut command = self.command();
        command.arg(client("extract_seed.py")).arg(&seed.0).args(["--language", block.0]);
        command.args(["--index", &block.1.to_string()]);
        for replacement in replacements {
            command.args(["--replace", replacement]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A document with snippets that users copy.
pub struct Seed(PathBuf);

pub fn seed(name: &str) -> Option<Seed> {
    variable("RESTCAST_TEST_SEEDS").map(|folder| Seed(folder.join(name)))
}

pub struct Node(PathBuf);

/// Node with the packages of `tests/clients/package.json`.
pub fn node() -> Option<Node> {
    variable("RESTCAST_TEST_NODE").map(Node)
}

impl Node {
    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.env("RESTCAST_TEST_NODE", &self.0).arg(client(script));
        command
    }

    /// A script of `tests/clients`.
    pub fn client(&self, script: &str, arguments: &[&str]) -> Process {
        Process::start(self.command(script).args(arguments))
    }

    /// Clients of `socket.io-client` that are told what to do, as in `tests/clients/socketio_clients.js`.
    pub fn socketio(&self) -> Process {
        Process::start_told(&mut self.command("socketio_clients.js"))
    }

    pub fn json_server(&self) -> Backend {
        Backend::start(self.command("json_server.js").args(["--prefix", "/api"]))
    }

    /// The same with the records of a file, at the paths of json-server's own command.
    pub fn json_server_of(&self, records: &Path) -> Backend {
        Backend::start(self.command("json_server.js").arg("--db").arg(records))
    }

    pub fn json_server_1(&self) -> Backend {
        Backend::start(&mut self.command("json_server_1.mjs"))
    }

    /// The queries that `PostgREST`'s own client makes of these calls, each as its parts.
    pub fn postgrest_urls(&self, calls: &[serde_json::Value]) -> Vec<Vec<String>> {
        let mut command = self.command("postgrest_urls.js");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines: String = calls.iter().map(|calls| format!("{calls}\n")).collect();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Opens a page in a headless browser; `arguments` as in `tests/clients/page.js`.
    pub fn page(&self, browser: &Browser, arguments: &[&str]) -> Process {
        let mut command = self.command("page.js");
        Process::start(command.arg("--chromium").arg(&browser.0).args(arguments))
    }

    /// Builds a page of `tests/clients/pages` around a snippet with Vite, into `out`.
    pub fn build(&self, page: &str, snippet: &Path, out: &Path) {
        let mut command = self.command("build.js");
        command.arg("--page").arg(pages().join(page)).arg("--snippet").arg(snippet);
        let work = out.with_extension("work");
        let output = command.arg("--work").arg(work).arg("--out").arg(out).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A file of TypeScript without its types.
    pub fn javascript(&self, file: &Path) -> String {
        let output = self.command("javascript.js").arg(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Opens pages as several users do; `arguments` as in `tests/clients/pages.js`.
    pub fn pages(&self, browser: &Browser, arguments: &[String]) -> Process {
        let mut command = self.command("pages.js");
        Process::start(command.arg("--chromium").arg(&browser.0).args(arguments))
    }
}

/// The folder of pages that are ours.
pub fn pages() -> PathBuf {
    client("pages")
}

pub struct Browser(PathBuf);

pub fn browser() -> Option<Browser> {
    variable("RESTCAST_TEST_CHROMIUM").map(Browser)
}

/// A REST backend in a process of its own; it ends with the test.
pub struct Backend {
    pub address: SocketAddr,
    _process: Process,
}

impl Backend {
    /// The command prints `{"port":P}` when it listens.
    fn start(command: &mut Command) -> Self {
        Self::start_told(command).0
    }

    /// The same, and all that the line says.
    fn start_told(command: &mut Command) -> (Self, serde_json::Value) {
        let process = Process::start(command);
        let line: serde_json::Value = serde_json::from_str(&process.line("\"port\"")).unwrap();
        let port = u16::try_from(line["port"].as_u64().unwrap()).unwrap();
        (Self { address: SocketAddr::from(([127, 0, 0, 1], port)), _process: process }, line)
    }
}

/// Runs `curl` to its end; gives its status and what it printed.
pub fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--noproxy", "*"]).args(arguments);
    let output = command.output().unwrap_or_else(|error| panic!("curl: {error}"));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
