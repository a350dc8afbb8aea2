mod emit;
mod publish;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use uuid::Uuid;

use super::*;
use crate::broker::{Memory, OutgoingLimits};
use crate::hub::Hub;
use crate::metrics::Labels;

struct Setup {
    admin: Admin,
    ready: Arc<AtomicBool>,
    _worker: JoinHandle<()>,
}

const ROOM: OutgoingLimits = OutgoingLimits { letters: 1, bytes: 1 };

fn setup() -> Setup {
    let hub = Arc::new(Hub::new(Vec::new(), 1));
    let routes = vec!["/api/authors/{id}".to_owned()];
    let labels = Labels { routes, broker: "memory", ..Labels::default() };
    let metrics = Arc::new(Metrics::new(&labels).unwrap());
    let broker = Arc::new(Memory::new(Arc::clone(&hub), Arc::clone(&metrics), Uuid::nil(), ROOM));
    let (publisher, worker) = Publisher::start(1, broker, Arc::clone(&metrics)).unwrap();
    let publish = PublishApi::new(hub, publisher.clone(), Arc::clone(&metrics), Access::Open);
    let ready = Arc::new(AtomicBool::new(true));
    let up = Arc::clone(&ready);
    let about = About {
        demo: None,
        endpoints: vec![("/ws".to_owned(), "flarchitect")],
        routes: vec![("/api/authors/{id}".to_owned(), "author".to_owned())],
    };
    let ready_now = Box::new(move || up.load(Ordering::Relaxed));
    let admin = Admin { metrics, publisher, ready: ready_now, about, publish, present: Present::default() };
    Setup { admin, ready, _worker: worker }
}

impl Setup {
    fn get(&self, method: &str, path: &str) -> Response<Bytes> {
        let request = Request::builder().method(method).uri(path).body(Bytes::new()).unwrap();
        let response = self.admin.answer(&request, Duration::ZERO);
        for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] {
            assert_eq!(response.headers()[name], value, "{path}");
        }
        response
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.get("GET", path).into_body().to_vec()).unwrap()
    }
}

#[test]
fn each_path_answers_what_it_says() {
    let setup = setup();
    for (method, path, status, content_type) in [
        ("GET", "/", 200, "text/html; charset=utf-8"),
        ("HEAD", "/", 200, "text/html; charset=utf-8"),
        ("GET", "/?x=1", 200, "text/html; charset=utf-8"),
        ("GET", "/live.json", 200, "application/json"),
        ("GET", "/state.json", 200, "application/json"),
        ("POST", "/state.json", 405, "text/plain"),
        ("GET", "/metrics", 200, "text/plain; version=0.0.4"),
        ("GET", "/healthz", 200, "text/plain"),
        ("HEAD", "/healthz", 200, "text/plain"),
        ("GET", "/readyz", 200, "text/plain"),
        ("POST", "/healthz", 405, "text/plain"),
        ("DELETE", "/", 405, "text/plain"),
        ("GET", "/healthz/", 404, "text/plain"),
        ("GET", "/other", 404, "text/plain"),
        ("POST", "/other", 404, "text/plain"),
    ] {
        let response = setup.get(method, path);
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], content_type, "{method} {path}");
    }
}

#[test]
fn readiness_follows_the_upstreams_and_health_does_not() {
    let setup = setup();
    for (ready, expected) in [(true, [200, 200]), (false, [503, 200]), (true, [200, 200])] {
        setup.ready.store(ready, Ordering::Relaxed);
        let statuses = ["/readyz", "/healthz"].map(|path| setup.get("GET", path).status().as_u16());
        assert_eq!(statuses, expected);
    }
}

#[test]
fn metrics_name_every_series_from_the_start() {
    let text = setup().text("/metrics");
    for series in [
        r#"restcast_requests_total{route="/api/authors/{id}",status="2xx"} 0"#,
        r#"restcast_requests_total{route="none",status="error"} 0"#,
        "restcast_publications_total 0",
        r#"restcast_drops_total{reason="queue_full"} 0"#,
        r#"restcast_drops_total{reason="tap_failed"} 0"#,
        r#"restcast_queue_depth{queue="tap"} 0"#,
        r#"restcast_queue_depth{queue="broker"} 0"#,
        r#"restcast_broker_up{kind="memory"} 1"#,
        r#"restcast_auth_failures_total{reason="origin"} 0"#,
    ] {
        assert!(text.lines().any(|line| line == series), "{series} is not in\n{text}");
    }
}

#[test]
fn the_page_is_told_what_there_is() {
    let about: serde_json::Value = serde_json::from_str(&setup().text("/live.json")).unwrap();
    assert_eq!(about["endpoints"], json!([{ "path": "/ws", "dialect": "flarchitect" }]));
    assert_eq!(about["routes"], json!([{ "path": "/api/authors/{id}", "model": "author" }]));
    assert_eq!(about["demo"], json!(null));
}

#[test]
fn the_page_runs_nothing_from_elsewhere() {
    let response = setup().get("GET", "/");
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
}
