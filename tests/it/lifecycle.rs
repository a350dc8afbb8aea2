//! Start, stop, the admin port, and what logs may say.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::*;
use crate::wire::*;

fn admin(proxy: &Proxy, path: &str) -> Answer {
    request(proxy.admin, "GET", path, &[], b"")
}

/// Runs restcast to its end: whether it succeeded, and what it said.
fn run(command: &mut Command) -> (bool, String) {
    let mut process = Process::start(command);
    let status = process.wait();
    assert!(status.code().is_some(), "killed by a signal: {status}");
    eventually("its output ends", || process.is_read().then_some(()));
    (status.success(), process.output())
}

fn serve(config: &str) -> (bool, String) {
    let folder = Folder::new();
    let path = folder.write("proxy.toml", config);
    run(restcast().arg("serve").arg("--config").arg(path))
}

// === the admin port ===

#[test]
fn it_is_healthy_at_once_and_ready_when_an_upstream_answers() {
    let address = free_address();
    let upstream = format!("servers = [\"http://{address}\"]\nhealth_interval = \"50ms\"");
    let proxy = Proxy::with_upstream(&upstream, &tables());
    assert_eq!(admin(&proxy, "/healthz").status, 200);
    assert_eq!(admin(&proxy, "/readyz").status, 503);
    let listener = TcpListener::bind(address).unwrap();
    eventually("it is ready", || (admin(&proxy, "/readyz").status == 200).then_some(()));
    drop(listener);
    eventually("it is no longer ready", || (admin(&proxy, "/readyz").status == 503).then_some(()));
    assert_eq!(admin(&proxy, "/healthz").status, 200);
}

#[test]
fn the_admin_port_is_not_the_proxy() {
    let origin = Origin::json(200, "{}");
    let proxy = Proxy::start(origin.address);
    assert_eq!(admin(&proxy, "/api/authors").status, 404);
    assert_eq!(request(proxy.admin, "POST", "/metrics", &[], b"").status, 405);
    assert_eq!(request(proxy.admin, "HEAD", "/healthz", &[], b"").status, 200);
    assert_eq!(proxy.get("/metrics").text(), "{}");
}

/// Families by name, with their samples; panics at a line that is not the text format of Prometheus.
fn families(text: &str) -> BTreeMap<String, (String, usize)> {
    let mut families = BTreeMap::new();
    let name_only = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.insert(name.to_owned(), (kind.to_owned(), 0)).is_none(), "{line}");
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            assert!(name_only(name) && labels.ends_with('}'), "{line}");
            let family = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
            let family = family.filter(|family| families.contains_key(*family)).unwrap_or(name);
            families.get_mut(family).unwrap_or_else(|| panic!("no TYPE before {line}")).1 += 1;
        }
    }
    families
}

#[test]
fn every_metric_is_there_from_the_start() {
    let proxy = Proxy::start(free_address());
    let answer = admin(&proxy, "/metrics");
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let families = families(&answer.text());
    for (name, kind) in [
        ("restcast_requests_total", "counter"),
        ("restcast_upstream_latency_seconds", "histogram"),
        ("restcast_captures_total", "counter"),
        ("restcast_publications_total", "counter"),
        ("restcast_deliveries_total", "counter"),
        ("restcast_drops_total", "counter"),
        ("restcast_connections", "gauge"),
        ("restcast_subscriptions", "gauge"),
        ("restcast_queue_depth", "gauge"),
        ("restcast_delivery_latency_seconds", "histogram"),
        ("restcast_broker_up", "gauge"),
        ("restcast_broker_lag_events", "gauge"),
        ("restcast_auth_failures_total", "counter"),
    ] {
        let (found, samples) = families.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!((found.as_str(), *samples > 0), (kind, true), "{name}");
    }
}

