//! What an application says about what clients do.

use super::*;
use crate::tools::python;

/// json-server, an application that is asked, and the proxy between them.
struct Hooked {
    proxy: Proxy,
    app: Backend,
    _backend: Backend,
}

impl Hooked {
    fn start(hooks: &str, more: &str) -> Option<Self> {
        let (app, backend) = (python()?.hook_app(&[]), tools::node()?.json_server());
        let options = format!(
            "hook_url = \"http://{}/hook\"\nhook_secret = \"secret\"\nhooks = {hooks}\nhook_retries = 0\n{more}",
            app.address
        );
        let proxy = Proxy::with(backend.address, &format!("{USERS}{QUERY}{}", endpoint(&options)));
        Some(Self { proxy, app, _backend: backend })
    }

    fn answers(&self, answers: &Value) {
        let json = [("Content-Type", "application/json")];
        let body = answers.to_string();
        assert_eq!(
            super::super::harness::request(self.app.address, "POST", "/answers", &json, body.as_bytes())
                .status,
            204
        );
    }

    fn log(&self) -> Vec<Value> {
        let log = super::super::harness::request(self.app.address, "GET", "/log", &[], b"").text();
        serde_json::from_str(&log).unwrap()
    }

    fn write(&self, body: &Value) {
        assert_eq!(self.proxy.send("POST", "/api/users", &body.to_string()).status, 201);
    }

    /// So many requests have come to the backend; they are counted a moment after their answers.
    fn asked(&self, times: f64) {
        let series = "restcast_requests_total{route=\"/api/users/{id}\",status=\"2xx\"}";
        let counted = || (self.proxy.metric(series) - times).abs() < 0.5;
        eventually("the requests are counted", || counted().then_some(()));
    }
}

