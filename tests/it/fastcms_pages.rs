//! The clients of the `FastCMS` document, run as they stand there: its class, its React hook and its Vue
//! composable in pages that Vite builds, and a page of ours. In a real browser, in front of a REST backend.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::harness::*;
use crate::pages::Pages;
use crate::tools::{self, Backend, Seed};

const SEED: &str = "002-fastcms.md";
/// Which blocks of it: language, and which of that language.
const CLASS: (&str, usize) = ("javascript", 5);
const REACT: (&str, usize) = ("jsx", 0);
const VUE: (&str, usize) = ("javascript", 6);

const SECRET: &str = "a secret of more than thirty-two bytes";
const TABLES: &str = r#"
[auth.jwt]
algorithms = ["HS256"]
secret = "a secret of more than thirty-two bytes"
[[endpoint]]
path = "/api/v1/ws/realtime"
dialect = "fastcms"
auth = "optional"
[[route]]
path = "/api/v1/collections/{collection}/records/{id}"
model = "{collection}"
"#;

/// The backend, the proxy in front of it, and a user's token.
struct Cms {
    proxy: Proxy,
    token: String,
    _backend: Backend,
}

impl Cms {
    /// `ids`: what the backend gives its records; `visibility`: of all of them; `pages`: what it serves.
    fn start(ids: &str, visibility: &str, pages: &Path) -> Option<Self> {
        let python = tools::python()?;
        let pages = pages.to_str().unwrap();
        let backend = python.fastcms(&["--secret", SECRET, "--ids", ids, "--pages", pages]);
        let proxy = Proxy::with(backend.address, &format!("{TABLES}visibility = \"{visibility}\"\n"));
        let login = json!({"email": "alice@example.com", "password": "password"});
        let answer = proxy.send("POST", "/api/v1/auth/login", &login.to_string());
        let answer: Value = serde_json::from_str(&answer.text()).unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Some(Self { proxy, token, _backend: backend })
    }

    /// A write with the token, below a collection's records; gives what the backend answered.
    fn write(&self, method: &str, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let (collection, id) = path.split_once('/').unwrap_or((path, ""));
        let path = format!("/api/v1/collections/{collection}/records/{id}");
        let path = path.trim_end_matches('/');
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = request(self.proxy.address, method, path, &headers, body.as_bytes());
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        serde_json::from_str(&answer.text()).unwrap_or_default()
    }

    /// Creates a post; gives its path below the collections.
    fn post(&self, body: &Value) -> String {
        format!("posts/{}", text(&self.write("POST", "posts", body)["id"]))
    }

    /// The titles of all posts, as a GET of the list has them.
    fn titles(&self) -> Vec<String> {
        let answer: Value =
            serde_json::from_str(&self.proxy.get("/api/v1/collections/posts/records").text()).unwrap();
        answer["items"].as_array().unwrap().iter().map(|post| text(&post["title"])).collect()
    }

    /// Waits until this number of connections follow the posts.
    fn followed_by(&self, count: u32) {
        let series = "restcast_subscriptions{dialect=\"fastcms\"}";
        eventually("the subscriptions stand", || {
            (self.proxy.metric(series) == f64::from(count)).then_some(())
        });
    }
}

/// A JSON value as it stands in a path or on a page.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// The folder with the pages `react` and `vue`, built once.
fn built(node: &tools::Node, python: &tools::Python, seed: &Seed) -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fastcms_pages");
        std::fs::create_dir_all(&folder).unwrap();
        let origin = "'http://localhost:8000'=location.origin";
        let react = python.snippet_with(seed, REACT, &[origin]) + "\nexport { PostsList };\n";
        let snippets =
            [("react", "react.jsx", react), ("vue", "vue.js", python.snippet_with(seed, VUE, &[]))];
        for (page, name, snippet) in snippets {
            let path = folder.join(name);
            std::fs::write(&path, snippet).unwrap();
            node.build(page, &path, &folder.join(page));
        }
        folder
    })
}

/// Opens the built pages with this behind the `#`, and waits until all of them follow the posts.
fn open(cms: &Cms, pages: &[(&str, &str, &str)], pictures: &str) -> Option<Pages> {
    let steps = |(name, page, hash): &(&str, &str, &str)| {
        let url = format!("{name}=http://{}/{page}/index.html{hash}", cms.proxy.address);
        ["--page", &url, "--wait", "p:has-text('Status: Connected')"].map(ToOwned::to_owned)
    };
    let arguments: Vec<String> = pages.iter().flat_map(steps).collect();
    let opened = Pages::open(&tools::node()?, &tools::browser()?, "li", pictures, &arguments);
    cms.followed_by(pages.len().try_into().unwrap());
    Some(opened)
}

/// Creates, changes and deletes posts; after each, the pages show what a GET of the list has.
fn writes(cms: &Cms, pages: &Pages, names: &[&str]) {
    let both = |after: &str| {
        for name in names {
            pages.show(name, &cms.titles(), after);
        }
    };
    let first = cms.post(&json!({"title": "first"}));
    let second = cms.post(&json!({"title": "second"}));
    cms.write("POST", "comments", &json!({"title": "no post"}));
    both("creating");
    cms.write("PATCH", &first, &json!({"title": "first, changed"}));
    both("changing");
    cms.write("DELETE", &first, &Value::Null);
    both("deleting what was changed");
    cms.post(&json!({"title": "third"}));
    cms.write("DELETE", &second, &Value::Null);
    both("deleting");
}

#[test]
fn the_documents_react_and_vue_pages_follow_a_backend_with_numbers_as_ids() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let Some(seed) = tools::seed(SEED) else { return };
    let Some(cms) = Cms::start("integer", "public", built(&node, &python, &seed)) else { return };
    cms.post(&json!({"title": "before"}));
    let Some(pages) = open(&cms, &[("react", "react", ""), ("vue", "vue", "")], "fastcms_integer") else {
        return;
    };
    writes(&cms, &pages, &["react", "vue"]);
    pages.close(&["react", "vue"]);
}

