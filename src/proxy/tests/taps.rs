//! What is counted, and what takes a place.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::{Tapped, head, tapped};
use crate::route::{Routes, tests::route};

/// A queue of one place, and a worker that is kept busy by it.
#[test]
fn refused_writes_take_no_place_in_the_queue() {
    let routes = Routes::new(vec![route("/api/authors/{id}", "author")]).unwrap();
    let Tapped { tap, worker, .. } = tapped(routes, 1);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, started) = std::sync::mpsc::channel();
    tap.publisher.publish(Box::new(move || {
        begun.send(()).unwrap();
        wait.recv_timeout(Duration::from_secs(10)).unwrap();
        None
    }));
    started.recv_timeout(Duration::from_secs(10)).unwrap();
    let head = head("PUT /api/authors/7 1.1");
    for status in [None, Some(400), Some(404), Some(500), Some(204)] {
        let matched = tap.routes.classify(&head.method, head.uri.path()).unwrap();
        let mut capture = tap.begin(matched, &head);
        if let Some(status) = status {
            capture.request_sent();
            capture.response_head(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());
        }
        tap.finish(Box::new(capture), Some(tap.overlaps.begin()), true);
    }
    assert_eq!(tap.publisher.depth(), 1);
    let text = tap.metrics.render(0);
    let has = |line: &str| text.lines().any(|found| found == line);
    for (outcome, count) in [("refused", 3), ("unsent", 1)] {
        let line = format!(r#"restcast_captures_total{{outcome="{outcome}",route="author"}} {count}"#);
        assert!(has(&line), "{line} is not in {text}");
    }
    assert!(has(r#"restcast_drops_total{reason="queue_full"} 0"#), "{text}");
    go.send(()).unwrap();
    drop(tap);
    worker.join().unwrap();
}
