//! The document's two examples in a real browser, with default transports: checks 1 and 9.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::*;
use crate::pages::Pages;

/// Which blocks of it, and what the socket is called there.
const ADMIN: (usize, &str) = (3, "adminSocket");
const CLIENT: (usize, &str) = (4, "clientSocket");

/// The folder with the pages `admin` and `client`, built once; `None`: a tool is missing.
fn built() -> Option<&'static Path> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let (node, python, seed) = (tools::node()?, tools::python()?, tools::seed(SEED)?);
    let folder = BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("socketio_pages");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, (block, socket), import) in
            [("admin", ADMIN, ""), ("client", CLIENT, "import io from 'socket.io-client';\n")]
        {
            let code = python.snippet_with(&seed, ("javascript", block), &[]);
            let path = folder.join(format!("{name}.js"));
            std::fs::write(&path, format!("{import}{code}\nexport {{ {socket} as socket }};\n")).unwrap();
            node.build("socketio", &path, &folder.join(name));
        }
        folder
    });
    Some(folder)
}

fn page(system: &System, name: &str, page: &str, user: &str) -> [String; 4] {
    let url = format!("{name}={}#{}", system.url(&format!("/{page}/index.html")), system.token(user));
    ["--page".to_owned(), url, "--wait".to_owned(), "li:has-text('upgrade: websocket')".to_owned()]
}

fn rows(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The rows of a page in an order of their own: when a connection is upgraded is not known.
fn came(pages: &Pages, page: &str) -> Vec<String> {
    let rows = pages.rows(page).unwrap_or_default();
    let mut rows: Vec<String> =
        rows.as_array().into_iter().flatten().map(|row| row.as_str().unwrap().to_owned()).collect();
    rows.retain(|row| row != "upgrade: websocket");
    rows
}

#[test]
fn socketio_check_01_the_documents_admin_page_shows_what_is_written() {
    let (Some(folder), Some(browser), Some(node)) = (built(), tools::browser(), tools::node()) else {
        return;
    };
    let Some(system) = System::with(&[], folder) else { return };
    let arguments = page(&system, "admin", "admin", "owner");
    let pages = Pages::open(&node, &browser, "li", "socketio_admin", &arguments);
    eventually("it is in its room", || {
        came(&pages, "admin").contains(&"subscribed".to_owned()).then_some(())
    });
    assert_eq!(system.write("PUT", "platforms/1", &json!({"display_name": "New"})), 200);
    let expected = rows(&["connect", "admin_connected", "subscribed", "platform_update"]);
    eventually("the page shows the update", || (came(&pages, "admin") == expected).then_some(()));
    let console =
        eventually("the page has said all", || Some(pages.console("admin")).filter(|lines| lines.len() >= 2));
    let who = json!({"user_id": 7, "role": "owner", "permissions": ["all"]});
    assert_eq!(console[0], json!(["Connected as admin:", who]));
    let update = &console[1][1];
    assert_eq!(console[1][0], "updatePlatformStatus");
    assert_eq!(json!([update["platform_id"], update["data"]["display_name"]]), json!([1, "New"]));
    assert_eq!(console.len(), 2);
    pages.close(&["admin"]);
}

#[test]
fn socketio_check_09_the_documents_customer_page_has_its_features_and_reloads_when_they_change() {
    let (Some(folder), Some(browser), Some(node)) = (built(), tools::browser(), tools::node()) else {
        return;
    };
    let Some(system) = System::with(&[], folder) else { return };
    let arguments =
        [page(&system, "three", "client", "client3"), page(&system, "four", "client", "client4")].concat();
    let pages = Pages::open(&node, &browser, "li", "socketio_client", &arguments);
    for (name, number) in [("three", 3), ("four", 4)] {
        let line = eventually("it has its features", || pages.console(name).first().cloned());
        assert_eq!(line[0], "Connected with features:");
        assert_eq!(json!([line[1]["reports"], line[1]["of"]]), json!([true, number]));
    }
    // Each page says so once more whenever it is loaded.
    let loaded = |three: usize, four: usize| {
        let counts = || [pages.console("three").len(), pages.console("four").len()];
        eventually("the pages are loaded", || (counts() == [three, four]).then_some(()));
    };
    assert_eq!(system.publish("config_sync", &json!({"client_id": 3})), json!({"sent": 1}));
    loaded(2, 1);
    assert_eq!(system.publish("config_sync", &json!({})), json!({"sent": 2}));
    loaded(3, 2);
    pages.close(&["three", "four"]);
}
