//! The clients of the `WebSocketSpec` document, run as they stand there.

use super::*;

const SEED: &str = "004-websocketspec.md";
const OPEN: &str = "restcast_subscriptions{dialect=\"websocketspec\"}";

fn lines(process: &Process) -> Vec<Value> {
    process.output().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn subscribed(spec: &Spec) {
    eventually("the snippet has subscribed", || (spec.proxy.metric(OPEN) == 1.0).then_some(()));
}

/// The class and its use as they stand in the document, but that nothing is said before the connection is
/// open: what does not wait throws in every browser. What it read is printed behind.
#[test]
fn websocketspec_check_01_the_javascript_class() {
    let (Some(node), Some(python)) = (tools::node(), tools::python()) else { return };
    let (Some(browser), Some(seed)) = (tools::browser(), tools::seed(SEED)) else { return };
    let Some(spec) = Spec::start() else { return };
    for (name, status) in [("Ann", "active"), ("Bob", "new"), ("Cyd", "active")] {
        spec.rest("POST", "", &json!({"name": name, "status": status}));
    }
    let address = format!("localhost:8080={}", spec.proxy.address);
    let opened = "// Read users=await new Promise((open) => { client.ws.onopen = open; });";
    let snippet = python.snippet_with(&seed, ("typescript", 1), &[&address, opened]);
    let folder = Folder::new();
    let told = "console.log(\"Read:\", users, \"Created:\", newUser);";
    let script = node.javascript(&folder.write("snippet.ts", format!("{snippet}\n{told}\n")));
    let page = folder.write("page.html", format!("<script type=\"module\">{script}</script>"));
    let arguments = ["--html", page.to_str().unwrap(), "--expect-console", "2"];
    let mut chromium = node.page(&browser, &arguments);
    assert!(chromium.wait().success(), "{}", chromium.output());
    let console: Vec<Value> = lines(&chromium)
        .iter()
        .filter(|line| line["type"] == "log")
        .map(|line| line["args"].clone())
        .collect();
    let alice = json!({"name": "Alice", "email": "alice@example.com", "status": "active", "id": 4});
    let active = json!([
        {"id": 1, "name": "Ann", "status": "active"},
        {"id": 3, "name": "Cyd", "status": "active"},
    ]);
    // The answer is there first, but the page goes on with it only behind the notification.
    let mut expected =
        [json!(["User changed:", "create", alice]), json!(["Read:", active, "Created:", alice])];
    if console.first().is_some_and(|first| first[0] == "Read:") {
        expected.reverse();
    }
    assert_eq!(console, expected);
}

/// What the class asks for as the document has it is what the backend is asked.
#[test]
fn websocketspec_check_01_the_query_of_the_javascript_class_is_translated() {
    let origin = Origin::json(200, "[]");
    let filter = "[route.query]\nfilter = { eq = \"{column}={value}\" }\nlimit = \"limit={limit}\"\n";
    let proxy = scripted(&origin, filter, &endpoint(""));
    let options = json!({
        "filters": [{"column": "status", "operator": "eq", "value": "active"}], "limit": 10,
    });
    assert_eq!(Client::open(proxy.address).data("read", &json!({"options": options})), json!([]));
    assert_eq!(origin.requests()[0].line, "GET /api/users?status=active&limit=10 HTTP/1.1");
}

/// Its `main` ends behind the subscription: it is kept running behind.
#[test]
fn websocketspec_check_13_the_python_client() {
    let (Some(python), Some(seed), Some(spec)) = (tools::python(), tools::seed(SEED), Spec::start()) else {
        return;
    };
    spec.rest("POST", "", &json!({"name": "Ann", "status": "active"}));
    spec.rest("POST", "", &json!({"name": "Bob", "status": "new"}));
    let address = format!("localhost:8080={}", spec.proxy.address);
    let stay = "asyncio.run(main())=async def stay():\n    await main()\n    await asyncio.Event().wait()\n\nasyncio.run(stay())";
    let snippet = python.snippet_with(&seed, ("python", 0), &[&address, stay]);
    let client = Process::start(python.command().env("no_proxy", "*").args(["-c", &snippet]));
    client.line("Users: [{'name': 'Ann', 'status': 'active', 'id': 1}]");
    subscribed(&spec);
    spec.rest("PATCH", "/2", &json!({"name": "Bobby"}));
    spec.rest("PATCH", "/2", &json!({"status": "active"}));
    client.line("User update: {'name': 'Bobby', 'status': 'active', 'id': 2}");
    spec.rest("DELETE", "/1", &Value::Null);
    client.line("User delete: {'id': 1}");
    assert_eq!(client.output().matches("User ").count(), 2, "{}", client.output());
}
