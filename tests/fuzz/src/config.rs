//! Any text loads, or says what is wrong with it; and what loads can be used.

use http::{HeaderMap, Method, Request, StatusCode};
use restcast::config::{Config, ConfigError};
use restcast::dialect;

use super::{Answer, play};

/// The input is the file.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse("proxy.toml", text) {
        Ok(config) => check_use(&config),
        Err(error) => check_error(text, &error),
    }
}

/// One line for each problem, each with the file and a line that it has.
fn check_error(text: &str, error: &ConfigError) {
    let ConfigError::Invalid { problems, .. } = error else { panic!("{error}") };
    let shown = error.to_string();
    assert_eq!(shown.lines().count(), problems.len(), "{shown}");
    assert!(!problems.is_empty());
    for (line, problem) in shown.lines().zip(problems) {
        assert!(line.starts_with("proxy.toml:"), "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(problem.line <= text.split('\n').count(), "{problem:?}");
        assert!(!problem.message.is_empty(), "{problem:?}");
    }
}

/// Each route matches a path of its own form, and reads an answer.
fn check_use(config: &Config) {
    assert!(config.warnings().iter().all(|warning| !warning.is_empty()));
    assert!(config.endpoints.iter().all(|endpoint| dialect::find(endpoint.dialect_name).is_some()));
    let limits = config.tap.limits();
    for route in config.routes.iter() {
        let segment =
            |segment: &str| if segment.starts_with('{') { "7".to_owned() } else { segment.to_owned() };
        let path: Vec<String> = route.path.split('/').map(segment).collect();
        let path = path.join("/");
        for method in &route.methods {
            let matched = config.routes.classify(method, &path);
            assert!(matched.is_some_and(|matched| matched.tapped), "{method} {path}");
        }
        let request = Request::builder().method(Method::PUT).uri(&path).body(());
        let Ok((request, ())) = request.map(Request::into_parts) else { continue };
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", http::HeaderValue::from_static("deflate"));
        let answer = Answer { status: StatusCode::OK, headers, body: b"\x03\0", whole: true };
        play(&request, &answer, &config.routes, &limits);
    }
}
