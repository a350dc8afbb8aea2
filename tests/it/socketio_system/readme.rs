//! The README's example, as it stands there.

use std::io::Write as _;

use super::*;
use crate::readme::blocks;

/// A script of node in which a page's `io` is that of the package.
fn script(proxy: &Proxy, token: &str) -> String {
    let code = blocks("js socketio").concat();
    format!(
        "const package = require(`${{process.env.RESTCAST_TEST_NODE}}/socket.io-client`);\n\
         const io = (namespace, options) => package.io(`http://{}${{namespace}}`, options);\n\
         const token = {};\n{code}",
        proxy.address,
        json!(token)
    )
}

/// A token as the command line makes them.
fn token(proxy: &Proxy) -> String {
    let arguments = ["token", "--sub", "alice", "--claim", "role=admin", "--config"];
    let mut command = restcast();
    let output =
        command.args(arguments).arg(&proxy.config).env("RESTCAST_JWT_SECRET", SECRET).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_readmes_example_of_socketio_prints_what_the_readme_says() {
    let Some(node) = tools::node() else { return };
    let backend = Origin::start(|asked, stream| {
        let name = if asked.line.starts_with("GET") { "Mars" } else { "Venus" };
        let body = json!({"id": 1, "name": name}).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).is_ok()
    });
    let config = blocks("toml socketio").concat();
    let (_, tables) = config.split_once("[[route]]").unwrap();
    let proxy = Proxy::with_environment(
        &[("RESTCAST_JWT_SECRET", SECRET)],
        backend.address,
        &format!("[[route]]{tables}"),
    );
    let folder = Folder::new();
    let file = folder.write("example.js", script(&proxy, &token(&proxy)));
    let client = node.client(file.to_str().unwrap(), &[]);
    client.line("answered");
    assert_eq!(proxy.send("PATCH", "/api/platforms/1", r#"{"name":"Venus"}"#).status, 200);
    client.line("update 1");
    assert_eq!(client.output(), blocks("text socketio").concat());
}
