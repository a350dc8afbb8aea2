//! Hand-overs that go wrong: whoever runs goes on.

use std::process::Command;

use super::*;

#[test]
fn a_process_whose_place_nobody_takes_goes_on() {
    let origin = counting();
    let mut deployed = Deployed::start(origin.address, "");
    let mut reader = Reader::connect(deployed.proxy.address, "/ws?topic=author&since=");
    reader.next();
    deployed.proxy.process.signal("QUIT");
    deployed.proxy.process.line("no other process takes the place of this one");
    // One that cannot begin, since its config is another.
    let text = std::fs::read_to_string(&deployed.proxy.config).unwrap();
    let server = free_address();
    let redis = format!("{text}[broker]\nkind = \"redis\"\nurl = \"redis://{server}\"\n");
    std::fs::write(&deployed.proxy.config, redis).unwrap();
    let mut new = deployed.successor();
    deployed.proxy.process.signal("QUIT");
    assert!(!new.wait().success());
    eventually("its output ends", || new.is_read().then_some(()));
    let output = new.output();
    assert!(output.contains("broker.kind is \"redis\" here and \"memory\""), "{output}");
    let written = Wire::connect(deployed.proxy.address).send(POST).answer().status;
    assert_eq!((written, reader.next()["id"].as_u64()), (201, Some(1)));
    std::fs::write(&deployed.proxy.config, text).unwrap();
    let mut old = deployed.deploy();
    assert_eq!(reader.close_code(), 1012);
    drop(reader);
    assert!(old.wait().success());
}

#[test]
fn whoever_waits_for_sockets_in_vain_says_so() {
    let folder = Folder::new();
    let run = |server: &str| {
        let text = format!("[server]\n{server}\n[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{TABLES}");
        let config = folder.write("proxy.toml", text);
        let output = restcast().args(["serve", "--upgrade", "--config"]).arg(config).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let missing = run("");
    assert!(missing.contains("--upgrade needs server.upgrade_socket"), "{missing}");
    let nowhere = run("upgrade_socket = \"/nowhere/at/all/upgrade.sock\"");
    assert!(nowhere.contains("the folder /nowhere/at/all cannot be made"), "{nowhere}");
    let nobody = run(&format!("upgrade_socket = \"{}\"", folder.path().join("run/u").display()));
    assert!(nobody.contains("nobody hands over sockets") && !nobody.contains("panicked"), "{nobody}");
}

/// All it says, once it has ended, and whether it did well.
fn end_of(mut process: Process) -> (bool, String) {
    let good = process.wait().success();
    eventually("its output ends", || process.is_read().then_some(()));
    (good, process.output())
}

/// It serves, and its reader hears what is written.
fn goes_on(deployed: &Deployed, reader: &mut Reader) {
    let answer = Wire::connect(deployed.proxy.address).send(POST).answer();
    assert_eq!(answer.status, 201);
    let written: Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(reader.next()["id"], written["id"]);
}

#[test]
fn a_second_process_that_waits_for_sockets_is_refused_and_the_first_one_gets_them() {
    let origin = counting();
    let mut deployed = Deployed::start(origin.address, "");
    let mut reader = Reader::connect(deployed.proxy.address, "/ws?topic=author");
    let first = deployed.successor();
    let second = restcast().args(SUCCESSOR).arg(&deployed.proxy.config).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("another process waits for the sockets"), "{said}");
    goes_on(&deployed, &mut reader);
    deployed.proxy.process.signal("QUIT");
    first.line("listening");
    assert_eq!(reader.close_code(), 1012);
    ends(std::mem::replace(&mut deployed.proxy.process, first));
    assert!(std::fs::read_dir(deployed.socket.parent().unwrap()).unwrap().next().is_none(), "files are left");
}

#[test]
fn a_process_that_is_to_end_while_it_waits_for_sockets_leaves_nothing_behind() {
    let origin = counting();
    let deployed = Deployed::start(origin.address, "");
    let mut reader = Reader::connect(deployed.proxy.address, "/ws?topic=author");
    let begun = std::time::Instant::now();
    let new = deployed.successor();
    new.signal("TERM");
    let (good, said) = end_of(new);
    assert!(good && said.contains("stopped before it took the place"), "{said}");
    assert!(begun.elapsed().as_secs() < 5, "it waited for the sockets to the end");
    assert!(!deployed.socket.exists());
    goes_on(&deployed, &mut reader);
}

#[test]
fn a_signal_for_another_process_without_a_place_for_it_changes_nothing() {
    let origin = counting();
    let proxy = Proxy::with(origin.address, TABLES);
    proxy.process.signal("QUIT");
    proxy.process.line("needs server.upgrade_socket");
    assert_eq!(Wire::connect(proxy.address).send(POST).answer().status, 201);
}