#[test]
fn the_documents_react_and_vue_pages_follow_a_backend_with_uuids_and_tokens() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let Some(seed) = tools::seed(SEED) else { return };
    let Some(cms) = Cms::start("uuid", "authenticated", built(&node, &python, &seed)) else { return };
    cms.post(&json!({"title": "before"}));
    let token = format!("#{}", cms.token);
    let those = [("react", "react", token.as_str()), ("vue", "vue", &token), ("anonymous", "react", "")];
    let Some(pages) = open(&cms, &those, "fastcms_uuid") else { return };
    writes(&cms, &pages, &["react", "vue"]);
    assert_eq!(pages.rows("anonymous"), Some(json!(["before"])), "sees only what it has loaded");
    pages.close(&["react", "vue", "anonymous"]);
}

#[test]
fn the_documents_class_hears_each_event_once_and_reconnects() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let (Some(browser), Some(seed)) = (tools::browser(), tools::seed(SEED)) else { return };
    let Some(mut cms) = Cms::start("integer", "authenticated", Path::new("/nonexistent")) else { return };
    let address = format!("localhost:8000={}", cms.proxy.address);
    let snippet = python.snippet_with(&seed, CLASS, &[&address, &format!("YOUR_JWT_TOKEN={}", cms.token)]);
    let watch = "realtime.on('subscribed', ({ collection, filter }) => console.log('subscribed', collection, filter));";
    let folder = Folder::new();
    let page = folder.write("class.html", format!("<script>{snippet}</script><script>{watch}</script>"));
    let arguments = ["--page".to_owned(), format!("class=file://{}", page.display())];
    let pages = Pages::open(&node, &browser, "li", "fastcms_class", &arguments);
    // It subscribes when the socket opens and once more at the server's `connected`.
    let connected = [
        json!(["FastCMS: Connected"]),
        json!(["subscribed", "posts", {"published": true}]),
        json!(["subscribed", "comments", null]),
        json!(["subscribed", "posts", {"published": true}]),
        json!(["subscribed", "comments", null]),
    ];
    let mut expected = connected.to_vec();
    console(&pages, &expected);

    let post = cms.post(&json!({"title": "news", "published": true}));
    cms.write("POST", "comments", &json!({"text": "first"}));
    cms.write("PATCH", &post, &json!({"title": "old news"}));
    cms.write("PATCH", "comments/2", &json!({"text": "second"}));
    expected.extend([
        json!(["New post:", {"title": "news", "published": true, "id": 1}]),
        json!(["Updated in posts:", {"title": "old news", "published": true, "id": 1}]),
        json!(["Updated in comments:", {"text": "second", "id": 2}]),
    ]);
    console(&pages, &expected);

    cms.proxy.restart();
    // How often it has to try depends on how fast the restart was.
    eventually("it has connected and subscribed again", || {
        let lines = pages.console("class");
        (lines.len() > expected.len() && lines.ends_with(&connected)).then_some(())
    });
    cms.post(&json!({"title": "later", "published": true}));
    let last = json!(["New post:", {"title": "later", "published": true, "id": 3}]);
    eventually("it hears of the post after the restart", || {
        pages
            .console("class")
            .ends_with(&[&connected[..], std::slice::from_ref(&last)].concat())
            .then_some(())
    });
    let lines = pages.console("class");
    assert_eq!(lines[..expected.len()], expected);
    pages.close(&[]);
}

/// Waits for what the page `class` has written to its console.
fn console(pages: &Pages, expected: &[Value]) {
    let is_there = || (pages.console("class").len() >= expected.len()).then(|| pages.console("class"));
    let lines = eventually(&format!("{expected:?}"), is_there);
    assert_eq!(lines, expected);
}

#[test]
fn a_page_that_logs_in_by_message_sees_who_comes_and_goes_and_its_posts() {
    let (Some(node), Some(browser)) = (tools::node(), tools::browser()) else { return };
    let Some(cms) = Cms::start("uuid", "authenticated", &tools::pages()) else { return };
    let url = format!("http://{}/fastcms.html", cms.proxy.address);
    let log_in = |user: &str| {
        let page = [
            ("--page", format!("{user}={url}")),
            ("--fill", format!("#email={user}@example.com")),
            ("--fill", "#password=password".to_owned()),
            ("--click", "#login button".to_owned()),
            ("--wait", format!("#state:has-text('live as {user}')")),
        ];
        page.into_iter().flat_map(|(step, value)| [step.to_owned(), value]).collect::<Vec<_>>()
    };
    let leave = ["--click", "#leave", "--wait", "#state:has-text('gone')"].map(ToOwned::to_owned);
    let arguments = [log_in("alice"), log_in("bob"), leave.to_vec(), log_in("carol")].concat();
    let pages = Pages::open(&node, &browser, "li", "fastcms_presence", &arguments);
    let presence = ["bob joined", "bob left", "carol joined"].map(ToOwned::to_owned);
    pages.show("alice", &presence, "two came and one went");

    let news = cms.post(&json!({"title": "news", "published": true}));
    cms.post(&json!({"title": "more news", "published": true}));
    cms.write("PATCH", &news, &json!({"title": "old news"}));
    let posts = ["old news", "more news"].map(ToOwned::to_owned);
    pages.show("alice", &[&posts[..], &presence].concat(), "publishing");
    pages.show("carol", &posts, "publishing");
    assert_eq!(pages.rows("bob"), Some(json!([])), "who has left hears nothing");
    pages.close(&["alice", "carol"]);
}