#[test]
fn websocketspec_check_15_a_veto_asks_the_backend_nothing_and_a_filter_reaches_it() {
    let Some(hooked) = Hooked::start(r#"["before_read"]"#, "") else { return };
    for name in ["Ada", "Bea"] {
        hooked.write(&json!({"name": name}));
    }
    hooked.asked(2.0);
    let mut ann = Client::open(hooked.proxy.address);
    hooked.answers(&json!({"before_read": {"allow": false, "message": "not today"}}));
    let answer = ann.request("read", &json!({"options": {"limit": 5}}));
    assert_eq!(answer["error"], json!({"code": "hook_error", "message": "not today"}));
    let condition = json!({"column": "name", "operator": "eq", "value": "Bea"});
    hooked.answers(&json!({"before_read": {"options": {"filters": [condition], "limit": 5}}}));
    let names = ann.data("read", &json!({"options": {"limit": 5}}));
    assert_eq!(names, json!([{"id": 2, "name": "Bea"}]));
    // The read that was refused is not among them.
    hooked.asked(3.0);
    let call = &hooked.log()[0];
    assert_eq!((&call["hook"], &call["entity"]), (&json!("before_read"), &json!("users")));
    assert_eq!((&call["options"], &call["connection"]["user"]), (&json!({"limit": 5}), &Value::Null));
}

#[test]
fn an_after_hook_that_fails_is_told_and_the_write_is_one_event_all_the_same() {
    let Some(hooked) = Hooked::start(r#"["before_create", "after_create"]"#, "") else { return };
    let (mut ann, mut bob) = (Client::open(hooked.proxy.address), Client::open(hooked.proxy.address));
    let subscription = ann.subscribe(&Value::Null);
    hooked
        .answers(&json!({"before_create": {"data": {"name": "Bea"}}, "after_create": {"result": {"ok": 1}}}));
    assert_eq!(bob.data("create", &json!({"data": {"name": "Ada"}})), json!({"ok": 1}));
    assert_eq!(ann.told(&subscription), told("create", json!({"id": 1, "name": "Bea"})));
    hooked.answers(&json!({"after_create": 500}));
    let answer = bob.request("create", &json!({"data": {"name": "Ada"}}));
    assert_eq!(answer["error"]["message"], "the handler answered with status 500");
    assert_eq!(ann.told(&subscription), told("create", json!({"id": 2, "name": "Bea"})));
    ann.is_quiet();
    bob.is_quiet();
}

/// The writer's own notification waits for its answer, also behind an after-hook.
#[test]
fn the_writers_notification_comes_behind_the_answer_that_a_hook_made() {
    let Some(hooked) = Hooked::start(r#"["after_create"]"#, "") else { return };
    let mut ann = Client::open(hooked.proxy.address);
    let subscription = ann.subscribe(&Value::Null);
    hooked.answers(&json!({"after_create": {"result": {"ok": 1}}}));
    for number in 1..=20 {
        assert_eq!(ann.data("create", &json!({"data": {"name": "Ada"}})), json!({"ok": 1}));
        assert_eq!(ann.told(&subscription), told("create", json!({"id": number, "name": "Ada"})));
    }
}

#[test]
fn an_application_turns_clients_away_and_hears_of_those_who_leave() {
    let hooks = r#"["before_connect", "before_read", "before_disconnect", "after_disconnect"]"#;
    let Some(hooked) = Hooked::start(hooks, "") else { return };
    hooked.answers(&json!({"before_connect": {"metadata": {"team": 7}}}));
    let mut ann = Client(hooked.proxy.reader("/ws?key=abc"));
    ann.data("read", &json!({}));
    drop(ann);
    let log = eventually("the end is told", || Some(hooked.log()).filter(|log| log.len() == 4));
    let names: Vec<&str> = log.iter().map(|call| call["hook"].as_str().unwrap()).collect();
    assert_eq!(names, ["before_connect", "before_read", "before_disconnect", "after_disconnect"]);
    assert_eq!(log[0]["request"]["query"], "key=abc");
    assert!(log[1..].iter().all(|call| call["connection"]["metadata"] == json!({"team": 7})), "{log:?}");
    hooked.answers(&json!({"before_connect": {"allow": false}}));
    assert_eq!(hooked.proxy.reader("/ws").close_code(), 1008);
    hooked.answers(&json!({"before_connect": 500}));
    assert_eq!(hooked.proxy.reader("/ws").close_code(), 1011);
    assert_eq!(hooked.log().len(), 6, "who was never there does not leave");
}

#[test]
fn where_nobody_answers_the_config_says_what_becomes_of_it() {
    for (more, code) in [("", Some("hook_error")), ("hook_failure = \"open\"", None)] {
        let Some(hooked) = Hooked::start(r#"["before_read"]"#, more) else { return };
        hooked.answers(&json!({"before_read": 500}));
        let answer = Client::open(hooked.proxy.address).request("read", &json!({}));
        assert_eq!(answer["error"]["code"].as_str(), code, "{answer}");
    }
}

/// The proxy behind an application that hears of who leaves.
fn leaving(app: &Origin, origin: &Origin, drain: &str) -> Proxy {
    let hooks = r#"hooks = ["before_disconnect", "after_disconnect"]"#;
    let options = format!(
        "hook_url = \"http://{}/hook\"\nhook_secret = \"secret\"\n{hooks}\nhook_retries = 0",
        app.address
    );
    let upstream = format!("servers = [\"http://{}\"]", origin.address);
    let tables = format!("{USERS}{}", endpoint(&options));
    Proxy::with_server(&format!("drain_timeout = \"{drain}\""), &upstream, &tables)
}

#[test]
fn an_application_hears_of_all_who_leave_before_the_process_ends() {
    let (app, origin) = (Origin::fixed("HTTP/1.1 204 No Content\r\n\r\n"), Origin::json(200, "[]"));
    let mut proxy = leaving(&app, &origin, "20s");
    let clients: Vec<Client> = (0..20).map(|_| Client::open(proxy.address)).collect();
    proxy.process.signal("TERM");
    for mut client in clients {
        assert_eq!(client.0.close_code(), 1012);
    }
    assert_eq!(proxy.process.wait().code(), Some(0));
    let heard = |name: &str| {
        let about = |body: &Vec<u8>| String::from_utf8_lossy(body).contains(name);
        app.requests().iter().filter(|request| about(&request.body)).count()
    };
    assert_eq!((heard("before_disconnect"), heard("after_disconnect")), (20, 20));
}

#[test]
fn an_application_that_does_not_answer_holds_up_the_end_no_longer_than_the_config_says() {
    // It never answers.
    let (app, origin) = (Origin::start(|_, _| true), Origin::json(200, "[]"));
    let mut proxy = leaving(&app, &origin, "300ms");
    let mut client = Client::open(proxy.address);
    proxy.process.signal("TERM");
    assert_eq!(client.0.close_code(), 1012);
    assert_eq!(proxy.process.wait().code(), Some(0));
    assert!(proxy.process.line("stopped before all was done").contains("connections=1"));
}