#[test]
fn a_process_that_has_handed_over_leaves_in_order_when_it_is_told_to_end() {
    let (origin, got, go_on) = waiting("HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{\"id\":7}");
    let mut deployed = Deployed::start(origin, "");
    let address = deployed.proxy.address;
    let mut writer = Wire::connect(address);
    writer.send(POST);
    got.recv_timeout(DEADLINE).unwrap();
    let old = deployed.deploy();
    let mut reader = Reader::connect(address, "/ws?topic=author");
    old.signal("TERM");
    old.line("it leaves already");
    go_on.send(()).unwrap();
    assert_eq!(writer.answer().status, 201);
    assert_eq!(reader.next()["id"], 7);
    ends(old);
}

/// Whoever runs the tests may have started them to outlive a terminal themselves.
#[test]
fn a_hangup_ends_a_process_in_order_unless_it_was_started_to_outlive_it() {
    let origin = counting();
    let mut proxy = Proxy::with(origin.address, TABLES);
    proxy.process.signal("TERM");
    assert!(proxy.process.wait().success());
    let start = |by: &[&str]| {
        let mut command = Command::new(by[0]);
        command.args(&by[1..]).arg(env!("CARGO_BIN_EXE_restcast")).args(["serve", "--config"]);
        let process = Process::start(command.arg(&proxy.config));
        process.line("listening");
        process
    };
    let mut process = start(&["env", "--default-signal=HUP"]);
    let mut reader = Reader::connect(proxy.address, "/ws");
    process.signal("HUP");
    assert_eq!(reader.close_code(), 1012);
    drop(reader);
    assert!(process.wait().success());
    let process = start(&["nohup"]);
    process.signal("HUP");
    process.signal("QUIT");
    process.line("needs server.upgrade_socket");
}

#[test]
fn a_process_that_cannot_listen_where_it_is_to_leaves_the_other_one_as_it_was() {
    let origin = counting();
    let mut deployed = Deployed::start(origin.address, "");
    let mut reader = Reader::connect(deployed.proxy.address, "/ws?topic=author");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = std::fs::read_to_string(&deployed.proxy.config).unwrap();
    let mine = format!("\"{}\"", deployed.proxy.address);
    let both = text.replacen(&mine, &format!("[{mine}, \"{}\"]", taken.local_addr().unwrap()), 1);
    std::fs::write(&deployed.proxy.config, both).unwrap();
    let new = deployed.successor();
    deployed.proxy.process.signal("QUIT");
    let (good, said) = end_of(new);
    assert!(!good && said.contains("cannot listen on"), "{said}");
    deployed.proxy.process.line("no other process takes the place of this one");
    goes_on(&deployed, &mut reader);
    // With other addresses, and another history, the next one can.
    let (more, admin) = (free_address(), free_address());
    let other = text
        .replacen(&mine, &format!("[{mine}, \"{more}\"]"), 1)
        .replace(&deployed.proxy.admin.to_string(), &admin.to_string())
        .replace("size = 100000", "size = 10");
    std::fs::write(&deployed.proxy.config, other).unwrap();
    let old_admin = deployed.proxy.admin;
    let old = deployed.deploy();
    assert_eq!(reader.close_code(), 1012);
    for address in [deployed.proxy.address, more] {
        assert_eq!(Wire::connect(address).send(POST).answer().status, 201);
    }
    assert_eq!(request(admin, "GET", "/healthz", &[], b"").status, 200);
    ends(old);
    assert!(std::net::TcpStream::connect(old_admin).is_err());
}

#[test]
fn a_process_that_follows_another_log_does_not_take_the_place() {
    let (origin, server) = (counting(), Server::start(Kind::Redis));
    let deployed = Deployed::start(origin.address, &server.broker());
    is_ready(&deployed.proxy);
    let mut reader = Reader::connect(deployed.proxy.address, "/ws?topic=author");
    let text = std::fs::read_to_string(&deployed.proxy.config).unwrap();
    std::fs::write(&deployed.proxy.config, format!("{text}name = \"other\"\n")).unwrap();
    let new = deployed.successor();
    deployed.proxy.process.signal("QUIT");
    let (good, said) = end_of(new);
    assert!(!good && said.contains("leads to another log"), "{said}");
    deployed.proxy.process.line("no other process takes the place of this one");
    goes_on(&deployed, &mut reader);
}

#[test]
fn a_write_that_outlasts_the_process_is_told_as_uncertain_to_readers_of_the_next_one() {
    let (origin, got, _go_on) = waiting("HTTP/1.1 201 Created\r\nContent-Length: 8\r\n\r\n{\"id\":7}");
    let canonical = "[[endpoint]]\npath = \"/canonical\"\ndialect = \"canonical\"\n";
    let mut deployed = Deployed::with_server(origin, "drain_timeout = \"2s\"", canonical);
    let mut writer = Wire::connect(deployed.proxy.address);
    writer.send("PUT /api/authors/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    got.recv_timeout(DEADLINE).unwrap();
    let old = deployed.deploy();
    let mut reader = Reader::connect(deployed.proxy.address, "/canonical?topic=author&since=");
    reader.next();
    let event = reader.next();
    assert_eq!((&event["outcome"], &event["items"][0]["id"]), (&"uncertain".into(), &7.into()), "{event}");
    assert_eq!(writer.rest(), "");
    drop(old);
}
