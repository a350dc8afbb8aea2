//! Any heads: one event for each success, none for a failure, and of the record that the path names.

use std::sync::LazyLock;

use http::{Method, StatusCode};
use restcast::config::Config;
use restcast::event::{Item, Json};
use restcast::route::Model;

use super::{Answer, limits, load, play};

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let mut config = load(
        r#"
        [[endpoint]]
        path = "/ws"
        dialect = "canonical"
        [[route]]
        path = "/api/authors/{id}"
        model = "author"
        [[route]]
        path = "/api/authors/{author}/books/{id}"
        model = "book"
        [[route]]
        path = "/books/{id}"
        model = "book"
        [[route]]
        path = "/c/{collection}/{id}"
        model = "{collection}"
        "#,
    )
    .expect("these routes load");
    config.routes.keep_all_requests();
    config
});

/// The input is a request's head, an empty line, an answer's head, an empty line and its body.
pub fn run(data: &[u8]) {
    let (request, answer) = super::split(data, b"\n\n");
    let (answer, body) = super::split(answer, b"\n\n");
    let Some(request) = super::request(request) else { return };
    let (status, headers) = super::head(answer);
    let Ok(status) = StatusCode::from_bytes(status) else { return };
    let refers = headers.contains_key("location") || headers.contains_key("content-location");
    for whole in [true, false] {
        let answer = Answer { status, headers: headers.clone(), body, whole };
        let Some(verdict) = play(&request, &answer, &CONFIG.routes, &limits(10_000, 10_000)) else { return };
        assert_ne!(request.method, Method::GET, "no route publishes reads");
        let success = status.is_success() || status == StatusCode::SEE_OTHER;
        assert_eq!(verdict.event.is_some(), success, "{status}: {:?}", verdict.outcome);
        let Some(event) = verdict.event else { continue };
        assert_eq!(event.http.as_ref().map(|http| http.path.as_str()), Some(request.uri.path()));
        let matched = CONFIG.routes.classify(&request.method, request.uri.path()).expect("it was tapped");
        assert!(Model::is_name(&event.model), "{:?}", event.model);
        if matched.model.is_none() {
            let bare = |item: &Item| item.id.is_none() && item.record.is_none();
            assert!(event.items.iter().all(bare), "{event:?}");
            continue;
        }
        assert_eq!(matched.model.as_deref(), Some(&*event.model));
        let [item] = event.items.as_slice() else { continue };
        let id = item.id.as_ref().and_then(Json::scalar_text);
        if matched.id.is_some() && !event.many {
            assert_eq!(id, matched.id);
        } else if body.is_empty() && !refers {
            assert_eq!(id, None, "nothing names a record");
        }
        assert!(whole || item.record.is_none(), "half an answer holds no record");
    }
}
