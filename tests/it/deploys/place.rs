//! Where processes hand over sockets is for restcast alone.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// What it says of this socket, as one that cannot start.
fn refuses(folder: &Folder, socket: &std::path::Path) -> String {
    let text = format!(
        "[server]\nupgrade_socket = \"{}\"\n[upstream]\nservers = [\"http://127.0.0.1:1\"]\n{TABLES}",
        socket.display()
    );
    let config = folder.write("proxy.toml", text);
    let output = restcast().args(["serve", "--config"]).arg(config).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_folder_that_others_can_enter_is_refused_and_one_that_is_missing_is_made() {
    let folder = Folder::new();
    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    for mode in [0o711, 0o750, 0o777] {
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(mode)).unwrap();
        let said = refuses(&folder, &open.join("upgrade.sock"));
        assert!(
            said.contains("for the user of restcast alone") && said.contains(&format!("{mode:o}")),
            "{said}"
        );
    }
    let origin = counting();
    let deployed = Deployed::start(origin.address, "");
    let made = deployed.socket.parent().unwrap().metadata().unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_file_in_the_place_of_the_socket_is_left_alone() {
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let file = folder.write("precious", "kept");
    let said = refuses(&folder, &file);
    assert!(said.contains("something else than a socket"), "{said}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "kept");
}
