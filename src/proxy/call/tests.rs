//! Calls through a running proxy, to a backend that answers as its path says.

#![expect(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::metrics::Metrics;
use crate::proxy::tests::{Served, serve, tapped};
use crate::route::{Route, Routes, tests::route};

/// No test waits that long unless it fails.
const DEADLINE: Duration = Duration::from_secs(10);
const LIMITS: CallLimits = CallLimits { at_once: 4, waiting: 4, time: DEADLINE, body: 4 * 1024 * 1024 };

/// Answers each request by what its path says; `gate`: lets answers to `/slow` go.
async fn backend(listener: TcpListener, gate: Arc<Semaphore>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve_backend(stream, Arc::clone(&gate)));
    }
}

async fn serve_backend(mut stream: TcpStream, gate: Arc<Semaphore>) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = memchr::memmem::find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
            (stream.read_buf(&mut buffer).await.ok()? > 0).then_some(())?;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if head.contains("/early") {
            let answer = b"HTTP/1.1 413 No\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlong";
            stream.write_all(answer).await.ok()?;
            return Some(());
        }
        while buffer.len() < end + length {
            (stream.read_buf(&mut buffer).await.ok()? > 0).then_some(())?;
        }
        if head.contains("/slow") {
            gate.acquire().await.unwrap().forget();
        }
        let answer = if head.contains("/big") {
            format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{}", "x".repeat(1_000_000))
        } else if head.contains("/cut") {
            let bodies = ["Content-Length: 9\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5\r\n{"];
            let answer = format!("HTTP/1.1 201 Created\r\n{}", bodies[usize::from(head.contains("/cut/2"))]);
            stream.write_all(answer.as_bytes()).await.ok()?;
            return Some(());
        } else if head.contains("/chunked") {
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
                .to_owned()
        } else {
            // What it was asked, as a record.
            let echo = serde_json::json!({"id": 7, "head": head, "length": length}).to_string();
            let kind = "Content-Type: application/json\r\nX-Kind: echo";
            format!("HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {}\r\n\r\n{echo}", echo.len())
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        buffer.drain(..end + length);
    }
}

struct Setup {
    calls: Arc<Calls>,
    metrics: Arc<Metrics>,
    gate: Arc<Semaphore>,
    backend: JoinHandle<()>,
    served: Served,
}

/// A proxy that taps reads and writes of authors. Nobody has connected to it yet.
async fn setup(limits: CallLimits) -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let backend = tokio::spawn(backend(listener, Arc::clone(&gate)));
    let authors = Route { publish_reads: true, ..route("/authors/{id}", "author") };
    let (gateway, _) = tapped(Routes::new(vec![authors]).unwrap(), 100).gateway(server);
    let (metrics, entrance) = (Arc::clone(&gateway.metrics), Entrance::default());
    let served = serve(gateway, entrance.clone());
    Setup { calls: Arc::new(Calls::new(entrance, limits)), metrics, gate, backend, served }
}

