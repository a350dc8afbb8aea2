//! The unit of `deploy`, run as a service manager does it.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use super::*;

/// A process that the shell of a reload has left behind; it ends with the test.
struct Left(String);

impl Left {
    fn signal(&self, signal: &str) -> bool {
        let mut command = Command::new("kill");
        command.args([signal, &self.0]).stderr(std::process::Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.signal("-KILL");
    }
}

#[test]
fn a_reload_brings_a_process_that_says_that_it_is_the_main_one_now() {
    let (unit, origin, folder) =
        (include_str!("../../../deploy/restcast.service"), counting(), Folder::new());
    let mut deployed = Deployed::start(origin.address, "");
    let mut reader = Reader::connect(deployed.proxy.address, "/ws?topic=author");
    let manager = folder.path().join("notify");
    let told = UnixDatagram::bind(&manager).unwrap();
    told.set_read_timeout(Some(DEADLINE)).unwrap();
    let shell = unit.lines().find_map(|line| line.strip_prefix("ExecReload=/bin/sh -c '")).unwrap();
    let script = shell
        .strip_suffix('\'')
        .unwrap()
        .replace("/usr/local/bin/restcast", env!("CARGO_BIN_EXE_restcast"))
        .replace("/etc/restcast/proxy.toml", &deployed.proxy.config.display().to_string());
    let mut command = Command::new("/bin/sh");
    command.env("MAINPID", deployed.proxy.process.child.id().to_string()).env("NOTIFY_SOCKET", &manager);
    let mut reload = Process::start(command.args(["-c", &script]));
    assert!(reload.wait().success());
    let mut text = [0; 100];
    let length = told.recv(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text[..length]).into_owned();
    let new = text.strip_prefix("READY=1\nMAINPID=").unwrap_or_else(|| panic!("{text}")).trim_end();
    let new = Left(new.to_owned());
    assert_eq!(reader.close_code(), 1012);
    drop(reader);
    assert!(deployed.proxy.process.wait().success());
    assert_eq!(Wire::connect(deployed.proxy.address).send(POST).answer().status, 201);
    assert!(new.signal("-TERM"));
    eventually("it has ended", || std::net::TcpStream::connect(deployed.proxy.address).err());
}
