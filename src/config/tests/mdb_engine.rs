//! Endpoints of applications.

use super::*;

fn endpoint(path: &str, app: &str, more: &str) -> String {
    format!("[[endpoint]]\npath = \"{path}\"\ndialect = \"mdb_engine\"\napp = \"{app}\"\n{more}\n")
}

fn file(endpoints: &str) -> String {
    let (before, _) = MINIMAL.split_once("[[endpoint]]").unwrap();
    format!("{before}{endpoints}{HMAC}")
}

/// Check 15 of the document's list is among them.
#[test]
fn what_is_wrong_with_an_app_is_said() {
    for (line, part) in [
        ("ping_interval = \"4s\"", "ping_interval = \"4s\": expected a duration from \"5s\" to \"300s\""),
        ("ping_interval = \"301s\"", "expected a duration from \"5s\" to \"300s\""),
        ("ping_interval = 30", "expected a duration above zero with a unit"),
        ("models = [\"a\", \"\"]", "expected the models of routes, such as [\"item\"]"),
        ("models = \"all\"", "expected the models of routes"),
        ("models = \"item/7\"", "expected the models of routes"),
        ("updates = \"both\"", "updates = \"both\": expected one of \"record\", \"request\""),
        ("item_key = \"id\"", "expected a name, and not \"id\""),
        ("updates_key = \"\"", "expected a name"),
        ("webhook = \"127.0.0.1:9\"\nwebhook_secret = \"s\"", "expected a URL of http or https"),
        ("webhook = \"ftp://a/\"\nwebhook_secret = \"s\"", "expected a URL of http or https"),
        ("webhook = \"http://u:p@a/\"\nwebhook_secret = \"s\"", "without a user name"),
        ("webhook = \"http://a/\"", "endpoint[1].webhook_secret: is missing; for example webhook_secret = "),
        (
            "webhook = \"http://a/\"\nwebhook_secret = \"s\"\nwebhook_ca_file = \"tests/tls/ca.pem\"",
            "endpoint[1].webhook_ca_file = \"tests/tls/ca.pem\": needs a webhook of https",
        ),
        (
            "webhook = \"https://a/\"\nwebhook_secret = \"s\"\nwebhook_ca_file = \"LICENSE\"",
            "expected a PEM file with at least one certificate",
        ),
        ("webhook_timeout = \"61s\"", "expected a duration up to \"60s\""),
        ("webhook_retries = 6", "expected a number up to 5"),
        ("name = \"a/b\"", "expected letters, digits, _ and -"),
        ("topic = \"a\"", "endpoint[1].topic: unknown key"),
    ] {
        let errors = errors(&file(&endpoint("/ws", "my_app", line)));
        assert!(errors.contains(part) && errors.lines().count() == 1, "{line}: {errors}");
    }
    for (app, part) in [
        ("", "app = \"\": is missing; for example app = \"my_app\""),
        ("my app", "expected letters, digits, _ and -"),
        ("a/b", "expected letters, digits, _ and -"),
    ] {
        let errors = errors(&file(&endpoint("/ws", app, "")));
        assert!(errors.contains(part), "{app}: {errors}");
    }
    for interval in ["5s", "5m", "5500ms"] {
        Config::parse("", &file(&endpoint("/ws", "a-b_C9", &format!("ping_interval = \"{interval}\""))))
            .unwrap();
    }
}

#[test]
fn a_token_is_needed_unless_the_endpoint_says_otherwise() {
    let read = |text: &str| Config::parse("proxy.toml", text).map(|config| config.endpoints[0].clone());
    let plain = read(&file(&endpoint("/ws", "a", ""))).unwrap();
    assert_eq!(
        (plain.auth, plain.cookies),
        (EndpointAuth::Required, vec!["ws_token".to_owned(), "token".to_owned()])
    );
    assert_eq!(
        read(&file(&endpoint("/ws", "a", "auth = \"optional\""))).unwrap().auth,
        EndpointAuth::Optional
    );
    let without = |more| read(&file(&endpoint("/ws", "a", more)).replace(HMAC, ""));
    assert_eq!(without("auth = \"none\"").unwrap().auth, EndpointAuth::None);
    let error = without("").unwrap_err().to_string();
    assert!(
        error.contains("needs an [auth.jwt] that says whose tokens are believed, or auth = \"none\""),
        "{error}"
    );
}