impl Setup {
    /// A client's request, which also opens the entrance.
    async fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.served.address).await.unwrap();
        let head = format!("{request} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn call(&self, call: Call) -> Result<(StatusCode, String), CallError> {
        let answer = self.calls.call(call).await?;
        Ok((answer.status(), String::from_utf8(answer.into_body().to_vec()).unwrap()))
    }

    fn begin(&self, call: Call) -> JoinHandle<Result<Response<Bytes>, CallError>> {
        let calls = Arc::clone(&self.calls);
        tokio::spawn(async move { calls.call(call).await })
    }

    fn events(&self) -> usize {
        let series = r#"restcast_captures_total{outcome="event",route="author"} "#;
        let text = self.metrics.render(0);
        text.lines().find_map(|line| line.strip_prefix(series)).unwrap().parse().unwrap()
    }

    /// Calls that hold a place.
    fn under_way(&self) -> usize {
        self.calls.limits.at_once - self.calls.places.available_permits()
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

fn ask(method: Method, path: &str) -> Call {
    let request = Request::builder().method(method).uri(path).header("Host", "site.test");
    Call {
        request: request.body(Bytes::new()).unwrap(),
        client: None,
        tapping: Tapping::Untapped,
        ahead: None,
    }
}

#[tokio::test]
async fn a_call_is_answered_like_a_request_and_its_line_is_used_again() {
    let setup = setup(LIMITS).await;
    assert_eq!(setup.call(ask(Method::GET, "/x")).await, Err(CallError::Closed), "nobody has connected yet");
    assert!(setup.http("GET /chunked").await.contains("hello"));
    for _ in 0..3 {
        assert_eq!(
            setup.call(ask(Method::GET, "/chunked")).await,
            Ok((StatusCode::OK, "hello world".to_owned()))
        );
        let (status, body) = setup.call(ask(Method::HEAD, "/x")).await.unwrap();
        assert_eq!((status.as_u16(), body.as_str()), (200, ""));
        let big = setup.call(ask(Method::GET, "/big")).await.unwrap();
        assert_eq!(big.1.len(), 1_000_000);
    }
    assert_eq!(setup.calls.lock_idle().len(), 1);
    assert_eq!(setup.under_way(), 0);
}

#[tokio::test]
async fn the_backend_is_told_of_the_client_and_not_of_the_connection() {
    let setup = setup(LIMITS).await;
    setup.http("GET /x").await;
    // (client, headers, what the backend must see, what not)
    let rows = [
        (None, vec![], vec!["host: site.test\r\n", "x-forwarded-host: site.test\r\n"], vec!["forwarded-for"]),
        (Some("192.0.2.7"), vec![], vec!["x-forwarded-for: 192.0.2.7\r\n"], vec![]),
        (
            Some("192.0.2.7"),
            vec![("x-forwarded-for", "6.6.6.6")],
            vec!["x-forwarded-for: 192.0.2.7\r\n"],
            vec!["6.6.6.6"],
        ),
        (
            Some("10.0.0.1"),
            vec![("x-forwarded-for", "192.0.2.9"), ("authorization", "Bearer t"), ("cookie", "a=b")],
            vec![
                "x-forwarded-for: 192.0.2.9, 10.0.0.1\r\n",
                "authorization: bearer t\r\n",
                "cookie: a=b\r\n",
            ],
            vec![],
        ),
        (
            None,
            vec![
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("content-length", "9"),
                ("expect", "x"),
            ],
            vec![],
            vec!["upgrade", "content-length", "expect"],
        ),
    ];
    for (client, headers, seen, unseen) in rows {
        let mut call = ask(Method::GET, "/echo?a=b");
        call.client = client.map(|client| (client.parse().unwrap(), HeaderValue::from_static(client)));
        for (name, value) in &headers {
            call.request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let (_, body) = setup.call(call).await.unwrap();
        let record: serde_json::Value = serde_json::from_str(&body).unwrap();
        let head = record["head"].as_str().unwrap();
        assert!(head.starts_with("get /echo?a=b http/1.1\r\n"), "{head}");
        assert!(seen.iter().all(|line| head.contains(line)), "{headers:?}: {head}");
        assert!(!unseen.iter().any(|line| head.contains(line)), "{headers:?}: {head}");
    }
}

#[tokio::test]
async fn only_what_is_to_be_tapped_gives_an_event() {
    let setup = setup(LIMITS).await;
    setup.http("GET /authors/7").await;
    until("the client's read", || setup.events() == 1).await;
    for tapping in [Tapping::Untapped, Tapping::Tapped, Tapping::Untapped] {
        let mut call = ask(Method::GET, "/authors/7");
        call.tapping = tapping;
        assert_eq!(setup.call(call).await.unwrap().0, StatusCode::OK);
    }
    let mut write = ask(Method::POST, "/authors");
    *write.request.body_mut() = Bytes::from("x".repeat(300_000));
    write.tapping = Tapping::Tapped;
    let (_, body) = setup.call(write).await.unwrap();
    assert!(body.contains(r#""length":300000"#), "{body}");
    until("the tapped ones", || setup.events() >= 3).await;
    assert_eq!(setup.events(), 3);
}

#[tokio::test]
async fn a_write_goes_on_without_its_caller_and_keeps_its_place() {
    let setup = setup(CallLimits { at_once: 1, time: Duration::from_millis(200), ..LIMITS }).await;
    setup.http("GET /x").await;
    let mut write = ask(Method::PUT, "/authors/slow");
    write.tapping = Tapping::Tapped;
    assert_eq!(setup.call(write).await, Err(CallError::TimedOut));
    assert_eq!((setup.events(), setup.under_way()), (0, 1));
    assert_eq!(setup.call(ask(Method::GET, "/x")).await, Err(CallError::TimedOut), "there is no other place");
    setup.gate.add_permits(1);
    until("its event", || setup.events() == 1).await;
    until("its place", || setup.under_way() == 0).await;
    assert_eq!(setup.call(ask(Method::GET, "/x")).await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_question_that_is_given_up_ends_at_once() {
    let setup = setup(LIMITS).await;
    setup.http("GET /x").await;
    let asked = setup.begin(ask(Method::GET, "/slow"));
    until("it is under way", || setup.under_way() == 1).await;
    asked.abort();
    until("its place", || setup.under_way() == 0).await;
    assert_eq!(setup.calls.lock_idle().len(), 0);
}

#[tokio::test]
async fn what_is_too_many_or_too_much_is_an_error_of_its_own_call() {
    let setup = setup(CallLimits { at_once: 1, waiting: 2, body: 1000, ..LIMITS }).await;
    setup.http("GET /x").await;
    assert_eq!(setup.call(ask(Method::GET, "/big")).await, Err(CallError::TooLarge(StatusCode::OK)));
    until("the place of the large one", || setup.under_way() == 0).await;
    let slow = setup.begin(ask(Method::GET, "/slow"));
    until("it is under way", || setup.under_way() == 1).await;
    let waiting = [setup.begin(ask(Method::GET, "/x")), setup.begin(ask(Method::GET, "/x"))];
    until("two wait", || setup.calls.waiting.load(Ordering::Relaxed) == 2).await;
    assert_eq!(setup.call(ask(Method::GET, "/x")).await, Err(CallError::Busy));
    setup.gate.add_permits(1);
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    for call in waiting {
        assert_eq!(call.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!((setup.calls.waiting.load(Ordering::Relaxed), setup.under_way()), (0, 0));
}

/// Its status says what became of it.
#[tokio::test]
async fn an_answer_that_breaks_off_has_a_status() {
    let setup = setup(LIMITS).await;
    setup.http("GET /x").await;
    for path in ["/cut/1", "/cut/2"] {
        let cut = setup.call(ask(Method::POST, path)).await;
        assert_eq!(cut, Err(CallError::Cut(StatusCode::CREATED)), "{path}");
    }
    until("their places", || setup.under_way() == 0).await;
}

#[tokio::test]
async fn an_answer_before_the_requests_end_arrives() {
    let setup = setup(LIMITS).await;
    setup.http("GET /x").await;
    let mut write = ask(Method::POST, "/early");
    *write.request.body_mut() = Bytes::from("x".repeat(3_000_000));
    assert_eq!(setup.call(write).await, Ok((StatusCode::PAYLOAD_TOO_LARGE, "long".to_owned())));
    assert_eq!(setup.call(ask(Method::GET, "/x")).await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_backend_that_is_gone_is_a_502_and_a_proxy_that_is_gone_an_error() {
    let Setup { calls, served, backend, .. } = {
        let setup = setup(LIMITS).await;
        // Its connection is used by nobody after that.
        assert!(setup.http("GET /early").await.contains("413"));
        setup.backend.abort();
        setup
    };
    assert!(backend.await.unwrap_err().is_cancelled());
    let refused = calls.call(ask(Method::GET, "/x")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
    served.stop.send_replace(true);
    served.running.await.unwrap();
    let after = calls.call(ask(Method::GET, "/x")).await;
    assert!(matches!(after, Err(CallError::Closed | CallError::Broken)), "{after:?}");
}

#[tokio::test]
async fn a_client_hears_of_its_write_before_the_event_of_it_leaves() {
    let setup = setup(LIMITS).await;
    setup.http("GET /x").await;
    let (held, ahead) = Ahead::counting();
    let write = |method: Method, path: &str| {
        let mut write = ask(method, path);
        (write.tapping, write.ahead) = (Tapping::Tapped, Some(ahead.clone()));
        write
    };
    setup.call(write(Method::GET, "/nothing")).await.unwrap();
    assert_eq!(held.load(Ordering::Relaxed), 0, "there is no event");
    for count in 1..=3 {
        setup.call(write(Method::PUT, "/authors/7")).await.unwrap();
        assert_eq!(held.load(Ordering::Relaxed), count);
    }
}
