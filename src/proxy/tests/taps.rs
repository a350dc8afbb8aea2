//! What is counted, and what takes a place.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::{Tapped, head, tapped};
use crate::metrics::{Labels, Metrics};
use crate::proxy::realtime;
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

#[test]
fn a_connection_whose_task_panics_is_no_longer_counted() {
    let labels = Labels { dialects: vec!["flarchitect"], ..Labels::default() };
    let metrics = Arc::new(Metrics::new(&labels).unwrap());
    let count = || {
        let text = metrics.render(0);
        let series = r#"restcast_connections{dialect="flarchitect"} "#;
        text.lines().find_map(|line| line.strip_prefix(series)).unwrap().to_owned()
    };
    let connection = || {
        let _counted = realtime::Counted::new(&metrics, 0);
        assert_eq!(count(), "1");
        panic!("as a dialect might");
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(connection)).unwrap_err();
    assert_eq!(count(), "0");
}