#[test]
fn of_several_apps_each_names_its_models() {
    let two = |first: &str, second: &str| file(&(endpoint("/a", "a", first) + &endpoint("/b", "b", second)));
    let models = "models = [\"author\"]";
    Config::parse("", &two(models, models)).unwrap();
    for (first, second, wrong) in [("", models, "[1]"), (models, "models = []", "[2]")] {
        let errors = errors(&two(first, second));
        let expected = format!("endpoint{wrong}.models");
        assert!(errors.contains(&expected) && errors.contains("there are several apps"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    // Endpoints of one app, and those without any, need not.
    let flarchitect = "[[endpoint]]\npath = \"/c\"\ndialect = \"flarchitect\"\n";
    let one = endpoint("/a", "a", "") + &endpoint("/b", "a", "") + flarchitect;
    Config::parse("", &file(&one)).unwrap();
}

#[test]
fn requests_are_kept_of_the_models_whose_writers_are_to_be_shown() {
    let keeps = |lines: &str| {
        let config = Config::parse("", &file(&endpoint("/ws", "a", lines))).unwrap();
        config.routes.classify(&http::Method::PUT, "/api/authors/7").unwrap().keep_request
    };
    assert!(!keeps(""));
    assert!(keeps("updates = \"request\""));
    assert!(keeps("updates = \"request\"\nmodels = [\"Author\"]"));
    assert!(!keeps("updates = \"request\"\nmodels = [\"book\"]"));
}

/// A folder with a manifest, gone when dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(manifest: &str) -> Self {
        let path = std::env::temp_dir().join(format!("restcast-manifest-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("manifest.json"), manifest).unwrap();
        Self(path)
    }

    fn read(&self, text: &str) -> Result<Config, ConfigError> {
        Config::parse(self.0.join("proxy.toml").to_str().unwrap(), text)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn declared(more: &str) -> String {
    format!("[[endpoint]]\ndialect = \"mdb_engine\"\nmanifest = \"manifest.json\"\n{more}\n")
}

const MANIFEST: &str = r#"{"slug":"my_app","name":"My app","websockets":{
    "realtime":{"path":"/ws","description":"Updates","auth":{"required":true,"allow_anonymous":false},"ping_interval":30},
    "events":{"path":"/events","auth":{"required":false},"ping_interval":60}}}"#;

/// As the debug output has it: what an endpoint's dialect holds is private.
fn shown(endpoint: &EndpointConfig) -> String {
    format!("{:?}", endpoint.dialect)
}

#[test]
fn a_manifest_declares_endpoints_like_those_of_the_file() {
    let folder = Folder::new(MANIFEST);
    let config = folder.read(&file(&declared("models = [\"author\"]\nupdated_type = \"x\""))).unwrap();
    let [events, realtime] = &config.endpoints[..] else { panic!("{:?}", config.endpoints) };
    let more = "models = [\"author\"]\nupdated_type = \"x\"";
    let same = Config::parse("", &file(&endpoint("/ws", "my_app", more))).unwrap();
    assert_eq!(format!("{realtime:?}"), format!("{:?}", same.endpoints[0]));
    assert_eq!((events.path.as_str(), events.auth), ("/events", EndpointAuth::Optional));
    let more = format!(
        "{more}\nauth = \"optional\"\nallow_bad_token = true\nping_interval = \"1m\"\nname = \"events\""
    );
    let same = Config::parse("", &file(&endpoint("/events", "my_app", &more))).unwrap();
    assert_eq!(format!("{events:?}"), format!("{:?}", same.endpoints[0]));
    // Where nobody can prove who they are, everybody may come all the same.
    let public =
        Folder::new(r#"{"slug":"a","websockets":{"realtime":{"path":"/ws","auth":{"required":false}}}}"#);
    let config = public.read(&file(&declared("")).replace(HMAC, "")).unwrap();
    assert_eq!(config.endpoints[0].auth, EndpointAuth::None);
    // Without a slug, as in the document's second example, the file says it.
    let nameless = Folder::new(r#"{"websockets":{"realtime":{"path":"/ws"}}}"#);
    let config = nameless.read(&file(&declared("app = \"a\"\nping_interval = \"7s\""))).unwrap();
    assert!(shown(&config.endpoints[0]).contains("app: \"a\"") && shown(&config.endpoints[0]).contains("7s"));
}

#[test]
fn what_is_wrong_with_a_manifest_is_said_with_file_and_key() {
    let said = |manifest: &str, text: &str| {
        let folder = Folder::new(manifest);
        let error = folder.read(text).unwrap_err().to_string();
        error.replace(folder.0.to_str().unwrap(), "")
    };
    let line = "/proxy.toml:9: endpoint[1].manifest = \"manifest.json\": ";
    let wrong = r#"{"slug":"a","websockets":{"x":{"path":"/x","ping_interval":4,"pings":1}}}"#;
    assert_eq!(
        said(wrong, &file(&declared("models = [\"author\"]"))),
        format!(
            "{line}websockets.x.ping_interval = 4: expected a whole number of seconds from 5 to 300\n\
             {line}websockets.x.pings: unknown key; there are path, description, auth, ping_interval"
        )
    );
    for (manifest, more, part) in [
        (MANIFEST, "path = \"/ws\"", "endpoint[1].path = \"/ws\": the manifest says that: leave one out"),
        (MANIFEST, "auth = \"none\"", "endpoint[1].auth = \"none\": the manifest says that"),
        (MANIFEST, "app = \"b\"", "endpoint[1].app = \"b\": the manifest says my_app"),
        (r#"{"websockets":{"a":{"path":"/a"}}}"#, "", "endpoint[1].app: is missing"),
        (
            r#"{"slug":"a","websockets":{"a":{"path":"/a"},"b":{"path":"/a"}}}"#,
            "",
            "another endpoint has the path /a already",
        ),
        (MANIFEST, "colour = 1", "endpoint[1].colour: unknown key"),
        ("{", "colour = 1", "endpoint[1].colour: unknown key"),
        ("{", "", "expected a JSON object: EOF while parsing"),
    ] {
        let said = said(manifest, &file(&declared(more)));
        assert!(said.contains(part), "{more}: {said}");
    }
    let missing = said(MANIFEST, &file(&declared("").replace("manifest.json", "no.json")));
    assert!(missing.contains("manifest = \"no.json\": expected a readable file"), "{missing}");
    let elsewhere = said(MANIFEST, &file(&declared("").replace("mdb_engine", "flarchitect")));
    assert!(elsewhere.contains("endpoint[1].manifest: unknown key"), "{elsewhere}");
}

#[test]
fn an_app_of_which_only_some_endpoints_are_private_is_named() {
    let folder = Folder::new(MANIFEST);
    let warnings = |text: &str| folder.read(text).unwrap().warnings().join("\n");
    let mixed = warnings(&file(&declared("")));
    assert!(mixed.contains("app my_app: endpoint /events lets in whoever comes"), "{mixed}");
    assert!(mixed.contains("/ws needs a token"), "{mixed}");
    assert_eq!(warnings(&file(&endpoint("/ws", "a", ""))), "");
    assert_eq!(warnings(&file(&endpoint("/ws", "a", "auth = \"none\""))), "");
}
