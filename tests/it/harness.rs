//! What the black-box tests stand on: the real executable on free ports, scripted origins, and plain
//! blocking clients. Nothing here sleeps for a fixed time: everything waits for a condition, with a
//! deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

pub use crate::http::*;
pub use crate::origin::*;

/// Longer than anything takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// How long "nothing comes" is watched where no later event can prove it.
pub const SILENCE: Duration = Duration::from_millis(300);

/// An address at which nothing listens, given out once. It lies below the range from which systems take the
/// ports of connections, so that none of them gets there before the process that it is meant for.
pub fn free_address() -> SocketAddr {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id() * 127 + NUMBER.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + (number % 20_000) as u16));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Tries until `probe` gives something.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// A folder of this test alone, gone when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("restcast-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A child process that does not outlive its test, and what it says.
pub struct Process {
    pub child: Child,
    output: Arc<Mutex<String>>,
    readers: [thread::JoinHandle<()>; 2],
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::null()))
    }

    /// One that is told lines while it runs.
    pub fn start_told(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::piped()))
    }

    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = Arc::new(Mutex::new(String::new()));
        let readers = [
            collect(child.stdout.take().unwrap(), Arc::clone(&output)),
            collect(child.stderr.take().unwrap(), Arc::clone(&output)),
        ];
        Self { child, output, readers }
    }

    /// It has ended, and `output` is all that it wrote.
    pub fn is_read(&self) -> bool {
        self.readers.iter().all(thread::JoinHandle::is_finished)
    }

    /// All it has written so far, both streams.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// The lines behind so many bytes.
    pub fn output_behind(&self, read: usize) -> String {
        self.output.lock().unwrap()[read..].to_owned()
    }

    /// The first line that holds `part`, once it is there.
    pub fn line(&self, part: &str) -> String {
        let find = || self.output().lines().find(|line| line.contains(part)).map(ToOwned::to_owned);
        eventually(&format!("{part:?} in {}", self.output()), find)
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([format!("-{signal}"), id]).status().unwrap().success());
    }

    pub fn wait(&mut self) -> std::process::ExitStatus {
        eventually("the process ends", || self.child.try_wait().unwrap())
    }

    /// The same of a tool that has much to do, on a machine that may be busy.
    pub fn wait_long(&mut self) -> std::process::ExitStatus {
        let end = Instant::now() + 9 * DEADLINE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::park_timeout(Duration::from_millis(50));
        }
        self.wait()
    }
}

fn collect(stream: impl Read + Send + 'static, output: Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            drop(writeln!(std::io::stderr(), "what the process said:\n{}", self.output()));
        }
    }
}

pub fn restcast() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restcast"));
    command.env_remove("RUST_LOG");
    command
}

pub const AUTHOR_ROUTE: &str = "[[route]]\npath = \"/api/authors/{id}\"\nmodel = \"author\"\n";
pub const WS_ENDPOINT: &str = "[[endpoint]]\npath = \"/ws\"\ndialect = \"flarchitect\"\n";

/// The author route and `/ws`.
pub fn tables() -> String {
    format!("{AUTHOR_ROUTE}{WS_ENDPOINT}")
}

/// The proxy in front of a backend.
pub struct Proxy {
    pub process: Process,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub config: PathBuf,
    environment: Vec<(String, String)>,
    _folder: Folder,
}

impl Proxy {
    /// In front of `upstream`, with the author route and `/ws`.
    pub fn start(upstream: SocketAddr) -> Self {
        Self::with(upstream, &tables())
    }

    /// With these routes, endpoints and other tables; not `[server]`, `[admin]` and `[upstream]`.
    pub fn with(upstream: SocketAddr, tables: &str) -> Self {
        Self::with_upstream(&format!("servers = [\"http://{upstream}\"]"), tables)
    }

    /// `upstream`: the lines of `[upstream]`.
    pub fn with_upstream(upstream: &str, tables: &str) -> Self {
        Self::with_server("", upstream, tables)
    }

    /// With these environment variables.
    pub fn with_environment(environment: &[(&str, &str)], upstream: SocketAddr, tables: &str) -> Self {
        Self::try_ports(environment, "", &format!("servers = [\"http://{upstream}\"]"), tables)
    }

    /// `server`: more lines of `[server]`.
    pub fn with_server(server: &str, upstream: &str, tables: &str) -> Self {
        Self::try_ports(&[], server, upstream, tables)
    }

    fn try_ports(environment: &[(&str, &str)], server: &str, upstream: &str, tables: &str) -> Self {
        Self::try_config(environment, |address, admin| {
            // Positions are told where a test is about them: its config has a `[history]` then.
            let history = if tables.contains("[history]") { "" } else { "[history]\nsize = 0\n" };
            format!(
                "[server]\nlisten = \"{address}\"\n{server}\n[admin]\nlisten = \"{admin}\"\n\
                 [upstream]\n{upstream}\n{history}{tables}"
            )
        })
    }

