//! The publish API is what its description says: requests that schemathesis makes of the description, and what
//! comes of them.

use serde_json::Value;

use crate::harness::*;
use crate::tools;

const SECRET: &str = "a-secret-of-all-models";

fn proxy() -> Proxy {
    let key = format!("[[admin.key]]\nname = \"all\"\nsecret = \"{SECRET}\"\n");
    let shop = "[[endpoint]]\npath = \"/shop\"\ndialect = \"mdb_engine\"\napp = \"shop\"\nauth = \"none\"\n";
    Proxy::with(free_address(), &format!("{}{shop}{key}", tables()))
}

fn description(proxy: &Proxy) -> Value {
    let answer = request(proxy.admin, "GET", "/api/openapi.json", &[], b"");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    serde_json::from_slice(&answer.body).unwrap()
}

/// A connection of the app, which reads whatever comes.
fn connection(proxy: &Proxy) -> String {
    let mut reader = proxy.reader("/shop");
    std::thread::spawn(move || while reader.0.read().is_ok() {});
    let headers = [("Authorization", format!("Bearer {SECRET}"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = request(proxy.admin, "GET", "/api/apps/shop/connections", &headers, b"");
    let listed: Value = serde_json::from_slice(&answer.body).unwrap();
    listed["connections"][0]["connection_id"].as_str().unwrap().to_owned()
}

#[test]
fn requests_made_from_the_description_are_answered_as_it_says() {
    let Some(python) = tools::python() else { return };
    let proxy = proxy();
    let folder = Folder::new();
    // What comes from the description alone would name no app and no connection that there is. 422: one
    // Idempotency-Key with two bodies.
    let send = "[[operations]]\ninclude-path-regex = \"/send$\"\nparameters = { app = \"shop\", connection_id = \"ID\" }\n";
    let settings = format!(
        "[parameters]\napp = \"shop\"\n[checks]\npositive_data_acceptance.expected-statuses = [\"2xx\", 404, 422]\n{}",
        send.replace("ID", &connection(&proxy))
    );
    let settings = folder.write("schemathesis.toml", settings);
    let url = format!("http://{}/api/openapi.json", proxy.admin);
    let key = format!("Authorization: Bearer {SECRET}");
    let mut command = python.command();
    command.current_dir(folder.path()).args(["-m", "schemathesis.cli", "--config-file"]).arg(settings);
    command.args(["run", &url, "--header", &key, "--checks", "all", "--phases", "examples,coverage,fuzzing"]);
    command.args([
        "--max-examples",
        "25",
        "--generation-deterministic",
        "--continue-on-failure",
        "--no-color",
    ]);
    let mut run = Process::start(&mut command);
    let ended = run.wait_long();
    assert!(ended.success(), "{}", run.output());
    // It got to all of it, and not only to the door.
    for (result, least) in [("ok", 50.0), ("invalid_request", 50.0), ("method_not_allowed", 5.0)] {
        let served = proxy.metric(&format!("restcast_api_requests_total{{result=\"{result}\"}}"));
        assert!(served >= least, "{result}: {served}\n{}", run.output());
    }
}

#[test]
fn the_description_lists_every_code_of_an_error() {
    let proxy = proxy();
    let described = description(&proxy);
    let code = "/components/schemas/Error/properties/error/properties/code/enum";
    let listed: Vec<&str> = described
        .pointer(code)
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    assert_eq!(listed, restcast::api::Code::ALL.map(restcast::api::Code::name));
    assert_eq!(described["paths"].as_object().unwrap().len(), 12);
}
