//! A `nats-server` of the test's own, in a folder of its own, on a port that is free.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::super::{Nats, Settings, parse};
use crate::outbound::Roots;

pub(super) struct Server {
    process: Option<Child>,
    folder: PathBuf,
    pub(super) port: u16,
    settings: String,
}

impl Server {
    pub(super) fn start() -> Self {
        Self::with("jetstream {}")
    }

    /// With these lines in its settings, in which `STORE` is its folder; `jetstream {}` gets that by itself.
    pub(super) fn with(settings: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("restcast-nats-{}", Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        let settings = settings.replace("jetstream {}", "jetstream { store_dir: \"STORE\" }");
        let settings = settings.replace("STORE", folder.join("store").to_str().unwrap());
        let mut server = Self { process: None, folder, port: 0, settings };
        server.run();
        server
    }

    /// Starts it, on the port that it had.
    pub(super) fn run(&mut self) {
        let port = if self.port == 0 { "-1".to_owned() } else { self.port.to_string() };
        let file = self.folder.join("settings");
        let settings = &self.settings;
        fs::write(
            &file,
            format!("listen: \"127.0.0.1:{port}\"\nports_file_dir: {:?}\n{settings}\n", self.folder),
        )
        .unwrap();
        let program = std::env::var_os("RESTCAST_TEST_NATS").unwrap_or_else(|| "nats-server".into());
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().expect("nats-server is installed: tests/run does that");
        let ports = self.folder.join(format!("nats-server_{}.ports", process.id()));
        self.process = Some(process);
        let started = Instant::now();
        while self.port == 0 || !self.answers() {
            let text = fs::read_to_string(&ports).unwrap_or_default();
            self.port = text.rsplit_once(':').map_or(self.port, |(_, port)| {
                let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
                digits.parse().unwrap_or(self.port)
            });
            let log = || fs::read_to_string(self.folder.join("log"));
            assert!(started.elapsed() < Duration::from_secs(20), "nats-server does not start: {:?}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn answers(&self) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(super) fn lose_everything(&self) {
        fs::remove_dir_all(self.folder.join("store")).unwrap();
    }

    /// As a machine that lost its power may: everything that came after `work` began is gone.
    pub(super) async fn forgetting(&mut self, work: impl Future<Output = ()>) {
        let (store, copy) = (self.folder.join("store"), self.folder.join("copy"));
        let copied = |from: &PathBuf, to: &PathBuf| {
            assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
        };
        self.kill();
        copied(&store, &copy);
        self.run();
        work.await;
        self.kill();
        self.lose_everything();
        copied(&copy, &store);
        self.run();
    }

    /// `STOP` or `CONT`.
    pub(super) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(id).status().unwrap().success());
    }

    pub(super) fn log(&self) -> Nats {
        self.keeping(settings())
    }

    pub(super) fn keeping(&self, settings: Settings) -> Nats {
        named(&[&format!("nats://127.0.0.1:{}", self.port)], settings)
    }
}

pub(super) fn named(urls: &[&str], settings: Settings) -> Nats {
    Nats::new(parse(urls).unwrap(), settings, Roots::none())
}

pub(super) fn settings() -> Settings {
    Settings {
        stream: "RESTCAST".to_owned(),
        subject: "restcast.log".to_owned(),
        max_letters: 1_000_000,
        max_bytes: 1 << 30,
        max_age: Duration::from_hours(1),
        replicas: 1,
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        fs::remove_dir_all(&self.folder).unwrap();
    }
}