    /// With the whole config, for an address and one of the admin port.
    pub fn with_config(text: impl Fn(SocketAddr, SocketAddr) -> String) -> Self {
        Self::try_config(&[], text)
    }

    fn try_config(environment: &[(&str, &str)], text: impl Fn(SocketAddr, SocketAddr) -> String) -> Self {
        // Another process may take a port that was free a moment ago: then once more.
        for _ in 0..5 {
            let (address, admin) = (free_address(), free_address());
            let folder = Folder::new();
            let config = folder.write("proxy.toml", text(address, admin));
            if let Some(process) = serve(restcast().envs(environment.iter().copied()), &config, admin) {
                let environment = environment
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect();
                return Self { process, address, admin, config, environment, _folder: folder };
            }
        }
        panic!("no free ports");
    }

    /// Stops it and starts it again at the same addresses.
    pub fn restart(&mut self) {
        self.process.signal("TERM");
        self.process.wait();
        self.process = serve(restcast().envs(self.environment.clone()), &self.config, self.admin).unwrap();
    }

    pub fn get(&self, path: &str) -> Answer {
        request(self.address, "GET", path, &[], b"")
    }

    pub fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        request(self.address, method, path, &[("Content-Type", "application/json")], body.as_bytes())
    }

    /// The value of a metric's series, written as `name{label="value"}`.
    pub fn metric(&self, series: &str) -> f64 {
        let text = request(self.admin, "GET", "/metrics", &[], b"").text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }

    pub fn reader(&self, path: &str) -> Reader {
        Reader::connect(self.address, path)
    }
}

/// Waits until it listens; `None`: a port was taken.
fn serve(command: &mut Command, config: &Path, admin: SocketAddr) -> Option<Process> {
    let mut process = Process::start(command.arg("serve").arg("--config").arg(config));
    let listening = format!("address={admin}");
    let up = eventually("restcast listens", || {
        let ended = process.child.try_wait().unwrap().is_some() && process.is_read();
        let output = process.output();
        assert!(!ended || output.contains("cannot listen"), "restcast ended: {output}");
        (ended || output.contains(&listening)).then_some(!ended)
    });
    up.then_some(process)
}

/// `restcast demo`, at addresses of its own.
pub struct Demo {
    pub process: Process,
    pub address: SocketAddr,
    pub admin: SocketAddr,
}

impl Demo {
    pub fn start() -> Self {
        // Another process may take a port that was free a moment ago: then once more.
        for _ in 0..5 {
            let (address, admin) = (free_address(), free_address());
            let mut command = restcast();
            command.args(["demo", "--listen", &address.to_string(), "--admin", &admin.to_string()]);
            let mut process = Process::start(&mut command);
            let up = eventually("the demo runs or has ended", || {
                let ended = process.child.try_wait().unwrap().is_some();
                (ended || process.output().contains("-X DELETE")).then_some(!ended)
            });
            if up {
                return Self { process, address, admin };
            }
        }
        panic!("no free ports");
    }
}

/// A WebSocket client.
pub struct Reader(pub WebSocket<TcpStream>);

impl Reader {
    pub fn connect(address: SocketAddr, path: &str) -> Self {
        Self::try_connect(address, path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn try_connect(address: SocketAddr, path: &str) -> Result<Self, String> {
        let url = format!("ws://{address}{path}");
        let stream = try_connect(address).map_err(|error| error.to_string())?;
        let (socket, _) = tungstenite::client(url, stream).map_err(|error| error.to_string())?;
        Ok(Self(socket))
    }

    /// The next text message, as JSON.
    pub fn next(&mut self) -> serde_json::Value {
        let text = self.next_text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The next text message.
    pub fn next_text(&mut self) -> String {
        loop {
            match self.0.read().unwrap_or_else(|error| panic!("no message: {error}")) {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => {
                    panic!("not a text message: {other:?}")
                }
            }
        }
    }

    pub fn send(&mut self, message: impl Into<Message>) {
        self.0.send(message.into()).unwrap();
    }

    /// Code of the close frame that comes; messages before it are skipped.
    pub fn close_code(&mut self) -> u16 {
        loop {
            match self.0.read() {
                Ok(Message::Close(Some(frame))) => return frame.code.into(),
                Ok(Message::Close(None)) => return 1005,
                Ok(_) => {}
                Err(error) => panic!("no close frame: {error}"),
            }
        }
    }

    /// Nothing comes for a while.
    pub fn expect_silence(&mut self) {
        self.0.get_ref().set_read_timeout(Some(SILENCE)).unwrap();
        let got = self.0.read();
        assert!(
            matches!(&got, Err(tungstenite::Error::Io(error)) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)),
            "expected silence, got {got:?}"
        );
        self.0.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
    }
}
