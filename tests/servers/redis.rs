//! Redis servers for tests: each on a free port and with a folder of its own, gone when dropped.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

/// A `redis-server` on loopback that keeps nothing unless it is told to.
pub struct RedisServer {
    child: Child,
    pub port: u16,
    /// What stands for `ANOTHER` among its options.
    pub other_port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

impl RedisServer {
    /// With further options, as on its command line; `ANOTHER` is one more free port.
    pub fn start(options: &[&str]) -> Self {
        Self::try_start(|_, other_port| {
            let other_port = other_port.to_string();
            let option = |&option: &&str| if option == "ANOTHER" { &other_port } else { option }.to_owned();
            options.iter().map(option).collect()
        })
    }

    /// Somebody else may take a port before it does.
    fn try_start(options: impl Fn(&Path, u16) -> Vec<String>) -> Self {
        for _ in 0..9 {
            let (port, other_port, folder) = (free_port(), free_port(), new_folder());
            let options = options(&folder, other_port);
            let child = run(port, &folder, &options);
            let mut server = Self { child, port, other_port, folder, options };
            if server.comes_up() {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// A Sentinel that watches `master`, and gives it up after a second.
    pub fn start_sentinel(master: &Self, name: &str) -> Self {
        let lines = [
            format!("monitor {name} 127.0.0.1 {} 1", master.port),
            format!("down-after-milliseconds {name} 1000"),
            format!("failover-timeout {name} 5000"),
        ];
        Self::try_start(|folder, _| {
            let config = folder.join("sentinel.conf");
            std::fs::write(
                &config,
                lines.iter().map(|line| format!("sentinel {line}\n")).collect::<String>(),
            )
            .unwrap();
            vec![config.to_str().unwrap().to_owned(), "--sentinel".to_owned()]
        })
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Asks something, words between spaces; the answer as it stands on the wire, at most 64 KiB of it.
    pub fn ask(&self, command: &str) -> String {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    fn try_ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// At once, as by a crash.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Again on its port, with what is in its folder.
    pub fn restart(&mut self) {
        let since = Instant::now();
        loop {
            self.kill();
            self.child = run(self.port, &self.folder, &self.options);
            if self.comes_up() {
                return;
            }
            assert!(since.elapsed() < DEADLINE, "port {} is not free again", self.port);
        }
    }

    /// It stays connected and says nothing.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    fn comes_up(&mut self) -> bool {
        let since = Instant::now();
        while since.elapsed() < DEADLINE {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            match self.try_ask("PING") {
                Ok(answer) if !answer.is_empty() && !answer.starts_with("-LOADING") => return true,
                _ => thread::park_timeout(Duration::from_millis(5)),
            }
        }
        panic!("redis-server on port {} does not answer", self.port);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop((self.child.kill(), self.child.wait(), std::fs::remove_dir_all(&self.folder)));
    }
}

fn run(port: u16, folder: &Path, options: &[String]) -> Child {
    // A config file comes first.
    let (config, options) =
        options.split_at(usize::from(options.first().is_some_and(|o| o.starts_with('/'))));
    let mut command = Command::new("redis-server");
    command.args(config).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]).arg("--dir").arg(folder);
    if config.is_empty() {
        command.args(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]);
    }
    command.args(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("redis-server (tests/run installs it): {error}"))
}

/// Nobody has it now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn new_folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("restcast-redis-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