#[test]
fn metrics_count_what_happens() {
    let origin = Origin::json(201, r#"{"id":1}"#);
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    proxy.send("POST", "/api/authors", "{}");
    proxy.get("/elsewhere");
    reader.next();
    for (series, value) in [
        ("restcast_requests_total{route=\"/api/authors/{id}\",status=\"2xx\"}", 1.0),
        ("restcast_requests_total{route=\"none\",status=\"2xx\"}", 1.0),
        ("restcast_upstream_latency_seconds_count", 2.0),
        ("restcast_captures_total{outcome=\"event\",route=\"/api/authors/{id}\"}", 1.0),
        ("restcast_publications_total", 1.0),
        ("restcast_deliveries_total{dialect=\"flarchitect\"}", 1.0),
        ("restcast_connections{dialect=\"flarchitect\"}", 1.0),
        ("restcast_subscriptions{dialect=\"flarchitect\"}", 1.0),
        ("restcast_delivery_latency_seconds_count", 1.0),
        ("restcast_broker_up{kind=\"memory\"}", 1.0),
    ] {
        eventually(series, || (proxy.metric(series) == value).then_some(()));
    }
}

// === starting ===

#[test]
fn a_config_with_errors_names_them_all_and_starts_nothing() {
    let (address, admin) = (free_address(), free_address());
    let (success, output) = serve(&format!(
        "[server]\nlisten = \"{address}\"\nthreds = 2\n[admin]\nlisten = \"{admin}\"\n[upstream]\n\
         servers = [\"ftp://x\"]\nread_timeout = 5\n[[route]]\npath = \"api\"\n{WS_ENDPOINT}[tapp]\n"
    ));
    assert!(!success);
    for part in [
        "proxy.toml:3: server.threds",
        "did you mean threads?",
        "proxy.toml:7: upstream.servers",
        "proxy.toml:8: upstream.read_timeout = 5",
        "proxy.toml:10: route[1].path = \"api\"",
        "route[1].model: is missing",
        "did you mean tap?",
    ] {
        assert!(output.contains(part), "no {part:?} in:\n{output}");
    }
    assert!(!output.contains("listening"), "{output}");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_missing_config_is_an_error_that_names_it() {
    let (success, output) = run(restcast().args(["serve", "--config", "/nowhere/proxy.toml"]));
    assert!(!success && output.contains("/nowhere/proxy.toml"), "{output}");
}

fn config(address: SocketAddr, admin: SocketAddr) -> String {
    let upstream = free_address();
    format!(
        "[server]\nlisten = \"{address}\"\n[admin]\nlisten = \"{admin}\"\n[upstream]\n\
         servers = [\"http://{upstream}\"]\n{}",
        tables()
    )
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for text in [config(address, free_address()), config(free_address(), address)] {
        let (success, output) = serve(&text);
        assert!(!success && output.contains(&format!("cannot listen on {address}")), "{output}");
        assert!(!output.contains("panicked"), "{output}");
    }
}

#[test]
fn a_second_process_at_the_same_address_does_not_pretend_to_listen() {
    let proxy = Proxy::start(free_address());
    let text = std::fs::read_to_string(&proxy.config).unwrap();
    for _ in 0..3 {
        let (success, output) = serve(&text);
        assert!(!success && !output.contains("listening"), "{output}");
    }
    assert_eq!(admin(&proxy, "/healthz").status, 200);
}

#[test]
fn one_address_for_proxy_and_admin_is_an_error() {
    let address = free_address();
    let (success, output) = serve(&config(address, address));
    assert!(!success && output.contains(&address.to_string()), "{output}");
    assert!(!output.contains("panicked") && !output.contains("listening"), "{output}");
}

// === stopping ===

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn with_drain(origin: SocketAddr, drain: &str) -> Proxy {
    let upstream = format!("servers = [\"http://{origin}\"]");
    Proxy::with_server(&format!("drain_timeout = \"{drain}\""), &upstream, &tables())
}

#[test]
fn a_signal_ends_it_in_order() {
    for signal in ["TERM", "INT"] {
        let (origin, got, go_on) = waiting(OK);
        let mut proxy = with_drain(origin, "20s");
        let mut reader = proxy.reader("/ws");
        let mut idle = Wire::connect(proxy.address);
        let mut running = Wire::connect(proxy.address);
        running.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
        got.recv_timeout(DEADLINE).unwrap();
        proxy.process.signal(signal);
        assert_eq!(reader.close_code(), 1012);
        drop(reader);
        eventually("new connections are refused", || TcpStream::connect(proxy.address).err());
        assert_eq!(idle.rest(), "");
        go_on.send(()).unwrap();
        assert_eq!(running.answer().text(), "ok");
        let status = proxy.process.wait();
        assert_eq!(status.code(), Some(0), "{signal}");
        eventually("its output ends", || proxy.process.is_read().then_some(()));
        let output = proxy.process.output();
        assert!(output.contains("stopped") && !output.contains("ERROR"), "{output}");
    }
}

#[test]
fn a_write_that_ends_while_it_stops_is_still_answered() {
    let (origin, got, go_on) = waiting(OK);
    let mut proxy = with_drain(origin, "20s");
    let mut writer = Wire::connect(proxy.address);
    writer.send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    got.recv_timeout(DEADLINE).unwrap();
    proxy.process.signal("TERM");
    proxy.process.line("stopping");
    go_on.send(()).unwrap();
    assert_eq!(writer.answer().status, 200);
    assert_eq!(proxy.process.wait().code(), Some(0));
}

#[test]
fn the_deadline_ends_what_does_not_end_by_itself() {
    let (origin, got, _go_on) = waiting(OK);
    let mut proxy = with_drain(origin, "200ms");
    let _silent = proxy.reader("/ws");
    let mut running = Wire::connect(proxy.address);
    running.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    got.recv_timeout(DEADLINE).unwrap();
    let begun = Instant::now();
    proxy.process.signal("TERM");
    assert_eq!(proxy.process.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    proxy.process.line("stopped before all was done");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (origin, got, _go_on) = waiting(OK);
    let mut proxy = with_drain(origin, "1h");
    Wire::connect(proxy.address).send("POST /api/authors HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    got.recv_timeout(DEADLINE).unwrap();
    proxy.process.signal("TERM");
    proxy.process.line("stopping");
    proxy.process.signal("TERM");
    assert_eq!(proxy.process.wait().code(), Some(0));
}

// === logs ===

#[test]
fn tokens_cookies_queries_and_bodies_are_never_logged() {
    for log in ["info,restcast=trace,pingora_core=error,pingora_proxy=error", ""] {
        let origin = Origin::json(201, r#"{"id":"hunter2"}"#);
        let dead = free_address();
        for upstream in [origin.address, dead] {
            let mut environment = vec![];
            if !log.is_empty() {
                environment.push(("RUST_LOG", log));
            }
            let proxy = Proxy::with_environment(&environment, upstream, &tables());
            let mut reader = proxy.reader("/ws?topic=author&token=hunter2");
            let headers = [
                ("Authorization", "Bearer hunter2"),
                ("Cookie", "hunter2=hunter2"),
                ("X-Api-Key", "hunter2"),
            ];
            for path in ["/api/authors?token=hunter2", "/elsewhere?hunter2"] {
                request(proxy.address, "POST", path, &headers, b"{\"password\":\"hunter2\"}");
            }
            reader.send("hunter2");
            let mut broken = connect(proxy.address);
            broken.write_all(b"GET / hunter2\r\nCookie: hunter2\r\n\r\n").unwrap();
            Wire::of(broken).rest();
            let mut left = Wire::connect(proxy.address);
            left.send("POST /api/authors?hunter2 HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nhunter2");
            left.reset();
            drop(reader);
            proxy.process.signal("TERM");
            proxy.process.line("stopped");
            let output = proxy.process.output();
            assert!(!output.contains("hunter2"), "{output}");
        }
    }
}
