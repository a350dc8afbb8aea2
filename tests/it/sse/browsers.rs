//! Clients that nobody here wrote: `curl`, and `EventSource` in a real browser.

use super::*;
use crate::pages::Pages;
use crate::readme::{blocks, commands, words};
use crate::tools::{browser, node};

#[test]
fn the_readmes_curl_prints_events_as_they_come() {
    let origin = counting();
    let tables = blocks("toml sse").concat();
    let proxy = Proxy::with(origin.address, &tables[tables.find("[[route]]").unwrap()..]);
    let command = commands().into_iter().find(|line| line.starts_with("curl -N ")).unwrap();
    let command = words(&command.replace("127.0.0.1:8080", &proxy.address.to_string()));
    let mut curl = std::process::Command::new(&command[0]);
    let mut curl = Process::start(curl.args(["--silent", "--noproxy", "*"]).args(&command[1..]));
    curl.line("event: subscribed");
    for number in 1..=3 {
        write(&proxy, 1);
        // One at a time: nothing waits for more.
        curl.line(&format!("data:   \"id\": {number}"));
    }
    proxy.process.signal("TERM");
    curl.line(r#"data: {"code":1012,"reason":"service restart"}"#);
    assert!(curl.wait().success(), "{}", curl.output());
}

/// A backend of pages and of writes.
fn backend(page: &str) -> Origin {
    let number = AtomicUsize::new(0);
    let page = format!(
        "<!doctype html><title>Events</title><h1>Events</h1><ol id=list></ol><script>{page}</script>"
    );
    Origin::start(move |request, stream| {
        let (status, kind, body) = if request.line.starts_with("GET") {
            ("200 OK", "text/html", page.clone())
        } else {
            let id = number.fetch_add(1, Ordering::SeqCst) + 1;
            ("201 Created", "application/json", format!("{{\n \"id\": {id}\n}}"))
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
    })
}

/// What a page makes of its events, a row each.
const ROWS: &str = r#"
const row = (text) => {
  const item = document.createElement("li");
  item.textContent = text;
  document.getElementById("list").append(item);
};
const events = new EventSource("/events?topic=author");
events.onmessage = ({ data, lastEventId }) => {
  const { items, position } = JSON.parse(data);
  row(`${items[0].id} ${position === lastEventId}`);
};
events.addEventListener("subscribed", ({ data }) => {
  const { recovered, reason } = JSON.parse(data);
  row(`subscribed ${recovered} ${reason}`);
});
events.addEventListener("close", ({ data }) => row(`close ${JSON.parse(data).code}`));
events.onerror = () => { if (events.readyState === EventSource.CLOSED) row("given up"); };
"#;

fn open(proxy: &Proxy, name: &str) -> Option<Pages> {
    let arguments = ["--page".to_owned(), format!("{name}=http://{}/page", proxy.address)];
    Some(Pages::open(&node()?, &browser()?, "li", &format!("sse_{name}"), &arguments))
}

fn rows(said: &[&str]) -> Vec<String> {
    said.iter().map(|row| (*row).to_owned()).collect()
}

#[test]
fn event_source_comes_back_by_itself_and_misses_nothing() {
    if node().is_none() || browser().is_none() {
        return;
    }
    let origin = backend(ROWS);
    let mut proxy = Proxy::with(origin.address, TABLES);
    let pages = open(&proxy, "comes_back").unwrap();
    pages.show("comes_back", &rows(&["subscribed undefined undefined"]), "the start");
    write(&proxy, 2);
    let mut expected = rows(&["subscribed undefined undefined", "1 true", "2 true"]);
    pages.show("comes_back", &expected, "two writes");
    // Twice, so that the id of what it missed counts too.
    for (missed, later) in [(["3 true", "4 true"], "5 true"), (["6 true", "7 true"], "8 true")] {
        let listed = request(proxy.admin, "GET", "/api/connections?endpoint=/events", &[], b"");
        let listed: Value = serde_json::from_str(&listed.text()).unwrap();
        let id = listed["connections"][0]["connection_id"].as_str().unwrap();
        assert_eq!(request(proxy.admin, "DELETE", &format!("/api/connections/{id}"), &[], b"").status, 200);
        write(&proxy, 2);
        expected.push("close 1008".to_owned());
        expected.push("subscribed true undefined".to_owned());
        expected.extend(rows(&missed));
        pages.show("comes_back", &expected, "it was away");
        write(&proxy, 1);
        expected.push(later.to_owned());
        pages.show("comes_back", &expected, "it has come back");
    }
    // A process that begins anew does not know what it missed, and says so.
    proxy.restart();
    expected.extend(rows(&["close 1012", "subscribed false unknown epoch"]));
    pages.show("comes_back", &expected, "the restart");
    write(&proxy, 1);
    expected.push("9 true".to_owned());
    pages.show("comes_back", &expected, "a write behind the restart");
    pages.close(&["comes_back"]);
}

#[test]
fn event_source_gives_up_where_it_is_not_let_in() {
    if node().is_none() || browser().is_none() {
        return;
    }
    let origin = backend(ROWS);
    let proxy =
        Proxy::with(origin.address, &format!("{TABLES}auth = \"required\"\n{}", crate::visibility::JWT));
    let pages = open(&proxy, "refused").unwrap();
    pages.show("refused", &rows(&["given up"]), "a 401");
    pages.close(&[]);
}

#[test]
fn the_readmes_page_loads_anew_where_it_is_not_known_what_it_missed() {
    if node().is_none() || browser().is_none() {
        return;
    }
    let script = blocks("js sse").concat();
    let show = "events.addEventListener('message', () => document.getElementById('list').append(document.createElement('li')));";
    let origin = backend(&format!("{script}{show}"));
    let mut proxy = Proxy::with(origin.address, TABLES);
    let pages = open(&proxy, "readme").unwrap();
    let connections = r#"restcast_connections{dialect="sse"}"#;
    eventually("it reads", || (proxy.metric(connections) == 1.0).then_some(()));
    write(&proxy, 1);
    eventually("it has printed", || (pages.console("readme").len() == 1).then_some(()));
    let printed = &pages.console("readme")[0][0];
    assert_eq!((&printed["model"], &printed["items"][0]["record"]), (&json!("author"), &json!({ "id": 1 })));
    let gets = || origin.requests().iter().filter(|request| request.line.starts_with("GET /page")).count();
    assert_eq!(gets(), 1);
    proxy.restart();
    eventually("the page is loaded again", || (gets() == 2).then_some(()));
    pages.close(&["readme"]);
}
